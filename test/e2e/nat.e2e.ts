import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium, type Page } from '@playwright/test';
import type { NetworkState, PeerDetail, PeerView, PingView } from '../../preload/contract/index.ts';
import { createTestNetwork, netnsMissing, type TestNetwork } from '../support/netns.ts';
import { expect, finishFirstRun, test } from './fixtures.ts';
import { testHome, testUser } from './installed-user.ts';
import { root, type Target } from './launch-app.ts';

// Whole programs in hosts of their own, as their owners have them: two behind routers that let nobody in, one in the open between them.
// The one in the open is nobody's server: it is a node like the others that lets itself be used as a relay.

const run = promisify(execFile);
/** Identities, routers that forget, and punching on two busy cores. */
const FOUND_MS_MAX = 90_000;
const STARTED_MS_MAX = 90_000;

interface NodeInHost {
  cli(...args: string[]): Promise<string>;
  json<T>(...args: string[]): Promise<T>;
  /** Where its page is, with the token. */
  readonly url: string;
  readonly host: string;
  stop(): Promise<void>;
}

const startNode = async (target: Target, network: TestNetwork, host: string): Promise<NodeInHost> => {
  const installed = target === 'installed';
  const base = mkdtempSync(join(tmpdir(), `hypermesh-nat-${host}-`));
  const data = join(base, 'data');
  const phraseFile = join(base, 'phrase');
  const passphraseFile = join(base, 'passphrase');
  writeFileSync(passphraseFile, 'a passphrase for this host\n', { mode: 0o600 });
  const user = installed ? testUser() : null;
  chmodSync(base, 0o700);
  if (user !== null) await run('chown', ['-R', `${user}:`, base]);
  const program = installed ? ['hypermesh'] : [process.execPath, join(root, 'out', 'main', 'cli.js')];
  const enter = [
    'netns',
    'exec',
    network.namespaceOf(host),
    ...(user === null ? [] : ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--init-groups', '--']),
    'env',
    '-i',
    `HOME=${user === null ? base : testHome()}`,
    'PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'LANG=C.UTF-8',
    `HYPERMESH_DATA=${data}`,
    ...program,
  ];
  const cli = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('/usr/sbin/ip', [...enter, ...args], { timeout: 60_000 });
    return stdout;
  };
  const child: ChildProcess = spawn('/usr/sbin/ip', [...enter, 'start', '--headless', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data_: Buffer) => (said += data_.toString()));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await ended;
    rmSync(base, { recursive: true, force: true });
  };
  try {
    await expect
      .poll(() => /http:\/\/\S+#token=\S+/.exec(said)?.[0] ?? (child.exitCode === null ? '' : `ended: ${said}`), {
        timeout: STARTED_MS_MAX,
      })
      .toMatch(/#token=/);
    await cli('identity', 'create', '--phrase-file', phraseFile, '--passphrase-file', passphraseFile);
    // Proofs would take what little of two cores there is.
    await cli('proof', 'set', '--automatic', 'off');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    cli,
    json: async <T>(...args: string[]) => JSON.parse(await cli(...args, '--json')) as T,
    url: /http:\/\/\S+#token=\S+/.exec(said)?.[0] ?? '',
    host,
    stop,
  };
};

