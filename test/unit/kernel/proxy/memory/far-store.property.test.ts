import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPageTable, type PageTable } from '../../../../../main/kernel/proxy/memory/page-table.ts';
import { createFarStore } from '../../../../../main/kernel/proxy/memory/store/far-store.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import {
  away,
  createLocalLender,
  createTestMemory,
  type LocalLender,
  sealedBytes,
} from '../../../../support/far-memory.ts';

const world = (pages: number, seed = 1) => {
  const clock: ManualClock = createManualClock();
  const outside = { clock, random: createSeededRandom(seed) };
  const lender: LocalLender = createLocalLender(sealedBytes(pages));
  let base = 0;
  let table: PageTable | null = null;
  /** What the borrower wrote down, row by row. */
  const rows = new Map<number, Uint8Array>();
  /** Opens the store as a borrower does that was started again, in order or not. */
  const open = async (clean = true, cacheBytes = 0) => {
    for (const { row, bytes } of clean ? (table?.takeChanged() ?? []) : []) rows.set(row, bytes);
    const recovering = !clean || table?.hasDoubts === true;
    table = createPageTable({ pages, base, recovering, rows });
    base += 2 ** 40;
    const memory = createTestMemory(lender, { pages, table, outside });
    return createFarStore({ outside, memory, metrics: null }, { cacheBytes });
  };
  return { clock, lender, open };
};
const valueOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 7) & 0xff);
const hexOf = (value: Uint8Array | null): string | null => value && Buffer.from(value).toString('hex');
const key = fc.constantFrom('a', 'b', 'c', 'ü', 'key/5', 'x'.repeat(256));
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      key,
      length: fc.oneof(fc.nat(200), fc.nat(20_000)),
      ttlMs: fc.option(fc.integer({ min: 1, max: 5000 })),
      seed: fc.nat(1000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), clean: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(4000) }) },
);

