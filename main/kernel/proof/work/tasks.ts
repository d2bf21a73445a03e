import { createSystemOutside } from '../../../base/system-outside.ts';
import type { Task } from '../../../base/workers/index.ts';
import type { WorkStatement } from './format.ts';
import { createMultiplier } from './generate-kernel.ts';
import { drawRows, leftRows, rightMatrix } from './generate-streams.ts';
import { HASH_BYTES, leavesOf, levelAbove, levelsAbove } from './generate-tree.ts';

/** A range of rows of the product. */
export interface RowsInput {
  seed: Uint8Array;
  from: number;
  count: number;
}
/** Hashes of consecutive rows or nodes, 32 bytes each, and how long this took the thread. */
export interface HashesOutput {
  hashes: Uint8Array;
  busyMs: number;
}
export interface OpenInput {
  seed: Uint8Array;
  statement: WorkStatement;
}
export interface OpenOutput {
  /** In the order of the draw. */
  rows: { number: number; row: Uint8Array; leaf: Uint8Array }[];
}

/** Rows of a slice that are in memory at once: 256 KiB of the left matrix. */
const ROWS_AT_ONCE = 128;

const timed = (work: () => Uint8Array): HashesOutput => {
  // A thread is a world of its own: no Outside is handed into it.
  const { clock } = createSystemOutside();
  const startMs = clock.monotonicMs();
  const hashes = work();
  return { hashes, busyMs: clock.monotonicMs() - startMs };
};

/** Slices of making a proof of work. */
export const workTasks: Record<string, Task> = {
  /** Takes {@link RowsInput}, multiplies, gives {@link HashesOutput} of the rows: they are made again where one is opened. */
  'proof.work.multiply': (input) =>
    timed(() => {
      const { seed, from, count } = input as RowsInput;
      const multiply = createMultiplier(rightMatrix(seed));
      const hashes = new Uint8Array(count * HASH_BYTES);
      for (let done = 0; done < count; done += ROWS_AT_ONCE) {
        const rows = Math.min(ROWS_AT_ONCE, count - done);
        hashes.set(leavesOf(multiply(leftRows(seed, from + done, rows))), done * HASH_BYTES);
      }
      return hashes;
    }),
  /** Takes rows that a card has multiplied, gives {@link HashesOutput}. */
  'proof.work.leaves': (input) => timed(() => leavesOf(input as Uint8Array)),
  /** Takes an even part of one level of the tree, gives {@link HashesOutput} of the part above it. */
  'proof.work.level': (input) => timed(() => levelAbove(input as Uint8Array)),
  /** Takes one level of the tree, gives all above it, up to the root. */
  'proof.work.levels': (input) => levelsAbove(input as Uint8Array),
  /** Takes {@link OpenInput}, gives {@link OpenOutput}. */
  'proof.work.open': (input): OpenOutput => {
    const { seed, statement } = input as OpenInput;
    const multiply = createMultiplier(rightMatrix(seed));
    return {
      rows: drawRows(statement).map((number) => {
        const row = multiply(leftRows(seed, number, 1));
        return { number, row, leaf: leavesOf(row) };
      }),
    };
  },
};
