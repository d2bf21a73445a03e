import type { Clock } from '../../../base/index.ts';

/**
 * Locks after so long without use, by whichever clock says so first: the monotonic one, which nobody can set back, or the wall clock,
 * which goes on while the machine sleeps.
 */
export interface AutoLock {
  /** @param minutes - 0: never */
  set(minutes: number): void;
  /** Somebody is there: it begins again. */
  touch(): void;
  stop(): void;
}

const MINUTE_MS = 60_000;
/** How soon after a sleep the wall clock is looked at. */
const LOOK_MS = 5_000;

export const createAutoLock = ({ clock, lock }: { clock: Clock; lock: () => void }): AutoLock => {
  let minutes = 0;
  let endings: (() => void)[] = [];
  const cancel = (): void => {
    for (const end of endings.splice(0)) end();
  };
  const begin = (): void => {
    cancel();
    if (minutes === 0) return;
    const limitMs = minutes * MINUTE_MS;
    const usedAtMs = clock.nowMs();
    const end = (): void => {
      cancel();
      lock();
    };
    endings = [
      clock.after(limitMs, end),
      clock.every(LOOK_MS, () => {
        if (clock.nowMs() - usedAtMs >= limitMs) end();
      }),
    ];
  };
  return {
    set(wanted) {
      minutes = wanted;
      begin();
    },
    touch: begin,
    stop() {
      minutes = 0;
      cancel();
    },
  };
};
