import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  COOL,
  nextTemperature,
  previewTemperature,
  TEMPERATURE_STEP_INTERVAL_MS,
  type TemperatureState,
} from '../../../../../main/kernel/assets/limits/index.ts';
import type { Reading } from '../../../../../preload/contract/index.ts';

const rule = { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 30 };
const at = (value: number): Reading<number> => ({ known: true, value });

describe('nextTemperature', () => {
  it('falls above the ceiling, holds in the band, rises below it, and stays within 0 and 100', () => {
    let state: TemperatureState = COOL;
    let nowMs = 0;
    const look = (celsius: number): number => {
      state = nextTemperature(state, at(celsius), rule, (nowMs += TEMPERATURE_STEP_INTERVAL_MS));
      return state.percent;
    };
    expect([80, 81, 81, 81, 81, 81].map(look)).toEqual([100, 70, 40, 10, 0, 0]);
    expect([80, 76, 75, 75, 76, 75, 75, 75].map(look)).toEqual([0, 0, 30, 60, 60, 90, 100, 100]);
  });

  it('never moves more than one step per interval, whatever the sensor shows and however often it is looked at', () => {
    const look = fc.record({
      celsius: fc.oneof(fc.integer({ min: 60, max: 100 }), fc.constant(null)),
      afterMs: fc.integer({ min: 0, max: 15_000 }),
    });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 60 }), (looks) => {
        let state: TemperatureState = COOL;
        let nowMs = 0;
        let movedAtMs = -Infinity;
        for (const { celsius, afterMs } of looks) {
          nowMs += afterMs;
          const next = nextTemperature(
            state,
            celsius === null ? { known: false, reason: 'gone' } : at(celsius),
            rule,
            nowMs,
          );
          const moved = next.percent !== state.percent;
          expect(Math.abs(next.percent - state.percent)).toBeLessThanOrEqual(rule.stepPercent);
          expect(!moved || nowMs - movedAtMs >= TEMPERATURE_STEP_INTERVAL_MS).toBe(true);
          if (moved) movedAtMs = nowMs;
          state = next;
        }
      }),
    );
  });

  it('forgets everything when the owner removes the ceiling', () => {
    expect(nextTemperature({ percent: 10, steppedAtMs: 5 }, at(99), null, 6)).toEqual(COOL);
  });
});

describe('previewTemperature', () => {
  it('sees what looking every second will find, the reading staying as it is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 100 }),
        fc.option(fc.integer({ min: 0, max: 20_000 })),
        fc.oneof(fc.integer({ min: 60, max: 100 }).map(at), fc.constant({ known: false as const, reason: 'gone' })),
        fc.integer({ min: 0, max: 90 }),
        (percent, ago, reading, seconds) => {
          const nowMs = 1_000_000;
          // Steps fall on whole seconds here, as the looks do.
          const start: TemperatureState = {
            percent,
            steppedAtMs: ago === null ? null : nowMs - Math.floor(ago / 1000) * 1000,
          };
          let state = start;
          for (let ms = nowMs; ms <= nowMs + seconds * 1000; ms += 1000)
            state = nextTemperature(state, reading, rule, ms);
          expect(previewTemperature(start, reading, rule, nowMs, seconds * 1000).percent).toBe(state.percent);
        },
      ),
    );
  });
});