describe('a store in far memory', () => {
  it.each([0, 64 * 1024])('is a map with times, also after restarts, with a cache of %i bytes', async (cacheBytes) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
        const { clock, open } = world(96);
        let store = await open(true, cacheBytes);
        const model = new Map<string, { value: Uint8Array; expiresAtMs: number }>();
        const wrong: unknown[] = [];
        const live = (name: string): Uint8Array | null => {
          const entry = model.get(name);
          return entry !== undefined && entry.expiresAtMs > clock.nowMs() ? entry.value : null;
        };
        for (const one of steps) {
          if (one.kind === 'set') {
            const value = valueOf(one.length, one.seed);
            await store.set(one.key, value, { ttlMs: one.ttlMs });
            model.set(one.key, { value, expiresAtMs: one.ttlMs === null ? Infinity : clock.nowMs() + one.ttlMs });
          } else if (one.kind === 'delete') {
            if ((await store.delete(one.key)) !== (live(one.key) !== null)) wrong.push(one);
            model.delete(one.key);
          } else if (one.kind === 'get') {
            const found = await store.get(one.key);
            const wanted = live(one.key);
            if (hexOf(found) !== hexOf(wanted)) wrong.push(one);
          } else if (one.kind === 'restart') store = await open(one.clean, cacheBytes);
          else clock.advanceSync(one.ms);
        }
        expect(wrong).toEqual([]);
        for (const name of model.keys()) {
          const [found, wanted] = [await store.get(name), live(name)];
          expect(found && Buffer.from(found).toString('hex')).toBe(wanted && Buffer.from(wanted).toString('hex'));
        }
        expect(store.stats().keys).toBe([...model.keys()].filter((name) => live(name) !== null).length);
      }),
      { numRuns: 40 },
    );
  });

  it('keeps up with a long life: many changes in little room, with restarts', async () => {
    const { open } = world(64, 3);
    const random = createSeededRandom(5);
    let store = await open();
    const model = new Map<string, Uint8Array>();
    const wrong: number[] = [];
    for (let i = 0; i < 4000; i++) {
      const name = `key ${random.below(40)}`;
      if (random.below(5) === 0) {
        if ((await store.delete(name)) !== model.delete(name)) wrong.push(i);
      } else {
        const value = valueOf(random.below(3000), i);
        await store.set(name, value);
        model.set(name, value);
      }
      if (i % 700 === 699) store = await open(i % 1400 === 699);
    }
    expect(wrong).toEqual([]);
    for (let i = 0; i < 40; i++) {
      const found = await store.get(`key ${i}`);
      expect(found === null ? null : Buffer.from(found).toString('hex')).toBe(
        model.has(`key ${i}`) ? Buffer.from(model.get(`key ${i}`) as Uint8Array).toString('hex') : null,
      );
    }
  });

  it('does what is asked at once, in the order of the calls', async () => {
    const { open } = world(256);
    const store = await open();
    const outcomes = await Promise.all([
      store.set('a', Uint8Array.of(1)),
      store.set('a', Uint8Array.of(2)),
      store.delete('a'),
      store.delete('a'),
      store.set('a', Uint8Array.of(3)),
      ...Array.from({ length: 500 }, (_, i) => store.set(`many ${i}`, valueOf(50, i))),
    ]);
    expect(outcomes.slice(2, 4)).toEqual([true, false]);
    expect(await store.get('a')).toEqual(Uint8Array.of(3));
    expect(store.stats().keys).toBe(501);
    expect(await (await open()).get('many 499')).toEqual(valueOf(50, 499));
  });

  it('keeps values of 8 MiB in many parts, and refuses larger ones', async () => {
    const { open } = world(8192);
    const store = await open();
    const large = valueOf(8 * 2 ** 20, 5);
    await store.set('large', large);
    await store.set('small', valueOf(10, 1));
    expect(Buffer.compare((await store.get('large')) as Uint8Array, large)).toBe(0);
    expect(Buffer.compare((await (await open()).get('large')) as Uint8Array, large)).toBe(0);
    await expect(store.set('larger', new Uint8Array(8 * 2 ** 20 + 1))).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
    });
  });

  it('says when it is full, keeps what it has, and takes more after deletions', async () => {
    const { open } = world(64);
    const store = await open();
    let count = 0;
    await expect(
      (async () => {
        for (;;) {
          await store.set(`key ${count}`, valueOf(3000, count));
          count += 1;
        }
      })(),
    ).rejects.toMatchObject({ code: 'MEMORY_FULL' });
    expect(store.stats().keys).toBe(count);
    expect(store.stats().usedBytes).toBeGreaterThan(0.75 * store.stats().sizeBytes);
    for (let i = 0; i < count; i += 2) expect(await store.delete(`key ${i}`)).toBe(true);
    for (let i = 0; i < count; i += 4) await store.set(`key ${i}`, valueOf(2000, i));
    expect(await store.get('key 1')).toEqual(valueOf(3000, 1));
    expect(await (await open()).get('key 4')).toEqual(valueOf(2000, 4));
  });

  it('refuses keys that are none', async () => {
    const store = await world(64).open();
    for (const name of ['', 'x'.repeat(257), 'ü'.repeat(129), '\ud800'])
      await expect(store.set(name, new Uint8Array(1))).rejects.toMatchObject({ code: 'KEY_INVALID' });
    await expect(store.get('')).rejects.toMatchObject({ code: 'KEY_INVALID' });
  });

  it('notices every byte that its lender changes, in values and after a restart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.constantFrom('flip', 'zero', 'old'), async (seed, how) => {
        const { lender, open } = world(64);
        const store = await open();
        await store.set('a', valueOf(9000, 1));
        const old = lender.bytes.slice();
        await store.set('a', valueOf(9000, 2));
        await store.set('b', valueOf(9000, 3));
        const used: number[] = [];
        for (let page = 0; page < 64; page++) if (lender.bytes[page * 4120 + 7] !== 0) used.push(page);
        const page = used[seed % used.length] as number;
        const slot = lender.bytes.subarray(page * 4120, (page + 1) * 4120);
        const before = slot.slice();
        if (how === 'flip') slot[seed % 4120] = (slot[seed % 4120] ?? 0) ^ 1;
        else if (how === 'zero') slot.fill(0);
        else slot.set(old.subarray(page * 4120, (page + 1) * 4120));
        const changed = Buffer.compare(before, slot) !== 0;
        const right = [valueOf(9000, 2), valueOf(9000, 3)].map((value) => Buffer.from(value).toString('hex'));
        const codeOf = (error: unknown): string => (error as { code: string }).code;
        const seen = await Promise.all(
          ['a', 'b'].map((name) => store.get(name).then((value) => Buffer.from(value ?? []).toString('hex'), codeOf)),
        );
        seen.forEach((outcome, i) => expect([right[i], 'PAGE_DAMAGED']).toContain(outcome));
        // What lies in records that count no more is noticed when it is looked at, which a start does.
        const reopened = await open().then(() => 'opened', codeOf);
        expect(reopened).toBe(changed ? 'PAGE_DAMAGED' : 'opened');
      }),
      { numRuns: 60 },
    );
  });

  it('keeps what was acknowledged when its lender fails at any moment, and what failed is whole or not there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(30), { minLength: 5, maxLength: 60 }), fc.nat(100), async (names, seed) => {
        const { lender, open } = world(64, seed);
        const random = createSeededRandom(seed);
        let store = await open();
        /** Values that a key may have: one once it is known. */
        const model = new Map<string, (string | null)[]>();
        const codes = new Set<string>();
        for (const [i, number] of names.entries()) {
          const name = `key ${number % 9}`;
          const value = number % 4 === 0 ? null : valueOf(random.below(6000), i);
          const fails = random.below(6) === 0;
          if (fails) {
            lender.before = (operation) =>
              operation === 'write' && random.below(2) === 0 ? Promise.reject(away()) : undefined;
            lender.after = () => (random.below(2) === 0 ? Promise.reject(away()) : undefined);
          }
          try {
            if (value === null) await store.delete(name);
            else await store.set(name, value);
            model.set(name, [hexOf(value)]);
          } catch (error) {
            codes.add((error as { code: string }).code);
            model.set(name, [...(model.get(name) ?? [null]), hexOf(value)]);
          }
          lender.before = lender.after = null;
          if (random.below(8) === 0) store = await open(false);
          expect(model.get(name)).toContain(hexOf(await store.get(name)));
        }
        expect([...codes].filter((code) => code !== 'LENDER_AWAY')).toEqual([]);
        store = await open(false);
        for (const [name, values] of model) expect(values).toContain(hexOf(await store.get(name)));
      }),
      { numRuns: 60 },
    );
  });
});
