import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreError, type AssetId, type Store } from '../../../../main/base/index.ts';
import { createAllocationBook, type DrivenAllocationBook } from '../../../../main/kernel/assets/allocation-book.ts';
import {
  ALLOCATIONS_MAX,
  LIST_PAGE_SIZE,
  RISE_DELAY_MS,
  USE_REPORT_MAX_AGE_MS,
} from '../../../../main/kernel/assets/constants.ts';
import { AllocationError } from '../../../../main/kernel/assets/index.ts';
import { bookedOf, evaluationOf, insertAsset, requestOf } from '../../../support/booked.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

let clock: ManualClock;
let store: Store;
let book: DrivenAllocationBook;
let cpu: AssetId;
let memory: AssetId;
let changes: number;
/** Set to have the next write refused. */
let refuse: 'insert' | 'delete' | null;

const diskFull = (): StoreError =>
  new StoreError({ code: 'DISK_FULL', path: '/x' }, 'The disk is full; free some space.');
const create = (): DrivenAllocationBook =>
  createAllocationBook({
    outside: { clock, random: createSeededRandom(1) },
    logger: createSilentLogger(),
    metrics: null,
    store: {
      all: (name, sql, params) => store.all(name, sql, params),
      get: (name, sql, params) => store.get(name, sql, params),
      run: (name, sql, params) =>
        name === `allocations.${refuse}` ? Promise.reject(diskFull()) : store.run(name, sql, params),
      transaction: (name, statements) =>
        name === `allocations.${refuse}` ? Promise.reject(diskFull()) : store.transaction(name, statements),
      sizeBytes: () => store.sizeBytes(),
      close: () => store.close(),
    },
    onChange: () => changes++,
  });
const rows = async (): Promise<number> =>
  (await store.get<{ n: number }>('test.count', 'SELECT count(*) AS n FROM allocations'))?.n ?? -1;
const promiseOf = (resource: string) => book.promises().find((promise) => promise.resource === resource)!;

beforeEach(async () => {
  clock = createManualClock();
  store = await createMemoryStore(clock);
  cpu = await insertAsset(store, 'cpu');
  memory = await insertAsset(store, 'memory');
  changes = 0;
  refuse = null;
  book = create();
  await book.open();
  book.apply([bookedOf(cpu, 'cpu', 50), bookedOf(memory, 'memory', 50)]);
});
afterEach(() => store.close());

