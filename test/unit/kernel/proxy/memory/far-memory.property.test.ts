import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPageTable } from '../../../../../main/kernel/proxy/memory/page-table.ts';
import { away, createLocalLender, createTestMemory, sealedBytes } from '../../../../support/far-memory.ts';

const PAGES = 8;
const PAGE = 4096;
const SLOT = PAGE + 24;
const SIZE = PAGES * PAGE;

const range = fc
  .tuple(fc.nat(SIZE), fc.oneof(fc.nat(100), fc.nat(SIZE)))
  .map(([offset, length]) => ({ offset, length: Math.min(length, SIZE - offset) }));
const operation = fc.oneof(
  range.map(({ offset, length }) => ({ kind: 'read' as const, offset, length })),
  fc.tuple(range, fc.nat(255)).map(([{ offset, length }, byte]) => ({ kind: 'write' as const, offset, length, byte })),
);

describe('sealed memory', () => {
  it.each([0, 3 * PAGE])(
    'is like plain memory, one after the other and all at once, with a cache of %i bytes',
    async (cacheBytes) => {
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 30 }), fc.boolean(), async (operations, atOnce) => {
          const memory = createTestMemory(createLocalLender(sealedBytes(PAGES)), { pages: PAGES, cacheBytes });
          const model = new Uint8Array(SIZE);
          const wrong: unknown[] = [];
          const checks: Promise<void>[] = [];
          for (const one of operations) {
            if (one.kind === 'read') {
              const wanted = model.slice(one.offset, one.offset + one.length);
              checks.push(
                memory.read(one.offset, one.length).then((bytes) => {
                  if (Buffer.compare(bytes, wanted) !== 0) wrong.push(one);
                }),
              );
            } else {
              const bytes = Uint8Array.from({ length: one.length }, (_, i) => (one.byte + i) & 0xff);
              model.set(bytes, one.offset);
              checks.push(memory.write(one.offset, bytes));
            }
            if (!atOnce) await checks.at(-1);
          }
          await Promise.all(checks);
          expect(wrong).toEqual([]);
          expect(Buffer.compare(await memory.read(0, SIZE), model)).toBe(0);
        }),
        { numRuns: 60 },
      );
    },
  );

  it('notices whatever its lender changes, and never hands it out', async () => {
    const damage = fc.oneof(
      fc.record({ kind: fc.constant('flip' as const), at: fc.nat(SLOT - 1), bit: fc.nat(7) }),
      fc.record({ kind: fc.constantFrom('old' as const, 'zero' as const, 'other' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(PAGES - 1), damage, async (page, how) => {
        const lender = createLocalLender(sealedBytes(PAGES));
        const memory = createTestMemory(lender, { pages: PAGES });
        await memory.write(0, new Uint8Array(SIZE).fill(1));
        const old = lender.bytes.slice(page * SLOT, (page + 1) * SLOT);
        await memory.write(0, new Uint8Array(SIZE).fill(2));
        const slot = lender.bytes.subarray(page * SLOT, (page + 1) * SLOT);
        if (how.kind === 'flip') slot[how.at] = (slot[how.at] ?? 0) ^ (1 << how.bit);
        else if (how.kind === 'old') slot.set(old);
        else if (how.kind === 'zero') slot.fill(0);
        else {
          const other = (page + 1) % PAGES;
          slot.set(lender.bytes.slice(other * SLOT, (other + 1) * SLOT));
        }
        const wrong = { code: 'PAGE_DAMAGED', data: { page } };
        await expect(memory.read(0, SIZE)).rejects.toMatchObject(wrong);
        await expect(memory.read(page * PAGE + 5, 1)).rejects.toMatchObject(wrong);
        await expect(memory.write(page * PAGE + 5, Uint8Array.of(1))).rejects.toMatchObject(wrong);
        await expect(memory.compareAndSwap(page * PAGE, new Uint8Array(8), new Uint8Array(8))).rejects.toMatchObject(
          wrong,
        );
        // A whole page needs nothing of what was there.
        await memory.write(page * PAGE, new Uint8Array(PAGE).fill(3));
        expect([...(await memory.read(page * PAGE, 2))]).toEqual([3, 3]);
      }),
      { numRuns: 60 },
    );
  });

  it('shows its lender nothing: equal pages look different, and no byte of theirs is there', async () => {
    const lender = createLocalLender(sealedBytes(PAGES));
    const memory = createTestMemory(lender, { pages: PAGES });
    const secret = Buffer.from('a sentence that nobody else may read, sixty-four bytes of it....');
    for (let i = 0; i < SIZE; i += secret.length) await memory.write(i, secret);
    expect(Buffer.from(lender.bytes).includes(secret.subarray(0, 8))).toBe(false);
    const pages = Array.from({ length: PAGES }, (_, i) =>
      Buffer.from(lender.bytes.subarray(i * SLOT + 24, (i + 1) * SLOT)).toString('hex'),
    );
    expect(new Set(pages).size).toBe(PAGES);
  });

  it('takes what was never written for zeros, whatever the lender has there', async () => {
    const lender = createLocalLender(sealedBytes(PAGES));
    lender.bytes.fill(0xaa);
    const memory = createTestMemory(lender, { pages: PAGES });
    await memory.write(PAGE, Uint8Array.of(1));
    expect([...(await memory.read(PAGE - 1, 3))]).toEqual([0, 1, 0]);
  });

  it('refuses ranges that are none', async () => {
    const memory = createTestMemory(createLocalLender(sealedBytes(PAGES)), { pages: PAGES });
    for (const [offset, length] of [
      [-1, 1],
      [0, -1],
      [SIZE, 1],
      [SIZE + 1, 0],
      [2 ** 53, 1],
      [2 ** 63, 1],
      [0, 2 ** 63],
      [0.5, 1],
      [Number.NaN, 1],
      [0, Number.POSITIVE_INFINITY],
    ] as const)
      await expect(memory.read(offset, length)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(memory.write(SIZE - 1, new Uint8Array(2))).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    expect(await memory.read(SIZE, 0)).toHaveLength(0);
  });

  it('reads either what was or what should be after a write whose answer was lost, then always the same', async () => {
    for (const arrived of [true, false]) {
      const lender = createLocalLender(sealedBytes(PAGES));
      const memory = createTestMemory(lender, { pages: PAGES });
      await memory.write(0, new Uint8Array(PAGE).fill(1));
      const old = lender.bytes.slice(0, SLOT);
      let lost = old;
      lender.after = () => {
        lost = lender.bytes.slice(0, SLOT);
        if (!arrived) lender.bytes.set(old, 0);
        throw away();
      };
      await expect(memory.write(0, new Uint8Array(PAGE).fill(2))).rejects.toMatchObject({ code: 'LENDER_AWAY' });
      lender.after = lender.before = null;
      expect((await memory.read(0, 1))[0]).toBe(arrived ? 2 : 1);
      // From now on the one that was not seen is none.
      lender.bytes.set(arrived ? old : lost, 0);
      await expect(memory.read(0, 1)).rejects.toMatchObject({ code: 'PAGE_DAMAGED' });
    }
  });

  it('swaps within one page, one at a time', async () => {
    const memory = createTestMemory(createLocalLender(sealedBytes(PAGES)), { pages: PAGES });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        memory.compareAndSwap(80, new Uint8Array(16), new Uint8Array(16).fill(i + 1)),
      ),
    );
    expect(outcomes.filter(({ swapped }) => swapped)).toHaveLength(1);
    expect([...(outcomes[7]?.found ?? [])]).toEqual([...(await memory.read(80, 16))]);
    await expect(memory.compareAndSwap(PAGE - 4, new Uint8Array(8), new Uint8Array(8))).rejects.toThrow(
      'within one page',
    );
    await expect(memory.compareAndSwap(0, new Uint8Array(7), new Uint8Array(7))).rejects.toThrow('8 to 64');
  });

  it('gives what its caller may change, and keeps what it has', async () => {
    const memory = createTestMemory(createLocalLender(sealedBytes(PAGES)), { pages: PAGES, cacheBytes: 4 * PAGE });
    await memory.write(0, new Uint8Array(PAGE).fill(1));
    const first = await memory.read(0, 8);
    first.fill(9);
    expect(await memory.read(0, 8)).toEqual(new Uint8Array(8).fill(1));
    const { swapped, found } = await memory.compareAndSwap(0, new Uint8Array(8).fill(1), new Uint8Array(8).fill(2));
    expect({ swapped, found: [...found] }).toEqual({ swapped: true, found: Array(8).fill(1) });
    found.fill(9);
    expect(await memory.read(0, 9)).toEqual(Uint8Array.of(2, 2, 2, 2, 2, 2, 2, 2, 1));
  });

  it('does a batch in order, and tells the first thing that went wrong', async () => {
    const memory = createTestMemory(createLocalLender(sealedBytes(PAGES)), { pages: PAGES });
    const results = await memory.batch([
      { kind: 'write', offset: 10, bytes: Uint8Array.of(1, 2) },
      { kind: 'read', offset: 10, length: 2 },
      { kind: 'write', offset: 11, bytes: Uint8Array.of(9) },
      { kind: 'read', offset: 10, length: 2 },
    ]);
    expect(results.map((bytes) => bytes && [...bytes])).toEqual([null, [1, 2], null, [1, 9]]);
    await expect(memory.batch([{ kind: 'read', offset: SIZE, length: 1 }])).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
    });
  });

  it('lets its caller go when it is told to, and ends when it is closed', async () => {
    const lender = createLocalLender(sealedBytes(PAGES));
    const memory = createTestMemory(lender, { pages: PAGES });
    await memory.write(0, new Uint8Array(PAGE));
    const gate = Promise.withResolvers<void>();
    lender.before = () => gate.promise;
    const controller = new AbortController();
    const read = memory.read(0, 10, { signal: controller.signal });
    controller.abort(new Error('enough'));
    await expect(read).rejects.toThrow('enough');
    gate.resolve();
    await memory.close();
    await expect(memory.read(0, 1)).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('goes on after its borrower broke off: newer pages count, older ones do not', async () => {
    const lender = createLocalLender(sealedBytes(PAGES));
    const first = createTestMemory(lender, { pages: PAGES });
    await first.write(0, new Uint8Array(SIZE).fill(1));
    const ancient = lender.bytes.slice();
    await first.write(0, new Uint8Array(SIZE).fill(2));
    const rows = new Map(first.table.takeChanged().map(({ row, bytes }) => [row, bytes]));
    await first.write(PAGE, new Uint8Array(PAGE).fill(3));
    const table = createPageTable({ pages: PAGES, base: 2 ** 40, recovering: true, rows });
    const second = createTestMemory(lender, { pages: PAGES, table });
    expect((await second.read(0, 1))[0]).toBe(2);
    expect((await second.read(PAGE, 1))[0]).toBe(3);
    lender.bytes.set(ancient);
    await expect(second.read(PAGE, 1)).rejects.toMatchObject({ code: 'PAGE_DAMAGED' });
    await expect(second.read(5 * PAGE, 1)).rejects.toMatchObject({ code: 'PAGE_DAMAGED' });
  });
});

