import type { PeerDetail, PeerView, PingView } from '../../preload/contract/index.ts';
import { type HomeNode, startHomeNode } from '../support/home-node.ts';
import { createTestNetwork, netnsMissing } from '../support/netns.ts';
import { expect, finishFirstRun, test } from './fixtures.ts';
import { browserAt, homeProgram, peerIdOf, publicAddress } from './homes.ts';

// Whole programs in hosts of their own, as their owners have them: two behind routers that let nobody in, one in the open between them.
// The one in the open is nobody's server: it is a node like the others that lets itself be used as a relay.

/** Routers that forget, and punching, on two busy cores. */
const FOUND_MS_MAX = 90_000;
/** Each look is a start of the command line. */
const LOOK = { timeout: FOUND_MS_MAX, intervals: [3000] };

test.describe('two homes behind different routers', () => {
  test.skip(netnsMissing !== null, netnsMissing ?? '');
  test.setTimeout(420_000);

  test('@installed find each other and talk through a hole, and by a relay where holes are blocked', async ({
    target,
  }) => {
    const program = homeProgram(target);
    const network = createTestNetwork();
    const nodes: HomeNode[] = [];
    try {
      network.host('open');
      network.router('fritz', { kind: 'cone' });
      network.router('lte', { kind: 'symmetric' });
      network.host('attic', { behind: 'fritz' });
      network.host('studio', { behind: 'lte' });
      // One after the other: three programs that start at once take each other's time.
      for (const host of ['open', 'attic', 'studio']) nodes.push(await startHomeNode(program, network, host));
      const [open, attic, studio] = nodes as [HomeNode, HomeNode, HomeNode];
      const meeting = await publicAddress(open);
      const [openId, atticId, studioId] = [await peerIdOf(open), await peerIdOf(attic), await peerIdOf(studio)];
      expect(new Set([openId, atticId, studioId]).size).toBe(3);

      const shown = await browserAt(network, attic.host);
      try {
        const { page } = shown;
        await page.goto(attic.url);
        await finishFirstRun(page);
        await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Network' }).click();
        await attic.cli('peer', 'add', meeting);
        await studio.cli('peer', 'add', meeting);
        // Both are told of each other by the one in the open, and a hole is punched.
        const pathOf = async (): Promise<string> => {
          const { peers } = await attic.json<{ peers: PeerView[] }>('peers', '--connected');
          return peers.find(({ peerId }) => peerId === studioId)?.path?.tier ?? 'not connected';
        };
        await expect.poll(pathOf, LOOK).toBe('punched');
        await attic.cli('peer', 'trust', studioId, '--name', 'studio');
        const ping = await attic.json<PingView>('peer', 'ping', 'studio', '--count', '5');
        expect(ping.roundTripsMs.filter((ms) => ms !== null).length).toBeGreaterThan(3);

        // The page of one shows the other, without anybody touching it.
        await expect(page.getByRole('heading', { level: 1, name: 'Network' })).toBeVisible();
        await expect(page.getByRole('row', { name: /studio.*QUIC through NAT/ })).toBeVisible();
        await expect(page.getByRole('link', { name: /^studio, trusted, QUIC through NAT/ })).toBeVisible();

        // Now nothing but TCP passes the router of one: the connection goes on through the node in the open.
        network.block('lte', 'udp');
        await expect.poll(pathOf, LOOK).toBe('relay');
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
