import { setTimeout as sleep } from 'node:timers/promises';
import { createSystemOutside } from '../../main/base/index.ts';
import type { Carrier } from '../../main/transport/stoq/carriers/interface.ts';
import { createMemoryNetwork } from '../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { createQuicCarrier } from '../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from '../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { makePeer } from '../support/stoq/make-peer.ts';
import { createSimulationClock } from '../support/stoq/simulation-clock.ts';
import { createStoqWorkers, startTestNode, type TestNode } from '../support/stoq/test-node.ts';
import { describeEndpoint } from './stoq-endpoint.ts';

describeEndpoint(
  'memory',
  async () => {
    const workers = createStoqWorkers();
    const clock = createSimulationClock({ isBusy: () => workers.pending > 0 });
    const network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(1) } }, { delayMs: 10 });
    const nodes: TestNode[] = [];
    const names = new Map<string, string>();
    return {
      node: async (number) => {
        const name = `n${number}`;
        const node = await startTestNode(
          { outside: { clock, random: createSeededRandom(number) }, workers },
          {
            local: makePeer(number).local,
            carriers: [network.carrier(name)],
            datagrams: network.datagrams(name),
            keepsPeers: false,
          },
        );
        nodes.push(node);
        names.set(node.peerId, name);
        const address = await node.endpoint.listen(`/memory/${name}` as Address);
        return { ...node, address };
      },
      drive: (promise) => clock.drive(promise),
      pass: (ms) => clock.run(ms),
      sever: (one, other) => network.partition([names.get(one.peerId) ?? ''], [names.get(other.peerId) ?? '']),
      end: async () => {
        await clock.drive(Promise.all(nodes.map((node) => node.stop())));
      },
    };
  },
  { canSever: true },
);

const onLoopback = (name: string, create: () => Carrier, address: Address): void => {
  describeEndpoint(
    name,
    async () => {
      const workers = createStoqWorkers();
      const nodes: TestNode[] = [];
      return {
        node: async (number) => {
          const node = await startTestNode(
            { outside: createSystemOutside(), workers },
            { local: makePeer(number).local, carriers: [create()], keepsPeers: false },
          );
          nodes.push(node);
          return { ...node, address: await node.endpoint.listen(address) };
        },
        drive: (promise) => promise,
        pass: async (ms) => {
          await sleep(ms);
        },
        sever: null,
        end: async () => {
          await Promise.all(nodes.map((node) => node.stop()));
        },
      };
    },
    { canSever: false },
  );
};
const components = { outside: createSystemOutside(), logger: createSilentLogger(), metrics: null };
onLoopback('QUIC', () => createQuicCarrier(components), '/ip6/::1/udp/0/quic-v1' as Address);
onLoopback('TLS', () => createTlsCarrier(components), '/ip6/::1/tcp/0/tls' as Address);
