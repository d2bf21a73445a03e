import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assert,
  isNodeError,
  StoreError,
  type AllocationId,
  type AssetId,
  type Store,
} from '../../../../main/base/index.ts';
import { createAllocationBook, type DrivenAllocationBook } from '../../../../main/kernel/assets/allocation-book.ts';
import { bookedOf, insertAsset } from '../../../support/booked.ts';
import { createManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

const CAPACITY = 1000;
type Name = 'cpu' | 'memory';
const percent = fc.integer({ min: 0, max: 100 });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('allocate' as const),
      requests: fc.array(
        fc.record({ resource: fc.constantFrom<Name>('cpu', 'memory'), amount: fc.integer({ min: 1, max: 400 }) }),
        { minLength: 1, maxLength: 3 },
      ),
      write: fc.constantFrom('ok', 'ok', 'ok', 'refused', 'written, then lost'),
      /** Asked for by work that can wait; only where all of it is processor. */
      yields: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      which: fc.nat(),
      write: fc.constantFrom('ok', 'ok', 'refused'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('level' as const),
      resource: fc.constantFrom<Name>('cpu', 'memory'),
      percent,
      keep: percent,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 300 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
);

/** What holders believe they may take, checked at every word that they are told. */
class Truth {
  readonly percent: Record<Name, number> = { cpu: 60, memory: 60 };
  readonly keep: Record<Name, number> = { cpu: 60, memory: 60 };
  /** While a level falls, holders are told one after the other: until the last of them, the old level holds. */
  ceiling: Record<Name, number> = { cpu: 600, memory: 600 };
  readonly held = new Map<object, { resource: Name; amount: number; effective: number }>();
  sum(resource: Name, of: 'amount' | 'effective'): number {
    let sum = 0;
    for (const held of this.held.values()) if (held.resource === resource) sum += held[of];
    return sum;
  }
  limitOf(resource: Name): number {
    return Math.floor((CAPACITY * (resource === 'cpu' ? this.percent.cpu : this.keep.memory)) / 100);
  }
  check(resource: Name): void {
    assert(
      this.sum(resource, 'effective') <= this.ceiling[resource],
      `More ${resource} is in effect than the level allows.`,
    );
  }
}

describe('the allocation book, under any interleaving of requests, releases, levels, failing writes and crashes', () => {
  it('never promises more than the level at admission, never has more in effect, and leaks nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(step, { minLength: 1, maxLength: 40 }), async (scheduler, steps) => {
        const clock = createManualClock();
        const disk = await createMemoryStore(clock);
        const random = createSeededRandom(7);
        const assets: Record<Name, AssetId> = {
          cpu: await insertAsset(disk, 'cpu'),
          memory: await insertAsset(disk, 'memory'),
        };
        const truth = new Truth();
        let ids: AllocationId[] = [];
        const holderOf = new Map<AllocationId, object>();
        /** How the next insert, and all deletes until changed, turn out. */
        let insert = 'ok';
        let remove = 'ok';

        /** The disk as one life of the node sees it: answers come when the scheduler says, and not after a crash. */
        const lifeOf = (): { store: Store; end: () => void } => {
          let alive = true;
          const never = new Promise<never>(() => undefined);
          const write = <T>(name: string, act: () => Promise<T>): Promise<T> => {
            const how = name === 'allocations.insert' ? insert : remove;
            insert = name === 'allocations.insert' ? 'ok' : insert;
            const full = (): StoreError =>
              new StoreError({ code: 'DISK_FULL', path: '/x' }, 'The disk is full; free some space.');
            return scheduler.schedule(Promise.resolve(), name).then(async () => {
              if (!alive) return never;
              if (how === 'refused') throw full();
              const result = await act();
              if (how !== 'ok') throw full();
              return alive ? result : never;
            });
          };
          return {
            store: {
              ...disk,
              all: (name, sql, params) => disk.all(name, sql, params),
              get: (name, sql, params) => disk.get(name, sql, params),
              sizeBytes: () => disk.sizeBytes(),
              close: () => disk.close(),
              run: (name, sql, params) =>
                name === 'allocations.purge'
                  ? disk.run(name, sql, params)
                  : write(name, () => disk.run(name, sql, params)),
              transaction: (name, statements) => write(name, () => disk.transaction(name, statements)),
            },
            end: () => {
              alive = false;
            },
          };
        };
        let life = lifeOf();
        const begin = (): DrivenAllocationBook =>
          createAllocationBook({
            outside: { clock, random },
            logger: createSilentLogger(),
            metrics: null,
            store: life.store,
            onChange: () => undefined,
          });
        let book = begin();
        await book.open();
        const applyLevels = (): void => {
          for (const name of ['cpu', 'memory'] as const)
            truth.ceiling[name] = Math.max(truth.ceiling[name], truth.limitOf(name));
          book.apply(
            (['cpu', 'memory'] as const).map((name) => {
              const booked = bookedOf(assets[name], name, truth.percent[name], {
                capacity: { known: true, value: CAPACITY },
              });
              return { ...booked, evaluation: { ...booked.evaluation, keepPercent: truth.keep[name] } };
            }),
          );
          for (const name of ['cpu', 'memory'] as const) {
            truth.ceiling[name] = truth.limitOf(name);
            truth.check(name);
          }
        };
        applyLevels();

        const pending: Promise<unknown>[] = [];
        for (const action of steps) {
          if (action.do === 'allocate') {
            const mine = book;
            const holders = action.requests.map(() => ({}));
            insert = action.write;
            const yields = action.yields && action.requests.every(({ resource }) => resource === 'cpu');
            const requests = action.requests.map(({ resource, amount }, index) => ({
              resource,
              amount,
              purpose: 'p',
              yields,
              holder: {
                yielded: (left: number) => {
                  if (mine !== book) return;
                  const held = truth.held.get(holders[index]!);
                  assert(yields && held !== undefined && left < held.amount, 'Only what yields is made to.');
                  Object.assign(held, { amount: left, effective: Math.min(held.effective, left) });
                },
                setEffective: (effective: number) => {
                  if (mine !== book) return;
                  const holder = holders[index]!;
                  const isNew = !truth.held.has(holder);
                  truth.held.set(holder, { resource, amount: truth.held.get(holder)?.amount ?? amount, effective });
                  truth.check(resource);
                  assert(
                    !isNew || truth.sum(resource, 'amount') <= Math.floor((CAPACITY * truth.percent[resource]) / 100),
                    `More ${resource} is promised at an admission than the level allows.`,
                  );
                },
                evict: () => {
                  // It ends within a second; until it has, the book keeps its amount promised but not in effect.
                  const held = truth.held.get(holders[index]!);
                  if (held !== undefined) held.effective = 0;
                },
              },
            }));
            pending.push(
              book.allocate(requests).then(
                (made) => {
                  if (mine !== book) return;
                  made.forEach((id, index) => holderOf.set(id, holders[index]!));
                  ids.push(...made);
                },
                (error: unknown) => {
                  assert(isNodeError(error), 'A refusal is an expected failure.');
                  for (const holder of holders)
                    assert(!truth.held.has(holder), 'A holder was told of a refused allocation.');
                },
              ),
            );
            insert = 'ok';
          } else if (action.do === 'release') {
            const id = ids[action.which % Math.max(1, ids.length)];
            if (id === undefined) continue;
            ids = ids.filter((other) => other !== id);
            remove = action.write;
            truth.held.delete(holderOf.get(id)!);
            pending.push(book.release([id]));
            remove = 'ok';
          } else if (action.do === 'level') {
            truth.percent[action.resource] = action.percent;
            truth.keep[action.resource] =
              action.resource === 'cpu' ? action.percent : Math.max(action.percent, action.keep);
            applyLevels();
          } else if (action.do === 'time') clock.advanceSync(action.ms);
          else {
            life.end();
            life = lifeOf();
            truth.held.clear();
            ids = [];
            book = begin();
            await book.open();
            const left = await disk.all('test.rows', 'SELECT id FROM allocations');
            assert(left.length === 0, 'A crash leaves no row behind.');
            applyLevels();
            pending.length = 0;
          }
          if (scheduler.count() > 0 && action.do !== 'allocate') await scheduler.waitOne();
          // Nobody squeezed for longer than it takes: what is in effect is what holders were told.
          for (const promise of book.promises()) {
            expect(promise.effective).toBe(truth.sum(promise.resource as Name, 'effective'));
            expect(promise.effective).toBeLessThanOrEqual(promise.lendable!);
          }
        }
        // In the end everybody goes home.
        for (let round = 0; round < 200 && scheduler.count() > 0; round++) await scheduler.waitOne();
        await Promise.all(pending.map((one) => Promise.race([one, clock.advance(0)])));
        const last = book.release(ids);
        for (let round = 0; round < 200; round++) {
          applyLevels();
          await clock.advance(0);
          if (scheduler.count() === 0) break;
          await scheduler.waitOne();
        }
        await last;
        expect(book.size).toBe(0);
        for (const promise of book.promises())
          expect([promise.promised, promise.effective, promise.allocations]).toEqual([0, 0, 0]);
        expect(await disk.all('test.rows', 'SELECT id FROM allocations')).toEqual([]);
        await disk.close();
      }),
      { numRuns: 400 },
    );
  });
});
