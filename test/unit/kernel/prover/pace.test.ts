import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPace } from '../../../../main/kernel/prover/pace.ts';
import { createManualClock, type ManualClock } from '../../../support/manual-clock.ts';

const paceOf = (clock: ManualClock, signal = new AbortController().signal, heard: boolean[] = []) =>
  createPace({ clock }, { signal, onHeld: (held) => heard.push(held) });
/** A slice that keeps a thread busy for so long by the clock. */
const busy = (clock: ManualClock, ms: number) => (): Promise<void> => clock.sleep(ms);

describe('the pace of proofs', () => {
  it('does not wait before the first slice, and pays for it before the second', async () => {
    const clock = createManualClock();
    const pace = paceOf(clock);
    pace.setMillicores(200);
    const startedAt: number[] = [];
    const slice = (): Promise<void> =>
      pace.slice(() => {
        startedAt.push(clock.monotonicMs());
        return clock.sleep(100);
      });
    const done = Promise.all([slice(), slice(), slice()]);
    await clock.advance(2_000);
    await done;
    expect(startedAt).toEqual([0, 500, 1000]);
    expect(pace.busyMs()).toBe(300);
  });
  it('saves nothing up while nobody asks', async () => {
    const clock = createManualClock();
    const pace = paceOf(clock);
    pace.setMillicores(500);
    await clock.advance(3_600_000);
    const ends: number[] = [];
    const all = [1, 2, 3].map(() =>
      pace.slice(busy(clock, 100)).then(() => ends.push(clock.monotonicMs() - 3_600_000)),
    );
    await clock.advance(1_000);
    await Promise.all(all);
    expect(ends).toEqual([100, 300, 500]);
  });
  it('waits without end at level zero, says so, and goes on within the moment', async () => {
    const clock = createManualClock();
    const heard: boolean[] = [];
    const pace = paceOf(clock, undefined, heard);
    let done = false;
    const slice = pace.slice(busy(clock, 10)).then(() => (done = true));
    await clock.advance(86_400_000);
    expect([done, pace.held, heard]).toEqual([false, true, [true]]);
    pace.setMillicores(100);
    await clock.advance(10);
    await slice;
    expect([done, pace.held, heard]).toEqual([true, false, [true, false]]);
  });
  it('goes by a new share at once, also in the middle of a wait', async () => {
    const clock = createManualClock();
    const pace = paceOf(clock);
    pace.setMillicores(10);
    let at = 0;
    const done = Promise.all([
      pace.slice(busy(clock, 100)),
      pace.slice(async () => {
        at = clock.monotonicMs();
      }),
    ]);
    await clock.advance(1_000);
    pace.setMillicores(1000);
    await clock.advance(100);
    await done;
    // 90 of 100 ms were owed after the first slice, 9 of them paid by 1000 ms; the rest takes 90 ms at full share.
    expect(at).toBeGreaterThan(1_000);
    expect(at).toBeLessThanOrEqual(1_100);
  });
  it('ends a wait, and a slice that hangs, with the reason of the signal', async () => {
    const clock = createManualClock();
    const reason = new Error('enough');
    for (const millicores of [0, 1000]) {
      const abort = new AbortController();
      const pace = paceOf(clock, abort.signal);
      pace.setMillicores(millicores);
      const slice = pace.slice(() => new Promise(() => undefined));
      const later = pace.slice(async () => 1);
      await clock.advance(10);
      abort.abort(reason);
      await expect(slice).rejects.toBe(reason);
      await expect(later).rejects.toBe(reason);
    }
    expect(clock.pendingCount).toBe(0);
  });
  it('goes on after a slice that failed, and charges for it', async () => {
    const clock = createManualClock();
    const pace = paceOf(clock);
    pace.setMillicores(500);
    const failed = pace.slice(async () => {
      await clock.sleep(100);
      throw new Error('broken');
    });
    const next = pace.slice(async () => clock.monotonicMs());
    const caught = failed.catch((error: unknown) => error);
    await clock.advance(1_000);
    expect(await caught).toEqual(new Error('broken'));
    expect(await next).toBe(200);
  });

  it('never takes more than its share over any stretch that ends with a wait', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ ms: fc.integer({ min: 1, max: 100 }), gapMs: fc.integer({ min: 0, max: 300 }) }), {
          minLength: 1,
          maxLength: 20,
        }),
        fc.integer({ min: 10, max: 1000 }),
        async (slices, millicores) => {
          const clock = createManualClock();
          const pace = paceOf(clock);
          pace.setMillicores(millicores);
          const spans: { from: number; to: number }[] = [];
          const work = (async () => {
            for (const { ms, gapMs } of slices) {
              await clock.sleep(gapMs);
              await pace.slice(async () => {
                const from = clock.monotonicMs();
                await clock.sleep(ms);
                spans.push({ from, to: clock.monotonicMs() });
              });
            }
          })();
          await clock.advance(20 * (300 + (100 * 1000) / millicores) + 1_000);
          await work;
          // Between the starts of any two slices, no more was taken than the share of that time.
          for (let first = 0; first < spans.length; first++)
            for (let last = first + 1; last < spans.length; last++) {
              const part = spans.slice(first, last);
              const taken = part.reduce((sum, { from, to }) => sum + to - from, 0);
              const elapsed = (spans[last]?.from ?? 0) - (spans[first]?.from ?? 0);
              expect(taken).toBeLessThanOrEqual((elapsed * millicores) / 1000 + 1e-6);
            }
        },
      ),
      { numRuns: 50 },
    );
  });
});
