import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ExposureView, GuardState, LeaseView, NetworkState, OfferView } from '../../preload/contract/index.ts';
import { type HomeNode, startHomeNode } from '../support/home-node.ts';
import { createTestNetwork, type TestNetwork } from '../support/netns.ts';
import { until } from './pictures.ts';

/** A home behind its router and a friend somewhere else, who lend, borrow and open each other's services. */
export interface LendingWorld {
  readonly network: TestNetwork;
  readonly home: HomeNode;
  readonly friend: HomeNode;
  close(): Promise<void>;
}

const PHOTOS_PORT = 8080;
const MUSIC_PORT = 8096;
const WEB_PORT = 80;
const PICTURE_BYTES = 1_800_000;
/** A web server that has one answer, in a host of the test network. */
const SERVER = `const picture = Buffer.alloc(${PICTURE_BYTES}, 7);
require('node:http').createServer((request, response) => response.end(picture)).listen(Number(process.argv[1]), '::');`;

export const createLendingWorld = async (): Promise<LendingWorld> => {
  const network = createTestNetwork();
  const nodes: HomeNode[] = [];
  const servers: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    for (const server of servers) server.kill();
    for (const node of nodes) await node.stop();
    await network.close();
  };
  const serve = (host: string, port: number): void => {
    const enter = ['netns', 'exec', network.namespaceOf(host), process.execPath, '-e', SERVER, `${port}`];
    servers.push(spawn('/usr/sbin/ip', enter, { stdio: 'ignore' }));
  };
  try {
    network.host('friend');
    network.router('fritz', { kind: 'cone', firewall6: true });
    network.host('attic', { behind: 'fritz' });
    const program = { command: [process.execPath, join(import.meta.dirname, '../../out/main/cli.js')], user: null };
    const start = async (host: string): Promise<HomeNode> => {
      const node = await startHomeNode(program, network, host);
      nodes.push(node);
      return node;
    };
    const friend = await start('friend');
    const home = await start('attic');

    const friendly = await friend.json<NetworkState>('net', 'status');
    const at = friendly.addresses.find((one) => one.startsWith('/ip6/2') && one.endsWith('/quic-v1')) ?? '';
    await home.cli('peer', 'add', `${at}/p2p/${friendly.peerId ?? ''}`, '--name', 'friend');
    await home.cli('peer', 'trust', 'friend');
    const homely = await home.json<NetworkState>('net', 'status');
    await friend.cli('peer', 'trust', homely.peerId ?? '', '--name', 'attic');
    await home.cli('group', 'add', 'friends', 'friend');

    await home.cli('share', 'set', 'memory', '50', '--privacy', 'P2P', '--allocation', 'Public', '--leases', '4');
    // The link of a virtual machine does not tell its speed.
    await home.cli('share', 'rules', '--send-max', '20MB', '--receive-max', '20MB');
    const terms = ['--privacy', 'P2P', '--allocation', 'Public', '--leases', '2', '--relays', 'on', '--exit', 'on'];
    await home.cli('share', 'set', 'network', '50', ...terms);
    const internet = network.host('internet');
    serve('internet', WEB_PORT);

    const lease = async (kind: string, ...more: string[]): Promise<LeaseView> => {
      let offer: OfferView | undefined;
      await until(`the friend finds ${kind}`, async () => {
        [offer] = (await friend.json<{ offers: OfferView[] }>('offers', '--fresh', '--kind', kind)).offers;
        return offer !== undefined;
      });
      return await friend.json<LeaseView>('lease', 'request', offer?.id ?? '', ...more);
    };
    const notes = await lease('memory', '--amount', '256MiB', '--minutes', '60', '--purpose', 'photo cache');
    const before = await lease('memory', '--amount', '64MiB', '--minutes', '30', '--purpose', 'a first try');
    await friend.cli('lease', 'end', before.id);
    const line = await lease('network', '--amount', '2MB/s', '--minutes', '120', '--purpose', 'on the road');

    serve('attic', PHOTOS_PORT);
    serve('friend', MUSIC_PORT);
    const expose = (node: HomeNode, port: number, name: string): Promise<ExposureView> =>
      node.json<ExposureView>('expose', `${port}`, '--name', name, '--protocol', 'http', '--privacy', 'P2P');
    const photos = await expose(home, PHOTOS_PORT, 'photos');
    const music = await expose(friend, MUSIC_PORT, 'music');
    const photosAt = `[${photos.address}]:${PHOTOS_PORT}`;
    const musicAt = `[${music.address}]:${MUSIC_PORT}`;
    const far = async (node: HomeNode, address: string): Promise<{ listen: string }> =>
      await node.json<{ listen: string }>('reach', address, '--protocol', 'http');
    const [photosHere, musicHere] = [await far(friend, photosAt), await far(home, musicAt)];
    const homeProxy = await home.json<{ listen: string }>('proxy', 'socks');
    const exit = await friend.json<{ listen: string }>('proxy', 'socks', '--lease', line.id);
    await until('the guard has run', async () => {
      const guard = await home.json<GuardState>('guard', 'show');
      return !guard.running && guard.verdict === 'green';
    });
    const fetch = (host: string, ...args: string[]): string =>
      network.run(host, '/usr/bin/curl', ['-sS', '-g', '-m', '30', '-o', '/dev/null', ...args]);
    // So that no figure is zero.
    const makeTraffic = async (): Promise<void> => {
      await friend.cli('mem', 'put', notes.id, 'notes', 'bread, milk');
      fetch('friend', `http://${photosHere.listen}/`);
      fetch('attic', `http://${musicHere.listen}/`);
      fetch('attic', '--socks5-hostname', homeProxy.listen, `http://${musicAt}/`);
      fetch('friend', '--socks5-hostname', exit.listen, `http://[${internet.v6 ?? ''}]:${WEB_PORT}/`);
    };
    await friend.cli('mem', 'bench', notes.id);
    await makeTraffic();
    // Receipts tell the traffic, and there is one a minute.
    await until('both leases have a receipt of what was sent', async () => {
      const leases = await Promise.all([notes, line].map(({ id }) => friend.json<LeaseView>('lease', 'show', id)));
      return leases.every(({ sentBytes, receivedBytes }) => sentBytes + receivedBytes > 0);
    });
    return { network, home, friend, close };
  } catch (error) {
    await close();
    throw error;
  }
};
