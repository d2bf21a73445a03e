import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SignedTransaction } from '../../../../../main/kernel/blocks/index.ts';
import { createPool, type Pool } from '../../../../../main/kernel/consensus/replica/pool.ts';
import { createTurns } from '../../../../../main/kernel/consensus/index.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';

interface Toy {
  account: string;
  nonce: number;
  fee: number;
  size: number;
}
let count = 0;
const make = (toy: Partial<Toy>): SignedTransaction => {
  const data: Toy = { account: 'a', nonce: 0, fee: 10, size: 100, ...toy };
  const hash = new Uint8Array(32);
  new DataView(hash.buffer).setUint32(0, ++count);
  return { hash, encoded: new Uint8Array(data.size), transaction: { data } } as unknown as SignedTransaction;
};
const toyOf = ({ transaction }: SignedTransaction): Toy => transaction.data as Toy;

interface Setting {
  pool: Pool;
  clock: ManualClock;
  /** Next nonce of each account. */
  next: Map<string, number>;
  dropped: { signed: SignedTransaction; reason: string }[];
  include(transactions: readonly SignedTransaction[]): void;
}
const setUp = (): Setting => {
  const clock = createManualClock();
  const next = new Map<string, number>();
  const dropped: { signed: SignedTransaction; reason: string }[] = [];
  const pool = createPool({
    app: {
      check: (signed) => {
        const { account, nonce } = toyOf(signed);
        const wanted = next.get(account) ?? 0;
        if (nonce < wanted) return { accepted: false, code: 'NONCE_USED', reason: 'used' };
        if (nonce > wanted + 64) return { accepted: false, code: 'NONCE_TOO_FAR', reason: 'far' };
        return nonce === wanted
          ? { accepted: true }
          : { accepted: false, code: 'NONCE_AHEAD', reason: 'others come first' };
      },
      rank: (signed) => {
        const { account, nonce, fee, size } = toyOf(signed);
        return { account, nonce, feePerByte: fee / size };
      },
    },
    clock,
    turns: createTurns({ clock }),
    stopped: new AbortController().signal,
    settled: () => undefined,
    state: () => ({ get: () => undefined, entries: () => [] }),
    place: () => ({ network: new Uint8Array(32), height: 1, timeMs: clock.nowMs() }),
    dropped: (signed, reason) => dropped.push({ signed, reason }),
  });
  return {
    pool,
    clock,
    next,
    dropped,
    include: (transactions) => {
      for (const one of transactions) next.set(toyOf(one).account, toyOf(one).nonce + 1);
      pool.settle(transactions);
    },
  };
};

