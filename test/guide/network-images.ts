// Pictures of the network for the user guide: `npm run guide-images` runs this. A page shows most of itself only with real peers behind
// real routers, so this makes a test network with a node in each of its hosts, and looks at one of them with a browser that sits there.
// Arguments: the folder for the pictures, the browser.
import { join } from 'node:path';
import { chromium, type Page } from '@playwright/test';
import type { NetworkState, PeerView } from '../../preload/contract/index.ts';
import { browserIn, type HomeNode, startHomeNode } from '../support/home-node.ts';
import { createTestNetwork, netnsMissing } from '../support/netns.ts';

const [images = '', browserProgram = '/usr/bin/chromium'] = process.argv.slice(2);
const WIDTH = 1200;
const HEIGHT = 800;
/** A theme fades in. */
const REST_MS = 700;
/** Charts need some past. */
const PAST_MS = 25_000;
const FOUND_MS_MAX = 120_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const take = async (page: Page, name: string): Promise<void> => {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await sleep(REST_MS);
    await page.screenshot({ path: join(images, `${name}-${colorScheme}.png`), caret: 'hide' });
  }
};

if (netnsMissing !== null) throw new Error(`No pictures of the network can be taken here: ${netnsMissing}.`);
const network = createTestNetwork();
const nodes = new Map<string, HomeNode>();
try {
  network.host('friend');
  network.router('fritz', { kind: 'cone', firewall6: true });
  network.router('lte', { kind: 'symmetric', families: [4] });
  network.host('attic', { behind: 'fritz' });
  network.host('cellar', { behind: 'fritz' });
  network.host('studio', { behind: 'lte', families: [4] });
  const program = { command: [process.execPath, join(import.meta.dirname, '../../out/main/cli.js')], user: null };
  for (const host of ['friend', 'attic', 'cellar', 'studio'])
    nodes.set(host, await startHomeNode(program, network, host));
  const node = (host: string): HomeNode => {
    const found = nodes.get(host);
    if (found === undefined) throw new Error(`There is no node in ${host}.`);
    return found;
  };
  const me = node('attic');
  const friend = await node('friend').json<NetworkState>('net', 'status');
  for (const host of ['attic', 'cellar', 'studio']) {
    const family = host === 'studio' ? '/ip4/' : '/ip6/2';
    const address = friend.addresses.find((one) => one.startsWith(family) && one.endsWith('/quic-v1')) ?? '';
    await node(host).cli('peer', 'add', `${address}/p2p/${friend.peerId ?? ''}`);
  }
  const ids = new Map<string, string>();
  for (const host of nodes.keys()) ids.set(host, (await node(host).json<NetworkState>('net', 'status')).peerId ?? '');
  const beganAtMs = Date.now();
  for (;;) {
    const { peers } = await me.json<{ peers: PeerView[] }>('peers', '--connected');
    if (['friend', 'cellar', 'studio'].every((host) => peers.some((peer) => peer.peerId === ids.get(host)))) break;
    if (Date.now() - beganAtMs > FOUND_MS_MAX) throw new Error(`Not all found each other: ${JSON.stringify(peers)}`);
    await sleep(2000);
  }
  for (const host of ['friend', 'cellar']) await me.cli('peer', 'trust', ids.get(host) ?? '', '--name', host);
  await me.cli('peer', 'trust', ids.get('studio') ?? '', '--name', 'studio', '--trusted', 'off');
  await me.cli('net', 'create', 'home', '--no-secret');

  const browserPath = browserIn(network, 'attic', browserProgram);
  const browser = await chromium.launch({
    executablePath: browserPath.path,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
  try {
    const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
    await page.goto(me.url);
    for (let step = 1; step < 4; step += 1) await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('button', { name: 'Finish' }).click();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Network' }).click();
    await page.getByRole('heading', { name: 'Who is there' }).waitFor();
    for (const host of ['friend', 'cellar', 'studio']) await me.cli('peer', 'ping', host, '--count', '20');
    await sleep(PAST_MS);
    await page.mouse.move(WIDTH - 1, HEIGHT - 1);
    await take(page, 'network');
    await page
      .getByRole('heading', { name: 'Traffic' })
      .evaluate((heading) => heading.scrollIntoView({ block: 'center' }));
    await take(page, 'network-end');
    await page.getByRole('button', { name: 'Invite …', exact: true }).first().click();
    await page.getByRole('button', { name: 'Make the invite' }).click();
    await page.getByRole('img', { name: 'The invite as a QR code' }).waitFor();
    await sleep(REST_MS);
    await take(page, 'network-invite');
    await page.getByRole('button', { name: 'Done' }).click();
    await page
      .getByRole('row', { name: /studio/ })
      .getByRole('link')
      .click();
    await page.getByRole('button', { name: 'Ping' }).click();
    await page.getByText(/on average/).waitFor();
    await page.getByRole('button', { name: 'Trace' }).click();
    await page.getByRole('list', { name: 'Hops' }).waitFor();
    await page.mouse.move(WIDTH - 1, HEIGHT - 1);
    await take(page, 'network-peer');
  } finally {
    await browser.close();
    browserPath.remove();
  }
} finally {
  for (const node of nodes.values()) await node.stop();
  await network.close();
}
