import type { Clock } from '../../../base/index.ts';
import { CLOCK_SET_MS } from './constants.ts';

/**
 * Time of the book: the wall clock of the start, carried on by the monotonic one. While the node runs, setting the clock neither
 * ends a ban nor makes an address old. Stamps leave the book as wall time of now, so that rows and people see plausible ones.
 */
export interface BookTime {
  nowMs(): number;
  /** @returns what the wall clock would have shown then, had it always been as it is now */
  toWall(atMs: number): number;
  fromWall(wallMs: number): number;
  /** Looks whether the wall clock was set. @returns true when stamps show otherwise from now on */
  look(): boolean;
}

export const createBookTime = (clock: Clock): BookTime => {
  const startWallMs = clock.nowMs();
  const startMonotonicMs = clock.monotonicMs();
  let offsetMs = 0;
  const nowMs = (): number => startWallMs + Math.floor(clock.monotonicMs() - startMonotonicMs);
  return {
    nowMs,
    toWall: (atMs) => Math.max(0, atMs + offsetMs),
    fromWall: (wallMs) => wallMs - offsetMs,
    look: () => {
      const driftMs = clock.nowMs() - nowMs();
      // Small differences are the two clocks' own; stamps would tremble with them.
      if (Math.abs(driftMs - offsetMs) <= CLOCK_SET_MS) return false;
      offsetMs = driftMs;
      return true;
    },
  };
};
