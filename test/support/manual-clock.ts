import { assert, type Clock } from '../../main/base/index.ts';

/** A clock that stands still until a test moves it. Timers fire in the order in which they are due, ties in the order of their calls. */
export interface ManualClock extends Clock {
  /** Moves time on by `ms` and fires what falls due. Promises that wait on a timer go on before the next timer fires. */
  advance(ms: number): Promise<void>;
  /** The same without letting promises run in between. */
  advanceSync(ms: number): void;
  /** Sets the wall clock, as a person or NTP does. Timers do not notice. */
  setNowMs(nowMs: number): void;
  /** Timers that are set. A test may check that a module left none behind. */
  readonly pendingCount: number;
}

interface Timer {
  dueMs: number;
  order: number;
  /** Null for one that fires once. */
  everyMs: number | null;
  fire: () => void;
}

/** @param init - wall time at the start; default 2026-01-05T00:00Z, a Monday */
export const createManualClock = (init: { nowMs?: number } = {}): ManualClock => {
  let wallOffsetMs = init.nowMs ?? Date.UTC(2026, 0, 5);
  let elapsedMs = 0;
  let order = 0;
  const timers = new Set<Timer>();

  const add = (ms: number, everyMs: number | null, fire: () => void): (() => void) => {
    assert(ms >= 0, 'A timer must wait for 0 ms or more.');
    const timer: Timer = { dueMs: elapsedMs + ms, order: order++, everyMs, fire };
    timers.add(timer);
    return () => {
      timers.delete(timer);
    };
  };
  /** Fires the earliest timer due by `endMs`. @returns whether there was one */
  const fireNext = (endMs: number): boolean => {
    let next: Timer | null = null;
    for (const timer of timers) {
      if (timer.dueMs > endMs) continue;
      if (next === null || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order))
        next = timer;
    }
    if (next === null) return false;
    elapsedMs = Math.max(elapsedMs, next.dueMs);
    if (next.everyMs === null) timers.delete(next);
    else {
      next.dueMs += next.everyMs;
      next.order = order++;
    }
    next.fire();
    return true;
  };
  // A turn of the real event loop: all promises that can go on have gone on by then.
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  return {
    nowMs: () => Math.floor(wallOffsetMs + elapsedMs),
    monotonicMs: () => elapsedMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason as Error);
          return;
        }
        const onAbort = (): void => {
          cancel();
          reject(signal?.reason as Error);
        };
        const cancel = add(ms, null, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
    every: (ms, tick) => {
      assert(ms > 0, 'A repeated timer must wait for more than 0 ms.');
      return add(ms, ms, tick);
    },
    after: (ms, fire) => add(ms, null, fire),
    advance: async (ms) => {
      const endMs = elapsedMs + ms;
      await settle();
      while (fireNext(endMs)) await settle();
      elapsedMs = endMs;
      await settle();
    },
    advanceSync: (ms) => {
      const endMs = elapsedMs + ms;
      while (fireNext(endMs));
      elapsedMs = endMs;
    },
    setNowMs: (nowMs) => {
      wallOffsetMs = nowMs - elapsedMs;
    },
    get pendingCount() {
      return timers.size;
    },
  };
};
