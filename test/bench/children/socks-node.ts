// A SOCKS server of ours, for test/bench/socks.ts: alone with a dialler of its own machine, or at one end of a mesh of two nodes.
// Talks to its parent in lines of JSON on stdin and stdout.
import { createInterface } from 'node:readline';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createProxies } from '../../../main/kernel/proxy/forwarders/index.ts';
import type { Dialer, LocalProxy } from '../../../main/kernel/proxy/interface.ts';
import type { LeaseId } from '../../../main/kernel/leases/index.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../../main/transport/stoq/index.ts';
import { createDirectDialer } from '../../support/proxy/direct-dialer.ts';
import { startProxyNode } from '../../support/proxy/proxy-node.ts';
import { createSilentLogger } from '../../support/silent-logger.ts';
import { makePeer } from '../../support/stoq/make-peer.ts';
import { createStoqWorkers } from '../../support/stoq/test-node.ts';

const [role, tier] = process.argv.slice(2);
const SEEDS = { lender: 111, borrower: 112 };
const outside = createSystemOutside();
const { clock } = outside;
const tell = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};
const openSocks = async (dialer: Pick<Dialer, 'connect' | 'associate'>): Promise<LocalProxy> =>
  createProxies({ clock, dialer, metrics: null })('socks', {
    port: 0,
    lease: `lease-${'0'.repeat(32)}` as LeaseId,
    username: '',
    password: '',
    names: () => [],
  });
const listen = async (commands: Record<string, (input: never) => Promise<unknown>>): Promise<void> => {
  for await (const line of createInterface({ input: process.stdin })) {
    const { command, ...input } = JSON.parse(line) as { command: string };
    if (command === 'stop') break;
    try {
      tell(await commands[command]?.(input as never));
    } catch (error) {
      tell({ error: String(error) });
    }
  }
};

if (role === 'alone') {
  const proxy = await openSocks(
    createDirectDialer((target) => {
      if (target.kind === 'service') throw new Error('there is no mesh here');
      return { host: target.host, port: target.port };
    }),
  );
  tell({ port: proxy.listen.port });
  await listen({});
} else {
  const components = { outside, logger: createSilentLogger(), metrics: null };
  const carrier = tier === 'quic' ? createQuicCarrier(components) : createTlsCarrier(components);
  const node = await startProxyNode(
    { outside, workers: createStoqWorkers() },
    {
      seed: role === 'lender' ? SEEDS.lender : SEEDS.borrower,
      carriers: [carrier],
      listen: (tier === 'quic' ? '/ip6/::1/udp/0/quic-v1' : '/ip6/::1/tcp/0/tls') as Address,
    },
  );
  const other = makePeer(role === 'lender' ? SEEDS.borrower : SEEDS.lender).local.peerId;
  node.stoq.book.learn(other, [], 'owner');
  node.stoq.book.setTrusted(other, true);
  const proxy = await openSocks(node.dialer);
  tell({ at: node.stoq.endpoint.addresses()[0], port: proxy.listen.port });
  await listen({
    expose: async ({ target }: { target: string }) => {
      const { address, port } = await node.tunnels.expose({
        target,
        protocol: 'tcp',
        port: 0,
        name: '',
        privacyLevel: 'P2P',
        privacyNames: [],
        relaysAllowed: true,
      });
      return { address, port };
    },
    connect: async ({ at }: { at: Address }) => {
      await node.stoq.endpoint.connect({ peer: other, addresses: [at] });
      return {};
    },
  });
}
process.exit(0);