describe('allocate', () => {
  it('has the row on disk and the holder told when it resolves', async () => {
    const request = requestOf('cpu', 300);
    const [id] = await book.allocate([request]);
    expect(await store.all('test.rows', 'SELECT * FROM allocations')).toEqual([
      { id, asset_id: cpu, resource: 'cpu', amount: 300, purpose: request.purpose, created_at_ms: clock.nowMs() },
    ]);
    expect(request.told).toEqual([300]);
    expect(promiseOf('cpu')).toEqual({
      resource: 'cpu',
      unit: 'millicores',
      lendable: 500,
      promised: 300,
      effective: 300,
      measured: null,
      allocations: 1,
    });
    expect(changes).toBeGreaterThan(0);
  });

  it('refuses one unit more than is free, and takes exactly what is free', async () => {
    await book.allocate([requestOf('cpu', 300)]);
    await expect(book.allocate([requestOf('cpu', 201)])).rejects.toMatchObject({
      code: 'LEVEL_EXCEEDED',
      data: { amount: 201, free: 200, lendable: 500, reason: 'Slider: at most 50 %' },
    });
    await book.allocate([requestOf('cpu', 200)]);
    expect(promiseOf('cpu').promised).toBe(500);
  });

  it('is all or nothing over several resources', async () => {
    const requests = [requestOf('cpu', 100), requestOf('memory', 501)];
    await expect(book.allocate(requests)).rejects.toMatchObject({
      code: 'LEVEL_EXCEEDED',
      data: { resource: 'memory' },
    });
    // The same resource twice counts twice.
    await expect(book.allocate([requestOf('cpu', 300), requestOf('cpu', 300)])).rejects.toMatchObject({
      code: 'LEVEL_EXCEEDED',
    });
    expect([book.size, await rows(), promiseOf('cpu').promised]).toEqual([0, 0, 0]);
    expect(requests[0]!.told).toEqual([]);
    expect(await book.allocate([requestOf('cpu', 100), requestOf('memory', 500)])).toHaveLength(2);
    expect(await rows()).toBe(2);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity, 2 ** 53])('refuses an amount of %s', async (amount) => {
    await expect(book.allocate([requestOf('cpu', amount)])).rejects.toMatchObject({ code: 'AMOUNT_INVALID' });
  });

  it('refuses what is unknown, paused, of unknown size, or asked for while the node does not run', async () => {
    await expect(book.allocate([requestOf('network', 1)])).rejects.toMatchObject({ code: 'RESOURCE_UNKNOWN' });
    book.apply([bookedOf(cpu, 'cpu', 0, { evaluation: evaluationOf('cpu', 0, 'pause') })]);
    await expect(book.allocate([requestOf('cpu', 1)])).rejects.toMatchObject({ code: 'PAUSED' });
    book.apply([bookedOf(null, 'cpu', 50, { capacity: { known: false, reason: 'no engine answers' } })]);
    await expect(book.allocate([requestOf('cpu', 1)])).rejects.toMatchObject({
      code: 'CAPACITY_UNKNOWN',
      data: { reason: 'no engine answers' },
    });
    await book.close();
    await expect(book.allocate([requestOf('memory', 1)])).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    await expect(create().allocate([requestOf('memory', 1)])).rejects.toBeInstanceOf(AllocationError);
  });

  it('keeps to the owner’s own bound', async () => {
    book.apply([bookedOf(cpu, 'cpu', 50, { amountMax: 20 })]);
    await expect(book.allocate([requestOf('cpu', 21)])).rejects.toMatchObject({
      code: 'LEVEL_EXCEEDED',
      data: { lendable: 20 },
    });
    await book.allocate([requestOf('cpu', 20)]);
  });

  it('takes the promise back when the disk refuses the row', async () => {
    refuse = 'insert';
    const request = requestOf('cpu', 500);
    await expect(book.allocate([request])).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect([book.size, promiseOf('cpu').promised, request.told]).toEqual([0, 0, []]);
    refuse = null;
    await book.allocate([requestOf('cpu', 500)]);
  });

  it('takes everything back when an adapter cannot reserve', async () => {
    const released: string[] = [];
    const adapter = {
      elasticity: 'space' as const,
      allocate: ({ resource }: { resource: string }) =>
        resource === 'memory' ? Promise.reject(new Error('no quota')) : Promise.resolve(),
      release: ({ resource }: { resource: string }) => Promise.resolve(void released.push(resource)),
    };
    book.apply([
      bookedOf(cpu, 'cpu', 50, { adapter: { ...adapter, elasticity: 'share' } }),
      bookedOf(memory, 'memory', 50, { adapter }),
    ]);
    await expect(book.allocate([requestOf('cpu', 1), requestOf('memory', 1)])).rejects.toThrow('no quota');
    expect([released, book.size, await rows()]).toEqual([['cpu'], 0, 0]);
  });

  it('does not start what a pause has overtaken while the row was written', async () => {
    const request = requestOf('cpu', 100);
    const waiting = book.allocate([request]);
    book.apply([bookedOf(cpu, 'cpu', 0, { evaluation: evaluationOf('cpu', 0, 'pause') })]);
    await expect(waiting).rejects.toMatchObject({ code: 'PAUSED' });
    expect([request.told, book.size, await rows()]).toEqual([[], 0, 0]);
  });

  it('is bounded', async () => {
    book.apply([bookedOf(cpu, 'cpu', 100, { capacity: { known: true, value: ALLOCATIONS_MAX * 2 } })]);
    const chunk = 32;
    const all: Promise<unknown>[] = [];
    for (let n = 0; n < ALLOCATIONS_MAX; n += chunk)
      all.push(book.allocate(Array.from({ length: chunk }, () => requestOf('cpu', 1))));
    await Promise.all(all);
    expect(book.size).toBe(ALLOCATIONS_MAX);
    await expect(book.allocate([requestOf('cpu', 1)])).rejects.toMatchObject({ code: 'TOO_MANY_ALLOCATIONS' });
  });
});

describe('release', () => {
  it('gives the amount back, deletes the row, and may be called twice', async () => {
    const [id] = await book.allocate([requestOf('cpu', 500)]);
    await book.release([id!]);
    await book.release([id!]);
    expect([book.size, promiseOf('cpu').promised, promiseOf('cpu').effective, await rows()]).toEqual([0, 0, 0, 0]);
    await book.allocate([requestOf('cpu', 500)]);
  });

  it('gives the amount back even if the row cannot be deleted yet, and deletes it later', async () => {
    const [id] = await book.allocate([requestOf('cpu', 500)]);
    refuse = 'delete';
    await book.release([id!]);
    expect([book.size, await rows()]).toEqual([0, 1]);
    refuse = null;
    book.apply([bookedOf(cpu, 'cpu', 50)]);
    await clock.advance(0);
    expect(await rows()).toBe(0);
  });
});

