import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../../../base/index.ts';
import type { FarMemory, MemoryOperation } from '../interface.ts';
import type { MemoryClient } from './client.ts';
import { COPY_BYTES_MAX, PART_BYTES, SWAP_BYTES_MAX, SWAP_BYTES_MIN } from './constants.ts';
import { closedError, outOfRange } from './errors.ts';
import type { Lanes } from './lanes.ts';
import { createPageCache } from './page-cache.ts';
import type { PageSeal } from './page-seal.ts';
import type { PageTable } from './page-table.ts';
import { createRangeLocks } from './range-locks.ts';

const checkRange = (offset: number, length: number, sizeBytes: number): void => {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0)
    throw outOfRange(offset, length, sizeBytes);
  if (offset > sizeBytes - length) throw outOfRange(offset, length, sizeBytes);
};
/** Lets a caller go before its operation is over; the operation goes on, as nobody knows how far it is. */
const untilAborted = <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
};
const batchOf = async (
  memory: Pick<FarMemory, 'read' | 'write'>,
  operations: readonly MemoryOperation[],
): Promise<readonly (Uint8Array | null)[]> => {
  // Begun in order and in one turn: they leave together, and where two touch the same bytes the first one is first.
  const outcomes = await Promise.allSettled(
    operations.map(async (operation) => {
      if (operation.kind === 'read') return memory.read(operation.offset, operation.length);
      await memory.write(operation.offset, operation.bytes);
      return null;
    }),
  );
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
};
const checkSwap = (expected: Uint8Array, replacement: Uint8Array): void => {
  assert(
    expected.length === replacement.length && expected.length >= SWAP_BYTES_MIN && expected.length <= SWAP_BYTES_MAX,
    'A compare-and-swap replaces 8 to 64 bytes with as many.',
  );
};

/** Bytes as they are: for borrowers who own the lender, and for measuring what sealing costs. Nothing that the lender changes is noticed. */
export const createPlainMemory = (client: MemoryClient, sizeBytes: number, pageBytes: number): FarMemory => {
  const parts = (offset: number, length: number): { at: number; bytes: number }[] =>
    Array.from({ length: Math.ceil(length / PART_BYTES) }, (_, i) => ({
      at: offset + i * PART_BYTES,
      bytes: Math.min(PART_BYTES, length - i * PART_BYTES),
    }));
  const memory: FarMemory = {
    sizeBytes,
    pageBytes,
    read: async (offset, length, options = {}) => {
      checkRange(offset, length, sizeBytes);
      if (length > 0 && length <= PART_BYTES) {
        const bytes = await untilAborted(client.read(offset, length), options.signal);
        // A small answer is a view of what came with others.
        return length > COPY_BYTES_MAX ? bytes : bytes.slice();
      }
      const whole = Buffer.allocUnsafeSlow(length);
      await untilAborted(
        Promise.all(
          parts(offset, length).map(async ({ at, bytes }) => {
            const place = whole.subarray(at - offset, at - offset + bytes);
            const found = await client.read(at, bytes, place);
            // What is short comes as it lies.
            if (found !== place) place.set(found);
          }),
        ),
        options.signal,
      );
      return whole;
    },
    write: async (offset, bytes, options = {}) => {
      checkRange(offset, bytes.length, sizeBytes);
      await untilAborted(
        Promise.all(
          parts(offset, bytes.length).map(({ at, bytes: count }) =>
            client.write(at, bytes.subarray(at - offset, at - offset + count)),
          ),
        ),
        options.signal,
      );
    },
    compareAndSwap: async (offset, expected, replacement) => {
      checkSwap(expected, replacement);
      checkRange(offset, expected.length, sizeBytes);
      const { swapped, found } = await client.swap(offset, expected, replacement);
      return { swapped, found: found.slice() };
    },
    batch: (operations) => batchOf(memory, operations),
    close: async () => {
      client.close();
      return Promise.resolve();
    },
  };
  return memory;
};

export interface SealedMemoryComponents {
  /** The lender, or both. */
  lanes: Lanes;
  seal: PageSeal;
  table: PageTable;
  /** Told of every page that came back otherwise than it was written. */
  onDamaged: (page: number) => void;
}
export interface SealedMemory extends FarMemory {
  /** Copies everything to another lender as it lies, while reads and writes go on. */
  copyTo(target: MemoryClient): Promise<void>;
}
export interface SealedMemoryInit {
  sizeBytes: number;
  /** Bytes of pages that are kept here: small reads next to each other, and small writes, take one way instead of many. */
  cacheBytes: number;
}
/** Pages that a small read fetches beyond its own when it follows the one before. */
const READ_AHEAD_PAGES = 8;

