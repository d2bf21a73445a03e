import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containersMissing } from '../support/engine/container-world.ts';
import {
  ask,
  idOf,
  type MovingWorld,
  openMovingWorld,
  STATE_BYTES,
  watchAnswers,
} from '../support/engine/moving-world.ts';

// A job with 100 MB of state goes from one node to another while it is asked all the time. Both stand on one real engine, so that
// what is measured is the moving and no link.

/** Far from what it takes, which `npm run bench -- --only moving` measures: a pause this long is a fault, however busy the machine. */
const PAUSE_MS_MAX = 2_000;
/** The engine's own stopping and starting is most of it. */
const PAUSE_RATIO_MAX = 3;

describe.skipIf(containersMissing !== null)(`moving a job (${containersMissing ?? 'engine here'})`, () => {
  let moving: MovingWorld;
  beforeAll(async () => {
    moving = await openMovingWorld();
  });
  afterAll(async () => {
    await moving.close();
  });

  it('with 100 MB of state leaves it without an answer for less than half a second, and loses nothing', async () => {
    const { here, there } = moving;
    const before = await moving.world.things();
    const id = idOf(await here.runtime.submit(moving.spec()));
    await expect.poll(() => ask(here.runtime, id, '/starts'), { timeout: 20_000 }).not.toBeNull();

    const now = { runtime: here.runtime, id };
    const stopWatching = watchAnswers(() => now);
    const moved = await moving.move(id);
    Object.assign(now, { runtime: there.runtime, id: moved.id });
    await expect
      .poll(() => ask(there.runtime, moved.id, '/starts').then(String), { timeout: 5000 })
      .toBe('started\nstarted\n');
    const gapMs = await stopWatching();
    const floorMs = await moving.engineStopStart();

    // The state that it stopped with is the state that it goes on with.
    expect((await (await here.runtime.work(id)).list()).length).toBeGreaterThan(0);
    const view = await here.runtime.get(id);
    expect(view.end).toMatchObject({ why: 'moved', to: 'there' });
    const work = await there.runtime.work(moved.id);
    const entries = (await work.list()).map(({ path, bytes }) => `${path} ${bytes}`);
    expect(entries.toSorted()).toEqual(['starts 16', `state ${STATE_BYTES}`]);
    expect(moved.movedBytes).toBeGreaterThanOrEqual(STATE_BYTES);
    expect(gapMs).toBeLessThan(Math.max(PAUSE_MS_MAX, floorMs * PAUSE_RATIO_MAX));

    await here.runtime.forgetMoved(id);
    await there.runtime.cancel(moved.id);
    await there.runtime.idle();
    expect(await moving.world.things()).toEqual(before);
  });
});
