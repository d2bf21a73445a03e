import { describe, expect, it } from 'vitest';
import { createManualClock } from '../../support/manual-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

describe('manual clock', () => {
  it('fires in order of time, ties in order of calls', async () => {
    const clock = createManualClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push('late'));
    clock.after(10, () => fired.push('first'));
    clock.after(10, () => fired.push('second'));
    const stop = clock.every(4, () => fired.push('tick'));
    await clock.advance(10);
    expect(fired).toEqual(['tick', 'tick', 'first', 'second']);
    stop();
    await clock.advance(10);
    expect(fired.at(-1)).toBe('late');
    expect(clock.pendingCount).toBe(0);
  });

  it('lets sleepers go on and sleep again within one move', async () => {
    const clock = createManualClock({ nowMs: 1000 });
    const woke: number[] = [];
    const loop = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(100);
        woke.push(clock.nowMs());
      }
    };
    const done = loop();
    await clock.advance(1000);
    await done;
    expect(woke).toEqual([1100, 1200, 1300]);
    expect(clock.nowMs()).toBe(2000);
  });

  it('ends a sleep with the signal and leaves no timer', async () => {
    const clock = createManualClock();
    const controller = new AbortController();
    const slept = clock.sleep(100, controller.signal);
    controller.abort(new Error('enough'));
    await expect(slept).rejects.toThrow('enough');
    expect(clock.pendingCount).toBe(0);
  });

  it('moves the wall clock without moving time', () => {
    const clock = createManualClock({ nowMs: 0 });
    clock.advanceSync(50);
    clock.setNowMs(10);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([10, 50]);
  });
});

describe('seeded random', () => {
  it('repeats with the seed and only with it', () => {
    const draw = (seed: number): number[] => {
      const random = createSeededRandom(seed);
      return Array.from({ length: 20 }, () => random.below(1_000_000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('spreads evenly', () => {
    const random = createSeededRandom(42);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[random.below(3)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});
