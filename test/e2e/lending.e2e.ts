import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { labelOfAddress } from '../../main/kernel/proxy/forwarders/names/name.ts';
import { parseIp } from '../../main/kernel/proxy/destinations/index.ts';
import type {
  ExposureView,
  GuardState,
  LeaseView,
  OfferView,
  PeerView,
  PrivacyPreview,
  ProxyView,
  TunnelTest,
  TunnelsState,
  VpnView,
} from '../../preload/contract/index.ts';
import { type HomeNode, startHomeNode } from '../support/home-node.ts';
import { createTestNetwork, type HostChild, netnsMissing } from '../support/netns.ts';
import { expect, finishFirstRun, open, test } from './fixtures.ts';
import { browserAt, homeProgram, type HomeBrowser, peerIdOf, publicAddress } from './homes.ts';
import { root } from './launch-app.ts';

// What this is all for: something at home behind a router is opened in a browser by those whom its owner means and by nobody else, and
// memory of one home is used in the other. Whole programs in hosts of their own, as their owners have them.

/** Routers, punching and directories, on two busy cores. */
const LOOK = { timeout: 90_000, intervals: [1000] };
const TITLE = 'Photos from the attic';
const VALUE_BYTES = 8 * 1024 ** 2;
const VALUES = 8;

/** Who gets in at each level: somebody who is trusted and in the family's network, and somebody whom the owner only meets in public. */
const LEVELS: readonly { privacy: ExposureView['privacyLevel']; more: string[]; friend: boolean; stranger: boolean }[] =
  [
    { privacy: 'Private', more: [], friend: false, stranger: false },
    { privacy: 'P2P', more: [], friend: true, stranger: false },
    { privacy: 'PrivateNetwork', more: ['--privacy-name', 'family'], friend: true, stranger: false },
    { privacy: 'PublicNetwork', more: [], friend: true, stranger: true },
    { privacy: 'FullPublic', more: [], friend: true, stranger: true },
  ];