/** A browser of somebody who sits at that host. */
const browse = async (
  network: TestNetwork,
  node: NodeInHost,
): Promise<{ page: Page; browser: Browser; end(): Promise<void> }> => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-nat-browser-'));
  const wrapper = join(folder, 'browser');
  const program = process.env['HYPERMESH_TEST_BROWSER'] ?? '/usr/bin/chromium';
  writeFileSync(wrapper, `#!/bin/sh\nexec /usr/sbin/ip netns exec ${network.namespaceOf(node.host)} ${program} "$@"\n`);
  mkdirSync(join(folder, 'profile'));
  chmodSync(wrapper, 0o755);
  const browser = await chromium.launch({
    executablePath: wrapper,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
  await page.goto(node.url);
  return {
    page,
    browser,
    end: async () => {
      await browser.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

const publicAddress = async (node: NodeInHost): Promise<string> => {
  const state = await node.json<NetworkState>('net', 'status');
  const address = state.addresses.find((one) => one.includes('/ip6/2') && one.endsWith('/quic-v1'));
  return `${address ?? state.addresses.join(' ')}/p2p/${state.peerId ?? ''}`;
};
const peerIdOf = async (node: NodeInHost): Promise<string> =>
  (await node.json<NetworkState>('net', 'status')).peerId ?? 'none';

test.describe('two homes behind different routers', () => {
  test.skip(netnsMissing !== null, netnsMissing ?? '');
  test.setTimeout(420_000);

  test('@installed find each other and talk through a hole, and by a relay where holes are blocked', async ({
    target,
  }) => {
    const network = createTestNetwork();
    const nodes: NodeInHost[] = [];
    try {
      network.host('open');
      network.router('fritz', { kind: 'cone' });
      network.router('lte', { kind: 'symmetric' });
      network.host('attic', { behind: 'fritz' });
      network.host('studio', { behind: 'lte' });
      // One after the other: three programs that start at once take each other's time.
      for (const host of ['open', 'attic', 'studio']) nodes.push(await startNode(target, network, host));
      const [open, attic, studio] = nodes as [NodeInHost, NodeInHost, NodeInHost];
      const meeting = await publicAddress(open);
      const [openId, atticId, studioId] = [await peerIdOf(open), await peerIdOf(attic), await peerIdOf(studio)];
      expect(new Set([openId, atticId, studioId]).size).toBe(3);

      const shown = await browse(network, attic);
      try {
        const { page } = shown;
        await finishFirstRun(page);
        await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Network' }).click();
        await attic.cli('peer', 'add', meeting);
        await studio.cli('peer', 'add', meeting);
        // Both are told of each other by the one in the open, and a hole is punched.
        const pathOf = async (): Promise<string> => {
          const { peers } = await attic.json<{ peers: PeerView[] }>('peers', '--connected');
          return peers.find(({ peerId }) => peerId === studioId)?.path?.tier ?? 'not connected';
        };
        await expect.poll(pathOf, { timeout: FOUND_MS_MAX, intervals: [3000] }).toBe('punched');
        await attic.cli('peer', 'trust', studioId, '--name', 'studio');
        const ping = await attic.json<PingView>('peer', 'ping', 'studio', '--count', '5');
        expect(ping.roundTripsMs.filter((ms) => ms !== null).length).toBeGreaterThan(3);

        // The page of one shows the other, without anybody touching it.
        await expect(page.getByRole('heading', { level: 1, name: 'Network' })).toBeVisible();
        await expect(page.getByRole('row', { name: /studio.*QUIC through NAT/ })).toBeVisible();
        await expect(page.getByRole('link', { name: /^studio, trusted, QUIC through NAT/ })).toBeVisible();

        // Now nothing but TCP passes the router of one: the connection goes on through the node in the open.
        network.block('lte', 'udp');
        await expect.poll(pathOf, { timeout: FOUND_MS_MAX, intervals: [3000] }).toBe('relay');
        const detail = await attic.json<PeerDetail>('peer', 'show', 'studio');
        expect(detail.path?.via).toBe(openId);
        const relayed = await attic.json<PingView>('peer', 'ping', 'studio', '--count', '5');
        expect(relayed.roundTripsMs.filter((ms) => ms !== null).length).toBeGreaterThan(3);
        await expect(page.getByRole('row', { name: /studio.*Relay by/ })).toBeVisible();
        const trace = await attic.json<{ hops: { peerId: string; signed: boolean }[] }>('peer', 'trace', 'studio');
        expect(trace.hops.map(({ peerId }) => peerId)).toEqual([openId, studioId]);
        expect(trace.hops.every(({ signed }) => signed)).toBe(true);
      } finally {
        await shown.end();
      }
      expect(atticId).not.toBe('none');
    } finally {
      for (const node of nodes) await node.stop();
      await network.close();
    }
  });
});
