import { fileURLToPath } from 'node:url';
import { createSystemOutside, createWorkerPool, type WorkerPool } from '../../main/base/index.ts';
import { createQuicCarrier } from '../../main/transport/stoq/carriers/quic/create-quic-carrier.ts';
import { createDht, type DhtNode } from '../../main/transport/stoq/discovery/dht/create-dht.ts';
import { PUBLIC_NETWORK } from '../../main/transport/stoq/discovery/membership.ts';
import { createPeerRecords } from '../../main/transport/stoq/discovery/peer-record.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { makePeer } from '../support/stoq/make-peer.ts';
import { startTestNode, type TestNode } from '../support/stoq/test-node.ts';
import { percentile, type Figure } from './figure.ts';

const NODES = 50;
const PUTS = 30;
const READS_PER_RECORD = 5;
const VALUE_BYTES = 1024;

interface BenchNode {
  node: TestNode;
  dht: DhtNode;
  stop(): Promise<void>;
}

const startNode = async (workers: WorkerPool, seed: number): Promise<BenchNode> => {
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const { local } = makePeer(5000 + seed);
  const carrier = createQuicCarrier({ outside, logger, metrics: null });
  const node = await startTestNode({ outside, workers }, { local, carriers: [carrier] });
  const { endpoint, verifier } = node;
  await endpoint.listen('/ip6/::1/udp/0/quic-v1' as Address);
  const records = createPeerRecords({ outside, local, verifier, addresses: () => endpoint.addresses() });
  const dht = createDht(
    { outside, logger, metrics: null, endpoint, records, book: null },
    { network: PUBLIC_NETWORK, key: null, automatic: false },
  );
  await dht.start();
  return {
    node,
    dht,
    stop: async () => {
      await dht.stop();
      await node.stop();
      await carrier.stop();
    },
  };
};
/** A machine that does much else may take longer than a handshake may. */
const connect = async (node: TestNode, addresses: readonly Address[]): Promise<void> => {
  for (let tries = 1; ; tries++) {
    try {
      await node.endpoint.connect({ peer: null, addresses });
      return;
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
};
const timeOf = async (work: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
};
const pick = <T>(list: readonly T[], index: number): T => {
  const item = list[index % list.length];
  if (item === undefined) throw new Error('the list is empty');
  return item;
};
const figures = (name: string, samples: readonly number[], target: string, limitMs: number | null): Figure[] => [
  {
    name: `${name}, p50`,
    unit: 'ms',
    value: percentile(samples, 0.5),
    target,
    ...(limitMs !== null && { reached: percentile(samples, 0.5) < limitMs }),
  },
  { name: `${name}, p99`, unit: 'ms', value: percentile(samples, 0.99), target: 'for information' },
];

/**
 * Fifty nodes in one process, over QUIC on loopback, with real signatures in real threads. All of them share one event loop, so that a
 * lookup pays for both ends of each question.
 */
export const benchStoqDht = async (): Promise<Figure[]> => {
  const { clock } = createSystemOutside();
  const workers = createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock },
    { workerPath: fileURLToPath(new URL('../../main/worker.ts', import.meta.url)), size: 2 },
  );
  const nodes: BenchNode[] = [];
  try {
    for (let seed = 0; seed < NODES; seed++) nodes.push(await startNode(workers, seed));
    const [first] = nodes;
    for (const { node } of nodes.slice(1)) await connect(node, first?.node.endpoint.addresses() ?? []);
    for (const { dht } of nodes) await dht.refresh();
    const puts: number[] = [];
    const fresh: number[] = [];
    const again: number[] = [];
    const none: number[] = [];
    const found: number[] = [];
    const value = new Uint8Array(VALUE_BYTES);
    const topicOf = (index: number): Uint8Array => new TextEncoder().encode(`record ${index}`);
    // The first round dials whom it has not met, so that what is measured are lookups, not handshakes.
    for (const measured of [false, true])
      for (let index = 0; index < PUTS; index++) {
        const topic = topicOf(index);
        const owner = pick(nodes, index);
        const { peerId } = owner.node;
        const putMs = await timeOf(() => owner.dht.put('bench', topic, value));
        if (measured) puts.push(putMs);
        for (let read = 1; read <= READS_PER_RECORD; read++) {
          const reader = pick(nodes, index + read * 7);
          const get = (): Promise<unknown> => reader.dht.get('bench', peerId, topic);
          const freshMs = await timeOf(get);
          const againMs = await timeOf(get);
          const noneMs = await timeOf(() => reader.dht.get('none', peerId, topic));
          const findMs = await timeOf(() => reader.dht.findPeer(pick(nodes, index + read * 11 + 1).node.peerId));
          if (!measured) continue;
          fresh.push(freshMs);
          again.push(againMs);
          none.push(noneMs);
          found.push(findMs);
        }
      }
    return [
      ...figures('DHT get of 1 KiB, 50 nodes', fresh, '< 10 ms', 10),
      ...figures('DHT get, signature seen before', again, '< 10 ms', 10),
      ...figures('DHT lookup that finds nothing', none, 'for information', null),
      ...figures('DHT peer found by its id', found, '< 10 ms', 10),
      ...figures('DHT put at 20 nodes', puts, 'for information', null),
    ];
  } finally {
    await Promise.allSettled(nodes.map((one) => one.stop()));
    await workers.close();
  }
};
