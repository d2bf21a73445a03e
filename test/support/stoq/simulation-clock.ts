import { assert, type Clock } from '../../../main/base/index.ts';

/**
 * A clock of simulations. Like a manual one, but its timers lie in a heap, as a simulation has thousands; and no time passes while
 * work is under way that only the real event loop brings on.
 */
export interface SimulationClock extends Clock {
  /** Lets `ms` pass. */
  run(ms: number): Promise<void>;
  /** Lets time pass until the promise is settled. @throws when it is not within `maxMs` of simulated time */
  drive<T>(promise: Promise<T>, maxMs?: number): Promise<T>;
  /** The same until something is so. */
  until(condition: () => boolean, what: string, maxMs?: number): Promise<void>;
  /** Sets the wall clock. Timers do not notice. */
  setNowMs(nowMs: number): void;
  readonly pendingCount: number;
}

interface Timer {
  dueMs: number;
  order: number;
  everyMs: number | null;
  fire: () => void;
  cancelled: boolean;
}

/** Turns of the event loop that work may take before something is taken to hang. */
const TURNS_MAX = 100_000;

/** @param init - `isBusy`: whether work is under way that time must wait for */
export const createSimulationClock = (init: { nowMs?: number; isBusy?: () => boolean } = {}): SimulationClock => {
  const { isBusy = () => false } = init;
  let wallOffsetMs = init.nowMs ?? Date.UTC(2026, 0, 5);
  let elapsedMs = 0;
  let order = 0;
  let live = 0;
  const heap: Timer[] = [];

  const before = (a: Timer, b: Timer): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
  const push = (timer: Timer): void => {
    let place = heap.push(timer) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!before(timer, heap[parent] as Timer)) break;
      heap[place] = heap[parent] as Timer;
      place = parent;
    }
    heap[place] = timer;
  };
  const pop = (): void => {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (let child = 1; child < heap.length; child = 2 * place + 1) {
      if (child + 1 < heap.length && before(heap[child + 1] as Timer, heap[child] as Timer)) child += 1;
      if (!before(heap[child] as Timer, last)) break;
      heap[place] = heap[child] as Timer;
      place = child;
    }
    heap[place] = last;
  };
  /** The next timer that nobody has cancelled. */
  const head = (): Timer | undefined => {
    while (heap[0]?.cancelled === true) pop();
    return heap[0];
  };
  const add = (ms: number, everyMs: number | null, fire: () => void): (() => void) => {
    assert(ms >= 0, 'A timer must wait for 0 ms or more.');
    const timer: Timer = { dueMs: elapsedMs + ms, order: order++, everyMs, fire, cancelled: false };
    push(timer);
    live += 1;
    return () => {
      if (timer.cancelled) return;
      timer.cancelled = true;
      live -= 1;
    };
  };
  const fireAllAt = (dueMs: number): void => {
    // Those that are set meanwhile for the same time have their turn after promises had theirs.
    const end = order;
    for (let timer = head(); timer !== undefined && timer.dueMs <= dueMs && timer.order < end; timer = head()) {
      pop();
      if (timer.everyMs === null) {
        timer.cancelled = true;
        live -= 1;
      } else {
        timer.dueMs += timer.everyMs;
        timer.order = order++;
        push(timer);
      }
      timer.fire();
    }
  };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn === 0 || isBusy(); turn++) {
      if (turn > TURNS_MAX) throw new Error('work of the simulation does not end');
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  };
  /** Goes on to the next timer by `endMs`. @returns whether there was one */
  const step = async (endMs: number): Promise<boolean> => {
    const next = head();
    if (next === undefined || next.dueMs > endMs) return false;
    elapsedMs = Math.max(elapsedMs, next.dueMs);
    fireAllAt(next.dueMs);
    await settle();
    return true;
  };

  const clock: SimulationClock = {
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
    run: async (ms) => {
      const endMs = elapsedMs + ms;
      await settle();
      while (await step(endMs));
      elapsedMs = endMs;
    },
    until: async (condition, what, maxMs = 60_000) => {
      const endMs = elapsedMs + maxMs;
      await settle();
      while (!condition()) {
        if (!(await step(endMs))) throw new Error(`${what} did not come about within ${maxMs} ms`);
      }
    },
    drive: async (promise, maxMs = 60_000) => {
      let settled = false;
      void promise
        .catch(() => undefined)
        .then(() => {
          settled = true;
        });
      await clock.until(() => settled, 'what was waited for', maxMs);
      return promise;
    },
    setNowMs: (nowMs) => {
      wallOffsetMs = nowMs - elapsedMs;
    },
    get pendingCount() {
      return live;
    },
  };
  return clock;
};
