import type { Clock } from '../../../../base/index.ts';

/** Things that happen later, in order of time, ties in order of their making, on one timer of the clock. */
export interface EventQueue {
  /** @param atMs - monotonic; what is due already happens in the next microtask, so that a network without delay needs no timer */
  at(atMs: number, happen: () => void): void;
  readonly size: number;
}

interface Entry {
  atMs: number;
  order: number;
  happen: () => void;
}

/** Times are sums of fractions: what is due within so many ms is due. */
const EPSILON_MS = 1e-6;

export const createEventQueue = (clock: Clock): EventQueue => {
  // A binary heap, earliest first: the timers of a manual clock are searched one by one, and a simulation has thousands of packets.
  const heap: Entry[] = [];
  let order = 0;
  let timer: { atMs: number; cancel: () => void } | null = null;
  let drainSet = false;

  const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  const push = (entry: Entry): void => {
    let place = heap.push(entry) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent] as Entry;
      if (!before(entry, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = entry;
  };
  const pop = (): void => {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!before(heap[child] as Entry, last)) break;
      heap[place] = heap[child] as Entry;
      place = child;
    }
    heap[place] = last;
  };

  const arm = (): void => {
    const next = heap[0];
    if (next === undefined) return;
    const waitMs = next.atMs - clock.monotonicMs();
    if (waitMs <= EPSILON_MS) {
      if (drainSet) return;
      drainSet = true;
      queueMicrotask(drain);
      return;
    }
    if (timer !== null && timer.atMs <= next.atMs) return;
    timer?.cancel();
    timer = {
      atMs: next.atMs,
      cancel: clock.after(waitMs, () => {
        timer = null;
        drain();
      }),
    };
  };
  const drain = (): void => {
    drainSet = false;
    for (;;) {
      const next = heap[0];
      if (next === undefined || next.atMs > clock.monotonicMs() + EPSILON_MS) break;
      pop();
      next.happen();
    }
    arm();
  };

  return {
    at: (atMs, happen) => {
      push({ atMs, order: order++, happen });
      arm();
    },
    get size() {
      return heap.length;
    },
  };
};
