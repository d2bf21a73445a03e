import type { Resources, Running } from './interface.ts';
import { fits, minus, plus } from './resources.ts';

/** When a job that does not fit now will, and what it leaves over then. */
export interface Shadow {
  atMs: number;
  /** What may be taken for as long as one likes without being in its way. */
  extra: Resources;
}

/**
 * When a running job ends, as far as can be told. One of which nothing is known, or that runs for longer than it should, is taken to
 * be half through: of what has run for long it is likeliest that it runs on for long.
 */
export const expectedEndMs = (job: Running, nowMs: number, unknownMs: number): number => {
  const elapsedMs = Math.max(0, nowMs - job.startedAtMs);
  const leftMs = (job.estimateMs ?? unknownMs) - elapsedMs;
  return nowMs + (leftMs > 0 ? leftMs : Math.max(elapsedMs, 1_000));
};

/**
 * @param ends - when each of those that run ends, in any order
 * @returns null when it would not fit even then
 * @see Lifka, "The ANL/IBM SP Scheduling System", 1995: backfill around one reservation
 */
export const shadowOf = (
  needs: Resources,
  free: Resources,
  ends: readonly { atMs: number; has: Resources }[],
): Shadow | null => {
  let room = free;
  for (const { atMs, has } of ends.toSorted((a, b) => a.atMs - b.atMs)) {
    room = plus(room, has);
    if (fits(needs, room)) return { atMs, extra: minus(room, needs) };
  }
  return null;
};