test.describe('a home behind a router, a friend behind another, and a stranger', () => {
  test.skip(netnsMissing !== null, netnsMissing ?? '');
  test.setTimeout(900_000);

  test('@source share a web server and memory with whom the owner means, and nobody else', async ({ target }, info) => {
    const program = homeProgram(target);
    const network = createTestNetwork();
    const nodes: HomeNode[] = [];
    const browsers: HomeBrowser[] = [];
    let server: HostChild | null = null;
    const photograph = async (page: Page, name: string): Promise<void> => {
      // Pages scroll inside the window, so that only what fits is on a picture.
      await page.setViewportSize({ width: 1200, height: 1800 });
      const path = info.outputPath(`${name}.png`);
      await page.screenshot({ path });
      await info.attach(name, { path, contentType: 'image/png' });
    };
    try {
      network.host('open');
      network.router('fritz', { kind: 'cone' });
      network.router('lte', { kind: 'symmetric' });
      network.host('attic', { behind: 'fritz' });
      network.host('studio', { behind: 'lte' });
      // One after the other: three programs that start at once take each other's time.
      for (const host of ['open', 'attic', 'studio']) nodes.push(await startHomeNode(program, network, host));
      const [stranger, home, friend] = nodes as [HomeNode, HomeNode, HomeNode];
      const homeId = await peerIdOf(home);
      const friendId = await peerIdOf(friend);
      const meeting = await publicAddress(stranger);
      for (const node of [home, friend]) {
        // A handshake has ten seconds; on a machine that does other things the first one may need more.
        const added = (): Promise<boolean> =>
          node.cli('peer', 'add', meeting).then(
            () => true,
            () => false,
          );
        await expect.poll(added, LOOK).toBe(true);
        await node.pipe(Buffer.from('a secret of the whole family\n'), 'net', 'create', 'family');
      }
      const connected = async (): Promise<boolean> => {
        const { peers } = await home.json<{ peers: PeerView[] }>('peers', '--connected');
        return peers.find(({ peerId }) => peerId === friendId)?.networks.length === 2;
      };
      await test.step('find each other', () => expect.poll(connected, LOOK).toBe(true));
      for (const [node, peer, name] of [
        [home, friendId, 'studio'],
        [friend, homeId, 'attic'],
      ] as const) {
        // Each knows the other once it has met it itself.
        const trusted = (): Promise<boolean> =>
          node.cli('peer', 'trust', peer, '--name', name).then(
            () => true,
            () => false,
          );
        await expect.poll(trusted, LOOK).toBe(true);
      }

      for (const { host } of [home, friend, stranger]) browsers.push(await browserAt(network, host));
      const [atHome, atFriend, atStranger] = browsers as [HomeBrowser, HomeBrowser, HomeBrowser];
      for (const { page, node } of [
        { page: atHome.page, node: home },
        { page: atFriend.page, node: friend },
      ]) {
        await page.goto(node.url);
        await finishFirstRun(page);
      }
      server = network.start('attic', join(root, 'test', 'support', 'children', 'serve-page.ts'), [TITLE]);
      const port = await server.nextLine();
      /** The web server tells who came: nobody who must not, whatever their browser shows. */
      const asked = async (): Promise<string> => (await server?.nextLine(10_000)) ?? '';
      for (const node of [friend, stranger])
        expect(await node.json<VpnView>('vpn', 'up')).toMatchObject({ state: 'up', reason: '' });
      const tabs = { friend: await atFriend.browser.newPage(), stranger: atStranger.page };
      const opened = async (page: Page, url: string): Promise<string> => {
        try {
          await page.goto(url, { timeout: 15_000 });
          return await page.title();
        } catch (error) {
          return error instanceof Error ? (/net::\w+/.exec(error.message)?.[0] ?? error.message) : 'unknown';
        }
      };

      for (const { privacy, more, ...may } of LEVELS)
        await test.step(`open it at ${privacy}`, async () => {
          const what = ['expose', `127.0.0.1:${port}`, '--name', `photos ${privacy}`, '--protocol', 'http'];
          const exposure = await home.json<ExposureView>(...what, '--privacy', privacy, ...more);
          const far = `[${exposure.address}]:${port}`;
          for (const [who, node] of [
            ['friend', friend],
            ['stranger', stranger],
          ] as const) {
            const title = async (): Promise<string> => await opened(tabs[who], `http://${far}/`);
            if (may[who]) {
              await expect.poll(title, { ...LOOK, message: `${who} at ${privacy}` }).toBe(TITLE);
              expect(await asked()).toBe(`asked as ${far}`);
            } else {
              expect(await title(), `${who} at ${privacy}`).toMatch(/^net::ERR_/);
              const found = await node.cli('tunnels', 'test', far, '--json').catch((error: unknown) => {
                // It ends with 1 where nothing was reached, and prints what it found.
                return (error as { stdout: string }).stdout;
              });
              expect(JSON.parse(found) as TunnelTest).toMatchObject({ resolved: null, allowed: false });
            }
          }
          if (privacy === 'P2P') {
            // By the other ways too, in the same browser.
            expect(network.run('studio', 'ping', ['-6', '-c', '2', '-W', '5', exposure.address])).toContain(
              '2 received',
            );
            const http = await friend.json<ProxyView>('proxy', 'http');
            const proxied = await atFriend.browser.newContext({ proxy: { server: `http://${http.listen}` } });
            expect(await opened(await proxied.newPage(), `http://${far}/`)).toBe(TITLE);
            expect(await asked()).toBe(`asked as ${far}`);
            await proxied.close();
            const names = await friend.json<ProxyView>('proxy', 'names');
            const label = labelOfAddress(parseIp(exposure.address)?.bytes ?? []);
            const near = `p${port}.${label}.localhost:${names.listen.split(':').at(-1)}`;
            expect(await opened(tabs.friend, `http://${near}/`)).toBe(TITLE);
            expect(await asked()).toBe(`asked as ${far}`);

            // The page of the owner shows it while it happens, without anybody touching it.
            await open(atHome.page, 'Tunnels');
            const item = atHome.page.getByRole('listitem').filter({ hasText: 'photos P2P' });
            await expect(item).toContainText(exposure.address);
            await expect(item).toContainText(/\d open of [3-9]/);
            await opened(tabs.friend, `http://${far}/`);
            expect(await asked()).toBe(`asked as ${far}`);
            await expect(item).toContainText(/\d open of [4-9]/);
            await photograph(atHome.page, 'tunnels-owner');
            await open(atFriend.page, 'Tunnels');
            await expect(atFriend.page.getByText('This machine', { exact: true })).toBeVisible();
            await photograph(atFriend.page, 'tunnels-friend');
          }
          await home.cli('unexpose', exposure.id);
          for (const page of Object.values(tabs)) expect(await opened(page, `http://${far}/`)).toMatch(/^net::ERR_/);
        });
      expect((await home.json<TunnelsState>('tunnels')).exposures).toEqual([]);

      await test.step('borrow memory, write it, read it back', async () => {
        const terms = ['--privacy', 'P2P', '--allocation', 'Public'];
        const preview = await home.json<PrivacyPreview>('privacy', 'preview', 'memory', ...terms);
        expect(preview.after.rows.filter(({ allocate }) => allocate).map(({ who }) => who)).toEqual(['own', 'trusted']);
        await home.cli('share', 'set', 'memory', '20', ...terms, '--leases', '2');
        const offersOf = async (node: HomeNode): Promise<OfferView[]> =>
          (await node.json<{ offers: OfferView[] }>('offers', '--kind', 'memory', '--fresh')).offers;
        await expect.poll(async () => (await offersOf(friend)).map(({ peerId }) => peerId), LOOK).toEqual([homeId]);
        expect(await offersOf(stranger)).toEqual([]);
        await open(atFriend.page, 'Borrow');
        await expect(atFriend.page.getByText('attic').first()).toBeVisible();

        const [offer] = await offersOf(friend);
        const lease = await friend.json<LeaseView>('lease', 'request', offer?.id ?? '', '--amount', '80MiB');
        expect(lease).toMatchObject({ state: 'running', peerId: homeId });
        const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
        const written: string[] = [];
        for (let index = 0; index < VALUES; index += 1) {
          const value = randomBytes(VALUE_BYTES);
          written.push(hashOf(value));
          await friend.pipe(value, 'mem', 'put', lease.id, `part ${index}`);
        }
        const read: string[] = [];
        for (let index = 0; index < VALUES; index += 1)
          read.push(hashOf(await friend.pipe(Buffer.alloc(0), 'mem', 'get', lease.id, `part ${index}`)));
        expect(read).toEqual(written);
        await open(atHome.page, 'Lend');
        await expect(atHome.page.getByRole('row', { name: /studio/ }).first()).toContainText('80');
        await photograph(atFriend.page, 'borrow-friend');
      });

      await test.step('find the guard green', async () => {
        await open(atHome.page, 'Lend');
        const { page } = atHome;
        const ranBefore = (await home.json<GuardState>('guard', 'show')).ranAtMs ?? 0;
        // It may be at it already, as a level was changed.
        const again = page.getByRole('button', { name: 'Try now' });
        await expect(again).toBeVisible({ timeout: 90_000 });
        await again.click();
        await expect
          .poll(async () => (await home.json<GuardState>('guard', 'show')).ranAtMs ?? 0, LOOK)
          .toBeGreaterThan(ranBefore);
        await expect(page.getByText('Nothing got where it must not')).toBeVisible({ timeout: 90_000 });
        const found = await home.json<GuardState>('guard', 'show');
        expect(found).toMatchObject({ verdict: 'green' });
        expect(found.probes.some(({ target: place }) => place.includes('10.0.0.1'))).toBe(true);
        expect(found.probes.filter(({ result }) => result === 'reached')).toEqual([]);
        await photograph(page, 'lend-owner-guard');
      });
    } finally {
      for (const one of browsers) await one.end();
      await server?.kill();
      for (const node of nodes) await node.stop();
      await network.close();
    }
  });
});
