import { join } from 'node:path';
import { type Browser, chromium, type Page } from '@playwright/test';
import type { NetworkState } from '../../preload/contract/index.ts';
import { browserIn, type HomeNode, type HomeProgram } from '../support/home-node.ts';
import type { TestNetwork } from '../support/netns.ts';
import { testHome, testUser } from './installed-user.ts';
import { root, type Target } from './launch-app.ts';

// What tests of several homes share: the program that each runs, and browsers of who sits there.

export const homeProgram = (target: Target): HomeProgram => {
  const installed = target === 'installed';
  return {
    command: installed ? ['hypermesh'] : [process.execPath, join(root, 'out', 'main', 'cli.js')],
    user: installed ? { name: testUser(), home: testHome() } : null,
  };
};

export interface HomeBrowser {
  readonly browser: Browser;
  /** Shows nothing yet. */
  readonly page: Page;
  end(): Promise<void>;
}
/** A browser of somebody who sits at that host. */
export const browserAt = async (network: TestNetwork, host: string): Promise<HomeBrowser> => {
  const program = browserIn(network, host, process.env['HYPERMESH_TEST_BROWSER'] ?? '/usr/bin/chromium');
  const browser = await chromium.launch({
    executablePath: program.path,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
  return {
    browser,
    page: await browser.newPage({ viewport: { width: 1200, height: 900 } }),
    end: async () => {
      await browser.close();
      program.remove();
    },
  };
};

export const publicAddress = async (node: HomeNode): Promise<string> => {
  const state = await node.json<NetworkState>('net', 'status');
  const address = state.addresses.find((one) => one.includes('/ip6/2') && one.endsWith('/quic-v1'));
  return `${address ?? state.addresses.join(' ')}/p2p/${state.peerId ?? ''}`;
};
export const peerIdOf = async (node: HomeNode): Promise<string> =>
  (await node.json<NetworkState>('net', 'status')).peerId ?? 'none';
