import { setImmediate as nextTurn } from 'node:timers/promises';
import { assert } from '../../../base/index.ts';
import { CHUNK_BYTES, ZERO_BYTES } from './constants.ts';
import { MemoryError } from './errors.ts';

/** Memory that is lent: every byte of it is really there from the beginning, and zero. */
export interface Pool {
  readonly sizeBytes: number;
  /** Views of a range, in order: one, or two where it lies over a seam. Offset and length must be within. */
  views(offset: number, length: number): readonly Uint8Array[];
  /** Overwrites everything with zeros and gives it back to the system. Views are empty from then on. May be called twice. */
  release(): Promise<void>;
}

/** Writes to every byte, so that the system has to have it, with pauses: nothing else waits longer than one of {@link ZERO_BYTES}. */
const zero = async (chunk: Uint8Array): Promise<void> => {
  for (let at = 0; at < chunk.length; at += ZERO_BYTES) {
    chunk.fill(0, at, Math.min(chunk.length, at + ZERO_BYTES));
    await nextTurn();
  }
};

/** @throws {MemoryError} `NO_ROOM` when the system does not have so much; nothing is kept then */
export const createPool = async (sizeBytes: number): Promise<Pool> => {
  assert(Number.isSafeInteger(sizeBytes) && sizeBytes > 0, 'A pool has a byte at least.');
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let released: Promise<void> | null = null;
  /** Zeroed before it goes; moved to a buffer of no bytes, as the collector of garbage would let the memory wait. */
  const giveBack = async (): Promise<void> => {
    for (const chunk of chunks) {
      await zero(chunk);
      chunk.buffer.transfer(0);
    }
    chunks = [];
  };
  try {
    for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
      const chunk = new Uint8Array(Math.min(CHUNK_BYTES, sizeBytes - at));
      chunks.push(chunk);
      await zero(chunk);
    }
  } catch (cause) {
    await giveBack();
    throw new MemoryError(
      { code: 'NO_ROOM', bytes: sizeBytes },
      `The lender's system does not have ${sizeBytes} bytes of memory now; ask for less, or ask another lender.`,
      { cause },
    );
  }
  return {
    sizeBytes,
    views: (offset, length) => {
      assert(offset >= 0 && length >= 0 && offset + length <= sizeBytes, 'A range of a pool must be within.');
      const views: Uint8Array[] = [];
      for (let at = offset, end = offset + length; at < end; ) {
        const chunk = chunks[Math.floor(at / CHUNK_BYTES)];
        if (chunk === undefined) break;
        const from = at % CHUNK_BYTES;
        const view = chunk.subarray(from, Math.min(chunk.length, from + end - at));
        views.push(view);
        at += view.length;
      }
      return views;
    },
    release: () => (released ??= giveBack()),
  };
};
