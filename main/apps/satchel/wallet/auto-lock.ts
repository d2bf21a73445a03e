import type { Clock } from '../../../base/index.ts';

/** Locks after so long without use. Counts time by the monotonic clock, so that setting the other one locks nothing and keeps nothing open. */
export interface AutoLock {
  /** @param minutes - 0: never */
  set(minutes: number): void;
  /** Somebody is there: it begins again. */
  touch(): void;
  stop(): void;
}

const MINUTE_MS = 60_000;

export const createAutoLock = ({ clock, lock }: { clock: Clock; lock: () => void }): AutoLock => {
  let minutes = 0;
  let cancel: () => void = () => undefined;
  const begin = (): void => {
    cancel();
    cancel = minutes === 0 ? () => undefined : clock.after(minutes * MINUTE_MS, lock);
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
