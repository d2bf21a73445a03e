// One end of a forward, for test/bench/forward.ts. Talks to its parent in lines of JSON on stdin and stdout.
import { createInterface } from 'node:readline';
import { createSystemOutside } from '../../../main/base/index.ts';
import { createQuicCarrier } from '../../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../../main/transport/stoq/index.ts';
import { startProxyNode } from '../../support/proxy/proxy-node.ts';
import { createSilentLogger } from '../../support/silent-logger.ts';
import { makePeer } from '../../support/stoq/make-peer.ts';
import { createStoqWorkers } from '../../support/stoq/test-node.ts';

const [role, tier] = process.argv.slice(2);
const SEEDS = { lender: 101, borrower: 102 };
const outside = createSystemOutside();
const components = { outside, logger: createSilentLogger(), metrics: null };
const carrier = tier === 'quic' ? createQuicCarrier(components) : createTlsCarrier(components);
const tell = (value: unknown): void => {
  process.stdout.write(`${JSON.stringify(value)}\n`);
};

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

const commands: Record<string, (input: never) => Promise<unknown>> = {
  expose: async ({ target, protocol }: { target: string; protocol: 'tcp' | 'udp' }) => {
    const { address, port } = await node.tunnels.expose({
      target,
      protocol,
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
  reach: async (input: { address: string; port: number; protocol: 'tcp' | 'udp'; localPort: number }) => {
    const { listen } = await node.tunnels.reach({ ...input, route: 'direct' });
    return { port: Number(listen.slice(listen.lastIndexOf(':') + 1)) };
  },
  state: async () => {
    const { user, system } = process.cpuUsage();
    return { cpuSeconds: (user + system) / 1e6 };
  },
};
tell({ at: node.stoq.endpoint.addresses()[0] });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...input } = JSON.parse(line) as { command: string };
  if (command === 'stop') break;
  try {
    tell(await commands[command]?.(input as never));
  } catch (error) {
    tell({ error: String(error) });
  }
}
await node.stop();
await carrier.stop();
process.exit(0);
