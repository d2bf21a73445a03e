import type { MachineRules, Reading } from '../../../../preload/contract/index.ts';

/** Time between two steps of the temperature rule. Heat sinks answer within seconds; shorter steps would overshoot. */
export const TEMPERATURE_STEP_INTERVAL_MS = 10_000;

/** How far one sensor has brought its resources down. */
export interface TemperatureState {
  /** 100: it does not limit. */
  readonly percent: number;
  /** Monotonic time of the last step; null before the first. */
  readonly steppedAtMs: number | null;
}
export type TemperatureRule = NonNullable<MachineRules['temperature']>;

export const COOL: TemperatureState = { percent: 100, steppedAtMs: null };

/** -1 above the ceiling, 1 at or below ceiling minus hysteresis, 0 between: hold. */
const directionOf = (reading: Reading<number>, rule: TemperatureRule): -1 | 0 | 1 => {
  // What cannot be read does not limit: what was lowered before is given back, but step by step, so that a sensor that
  // comes and goes cannot make the level jump.
  if (!reading.known) return 1;
  if (reading.value > rule.ceilingCelsius) return -1;
  return reading.value <= rule.ceilingCelsius - rule.hysteresisCelsius ? 1 : 0;
};

const step = (percent: number, direction: number, rule: TemperatureRule): number =>
  Math.min(100, Math.max(0, percent + direction * rule.stepPercent));

/**
 * One look at the sensor. Above the ceiling the level falls by one step, at or below ceiling minus hysteresis it rises by
 * one, between it holds; never more than one step per {@link TEMPERATURE_STEP_INTERVAL_MS}, however often it is called.
 *
 * @param monotonicMs - never goes back
 */
export const nextTemperature = (
  state: TemperatureState,
  reading: Reading<number>,
  rule: TemperatureRule | null,
  monotonicMs: number,
): TemperatureState => {
  if (rule === null) return COOL;
  if (state.steppedAtMs !== null && monotonicMs - state.steppedAtMs < TEMPERATURE_STEP_INTERVAL_MS) return state;
  const percent = step(state.percent, directionOf(reading, rule), rule);
  return percent === state.percent ? state : { percent, steppedAtMs: monotonicMs };
};

/** @returns the state after `aheadMs` more with the same reading, looked at often enough that no step comes late */
export const previewTemperature = (
  state: TemperatureState,
  reading: Reading<number>,
  rule: TemperatureRule | null,
  monotonicMs: number,
  aheadMs: number,
): TemperatureState => {
  if (rule === null) return COOL;
  const endMs = monotonicMs + Math.max(0, aheadMs);
  let at = state;
  let timeMs = Math.max(monotonicMs, (state.steppedAtMs ?? -Infinity) + TEMPERATURE_STEP_INTERVAL_MS);
  // Ends by itself after at most 100 steps of one point: then the state no longer changes.
  while (timeMs <= endMs) {
    const next = nextTemperature(at, reading, rule, timeMs);
    if (next === at) break;
    at = next;
    timeMs += TEMPERATURE_STEP_INTERVAL_MS;
  }
  return at;
};