describe('mirrored memory', () => {
  const mirrored = async () => {
    const lenders = [createLocalLender(sealedBytes(PAGES)), createLocalLender(sealedBytes(PAGES))] as const;
    const memory = createTestMemory(lenders[0], { pages: PAGES });
    await memory.write(100, new Uint8Array(20_000).fill(1));
    await memory.mirror(lenders[1]);
    return { lenders, memory };
  };

  it('has the same at both, what was there before with it', async () => {
    const { lenders, memory } = await mirrored();
    await memory.write(15_000, new Uint8Array(10_000).fill(2));
    expect(memory.mirrored).toBe(true);
    // Parts that nobody wrote are nobody's business.
    expect(Buffer.compare(lenders[0].bytes.subarray(0, 7 * SLOT), lenders[1].bytes.subarray(0, 7 * SLOT))).toBe(0);
  });

  it('reads from the second what the first damaged, and puts the first right', async () => {
    const { lenders, memory } = await mirrored();
    lenders[0].bytes.fill(0, 0, 3 * SLOT);
    expect([...(await memory.read(99, 3))]).toEqual([0, 1, 1]);
    expect(Buffer.compare(lenders[0].bytes.subarray(0, SLOT), lenders[1].bytes.subarray(0, SLOT))).toBe(0);
    lenders[0].bytes.fill(0, SLOT, 2 * SLOT);
    lenders[1].bytes.fill(0, SLOT, 2 * SLOT);
    await expect(memory.read(PAGE, 1)).rejects.toMatchObject({ code: 'PAGE_DAMAGED' });
  });

  it('goes on when the first is away, and takes a third in its place', async () => {
    const { lenders, memory } = await mirrored();
    lenders[0].before = () => Promise.reject(away());
    await memory.write(0, new Uint8Array(PAGE).fill(5));
    expect((await memory.read(0, 1))[0]).toBe(5);
    expect(memory.mirrored).toBe(false);
    const third = createLocalLender(sealedBytes(PAGES));
    const writes: Promise<void>[] = [];
    third.after = () => {
      if (writes.length < 3) writes.push(memory.write(writes.length * PAGE, new Uint8Array(PAGE).fill(6)));
    };
    await memory.mirror(third);
    await Promise.all(writes);
    expect(memory.mirrored).toBe(true);
    lenders[1].before = () => Promise.reject(away());
    expect((await memory.read(0, 1))[0]).toBe(writes.length > 0 ? 6 : 5);
    expect((await memory.read(4 * PAGE, 1))[0]).toBe(1);
  });

  it('fails where both are away, and stays usable', async () => {
    const { lenders, memory } = await mirrored();
    for (const lender of lenders) lender.before = () => Promise.reject(away());
    await expect(memory.write(0, new Uint8Array(PAGE))).rejects.toMatchObject({ code: 'LENDER_AWAY' });
    for (const lender of lenders) lender.before = null;
    expect((await memory.read(100, 1))[0]).toBe(1);
    await memory.close();
  });
});
