import type { Clock } from '../../main/base/index.ts';

/** The one queue of all that happens in a run: messages that arrive, timers, writes that reach the disk, faults. */
export interface VirtualTime {
  /** Ms since the run began, with a fraction. */
  readonly nowMs: number;
  /** Things that happened so far. */
  readonly fired: number;
  /** @returns takes it back */
  after(ms: number, fire: () => void): () => void;
  /**
   * Lets happen what falls due, one by one; after each, all promises that can go on do.
   *
   * @param goesOn - asked before each
   */
  run(untilMs: number, goesOn: () => boolean): Promise<void>;
}

interface Entry {
  dueMs: number;
  order: number;
  fire: (() => void) | null;
}

const isBefore = (one: Entry, other: Entry): boolean =>
  one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);

/** Immediates that are queued at once: Node runs the microtasks between two of them, without a turn of its event loop. */
const BATCH = 128;

export const createVirtualTime = (): VirtualTime => {
  let nowMs = 0;
  let order = 0;
  let fired = 0;
  /** Binary heap, earliest first. */
  const heap: Entry[] = [];

  const push = (entry: Entry): void => {
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  };
  const pop = (): Entry => {
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
        if (!isBefore(heap[child]!, last)) break;
        heap[at] = heap[child]!;
        at = child;
      }
      heap[at] = last;
    }
    return first;
  };

  return {
    get nowMs() {
      return nowMs;
    },
    get fired() {
      return fired;
    },
    after: (ms, fire) => {
      const entry: Entry = { dueMs: nowMs + Math.max(0, ms), order: order++, fire };
      push(entry);
      return () => {
        entry.fire = null;
      };
    },
    run: (untilMs, goesOn) =>
      new Promise((resolve, reject) => {
        let isOver = false;
        const end = (): void => {
          isOver = true;
          resolve();
        };
        const step = (): void => {
          if (isOver) return;
          while (heap.length > 0 && heap[0]!.fire === null) pop();
          if (!goesOn() || heap.length === 0 || heap[0]!.dueMs > untilMs) {
            if (heap.length === 0 || heap[0]!.dueMs > untilMs) nowMs = untilMs;
            end();
            return;
          }
          const { dueMs, fire } = pop();
          nowMs = dueMs;
          fired += 1;
          try {
            fire!();
          } catch (error) {
            isOver = true;
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        };
        const batch = (): void => {
          for (let i = 0; i < BATCH && !isOver; i++) setImmediate(step);
          if (!isOver) setImmediate(batch);
        };
        batch();
      }),
  };
};

export interface NodeClockInit {
  startMs: number;
  /** How much faster it runs than the time of the simulation, in millionths. */
  driftPpm: number;
}

/**
 * A computer's clock, with its own pace and idea of the time, which outlive its processes; timers end with the process. `jump`: the
 * wall clock is set, by a person or by NTP; `correct`: to what it began with.
 */
export const createNodeClock = (
  time: VirtualTime,
  init: NodeClockInit,
): { clockOfLife: (isAlive: () => boolean) => Clock; jump: (ms: number) => void; correct: () => void } => {
  const pace = 1 + init.driftPpm / 1e6;
  let offsetMs = 0;
  const monotonicMs = (): number => time.nowMs * pace;
  const jump = (ms: number): void => {
    offsetMs += ms;
  };
  return {
    jump,
    correct: () => {
      offsetMs = 0;
    },
    clockOfLife: (isAlive) => {
      const after = (ms: number, fire: () => void): (() => void) =>
        time.after(ms / pace, () => {
          if (isAlive()) fire();
        });
      return {
        nowMs: () => Math.floor(init.startMs + offsetMs + monotonicMs()),
        monotonicMs,
        after,
        every: (ms, tick) => {
          let cancel = (): void => {};
          const again = (): void => {
            cancel = after(ms, () => {
              again();
              tick();
            });
          };
          again();
          return () => cancel();
        },
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
            const cancel = after(ms, () => {
              signal?.removeEventListener('abort', onAbort);
              resolve();
            });
            signal?.addEventListener('abort', onAbort, { once: true });
          }),
      };
    },
  };
};
