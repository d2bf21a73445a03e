import type { Clock } from '../../../base/index.ts';

/** Adds up amount × seconds in effect, by the monotonic clock. */
export interface Meter {
  /** From now on so much is in effect; 0 while it is stopped. */
  set(effective: number): void;
  readonly effective: number;
  /** Whole unit-seconds so far; never falls. */
  unitSeconds(): number;
}
/** @param baseUnitSeconds - what was counted in receipts before a restart */
export const createMeter = (clock: Clock, baseUnitSeconds: number): Meter => {
  // Whole ones and the rest apart: a sum in one number would lose seconds of small amounts after years of large ones.
  let whole = baseUnitSeconds;
  let rest = 0;
  let effective = 0;
  let sinceMs = clock.monotonicMs();
  const add = (): void => {
    const nowMs = clock.monotonicMs();
    rest += (effective * (nowMs - sinceMs)) / 1000;
    sinceMs = nowMs;
    const more = Math.floor(rest);
    whole += more;
    rest -= more;
  };
  return {
    set: (amount) => {
      add();
      effective = amount;
    },
    get effective() {
      return effective;
    },
    unitSeconds: () => {
      add();
      return whole;
    },
  };
};