describe('a level that changes', () => {
  it('squeezes what can be squeezed, in proportion, and lets it rise again', async () => {
    const [a, b] = [requestOf('cpu', 300), requestOf('cpu', 200)];
    const [, second] = await book.allocate([a, b]);
    book.apply([bookedOf(cpu, 'cpu', 10)]);
    expect([a.told, b.told]).toEqual([
      [300, 60],
      [200, 40],
    ]);
    expect(promiseOf('cpu')).toMatchObject({ lendable: 100, promised: 500, effective: 100 });
    book.apply([bookedOf(cpu, 'cpu', 10)]);
    expect(a.told).toEqual([300, 60]);
    // What one gives back the others get, a moment later.
    await book.release([second!]);
    expect(a.told).toEqual([300, 60]);
    await clock.advance(RISE_DELAY_MS);
    expect(a.told).toEqual([300, 60, 100]);
    book.apply([bookedOf(cpu, 'cpu', 100)]);
    expect(a.told).toEqual([300, 60, 100, 300]);
    expect(clock.pendingCount).toBe(0);
  });

  it('freezes everything at 0 and tells nobody what he knows already', async () => {
    const request = requestOf('cpu', 300);
    await book.allocate([request]);
    book.apply([bookedOf(cpu, 'cpu', 0)]);
    book.apply([bookedOf(cpu, 'cpu', 0)]);
    expect(request.told).toEqual([300, 0]);
  });

  it('evicts the newest of what cannot be squeezed, until the rest fits', async () => {
    const requests = [requestOf('memory', 200), requestOf('memory', 200), requestOf('memory', 100)];
    const ids: string[] = [];
    for (const request of requests) ids.push(...(await book.allocate([request])));
    book.apply([bookedOf(memory, 'memory', 25)]);
    expect(requests.map((request) => request.evicted.length)).toEqual([0, 1, 1]);
    expect(requests[1]!.evicted[0]).toBe('memory has to go back to its owner: Slider: at most 25 %');
    // Until their holders have ended, their amounts are not free for anybody else.
    expect(promiseOf('memory')).toMatchObject({ lendable: 250, promised: 500, effective: 200 });
    book.apply([bookedOf(memory, 'memory', 50)]);
    await expect(book.allocate([requestOf('memory', 1)])).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
    await book.release(
      book
        .list()
        .slice(0, 2)
        .map((view) => view.id as never),
    );
    await book.allocate([requestOf('memory', 300)]);
  });

  it('lets memory stay through a pause, and admits nothing more', async () => {
    const request = requestOf('memory', 500);
    await book.allocate([request]);
    book.apply([bookedOf(memory, 'memory', 0, { evaluation: evaluationOf('memory', 0, 'pause', 50) })]);
    expect(request.evicted).toEqual([]);
    expect(promiseOf('memory')).toMatchObject({ lendable: 500, promised: 500, effective: 500 });
    await expect(book.allocate([requestOf('memory', 1)])).rejects.toMatchObject({ code: 'PAUSED' });
  });

  it('counts what is evicted but has not ended when something new is about to begin', async () => {
    book.apply([bookedOf(memory, 'memory', 100)]);
    await book.allocate([requestOf('memory', 500)]);
    const waiting = book.allocate([requestOf('memory', 500)]);
    book.apply([bookedOf(memory, 'memory', 40)]);
    book.apply([bookedOf(memory, 'memory', 50)]);
    await expect(waiting).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED', data: { free: 0 } });
  });

  it('tells those that fall before those that rise', async () => {
    // Alabama paradox: with one unit more to share out, the smallest gets one less.
    const small = (percent: number) => bookedOf(cpu, 'cpu', percent, { capacity: { known: true, value: 100 } });
    book.apply([small(100)]);
    const now = [0, 0, 0];
    const sums: number[] = [];
    const holderOf = (index: number) => ({
      setEffective: (effective: number) => {
        now[index] = effective;
        sums.push(now.reduce((a, b) => a + b, 0));
      },
      evict: () => undefined,
    });
    for (const [index, amount] of [6, 6, 2].entries())
      await book.allocate([{ resource: 'cpu', amount, purpose: 'p', holder: holderOf(index) }]);
    book.apply([small(10)]);
    expect(now).toEqual([4, 4, 2]);
    sums.length = 0;
    book.apply([small(11)]);
    expect(now).toEqual([5, 5, 1]);
    expect(Math.max(...sums)).toBe(11);
  });

  it('ends nothing because a capacity could not be read once', async () => {
    const request = requestOf('memory', 500);
    await book.allocate([request]);
    book.apply([bookedOf(memory, 'memory', 50, { capacity: { known: false, reason: 'busy' } })]);
    expect(request.evicted).toEqual([]);
  });

  it('copes with holders that release or fail while they are told', async () => {
    const order: string[] = [];
    const ids: string[] = [];
    const holderOf = (index: number) => ({
      setEffective: (effective: number) => {
        order.push(`${index}:${effective}`);
        if (effective < 100 && index === 0) void book.release([ids[1] as never]);
      },
      evict: () => undefined,
    });
    for (let index = 0; index < 3; index++)
      ids.push(...(await book.allocate([{ resource: 'cpu', amount: 100, purpose: 'p', holder: holderOf(index) }])));
    book.apply([bookedOf(cpu, 'cpu', 15)]);
    expect(order).toEqual(['0:100', '1:100', '2:100', '0:50', '2:50']);
    await clock.advance(RISE_DELAY_MS);
    expect(order.slice(5)).toEqual(['0:75', '2:75']);
  });
});

