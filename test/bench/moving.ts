import { containersMissing } from '../support/engine/container-world.ts';
import { ask, idOf, openMovingWorld, STATE_BYTES, watchAnswers } from '../support/engine/moving-world.ts';
import { type Figure, percentile } from './figure.ts';

const MOVES = 5;
const PAUSE_MS_MAX = 500;

/** A job with 100 MB of state, asked all the time, from one node to another on one engine; beside the engine's own stop and start. */
export const benchMoving = async (): Promise<readonly Figure[]> => {
  if (containersMissing !== null) throw new Error(containersMissing);
  const moving = await openMovingWorld();
  const { here, there } = moving;
  try {
    const gaps: number[] = [];
    const floors: number[] = [];
    const copies: number[] = [];
    const rests: number[] = [];
    for (let round = 0; round < MOVES; round++) {
      const id = idOf(await here.runtime.submit(moving.spec()));
      while ((await ask(here.runtime, id, '/starts')) === null);
      const now = { runtime: here.runtime, id };
      const stopWatching = watchAnswers(() => now);
      const moved = await moving.move(id);
      Object.assign(now, { runtime: there.runtime, id: moved.id });
      while ((await ask(there.runtime, moved.id, '/starts')) === null);
      gaps.push(await stopWatching());
      copies.push(moved.copyMs);
      rests.push(moved.restMs);
      await here.runtime.forgetMoved(id);
      await there.runtime.cancel(moved.id);
      await there.runtime.idle();
      floors.push(await moving.engineStopStart());
    }
    const gap = percentile(gaps, 0.5);
    const floor = percentile(floors, 0.5);
    const copy = percentile(copies, 0.5);
    return [
      {
        name: 'job moved, without an answer, p50',
        unit: 'ms',
        value: gap,
        peer: { name: 'stop and start by the engine', value: floor },
        ratio: gap / floor,
        target: `below ${PAUSE_MS_MAX} ms for 100 MB of state`,
        reached: gap < PAUSE_MS_MAX,
      },
      {
        name: 'job moved, copying what changed at last, p50',
        unit: 'ms',
        value: percentile(rests, 0.5),
        target: 'comparison: part of the time without an answer',
      },
      {
        name: `job moved, copied while it runs, ${STATE_BYTES / 2 ** 20} MiB, p50`,
        unit: 'ms',
        value: copy,
        target: 'comparison: nobody waits for it',
      },
    ];
  } finally {
    await moving.close();
  }
};
