import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { createStore, createSystemOutside, type AllocationId } from '../../main/base/index.ts';
import { createAllocationBook } from '../../main/kernel/assets/allocation-book.ts';
import { bookedOf, insertAsset } from '../support/booked.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { percentile, type Figure } from './figure.ts';

/** Allocations that live while the others come and go: the number that the book is built for. */
const LIVE = 10_000;
/** Pairs of allocate and release that are measured: enough for a steady p99, few enough for two seconds. */
const MEASURED = 2_000;
/** What both have to stay below, in ms. */
const TARGET_MS = 1;

/** Times of a bare commit of one row, in ms: better-sqlite3 in this thread, with the store's own journal settings. */
const bareCommits = (path: string): number[] => {
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec(
    'CREATE TABLE bare (id TEXT PRIMARY KEY, asset_id TEXT, resource TEXT, amount INTEGER, purpose TEXT, created_at_ms INTEGER) STRICT, WITHOUT ROWID',
  );
  const insert = db.prepare('INSERT INTO bare VALUES (?, ?, ?, ?, ?, ?)');
  for (let n = 0; n < LIVE; n++) insert.run(`live-${n}`, 'asset', 'cpu', 1, 'job-0123456789abcdef', 1);
  const times: number[] = [];
  for (let n = 0; n < MEASURED; n++) {
    const startMs = performance.now();
    insert.run(`alloc-${n}`, 'asset', 'cpu', 1, 'job-0123456789abcdef', 1);
    times.push(performance.now() - startMs);
  }
  db.close();
  return times;
};

/**
 * Allocates and releases beside 10 000 live allocations, one after the other, on the real store: its thread, its file,
 * its flush to the disk. The floor is the commit of one such row with nothing around it.
 */
export const benchAllocations = async (): Promise<Figure[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'));
  try {
    const outside = createSystemOutside();
    const logger = createSilentLogger();
    const store = await createStore(
      { logger, metrics: null, clock: outside.clock },
      {
        path: join(folder, 'hypermesh.db'),
        workerPath: fileURLToPath(new URL('../../main/base/store/worker.ts', import.meta.url)),
      },
    );
    const assetId = await insertAsset(store, 'cpu');
    const book = createAllocationBook({ outside, logger, metrics: null, store, onChange: () => undefined });
    await book.open();
    book.apply([bookedOf(assetId, 'cpu', 100, { capacity: { known: true, value: 10 * LIVE } })]);
    const holder = { setEffective: () => undefined, evict: () => undefined };
    const request = { resource: 'cpu' as const, amount: 1, purpose: 'job-0123456789abcdef', holder };
    await Promise.all(Array.from({ length: LIVE }, () => book.allocate([request])));

    const allocate: number[] = [];
    const release: number[] = [];
    const ids: AllocationId[] = [];
    for (let n = 0; n < MEASURED; n++) {
      const startMs = performance.now();
      ids.push(...(await book.allocate([request])));
      const betweenMs = performance.now();
      await book.release([ids.shift()!]);
      allocate.push(betweenMs - startMs);
      release.push(performance.now() - betweenMs);
    }
    if (book.size !== LIVE) throw new Error(`${book.size} allocations live where ${LIVE} should.`);
    await book.close();
    await store.close();
    const floor = bareCommits(join(folder, 'bare.db'));

    return (
      [
        ['allocate, row on disk', allocate],
        ['release, row deleted', release],
      ] as const
    ).flatMap(([name, times]) =>
      [0.5, 0.99].map((p): Figure => {
        const value = percentile(times, p);
        const peer = { name: 'one bare commit', value: percentile(floor, p) };
        return {
          name: `${name}, ${LIVE} live, p${p * 100}`,
          unit: 'ms',
          value,
          peer,
          ratio: value / peer.value,
          target: `< ${TARGET_MS} ms`,
          reached: value < TARGET_MS,
        };
      }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
