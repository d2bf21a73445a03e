import { createHash, hash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import Database from 'better-sqlite3';
import { createStore, createSystemOutside, decodeCbor, encodeCbor, sha256 } from '../../main/base/index.ts';
import type { StateUpdate } from '../../main/kernel/blocks/index.ts';
import {
  CHUNK_BYTES,
  type LedgerTree,
  loadLedgerTree,
  readSnapshot,
  verifyStateProof,
} from '../../main/kernel/consensus/state/index.ts';
import { createReplicaStore } from '../../main/kernel/consensus/store/index.ts';
import { inPieces, testAdopted, testGenesis } from '../support/ledger-rows.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import type { Figure } from './figure.ts';

/** Accounts of the ledger that is measured. */
const ACCOUNTS = 1_000_000;
/** Accounts that lie in a database, where writing them takes longest. */
const STORED = 100_000;
/** Changed accounts of one measurement; a thread's processor time is counted in steps of some ms. */
const CHANGES = 10_000;

const keyOf = (i: number): string => `account/${createHash('sha256').update(String(i)).digest('hex')}`;
const valueOf = (i: number, balance: number): Uint8Array =>
  encodeCbor({ nonce: i % 97, staked: '0', balance: String(balance), unbonding: [] });
const accounts = (count: number): StateUpdate[] =>
  Array.from({ length: count }, (_, i) => ({ key: keyOf(i), value: valueOf(i, i * 1_000_003) })).sort((one, other) =>
    one.key < other.key ? -1 : 1,
  );

const heapBytes = (): number => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
};
/** Of this thread: what others do on this machine does not count. */
const processorMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
const inMs = (work: () => unknown): number => {
  const startMs = processorMs();
  work();
  return processorMs() - startMs;
};
/** Ms of processor time for so many hashes of 67 bytes, the size of an inner node: the floor of everything here. */
const hashing = (count: number): number => {
  const node = Buffer.alloc(67);
  return inMs(() => {
    for (let i = 0; i < count; i++) {
      node[0] = i;
      hash('sha256', node, 'binary');
    }
  });
};
/** The longest that nothing else in this thread ran while `work` did, and all of it, in ms of processor time. */
const longestTurn = async <T>(work: () => Promise<T>): Promise<{ value: T; longestMs: number; ms: number }> => {
  const startMs = processorMs();
  let longestMs = 0;
  let lastMs = startMs;
  let running = true;
  const tick = (): void => {
    const nowMs = processorMs();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  const value = await work();
  running = false;
  tick();
  return { value, longestMs, ms: processorMs() - startMs };
};
const compared = (
  name: string,
  unit: Figure['unit'],
  value: number,
  peer: { name: string; value: number },
  target: string,
  ratioMax?: number,
): Figure => ({
  name,
  unit,
  value,
  peer,
  ratio: value / peer.value,
  target,
  ...(ratioMax === undefined ? {} : { reached: value / peer.value <= ratioMax }),
});

/** Hashes that changed values cost: two for each entry, and one for each inner node above any of them. */
const hashesOf = (tree: LedgerTree, keys: readonly string[]): number => {
  const inner = new Set<string>();
  for (const key of keys) {
    const { path } = decodeCbor(tree.prove(key)) as { path: Uint8Array };
    for (let start = 0; start < path.length; start += 34) {
      const bit = ((path[start] ?? 0) << 8) | (path[start + 1] ?? 0);
      const byte = (key.charCodeAt(bit >> 3) || 0) >> (8 - (bit & 7));
      inner.add(`${bit} ${byte} ${key.slice(0, bit >> 3)}`);
    }
  }
  return 2 * keys.length + inner.size;
};

const benchChanges = (tree: LedgerTree, keys: readonly string[]): Figure[] =>
  [1, 100, 1000].map((count) => {
    const rounds = Math.ceil(CHANGES / count);
    const plans = Array.from({ length: rounds }, (_, round) =>
      Array.from({ length: count }, (__, i) => keys[((round + 1) * 7919 * (i + 1)) % keys.length] ?? '').map((key) => ({
        key,
        value: valueOf(round, round + count),
      })),
    );
    const hashes = plans.reduce((sum, plan) => sum + hashesOf(tree, [...new Set(plan.map(({ key }) => key))]), 0);
    const tookMs = inMs(() => {
      for (const plan of plans) {
        // As a replica has it: a state that readers hold on to.
        tree.frozen();
        tree.apply(plan);
        tree.root();
      }
    });
    return compared(
      `state of ${ACCOUNTS} accounts, root after ${count} changed, mean of ${rounds}`,
      'us',
      (tookMs * 1000) / rounds,
      { name: `hashing as many nodes (${Math.round(hashes / rounds)})`, value: (hashing(hashes) * 1000) / rounds },
      'at most 5 times the floor',
      5,
    );
  });

const benchProofs = (tree: LedgerTree, keys: readonly string[]): Figure[] => {
  const root = tree.root();
  const asked = Array.from({ length: 2000 }, (_, i) => keys[(i * 7919) % keys.length] ?? '');
  const makeMs = inMs(() => asked.forEach((key) => tree.prove(key)));
  const proofs = asked.map((key) => tree.prove(key));
  const verifyMs = inMs(() => asked.forEach((key, i) => verifyStateProof(root, key, proofs[i] ?? new Uint8Array())));
  const steps = proofs.reduce((sum, proof) => sum + (decodeCbor(proof) as { path: Uint8Array }).path.length / 34, 0);
  const floorMs = hashing(steps + 2 * asked.length);
  const each = (ms: number): number => (ms * 1000) / asked.length;
  return [
    { name: 'proof of an account, made', unit: 'us', value: each(makeMs), target: 'for information' },
    compared(
      'proof of an account, verified',
      'us',
      each(verifyMs),
      { name: 'hashing its steps', value: each(floorMs) },
      'at most 6 times the floor',
      6,
    ),
    {
      name: 'proof of an account',
      unit: 'KiB',
      value: proofs.reduce((sum, { length }) => sum + length, 0) / proofs.length / 1024,
      target: `for information: ${(steps / asked.length).toFixed(1)} steps, log2 is ${Math.log2(keys.length).toFixed(1)}`,
    },
  ];
};

const benchSnapshot = async (tree: LedgerTree): Promise<Figure[]> => {
  const cutMs = inMs(() => tree.snapshot(CHUNK_BYTES));
  const snapshot = tree.snapshot(CHUNK_BYTES);
  let bytes = 0;
  let longestMs = 0;
  const reader = readSnapshot(snapshot.manifest, snapshot.root);
  const chunks: Uint8Array[] = [];
  const outMs = inMs(() => {
    for (let index = 0; index < snapshot.chunks; index++) chunks.push(snapshot.chunk(index));
  });
  const inwardsMs = inMs(() => {
    chunks.forEach((chunk, index) => {
      const takeMs = inMs(() => reader.take(index, chunk));
      longestMs = Math.max(longestMs, takeMs);
      bytes += chunk.length;
    });
  });
  const floorMs = inMs(() => chunks.forEach((chunk) => sha256(chunk)));
  const perGb = (ms: number): number => ms / 1000 / (bytes / 1e9);
  const floor = { name: 'SHA-256 of the same bytes', value: perGb(floorMs) };
  return [
    {
      name: `snapshot of ${(bytes / 1e6).toFixed(0)} MB, cut`,
      unit: 'ms',
      value: cutMs,
      target: '< 50 ms',
      reached: cutMs < 50,
    },
    {
      name: `snapshot manifest, ${snapshot.chunks} chunks`,
      unit: 'KiB',
      value: snapshot.manifest.length / 1024,
      target: 'for information',
    },
    compared(`snapshot out, ${(1000 / perGb(outMs)).toFixed(0)} MB/s`, 's/GB', perGb(outMs), floor, 'comparison'),
    compared(
      `snapshot in, ${(1000 / perGb(inwardsMs)).toFixed(0)} MB/s`,
      's/GB',
      perGb(inwardsMs),
      { name: 'hashing as many nodes', value: perGb(hashing(3 * tree.size)) },
      'at most 4 times the floor',
      4,
    ),
    {
      name: 'snapshot, longest check of one chunk',
      unit: 'ms',
      value: longestMs,
      target: '< 50 ms',
      reached: longestMs < 50,
    },
  ];
};

/** A million accounts in memory. */
export const benchState = async (): Promise<Figure[]> => {
  const entries = accounts(ACCOUNTS);
  const keys = entries.map(({ key }) => key);
  const before = heapBytes();
  const plain = new Map<string, Uint8Array>();
  for (const { key, value } of entries) plain.set(`${key.slice(0, 8)}${key.slice(8)}`, new Uint8Array(value ?? []));
  const plainBytes = (heapBytes() - before) / ACCOUNTS;
  plain.clear();
  const empty = heapBytes();
  const { value: tree, longestMs, ms } = await longestTurn(() => loadLedgerTree(inPieces(entries, 256)));
  const bytes = (heapBytes() - empty) / ACCOUNTS;
  const floorMs = hashing(3 * ACCOUNTS);
  return [
    compared(
      `state of ${ACCOUNTS} accounts, loaded`,
      'ms',
      ms,
      { name: 'hashing as many nodes', value: floorMs },
      'at most 8 times the floor',
      8,
    ),
    {
      name: `state of ${ACCOUNTS} accounts, longest turn of the main thread while it is loaded`,
      unit: 'ms',
      value: longestMs,
      target: '< 50 ms',
      reached: longestMs < 50,
    },
    compared(
      `state of ${ACCOUNTS} accounts, bytes for each beside its key`,
      'count',
      bytes,
      { name: 'a Map of keys and arrays', value: plainBytes },
      'comparison',
    ),
    ...benchChanges(tree, keys),
    ...benchProofs(tree, keys),
    ...(await benchSnapshot(tree)),
  ];
};

/** The same, a fifth of it, into the node's database and out again. */
export const benchStateStore = async (): Promise<Figure[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'hypermesh-bench-'));
  const { clock } = createSystemOutside();
  const database = await createStore(
    { logger: createSilentLogger(), metrics: null, clock },
    {
      path: join(folder, 'state.db'),
      workerPath: fileURLToPath(new URL('../../main/base/store/worker.ts', import.meta.url)),
    },
  );
  try {
    const entries = accounts(STORED);
    const genesis = testGenesis('bench');
    const store = createReplicaStore({ store: database, clock }, { network: sha256(genesis) });
    const adopting = await longestTurn(() => store.adopt(testAdopted(genesis, 10, inPieces(entries, 1000))));
    const loading = await longestTurn(async () => {
      const record = await store.load();
      if (record === null) throw new Error('nothing was stored');
      return loadLedgerTree(record.state);
    });
    if (loading.value.size !== STORED) throw new Error('entries are missing');
    const bare = new Database(join(folder, 'bare.db'));
    bare.pragma('journal_mode = WAL');
    bare.exec('CREATE TABLE bare (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID');
    const insert = bare.prepare('INSERT INTO bare VALUES (?, ?)');
    const bareInMs = inMs(() =>
      bare.transaction(() => {
        for (const { key, value } of entries) insert.run(key, Buffer.from(value ?? []));
      })(),
    );
    const bareOutMs = inMs(() => bare.prepare('SELECT key, value FROM bare ORDER BY key').all());
    bare.close();
    return [
      compared(
        `state of ${STORED} accounts, taken over into the database`,
        'ms',
        adopting.ms,
        { name: 'bare SQLite, one transaction', value: bareInMs },
        'comparison',
      ),
      compared(
        `state of ${STORED} accounts, loaded from the database, with its root`,
        'ms',
        loading.ms,
        { name: 'bare SQLite, one query, no root', value: bareOutMs },
        'comparison',
      ),
      ...[
        { name: 'taken over', value: adopting.longestMs },
        { name: 'loaded', value: loading.longestMs },
      ].map(
        ({ name, value }): Figure => ({
          name: `longest turn of the main thread while a state is ${name}`,
          unit: 'ms',
          value,
          target: '< 50 ms',
          reached: value < 50,
        }),
      ),
    ];
  } finally {
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
};
