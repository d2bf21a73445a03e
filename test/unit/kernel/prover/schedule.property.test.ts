import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assetIdOf } from '../../../../main/base/index.ts';
import { dueCause, nextScheduledMs, periodOf, type ScheduleFacts } from '../../../../main/kernel/prover/schedule.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const asset = assetIdOf('cpu', { of: 'a test' });
const plan = { everyHours: 24 };
const startMs = Date.UTC(2026, 0, 5);

/** An asset that was proved at `startMs`, in this run. */
const proved = (change: Partial<ScheduleFacts> = {}): ScheduleFacts => ({
  asset,
  last: { madeAtMs: startMs, monotonicMs: 0, level: 50, capacity: 2000 },
  level: 50,
  levelSinceMs: 0,
  capacity: 2000,
  capacitySinceMs: 0,
  ...change,
});
const at = (ms: number, wallMs = startMs + ms) => ({ wallMs, monotonicMs: ms, startedMonotonicMs: 0 });

describe('what calls for a proof', () => {
  it('is that there is none', () => {
    expect(dueCause(proved({ last: null }), plan, at(0))).toBe('registered');
  });
  it('is the schedule, once its period is over and not before', () => {
    const periodMs = periodOf(asset, plan);
    expect(periodMs).toBeGreaterThan(0.75 * DAY_MS);
    expect(periodMs).toBeLessThanOrEqual(DAY_MS);
    expect(dueCause(proved(), plan, at(periodMs - 1))).toBeNull();
    expect(dueCause(proved(), plan, at(periodMs))).toBe('schedule');
    expect(nextScheduledMs(proved(), plan, at(HOUR_MS))).toBe(startMs + periodMs);
    expect(nextScheduledMs(proved(), plan, at(3 * DAY_MS))).toBe(startMs + 3 * DAY_MS);
  });
  it('is a level that stays changed for five minutes, four hours after the last proof', () => {
    const changedAt = (ms: number): ScheduleFacts => proved({ level: 20, levelSinceMs: ms });
    expect(dueCause(changedAt(5 * HOUR_MS), plan, at(5 * HOUR_MS + 4 * MINUTE_MS))).toBeNull();
    expect(dueCause(changedAt(5 * HOUR_MS), plan, at(5 * HOUR_MS + 5 * MINUTE_MS))).toBe('levelChanged');
    expect(dueCause(changedAt(HOUR_MS), plan, at(3 * HOUR_MS))).toBeNull();
    expect(dueCause(changedAt(HOUR_MS), plan, at(4 * HOUR_MS))).toBe('levelChanged');
  });
  it('is hardware that changed, after a minute', () => {
    const changed = proved({ capacity: 4000, capacitySinceMs: HOUR_MS });
    expect(dueCause(changed, plan, at(HOUR_MS + MINUTE_MS - 1))).toBeNull();
    expect(dueCause(changed, plan, at(HOUR_MS + MINUTE_MS))).toBe('inventoryChanged');
  });
});

describe('the schedule', () => {
  it('spreads assets over a quarter of its period, each always at the same place', () => {
    const periods = Array.from({ length: 200 }, (_, index) => periodOf(assetIdOf('cpu', { index }), plan));
    expect(Math.min(...periods)).toBeLessThan(0.78 * DAY_MS);
    expect(Math.max(...periods)).toBeGreaterThan(0.97 * DAY_MS);
    expect(periodOf(asset, plan)).toBe(periodOf(asset, plan));
  });
  it('goes on while the machine sleeps, by the clock on the wall', () => {
    expect(dueCause(proved(), plan, at(HOUR_MS, startMs + DAY_MS))).toBe('schedule');
  });
  it('goes on where the clock on the wall was set back, by the other one', () => {
    expect(dueCause(proved(), plan, at(DAY_MS, startMs - 365 * DAY_MS))).toBe('schedule');
    const before = { madeAtMs: startMs, monotonicMs: null, level: 50, capacity: 2000 };
    expect(dueCause(proved({ last: before }), plan, at(HOUR_MS, startMs - DAY_MS))).toBeNull();
    expect(dueCause(proved({ last: before }), plan, at(DAY_MS, startMs - DAY_MS))).toBe('schedule');
  });

  it('makes few proofs a day of a level that flaps, however it does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ forMs: fc.integer({ min: 1_000, max: HOUR_MS }), level: fc.constantFrom(0, 20, 50) }), {
          minLength: 50,
          maxLength: 300,
        }),
        fc.array(fc.integer({ min: -DAY_MS, max: DAY_MS }), { minLength: 1, maxLength: 5 }),
        (changes, jumps) => {
          let facts = proved();
          let nowMs = 0;
          let proofs = 0;
          let offsetMs = 0;
          let jumped = 0;
          for (const [index, { forMs, level }] of changes.entries()) {
            if (level !== facts.level) facts = { ...facts, level, levelSinceMs: nowMs };
            // The clock on the wall is set some times meanwhile.
            if (index % 40 === 20 && jumped < jumps.length) offsetMs += jumps[jumped++] ?? 0;
            for (const endMs = nowMs + forMs; nowMs < endMs; nowMs += MINUTE_MS) {
              const moment = at(nowMs, startMs + nowMs + offsetMs);
              if (dueCause(facts, plan, moment) === null) continue;
              proofs++;
              facts = {
                ...facts,
                last: { madeAtMs: moment.wallMs, monotonicMs: nowMs, level: facts.level, capacity: 2000 },
              };
            }
          }
          // Six a day from the level, and one more for each period and each time that the clock was set.
          expect(proofs).toBeLessThanOrEqual(
            Math.ceil(nowMs / (4 * HOUR_MS)) + Math.ceil(nowMs / (0.75 * DAY_MS)) + jumps.length,
          );
        },
      ),
      { numRuns: 40 },
    );
  });
});
