import type { Clock } from '../../main/base/index.ts';
import type { Turns } from '../../main/kernel/consensus/turns.ts';
import type { Draw } from './draw.ts';

/** How often the work of a node pauses after a step, in a thousand. */
const PAUSED_PERMILLE = 250;
const PAUSE_MS_MAX = 12;

/** Pauses where a real node has no need of one, as long as on a slow and busy machine: between two steps everything happens. */
export const createSimTurns = ({ clock, draw }: { clock: Clock; draw: Draw }): Turns => {
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      clock.after(draw.between(0, PAUSE_MS_MAX), resolve);
    });
  return {
    pause,
    run: async (steps, signal) => {
      for (;;) {
        const step = steps.next();
        if (step.done === true) return step.value;
        if (!draw.chance(PAUSED_PERMILLE)) continue;
        await pause();
        signal?.throwIfAborted();
      }
    },
  };
};
