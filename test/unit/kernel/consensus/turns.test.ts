import { describe, expect, test } from 'vitest';
import { atOnce, createTurns, type Steps } from '../../../../main/kernel/consensus/index.ts';

const countTo = function* (last: number, seen: (step: number) => void = () => undefined): Steps<number> {
  for (let i = 1; i <= last; i++) {
    seen(i);
    yield;
  }
  return last;
};
/** One ms passes with each look at it. */
const createLookedClock = () => {
  let ms = 0;
  return { monotonicMs: () => (ms += 1) };
};

describe('work in turns', () => {
  test('gives what it gives at once, with a pause whenever a turn is over', async () => {
    let pauses = 0;
    const clock = createLookedClock();
    const turns = createTurns({ clock, pause: () => Promise.resolve(void (pauses += 1)) }, { turnMs: 5 });
    expect(await turns.run(countTo(20))).toBe(atOnce(countTo(20)));
    // Five steps in each: 20, and the one that ends.
    expect(pauses).toBe(4);
  });
  test('begins at once, and does not pause for little', async () => {
    const seen: number[] = [];
    const turns = createTurns({ clock: { monotonicMs: () => 0 }, pause: () => Promise.reject(new Error('a pause')) });
    const done = turns.run(countTo(3, (step) => seen.push(step)));
    expect(seen).toEqual([1, 2, 3]);
    expect(await done).toBe(3);
  });
  test('two of them never have their turns in one turn of the event loop', async () => {
    const turns = createTurns({ clock: createLookedClock() }, { turnMs: 1 });
    let loop = 0;
    let isRunning = true;
    const tick = (): void => {
      loop += 1;
      if (isRunning) setImmediate(tick);
    };
    setImmediate(tick);
    const loops: number[] = [];
    const note = (step: number): void => {
      // The first step of each is done when it is asked for.
      if (step > 1) loops.push(loop);
    };
    await Promise.all([turns.run(countTo(8, note)), turns.run(countTo(8, note)), turns.run(countTo(8, note))]);
    isRunning = false;
    expect(loops).toHaveLength(21);
    expect(new Set(loops).size).toBe(21);
  });
  test('what nobody waits for any more is left, and cleans up after itself', async () => {
    const ending = new AbortController();
    const seen: number[] = [];
    let isCleaned = false;
    const steps = (function* (): Steps<void> {
      try {
        yield* countTo(10, (step) => {
          seen.push(step);
          if (step === 3) ending.abort(new Error('the node stops'));
        });
      } finally {
        isCleaned = true;
      }
    })();
    const turns = createTurns({ clock: createLookedClock() }, { turnMs: 1 });
    await expect(turns.run(steps, ending.signal)).rejects.toThrow('the node stops');
    expect(seen).toEqual([1, 2, 3]);
    expect(isCleaned).toBe(true);
  });
  test('an error of a step is the caller’s, however late it comes', async () => {
    const broken = function* (): Steps<void> {
      yield* countTo(5);
      throw new Error('the sixth step');
    };
    const turns = createTurns({ clock: createLookedClock() }, { turnMs: 1 });
    await expect(turns.run(broken())).rejects.toThrow('the sixth step');
    expect(() => atOnce(broken())).toThrow('the sixth step');
  });
});
