import { connectionReset } from '../../../errors.ts';
import type { JobPipe } from '../../interface.ts';
import { CHUNK_BYTES, WINDOW_BYTES } from './constants.ts';

export interface HolderCounters {
  sentBytes: number;
  receivedBytes: number;
}

/** What a channel says to the holder. */
export interface ChannelOut {
  data(bytes: Uint8Array): void;
  credit(bytes: number): void;
  finish(): void;
  reset(): void;
}
/** What the holder says to a channel. Each answers false when the holder breaks the rules: the channel is reset then. */
export interface ChannelIn {
  data(bytes: Uint8Array): boolean;
  credit(bytes: number): boolean;
  finish(): boolean;
  /** It is gone, whoever ended it. */
  gone(): void;
}

/**
 * One connection of a job. Never more than the window waits here, and no more than the window is sent before the job takes it.
 *
 * @param counters - counts what the job sent and received
 * @param over - told once, when neither side will say anything more
 */
export const createChannel = (
  out: ChannelOut,
  counters: HolderCounters,
  over: () => void,
): { pipe: JobPipe; input: ChannelIn } => {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  /** What the reader took and the holder was not told of yet. */
  let taken = 0;
  let credit = WINDOW_BYTES;
  let finishedIn = false;
  let finishedOut = false;
  let broken = false;
  let wakeReader: (() => void) | null = null;
  const wakeWriters = new Set<() => void>();
  const wakeAll = (): void => {
    wakeReader?.();
    for (const wake of wakeWriters) wake();
  };
  const gone = (): void => {
    if (broken) return;
    broken = true;
    waiting.length = 0;
    over();
    wakeAll();
  };
  const overIfBothFinished = (): void => {
    if (finishedIn && finishedOut && !broken) over();
  };

  const pipe: JobPipe = {
    read: async (bytesMax = WINDOW_BYTES) => {
      while (waiting.length === 0) {
        if (finishedIn) return null;
        if (broken) throw connectionReset();
        await new Promise<void>((resolve) => (wakeReader = resolve));
        wakeReader = null;
      }
      const first = waiting[0]!;
      const chunk = first.length <= bytesMax ? first : first.subarray(0, bytesMax);
      if (chunk === first) waiting.shift();
      else waiting[0] = first.subarray(bytesMax);
      waitingBytes -= chunk.length;
      taken += chunk.length;
      if (!finishedIn && (taken >= WINDOW_BYTES / 4 || waiting.length === 0)) {
        out.credit(taken);
        taken = 0;
      }
      return chunk;
    },
    write: async (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        if (broken || finishedOut) throw connectionReset();
        if (credit === 0) {
          await new Promise<void>((resolve) => {
            const wake = (): void => {
              wakeWriters.delete(wake);
              resolve();
            };
            wakeWriters.add(wake);
          });
          continue;
        }
        const chunk = bytes.subarray(at, at + Math.min(credit, CHUNK_BYTES));
        credit -= chunk.length;
        counters.receivedBytes += chunk.length;
        out.data(chunk);
        at += chunk.length;
      }
    },
    finish: async () => {
      if (broken || finishedOut) return;
      finishedOut = true;
      out.finish();
      overIfBothFinished();
    },
    reset: () => {
      if (broken || (finishedIn && finishedOut)) return;
      out.reset();
      gone();
    },
  };
  return {
    pipe,
    input: {
      data: (bytes) => {
        if (finishedIn || bytes.length === 0 || waitingBytes + taken + bytes.length > WINDOW_BYTES) return false;
        waiting.push(bytes);
        waitingBytes += bytes.length;
        counters.sentBytes += bytes.length;
        wakeReader?.();
        return true;
      },
      credit: (bytes) => {
        if (credit + bytes > WINDOW_BYTES) return false;
        credit += bytes;
        for (const wake of wakeWriters) wake();
        return true;
      },
      finish: () => {
        if (finishedIn) return false;
        finishedIn = true;
        wakeReader?.();
        overIfBothFinished();
        return true;
      },
      gone,
    },
  };
};
