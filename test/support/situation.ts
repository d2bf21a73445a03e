import type { Conditions } from '../../main/kernel/monitor/index.ts';
import { defaultRules, defaultShare, type Situation } from '../../main/kernel/assets/limits/index.ts';
import type { ResourceKey } from '../../preload/contract/index.ts';

/** Conditions in which nothing can be read, with what a test says instead. */
export const conditionsOf = (given: Partial<Conditions> = {}): Conditions => {
  const unread = { known: false as const, reason: 'not asked for' };
  return {
    idleMs: unread,
    onBattery: unread,
    metered: unread,
    cpuTemperatureCelsius: unread,
    gpuTemperatureCelsius: new Map(),
    programs: unread,
    ...given,
  };
};
export const known = <T>(value: T): { known: true; value: T } => ({ known: true, value });

/** A resource at 100 % with no rule set, in UTC, on Monday 2026-01-05 00:00; with what a test says instead. */
export const situationOf = (
  given: Partial<Omit<Situation, 'share' | 'rules'>> & {
    resource?: ResourceKey;
    share?: Partial<Situation['share']>;
    rules?: Partial<Situation['rules']>;
  } = {},
): Situation => {
  const { resource = 'cpu', share, rules, ...rest } = given;
  const open = { percentMax: 100, usingPercent: 100, awayPercent: 100, batteryPercent: 100, meteredPercent: 100 };
  return {
    elasticity: resource === 'memory' || resource === 'storage' ? 'space' : 'share',
    pause: { paused: false },
    conditions: conditionsOf(),
    temperaturePercent: 100,
    monthBytes: 0,
    absentReason: null,
    nowMs: Date.UTC(2026, 0, 5),
    zone: () => 0,
    ...rest,
    share: { ...defaultShare(resource), ...open, ...share },
    rules: { ...defaultRules(), temperature: null, ...rules },
  };
};

/** Offsets of a named zone, from the tz database in ICU, exact to the second. */
export const zoneOf = (timeZone: string): ((utcMs: number) => number) => {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (utcMs) => {
    const part = Object.fromEntries(format.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]));
    const local = Date.UTC(
      part['year']!,
      part['month']! - 1,
      part['day'],
      part['hour'],
      part['minute'],
      part['second'],
    );
    return local - Math.floor(utcMs / 1000) * 1000;
  };
};