describe('the pool of waiting transactions', () => {
  test('takes an account’s in the order of its nonces, and others by what they pay', () => {
    const { pool } = setUp();
    for (const toy of [
      { account: 'a', nonce: 1, fee: 900 },
      { account: 'a', nonce: 0, fee: 10 },
      { account: 'b', nonce: 0, fee: 50 },
      { account: 'c', nonce: 2, fee: 9_999 },
    ])
      expect(pool.add(make(toy)).taken).toBe(true);
    expect(
      pool
        .pick(10_000, 100)
        .map(toyOf)
        .map(({ account, nonce }) => `${account}${nonce}`),
    ).toEqual(['b0', 'a0', 'a1']);
    expect(pool.pick(250, 100)).toHaveLength(2);
    expect(pool.pick(10_000, 1)).toHaveLength(1);
  });

  test('a gap waits, and what fills it lets all behind it go', () => {
    const { pool, include } = setUp();
    expect(pool.add(make({ nonce: 2 })).taken).toBe(true);
    expect(pool.hasReady()).toBe(false);
    expect(pool.add(make({ nonce: 1 })).taken).toBe(true);
    expect(pool.hasReady()).toBe(false);
    pool.add(make({ nonce: 0 }));
    expect(pool.pick(10_000, 100).map((one) => toyOf(one).nonce)).toEqual([0, 1, 2]);
    include(pool.pick(100, 1));
    expect(pool.pick(10_000, 100).map((one) => toyOf(one).nonce)).toEqual([1, 2]);
  });

  test('a nonce gap of 10^9 is refused at once', () => {
    const { pool } = setUp();
    expect(pool.add(make({ nonce: 1_000_000_000 }))).toMatchObject({ taken: false, code: 'NONCE_TOO_FAR' });
    expect(pool.count).toBe(0);
  });

  test('a replacement has to pay a tenth more', () => {
    const { pool, dropped } = setUp();
    const first = make({ fee: 100 });
    pool.add(first);
    expect(pool.add(make({ fee: 109 }))).toMatchObject({ taken: false, code: 'REPLACEMENT_UNDERPRICED' });
    const second = make({ fee: 110 });
    expect(pool.add(second)).toMatchObject({ taken: true, replaced: first });
    expect(dropped.map(({ signed }) => signed)).toEqual([first]);
    expect(pool.list()).toEqual([second]);
  });

  test('one that lost its nonce to another leaves with a reason', () => {
    const { pool, dropped, next } = setUp();
    const loser = make({});
    pool.add(loser);
    next.set('a', 1);
    pool.settle([make({ nonce: 0 })]);
    expect(dropped).toMatchObject([{ signed: loser, reason: expect.stringContaining('NONCE_USED') as string }]);
    expect([pool.count, pool.bytes, pool.hasReady()]).toEqual([0, 0, false]);
  });

  test('is bounded: per account, in number, and what pays more pushes out what pays least', () => {
    const { pool, dropped } = setUp();
    for (let nonce = 0; nonce < 64; nonce++) pool.add(make({ account: 'many', nonce }));
    expect(pool.add(make({ account: 'many', nonce: 64 }))).toMatchObject({ taken: false, code: 'ACCOUNT_FULL' });
    for (let i = 0; i < 20_000; i++) pool.add(make({ account: `x${i}`, fee: 20 }));
    expect(pool.count).toBe(20_000);
    expect(pool.add(make({ account: 'poor', fee: 5 }))).toMatchObject({ taken: false, code: 'POOL_FULL' });
    const before = dropped.length;
    expect(pool.add(make({ account: 'rich', fee: 500 })).taken).toBe(true);
    expect(dropped.length).toBe(before + 1);
    expect(pool.count).toBe(20_000);
    expect(toyOf(pool.pick(100, 1)[0]!).account).toBe('rich');
  });

  test('a hundred thousand of no worth leave it as it was, and cost no more each than one that is taken', () => {
    const { pool } = setUp();
    const add = (offers: number, name: string, fee: number): { taken: number; microsEach: number } => {
      const offered = Array.from({ length: offers }, (_, i) => make({ account: `${name}${i}`, fee }));
      const began = process.cpuUsage();
      const taken = offered.reduce((sum, one) => sum + (pool.add(one).taken ? 1 : 0), 0);
      const { user, system } = process.cpuUsage(began);
      return { taken, microsEach: (user + system) / offers };
    };
    const worthy = add(20_000, 'x', 20);
    const junk = add(100_000, 'junk', 1);
    expect([worthy.taken, junk.taken, pool.count]).toEqual([20_000, 0, 20_000]);
    // Processor time, as others run beside it; a search through all that wait would take a thousand times as long.
    expect(junk.microsEach).toBeLessThan(20 * worthy.microsEach);
  });

  test('what nobody takes leaves after half an hour', async () => {
    const { pool, clock, dropped } = setUp();
    pool.add(make({}));
    await clock.advance(31 * 60_000);
    pool.age();
    expect(dropped[0]?.reason).toMatch(/half an hour/);
    expect(pool.count).toBe(0);
  });

  test('counts who leaves out what others would have had room for', async () => {
    const { pool, clock } = setUp();
    pool.add(make({}));
    pool.blame('p', clock.nowMs(), 1_000);
    expect(pool.leftOut('p')).toBe(0);
    await clock.advance(5_000);
    pool.blame('p', clock.nowMs(), 50);
    expect(pool.leftOut('p')).toBe(0);
    pool.blame('p', clock.nowMs(), 1_000);
    expect([pool.leftOut('p'), pool.leftOut('q')]).toEqual([1, 0]);
  });

  test('whatever comes: counts hold, and what is picked stands in a block in this order', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            account: fc.constantFrom('a', 'b', 'c'),
            nonce: fc.integer({ min: 0, max: 70 }),
            fee: fc.integer({ min: 1, max: 1_000 }),
            size: fc.integer({ min: 50, max: 400 }),
            take: fc.boolean(),
          }),
          { maxLength: 60 },
        ),
        (steps) => {
          const { pool, next, include } = setUp();
          for (const { take, ...toy } of steps) {
            pool.add(make(toy));
            const picked = pool.pick(1_000, 5);
            const at = new Map(next);
            for (const one of picked) {
              const { account, nonce } = toyOf(one);
              expect(nonce).toBe(at.get(account) ?? 0);
              at.set(account, nonce + 1);
            }
            if (take) include(picked);
            const all = pool.list();
            expect(all).toHaveLength(pool.count);
            expect(all.reduce((sum, { encoded }) => sum + encoded.length, 0)).toBe(pool.bytes);
            expect(pool.hasReady()).toBe(pool.pick(100_000, 1_000).length > 0);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});
