import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { request } from '../../main/transport/stoq/connection/messages.ts';
import { DHT_ANSWER_BYTES_MAX } from '../../main/transport/stoq/discovery/constants.ts';
import { encodeRequest } from '../../main/transport/stoq/discovery/dht/messages.ts';
import { dhtProtocolOf } from '../../main/transport/stoq/discovery/membership.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';
import { startChild } from '../support/child.ts';
import { type DhtTestNode, startDhtNodes } from '../support/stoq/dht-nodes.ts';
import { percentile, type Figure } from './figure.ts';

const NODES = 50;
/** Nodes that ask, in this process; the others answer in one of their own. */
const ASKERS = 5;
const RECORDS = 12;
/** Reads of one record by one node after its first. */
const READS_AGAIN = 3;
const WARM_UPS = 2;
const VALUE_BYTES = 1024;

const timeOf = async (work: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
};
const figures = (
  name: string,
  samples: readonly number[],
  questions: readonly number[],
  limitMs: number | null,
): Figure[] => [
  {
    name: `${name}, p50`,
    unit: 'ms',
    value: percentile(samples, 0.5),
    peer: { name: 'one question to one node', value: percentile(questions, 0.5) },
    ratio: percentile(samples, 0.5) / percentile(questions, 0.5),
    target: limitMs === null ? 'for information' : `< ${limitMs} ms`,
    ...(limitMs !== null && { reached: percentile(samples, 0.5) < limitMs }),
  },
  {
    // Of fewer than a hundred the 99th percentile is the worst, and is called so.
    name: samples.length < 100 ? `${name}, slowest of ${samples.length}` : `${name}, p99`,
    unit: 'ms',
    value: percentile(samples, 0.99),
    target: 'for information',
  },
];
/** One question and its answer, which every lookup is made of: what this machine takes for it is the floor of all else. */
const ask = async ({ endpoint }: DhtTestNode, turn: number): Promise<void> => {
  const connections = endpoint.connections();
  const connection = connections[turn % connections.length];
  if (connection === undefined) throw new Error('nobody is connected');
  const key = new Uint8Array(createHash('sha256').update(String(turn)).digest());
  await request(connection, dhtProtocolOf(null), encodeRequest({ ask: 'find', key }), {
    bytesMax: DHT_ANSWER_BYTES_MAX,
  });
};
const topicOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/**
 * Fifty nodes that have met as nodes of one network have: five of this process ask, over QUIC on loopback, and the others answer in a
 * process of theirs. Records are signed and checked in threads as ever. What comes before is made short: handshakes, which
 * `--only handshake` measures, prove themselves by Ed25519 alone, and those who only answer have met each other through memory. All
 * share the processors of one machine, so that an asker waits for the answerers' work as well.
 */
export const benchStoqDht = async (): Promise<Figure[]> => {
  const child = startChild(fileURLToPath(new URL('../support/children/keep-dht-nodes.ts', import.meta.url)), [
    String(ASKERS),
    String(NODES - ASKERS),
  ]);
  const { nodes: askers, stop } = await startDhtNodes(Array.from({ length: ASKERS }, (_, seed) => seed));
  const [first] = askers;
  if (first === undefined) throw new Error('nobody asks');
  try {
    const addresses = (await child.nextLine()).split(' ') as Address[];
    // They meet whom they will ask, so that what is measured are lookups, not handshakes.
    for (const [index, asker] of askers.entries()) {
      await asker.join(addresses);
      for (let turn = 0; turn < WARM_UPS; turn++)
        await asker.dht.get('none', asker.peerId, topicOf(`${index} ${turn}`));
    }
    const puts: number[] = [];
    const fresh: number[] = [];
    const again: number[] = [];
    const none: number[] = [];
    const questions: number[] = [];
    const value = new Uint8Array(VALUE_BYTES);
    for (let record = 0; record < RECORDS; record++) {
      const topic = topicOf(`record ${record}`);
      const owner = askers[record % ASKERS] ?? first;
      puts.push(await timeOf(() => owner.dht.put('bench', topic, value)));
      for (const reader of askers) {
        if (reader === owner) continue;
        const get = (namespace: string) => (): Promise<unknown> => reader.dht.get(namespace, owner.peerId, topic);
        questions.push(await timeOf(() => ask(reader, questions.length)));
        fresh.push(await timeOf(get('bench')));
        for (let read = 0; read < READS_AGAIN; read++) again.push(await timeOf(get('bench')));
      }
      for (const reader of askers.slice(0, 2))
        none.push(await timeOf(() => reader.dht.get('none', owner.peerId, topic)));
    }
    return [
      ...figures(`DHT get of 1 KiB, ${NODES} nodes`, fresh, questions, 10),
      ...figures('DHT get, signature seen before', again, questions, 10),
      ...figures('DHT lookup that finds nothing at 20 nodes', none, questions, null),
      ...figures('DHT put at 20 nodes', puts, questions, null),
    ];
  } finally {
    await stop();
    await child.kill();
  }
};
