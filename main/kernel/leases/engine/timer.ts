import type { Clock } from '../../../base/index.ts';

/** Timers of the platform hold 31 bits; leases last up to a year. */
const LEG_MS_MAX = 24 * 3_600_000;

/** Fires once after `ms`, however long that is. @returns what calls it off */
export const afterLong = (clock: Clock, ms: number, fire: () => void): (() => void) => {
  let left = Math.max(0, ms);
  let cancel = (): void => undefined;
  const leg = (): void => {
    const next = Math.min(left, LEG_MS_MAX);
    left -= next;
    cancel = clock.after(next, () => {
      if (left > 0) leg();
      else fire();
    });
  };
  leg();
  return () => {
    left = 0;
    cancel();
  };
};