/**
 * Memory whose lender sees noise. Every page is sealed by itself; the table says which stamp it must come back with. Where only part
 * of a page is written the rest is fetched first, unless it is here.
 */
export const createSealedMemory = (components: SealedMemoryComponents, init: SealedMemoryInit): SealedMemory => {
  const { lanes, seal, table, onDamaged } = components;
  const { pageBytes, slotBytes } = seal;
  const { sizeBytes } = init;
  const partPages = Math.max(1, Math.floor(PART_BYTES / pageBytes));
  const locks = createRangeLocks();
  const cache = createPageCache(Math.floor(init.cacheBytes / pageBytes));
  const zeros: Uint8Array = new Uint8Array(pageBytes);
  let lastMissed = -2;
  let closed = false;

  const locked = async <T>(first: number, last: number, exclusive: boolean, work: () => Promise<T>): Promise<T> => {
    const { ready, release } = locks.acquire(first, last, exclusive);
    try {
      if (ready !== null) await ready;
      return await work();
    } finally {
      release();
    }
  };
  /** @returns the page as it was written, or null */
  const openPage = (page: number, slots: Uint8Array, at: number): Uint8Array | null => {
    if (table.isBlank(page)) return zeros;
    const stamp = seal.stampOf(slots, at);
    if (!table.accepts(page, stamp)) return null;
    // What was never written with success is all zeros, and so is its stamp.
    const plain = stamp === 0 ? zeros : seal.open(page, stamp, slots, at);
    if (plain !== null) table.saw(page, stamp);
    return plain;
  };
  const areBlank = (first: number, count: number): boolean => {
    let blank = true;
    for (let page = first; blank && page < first + count; page++) blank = table.isBlank(page);
    return blank;
  };
  /** Fetches pages one after the other, which must be locked. @returns pages, and the bytes that they came in, whole */
  const fetchSealed = async (first: number, count: number): Promise<{ opened: Uint8Array[]; slots: Uint8Array }> => {
    const opened: Uint8Array[] = [];
    let whole: Uint8Array = zeros;
    await lanes.read(first * slotBytes, count * slotBytes, (slots) => {
      whole = slots;
      for (let i = opened.length; i < count; i++) {
        const plain = openPage(first + i, slots, i * slotBytes);
        if (plain === null) {
          onDamaged(first + i);
          return { damaged: first + i, from: i * slotBytes, bytes: slotBytes };
        }
        opened.push(plain);
      }
      return null;
    });
    return { opened, slots: whole };
  };
  const load = async (first: number, count: number, give: (page: number, plain: Uint8Array) => void): Promise<void> => {
    if (areBlank(first, count)) {
      for (let page = first; page < first + count; page++) give(page, zeros);
      return;
    }
    const { opened } = await fetchSealed(first, count);
    for (let i = 0; i < count; i++) give(first + i, opened[i] as Uint8Array);
  };
  const pageOf = async (page: number): Promise<Uint8Array> => {
    const kept = cache.get(page);
    if (kept !== null) return kept;
    let found = zeros;
    await load(page, 1, (_, plain) => {
      found = plain;
    });
    return found;
  };
  const store = async (first: number, count: number, plainOf: (page: number) => Uint8Array): Promise<void> => {
    const slots = Buffer.allocUnsafe(count * slotBytes);
    const stamps: number[] = [];
    for (let i = 0; i < count; i++) {
      const stamp = table.next();
      stamps.push(stamp);
      seal.seal(first + i, stamp, plainOf(first + i), slots, i * slotBytes);
    }
    try {
      await lanes.write(first * slotBytes, slots);
    } catch (error) {
      stamps.forEach((stamp, i) => {
        table.maybeWrote(first + i, stamp);
        cache.delete(first + i);
      });
      throw error;
    }
    stamps.forEach((stamp, i) => table.wrote(first + i, stamp));
  };
  const runs = (first: number, last: number): { from: number; count: number }[] => {
    const found: { from: number; count: number }[] = [];
    for (let from = first; from <= last; from += partPages)
      found.push({ from, count: Math.min(partPages, last - from + 1) });
    return found;
  };

  const readSmall = async (page: number, from: number, length: number): Promise<Uint8Array> => {
    const ahead = init.cacheBytes > 0 && page === lastMissed + 1 ? READ_AHEAD_PAGES : 1;
    const last = Math.min(table.pages - 1, page + ahead - 1);
    return locked(page, last, false, async () => {
      // Looked for under the lock: a write before this read has ended by now.
      let wanted = cache.get(page);
      if (wanted === null) {
        lastMissed = last;
        await load(page, last - page + 1, (which, plain) => {
          cache.set(which, plain);
          if (which === page) wanted = plain;
        });
      }
      return (wanted ?? zeros).slice(from, from + length);
    });
  };
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (length === 0) return new Uint8Array(0);
    const first = Math.floor(offset / pageBytes);
    const last = Math.floor((offset + length - 1) / pageBytes);
    if (first === last && length < pageBytes) return readSmall(first, offset % pageBytes, length);
    return locked(first, last, false, async () => {
      const whole = Buffer.allocUnsafeSlow(length);
      const put = (page: number, plain: Uint8Array): void => {
        const at = page * pageBytes - offset;
        const from = Math.max(0, -at);
        const to = Math.min(pageBytes, length - at);
        whole.set(from === 0 && to === pageBytes ? plain : plain.subarray(from, to), at + from);
      };
      await Promise.all(runs(first, last).map(({ from, count }) => load(from, count, put)));
      return whole;
    });
  };
  const write = async (offset: number, bytes: Uint8Array): Promise<void> => {
    if (bytes.length === 0) return;
    const end = offset + bytes.length;
    const first = Math.floor(offset / pageBytes);
    const last = Math.floor((end - 1) / pageBytes);
    await locked(first, last, true, async () => {
      const isPartial = (page: number): boolean => page * pageBytes < offset || (page + 1) * pageBytes > end;
      // At most two, and both at once.
      const edges = new Map<number, Uint8Array>();
      const partial = [...new Set([first, last])].filter(isPartial);
      if (partial.length > 0)
        await Promise.all(
          partial.map(async (page) => {
            const at = page * pageBytes;
            const plain = (await pageOf(page)).slice();
            plain.set(bytes.subarray(Math.max(0, at - offset), at + pageBytes - offset), Math.max(0, offset - at));
            edges.set(page, plain);
          }),
        );
      const plainOf = (page: number): Uint8Array =>
        edges.get(page) ?? bytes.subarray(page * pageBytes - offset, (page + 1) * pageBytes - offset);
      const stored: Promise<void>[] = [];
      for (const { from, count } of runs(first, last)) {
        // The part before leaves while this one is sealed, and others have their turn.
        if (stored.length > 0) await nextTurn();
        const one = store(from, count, plainOf);
        // Told below, after all of them were begun.
        one.catch(() => undefined);
        stored.push(one);
      }
      await Promise.all(stored);
      for (let page = first; page <= last; page++) {
        const edge = edges.get(page);
        if (edge === undefined) cache.delete(page);
        else cache.set(page, edge);
      }
    });
  };
  const guard = (): void => {
    if (closed) throw closedError();
  };
  const memory: SealedMemory = {
    sizeBytes,
    pageBytes,
    copyTo: async (target) => {
      for (const { from, count } of runs(0, table.pages - 1)) {
        guard();
        if (areBlank(from, count)) continue;
        await locked(from, from + count - 1, false, async () => {
          const { slots } = await fetchSealed(from, count);
          await target.write(from * slotBytes, slots.slice());
        });
      }
    },
    read: async (offset, length, options = {}) => {
      guard();
      checkRange(offset, length, sizeBytes);
      return untilAborted(read(offset, length), options.signal);
    },
    write: async (offset, bytes, options = {}) => {
      guard();
      checkRange(offset, bytes.length, sizeBytes);
      await untilAborted(write(offset, bytes), options.signal);
    },
    compareAndSwap: async (offset, expected, replacement) => {
      guard();
      checkSwap(expected, replacement);
      checkRange(offset, expected.length, sizeBytes);
      const page = Math.floor(offset / pageBytes);
      const from = offset % pageBytes;
      assert(from + expected.length <= pageBytes, 'A compare-and-swap must lie within one page.');
      return locked(page, page, true, async () => {
        const before = await pageOf(page);
        const found = before.slice(from, from + expected.length);
        if (!Buffer.from(found).equals(expected)) return { swapped: false, found };
        const after = before.slice();
        after.set(replacement, from);
        await store(page, 1, () => after);
        cache.set(page, after);
        return { swapped: true, found };
      });
    },
    batch: (operations) => batchOf(memory, operations),
    close: async () => {
      closed = true;
      lanes.close();
      return Promise.resolve();
    },
  };
  return memory;
};
