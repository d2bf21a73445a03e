import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import Database from 'better-sqlite3';
import { type Store, createStore, createSystemOutside, createWorkerPool, encodeCbor } from '../../main/base/index.ts';
import { kemEncapsulate, signRecord } from '../../main/base/crypto/index.ts';
import { bodyRoot, encodeBody } from '../../main/kernel/blocks/format/body.ts';
import { packBody } from '../../main/kernel/blocks/format/sealed.ts';
import { type Chain, createChain, verifyChainFile } from '../../main/kernel/blocks/index.ts';
import { StateTree, levelsAbove } from '../../main/kernel/blocks/state-tree.ts';
import { TestKeys, noteModule, smallProof, smallVerifier, testAsset, testKeys } from '../support/chain.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { type Figure, percentile } from './figure.ts';

const outside = createSystemOutside();
const logger = createSilentLogger();
const source = (path: string): string => fileURLToPath(new URL(`../../main/${path}`, import.meta.url));

/** Blocks that are appended one after the other; enough for a p99 and few enough for a minute. */
const APPENDED = 100;
/** How long the main thread is watched at rest. */
const IDLE_MS = 2_000;
/** A block carries a proof of this size, about that of four real ones without the opening of a plot. */
const PROOF_BYTES = 100_000;

interface Bench {
  chain: Chain;
  store: Store;
  keys: TestKeys;
  close(): Promise<void>;
}
const openBench = async (
  path: string,
  workers: ReturnType<typeof createWorkerPool>,
  keys: TestKeys,
): Promise<Bench> => {
  const store = await createStore(
    { logger, metrics: null, clock: outside.clock },
    { path, workerPath: source('base/store/worker.ts') },
  );
  const chain = createChain({
    outside,
    logger,
    metrics: null,
    store,
    workers,
    keys,
    modules: [noteModule],
    verifyProof: smallVerifier,
  });
  await chain.start();
  return {
    chain,
    store,
    keys,
    close: async () => {
      await chain.stop();
      await store.close();
    },
  };
};

const meanOf = (count: number, work: () => unknown): number => {
  work();
  const startMs = performance.now();
  for (let i = 0; i < count; i++) work();
  return (performance.now() - startMs) / count;
};

/** What a block is made of, each part by itself in this thread. */
const partsOf = (keys: TestKeys): Figure[] => {
  const { node, kem } = keys.derived;
  const tip = { network: new Uint8Array(32), height: 0, hash: new Uint8Array(32), timeMs: 0 };
  const opening = outside.random.bytes(PROOF_BYTES);
  const payload = encodeCbor({ of: outside.random.bytes(300) });
  const transaction = signRecord(node.public, node.secret, 'transaction', payload);
  const { proof } = smallProof(outside, keys, tip, testAsset(1), opening);
  const body = { transactions: [transaction], updates: [], proof, attachments: [opening] };
  const encoded = encodeBody(body);
  const part = (name: string, value: number): Figure => ({
    name: `part of a block: ${name}`,
    unit: 'ms',
    value,
    target: 'for information',
  });
  return [
    part(
      'sign a record',
      meanOf(10, () => signRecord(node.public, node.secret, 'block', payload)),
    ),
    part(
      'Merkle root',
      meanOf(20, () => bodyRoot(body)),
    ),
    part(
      `compress and pad ${encoded.length} bytes`,
      meanOf(10, () => packBody(encoded)),
    ),
    part(
      'wrap the key for a reader',
      meanOf(20, () => kemEncapsulate(kem.public, outside.random.bytes(32))),
    ),
  ];
};

