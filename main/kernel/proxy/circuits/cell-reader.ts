import { Buffer } from 'node:buffer';
import type { Clock } from '../../../base/index.ts';
import type { Stream } from '../../../transport/stoq/index.ts';
import { CELL_BYTES, CELLS_AT_ONCE } from './constants.ts';
import { cellBroken, CircuitError } from './errors.ts';

/** Whole cells out of a stream. Holds less than two reads. */
export interface CellReader {
  /** @returns 1 to 16 whole cells in one piece, which is the caller's to change; null at the end @throws {CircuitError} `CELL_BROKEN` {StreamError} */
  batch(): Promise<Buffer | null>;
  /** @returns one cell */
  cell(): Promise<Buffer | null>;
}
export const createCellReader = (stream: Pick<Stream, 'read'>): CellReader => {
  let held: Buffer = Buffer.alloc(0);
  const take = async (cellsMax: number): Promise<Buffer | null> => {
    const parts = held.length === 0 ? [] : [held];
    let bytes = held.length;
    while (bytes < CELL_BYTES) {
      const part = await stream.read(CELL_BYTES * CELLS_AT_ONCE);
      if (part === null) {
        if (bytes === 0) return null;
        throw cellBroken('a circuit ended in the middle of a cell');
      }
      parts.push(Buffer.from(part.buffer, part.byteOffset, part.length));
      bytes += part.length;
    }
    // A copy in any case: layers are taken off in place, and what was read may be another's too.
    const whole = Buffer.concat(parts, bytes);
    const end = Math.min(cellsMax, Math.floor(bytes / CELL_BYTES)) * CELL_BYTES;
    held = whole.subarray(end);
    return whole.subarray(0, end);
  };
  return { batch: () => take(CELLS_AT_ONCE), cell: () => take(1) };
};

/** @returns the cells of a batch, one after another */
export const cellsOf = (batch: Buffer): Buffer[] =>
  Array.from({ length: batch.length / CELL_BYTES }, (_, index) =>
    batch.subarray(index * CELL_BYTES, (index + 1) * CELL_BYTES),
  );

/** Waits for `work`, and calls `giveUp` when it takes longer. @throws {CircuitError} `CIRCUIT_LATE` */
export const within = async <T>(
  clock: Clock,
  afterMs: number,
  giveUp: () => void,
  work: () => Promise<T>,
): Promise<T> => {
  let late = false;
  const cancel = clock.after(afterMs, () => {
    late = true;
    giveUp();
  });
  try {
    return await work();
  } catch (error) {
    if (!late) throw error;
    throw new CircuitError(
      { code: 'CIRCUIT_LATE', afterMs },
      `A step of a circuit was not done within ${afterMs} ms; other relays are tried.`,
    );
  } finally {
    cancel();
  }
};