describe('the book', () => {
  it('deletes what a crash left, then is empty', async () => {
    await book.allocate([requestOf('cpu', 100), requestOf('memory', 100)]);
    const next = create();
    expect(await next.open()).toBe(2);
    expect([next.size, await rows()]).toEqual([0, 0]);
  });

  it('lists newest first, a page at a time', async () => {
    for (let n = 0; n < LIST_PAGE_SIZE + 5; n++) await book.allocate([requestOf('cpu', 1)]);
    const first = book.list();
    expect(first).toHaveLength(LIST_PAGE_SIZE);
    const second = book.list(first.at(-1)!.id);
    expect(second).toHaveLength(5);
    expect(new Set([...first, ...second].map((view) => view.id)).size).toBe(LIST_PAGE_SIZE + 5);
    expect(book.list('alloc-0000000000000000')).toEqual([]);
    expect(first[0]).toMatchObject({ assetId: cpu, resource: 'cpu', unit: 'millicores', promised: 1, effective: 1 });
  });

  it('adds up what holders report, while it is fresh', async () => {
    expect(promiseOf('cpu').measured).toBe(0);
    const ids = await book.allocate([requestOf('cpu', 100), requestOf('cpu', 100)]);
    expect(promiseOf('cpu').measured).toBeNull();
    book.reportUse(ids[0]!, 40.5);
    book.reportUse(ids[1]!, 2);
    book.reportUse('alloc-0000000000000000' as never, 9);
    expect(promiseOf('cpu').measured).toBe(42.5);
    await clock.advance(USE_REPORT_MAX_AGE_MS + 1);
    expect(promiseOf('cpu').measured).toBeNull();
  });

  it('evicts everything when told to, once', async () => {
    const requests = [requestOf('cpu', 100), requestOf('memory', 100)];
    const ids = await book.allocate(requests);
    expect(book.evictAll('You stopped everything.')).toBe(2);
    expect(book.evictAll('You stopped everything.')).toBe(0);
    expect(requests.map((request) => request.evicted)).toEqual([
      ['You stopped everything.'],
      ['You stopped everything.'],
    ]);
    await book.release(ids);
    expect(book.size).toBe(0);
  });
});

describe('work that yields', () => {
  const yielding = (amount: number) => {
    const request = requestOf('cpu', amount);
    const left: number[] = [];
    return {
      ...request,
      yields: true,
      left,
      holder: { ...request.holder, yielded: (now: number) => void left.push(now) },
    };
  };

  it('gives back what others ask for, at once and no more than that', async () => {
    const proofs = yielding(400);
    await book.allocate([proofs]);
    expect(book.free('cpu')).toBe(promiseOf('cpu').lendable);
    const { lendable } = promiseOf('cpu');
    const wanted = lendable! - 100;
    const asked = book.allocate([requestOf('cpu', wanted)]);
    // Before anything is on disk: whoever comes in their place begins later.
    expect(proofs.left).toEqual([100]);
    expect(proofs.told).toEqual([400, 100]);
    await asked;
    expect(promiseOf('cpu').promised).toBe(lendable);
    expect(promiseOf('cpu').effective).toBe(lendable);
    await book.allocate([requestOf('cpu', 100)]);
    expect(proofs.left).toEqual([100, 0]);
    await expect(book.allocate([requestOf('cpu', 1)])).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
  });

  it('loses nothing to a request that is refused all the same', async () => {
    const proofs = yielding(400);
    await book.allocate([proofs]);
    await expect(book.allocate([requestOf('cpu', promiseOf('cpu').lendable! + 1)])).rejects.toMatchObject({
      code: 'LEVEL_EXCEEDED',
    });
    await expect(book.allocate([requestOf('cpu', 200), requestOf('memory', 10_000)])).rejects.toMatchObject({
      code: 'LEVEL_EXCEEDED',
    });
    expect(proofs.left).toEqual([]);
  });

  it('takes nothing from anybody itself', async () => {
    await book.allocate([requestOf('cpu', promiseOf('cpu').lendable!)]);
    await expect(book.allocate([yielding(1)])).rejects.toMatchObject({ code: 'LEVEL_EXCEEDED' });
    const other = yielding(1);
    expect(other.left).toEqual([]);
  });
});
