import type { Clock } from '../../../../base/index.ts';

/** @returns whether one more is allowed in this second */
export const createRate = (clock: Clock, perSecond: number): (() => boolean) => {
  let fromMs = Number.NEGATIVE_INFINITY;
  let count = 0;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - fromMs >= 1000) {
      fromMs = nowMs;
      count = 0;
    }
    count += 1;
    return count <= perSecond;
  };
};
