import { ahead, plus } from './segment.ts';

/** Segments that came before those in front of them. Bounded: beyond it the farthest go, and come again. */
export interface Reassembly {
  readonly count: number;
  /** @param finished - whether the other end's FIN is behind it */
  add(sequence: number, payload: Buffer, finished: boolean): void;
  /** What follows `next`, if it is here now. */
  take(next: number): { payload: Buffer; finished: boolean } | null;
  clear(): void;
}
interface Waiting {
  sequence: number;
  payload: Buffer;
  finished: boolean;
}

export const createReassembly = ({ countMax, bytesMax }: { countMax: number; bytesMax: number }): Reassembly => {
  /** By sequence, nearest first. They may overlap. */
  let waiting: Waiting[] = [];
  let bytes = 0;
  return {
    get count() {
      return waiting.length;
    },
    add: (sequence, payload, finished) => {
      let index = waiting.length;
      while (index > 0 && ahead(waiting[index - 1]!.sequence, sequence) > 0) index -= 1;
      const before = waiting[index - 1];
      if (before !== undefined && before.sequence === sequence && before.payload.length >= payload.length) {
        if (before.payload.length === payload.length) before.finished ||= finished;
        return;
      }
      waiting.splice(index, 0, { sequence, payload, finished });
      bytes += payload.length;
      while (waiting.length > countMax || bytes > bytesMax) bytes -= waiting.pop()!.payload.length;
    },
    take: (next) => {
      for (;;) {
        const first = waiting[0];
        if (first === undefined || ahead(first.sequence, next) > 0) return null;
        waiting.shift();
        bytes -= first.payload.length;
        const end = plus(first.sequence, first.payload.length);
        // All of it came in another cut already, but its end may not have.
        if (ahead(end, next) < 0 || (end === next && !first.finished)) continue;
        return { payload: first.payload.subarray(ahead(next, first.sequence)), finished: first.finished };
      }
    },
    clear: () => {
      waiting = [];
      bytes = 0;
    },
  };
};
