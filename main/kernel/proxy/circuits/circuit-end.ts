import { Buffer } from 'node:buffer';
import type { Stream } from '../../../transport/stoq/index.ts';
import { type Frame, type Layer, packFrame, unpackFrame } from './cells.ts';
import { type CellReader, cellsOf } from './cell-reader.ts';
import { CELL_BYTES } from './constants.ts';

/** A frame that is to be sent; its parts are put behind each other. */
export interface SentFrame {
  type: number;
  parts: readonly Uint8Array[];
}
/** A circuit as one of its two ends has it. One call of each at a time. */
export interface CircuitEnd {
  /** Resolves when the next node has taken them, which is how it holds back who sends too much. @throws {StreamError} */
  send(frames: readonly SentFrame[]): Promise<void>;
  /** @returns frames in the order in which they were sent; null when the circuit has ended @throws {CircuitError} {StreamError} */
  receive(): Promise<readonly Frame[] | null>;
  /** Sends no more. Resolves when what was sent has arrived at the next node. @throws {StreamError} */
  finish(): Promise<void>;
  /** Ends it everywhere, at once. May be called twice. */
  close(): void;
}

/**
 * @param layers - what is put on, innermost first: one at the far end, one for every hop at the near one
 * @param opened - what is taken off, outermost first
 */
export const createCircuitEnd = (
  stream: Pick<Stream, 'write' | 'finish' | 'acknowledged' | 'reset'>,
  reader: CellReader,
  layers: readonly Layer[],
  opened: readonly Layer[],
): CircuitEnd => ({
  send: async (frames) => {
    const batch = Buffer.allocUnsafeSlow(frames.length * CELL_BYTES);
    for (const [index, { type, parts }] of frames.entries()) {
      const cell = batch.subarray(index * CELL_BYTES, (index + 1) * CELL_BYTES);
      packFrame(cell, type, ...parts);
      for (const layer of layers) layer.seal(cell);
    }
    await stream.write(batch);
  },
  receive: async () => {
    const batch = await reader.batch();
    if (batch === null) return null;
    return cellsOf(batch).map((cell) => {
      for (const layer of opened) layer.open(cell);
      return unpackFrame(cell);
    });
  },
  finish: async () => {
    await stream.finish();
    await stream.acknowledged();
  },
  close: () => stream.reset(),
});