/** Bare inserts of as many bytes, with the store's own journal settings, all in one transaction. */
const bareInserts = (path: string, sizes: readonly number[]): number => {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE bare (height INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT');
  const insert = db.prepare('INSERT INTO bare VALUES (?, ?)');
  const rows = sizes.map((size) => outside.random.bytes(size));
  const startMs = performance.now();
  db.transaction(() => {
    rows.forEach((row, i) => insert.run(i, row));
  })();
  const tookMs = performance.now() - startMs;
  db.close();
  return tookMs;
};

/** Appending, bulk import and verification of one chain, on the real store, threads and keys; its proofs cost nothing. */
export const benchBlocks = async (): Promise<Figure[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-bench-'));
  const workers = createWorkerPool(
    { logger, metrics: null, clock: outside.clock },
    { workerPath: source('worker.ts') },
  );
  const delay = monitorEventLoopDelay({ resolution: 5 });
  try {
    const keys = new TestKeys(testKeys(1), workers);
    const bench = await openBench(join(folder, 'one.db'), workers, keys);
    await bench.chain.begin();
    const times: number[] = [];
    // What this machine does to a thread that has nothing to do: on a busy one that alone is more than the target.
    delay.enable();
    await outside.clock.sleep(IDLE_MS);
    const idle = { name: 'main thread at rest', value: delay.percentile(99) / 1e6 };
    delay.reset();
    for (let i = 0; i < APPENDED; i++) {
      const asset = testAsset(i % 8);
      const { proof, attachments } = smallProof(
        outside,
        keys,
        bench.chain.tip()!,
        asset,
        outside.random.bytes(PROOF_BYTES),
      );
      const startMs = performance.now();
      await bench.chain.append([{ kind: 'note.written', asset, data: { text: `note ${i}` } }], proof, attachments);
      times.push(performance.now() - startMs);
    }
    const appendingBlockMs = delay.percentile(99) / 1e6;
    delay.reset();
    const file = join(folder, 'chain.hmchain');
    await bench.chain.export({ from: 0, readable: true }, file);
    const summaries = await bench.chain.list(undefined, 500);
    const blocks = summaries.length;
    const megabytes = statSync(file).size / 1e6;
    delay.reset();
    const found = await verifyChainFile(
      { clock: outside.clock, workers, modules: [noteModule], verifyProof: smallVerifier },
      file,
    );
    if (!found.holds || found.headersOnly > 0) throw new Error('the chain that was made does not hold');
    const verifyingBlockMs = delay.percentile(99) / 1e6;
    delay.disable();
    const other = await openBench(join(folder, 'two.db'), workers, keys);
    const importMs = performance.now();
    await other.chain.import(file);
    const importTookMs = performance.now() - importMs;
    const bareMs = bareInserts(
      join(folder, 'bare.db'),
      summaries.map(({ sealedBytes }) => sealedBytes + 4000),
    );
    await other.close();
    await bench.close();
    const perSecond = (ms: number): number => blocks / (ms / 1000);
    return [
      ...[0.5, 0.99].map(
        (p): Figure => ({
          name: `block built, sealed and durably stored, p${p * 100}`,
          unit: 'ms',
          value: percentile(times, p),
          target: '< 1000 ms',
          reached: percentile(times, p) < 1000,
        }),
      ),
      ...partsOf(keys),
      {
        name: 'blocks a second, bulk import with every check',
        unit: 'count',
        value: perSecond(importTookMs),
        peer: { name: 'bare SQLite inserts of the same bytes', value: perSecond(bareMs) },
        ratio: perSecond(importTookMs) / perSecond(bareMs),
        target: 'for information: two FALCON checks a block against none',
      },
      {
        name: 'blocks a second, full verification of a file',
        unit: 'count',
        value: perSecond(found.tookMs),
        target: 'for information',
      },
      {
        name: 'MB a second, full verification of a file',
        unit: 'count',
        value: megabytes / (found.tookMs / 1000),
        target: 'for information',
      },
      {
        name: 'main thread blocked while appending, p99',
        unit: 'ms',
        value: appendingBlockMs,
        peer: idle,
        ratio: appendingBlockMs / idle.value,
        target: '< 50 ms',
        reached: appendingBlockMs < 50,
      },
      {
        name: 'main thread blocked while verifying, p99',
        unit: 'ms',
        value: verifyingBlockMs,
        peer: idle,
        ratio: verifyingBlockMs / idle.value,
        target: '< 50 ms',
        reached: verifyingBlockMs < 50,
      },
    ];
  } finally {
    delay.disable();
    await workers.close();
    rmSync(folder, { recursive: true, force: true });
  }
};

/** What the root over the whole state costs after one block, by the number of entries. */
export const benchStateRoot = async (): Promise<Figure[]> => {
  const figures: Figure[] = [];
  for (const count of [10_000, 100_000]) {
    const tree = new StateTree(
      Array.from({ length: count }, (_, i) => [`asset/${String(i).padStart(8, '0')}`, encodeCbor({ at: i })] as const),
    );
    const elsewhere = async (leaves: Uint8Array): Promise<Uint8Array[]> => levelsAbove(leaves);
    const wholeMs = performance.now();
    await tree.root(elsewhere);
    const wholeTookMs = performance.now() - wholeMs;
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const startMs = performance.now();
      tree.apply([{ key: `asset/${String((i * 197) % count).padStart(8, '0')}`, value: encodeCbor({ at: -i - 1 }) }]);
      await tree.root(elsewhere);
      times.push(performance.now() - startMs);
    }
    const value = percentile(times, 0.5);
    figures.push({
      name: `state root after one changed entry of ${count}, p50`,
      unit: 'ms',
      value,
      peer: { name: 'the whole tree hashed anew (in a worker)', value: wholeTookMs },
      ratio: value / wholeTookMs,
      target: '< 5 ms on the main thread',
      reached: value < 5,
    });
  }
  return figures;
};
