import { createHash, createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemOutside } from '../../main/base/index.ts';
import type { FarMemory } from '../../main/kernel/proxy/interface.ts';
import { createBareMemory, createFarMemory } from '../../main/kernel/proxy/memory/create-far-memory.ts';
import { createPageTable } from '../../main/kernel/proxy/memory/page-table.ts';
import { createMemoryWorld, leaseOf, type MemoryWorld, type WorldNode } from '../support/far-memory.ts';
import { createSilentLogger } from '../support/silent-logger.ts';

/** The bench does the same with 1 GiB and two processes. */
const WHOLE_BYTES = 64 * 2 ** 20;
const PAGE_BYTES = 8192;
const BLOCK_BYTES = 2 ** 20;

let world: MemoryWorld;
let lender: WorldNode;
let borrower: WorldNode;
let leases = 0;

beforeAll(async () => {
  world = await createMemoryWorld(2, 'tls');
  [lender, borrower] = world.nodes as [WorldNode, WorldNode];
});
afterAll(() => world.stop());

const blockOf = (number: number): Uint8Array => {
  const block = Buffer.alloc(BLOCK_BYTES, createHash('sha512').update(String(number)).digest());
  // No two pages are alike, so that none can stand for another.
  for (let at = 0; at < BLOCK_BYTES; at += 4096) block.writeUInt32BE(at, at + 100);
  return block;
};
const kinds: Record<string, (pages: number) => Promise<FarMemory>> = {
  sealed: async (pages) => {
    const id = leaseOf((leases += 1));
    await lender.lend(borrower, id, pages * (PAGE_BYTES + 24));
    return createFarMemory(
      {
        outside: createSystemOutside(),
        logger: createSilentLogger(),
        metrics: null,
        client: borrower.clientOf(lender, id),
      },
      {
        key: createSecretKey(new Uint8Array(32).fill(3)),
        table: createPageTable({ pages, base: 0, recovering: false, rows: new Map() }),
        pageBytes: PAGE_BYTES,
      },
    );
  },
  plain: async (pages) => {
    const id = leaseOf((leases += 1));
    await lender.lend(borrower, id, pages * PAGE_BYTES);
    return createBareMemory(borrower.clientOf(lender, id), pages * PAGE_BYTES, PAGE_BYTES);
  },
};

describe.each(Object.entries(kinds))('far memory, %s, as FarMemory promises', (_kind, make) => {
  it('is zero at first, and has its size', async () => {
    const memory = await make(8);
    expect([memory.sizeBytes, memory.pageBytes]).toEqual([8 * PAGE_BYTES, PAGE_BYTES]);
    expect((await memory.read(0, memory.sizeBytes)).every((byte) => byte === 0)).toBe(true);
    await memory.close();
  });

  it('keeps 64 MiB, written and read back out of order', async () => {
    const memory = await make(WHOLE_BYTES / PAGE_BYTES);
    const count = WHOLE_BYTES / BLOCK_BYTES;
    const order = Array.from({ length: count }, (_, i) => (i * 37) % count);
    for (let i = 0; i < count; i += 4)
      await Promise.all(order.slice(i, i + 4).map((n) => memory.write(n * BLOCK_BYTES, blockOf(n))));
    let wrong = 0;
    for (let n = 0; n < count; n++)
      if (Buffer.compare(await memory.read(n * BLOCK_BYTES, BLOCK_BYTES), blockOf(n)) !== 0) wrong += 1;
    expect(wrong).toBe(0);
    await memory.close();
  });

  it('hands out bytes that are the caller’s own', async () => {
    const memory = await make(2);
    const given = new Uint8Array(100).fill(1);
    await memory.write(0, given);
    given.fill(2);
    const taken = await memory.read(0, 100);
    taken.fill(3);
    expect([...(await memory.read(0, 2))]).toEqual([1, 1]);
    await memory.close();
  });

  it('swaps once, does batches in order, and refuses what lies outside', async () => {
    const memory = await make(2);
    const [zero, one] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    expect((await memory.compareAndSwap(64, zero, one)).swapped).toBe(true);
    const second = await memory.compareAndSwap(64, zero, one);
    expect([second.swapped, ...second.found]).toEqual([false, ...one]);
    const results = await memory.batch([
      { kind: 'write', offset: 0, bytes: Uint8Array.of(7) },
      { kind: 'read', offset: 0, length: 1 },
    ]);
    expect(results.map((bytes) => bytes && [...bytes])).toEqual([null, [7]]);
    for (const [offset, length] of [
      [-1, 1],
      [memory.sizeBytes, 1],
      [0, memory.sizeBytes + 1],
      [2 ** 63, 1],
    ] as const)
      await expect(memory.read(offset, length)).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await expect(memory.write(memory.sizeBytes - 1, new Uint8Array(2))).rejects.toMatchObject({ code: 'OUT_OF_RANGE' });
    await memory.close();
  });

  it('ends when it is closed', async () => {
    const memory = await make(1);
    await memory.read(0, 1);
    await memory.close();
    await expect(memory.read(0, 1)).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
