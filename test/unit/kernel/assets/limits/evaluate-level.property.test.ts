import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  evaluateLevel,
  nextGridChange,
  weekCellOf,
  type Situation,
} from '../../../../../main/kernel/assets/limits/index.ts';
import type { Reading } from '../../../../../preload/contract/index.ts';
import { conditionsOf, situationOf, zoneOf } from '../../../../support/situation.ts';

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'Pacific/Apia'];
const zones = new Map(ZONES.map((name) => [name, zoneOf(name)]));
const percent = fc.integer({ min: 0, max: 100 });
const reading = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Reading<T>> =>
  fc.oneof(
    value.map((known) => ({ known: true as const, value: known })),
    fc.constant({ known: false as const, reason: 'no sensor' }),
  );
/** 2025 to 2027, with half of the moments near changes of the clocks. */
const momentMs = fc.oneof(
  fc.integer({ min: Date.UTC(2025, 0, 1), max: Date.UTC(2027, 0, 1) }),
  fc
    .record({
      near: fc.constantFrom(
        Date.UTC(2026, 2, 29, 1), // Berlin, spring
        Date.UTC(2026, 9, 25, 1), // Berlin, autumn
        Date.UTC(2026, 2, 8, 7), // New York, spring
        Date.UTC(2026, 10, 1, 6), // New York, autumn
        Date.UTC(2026, 3, 4, 15), // Lord Howe, autumn, by half an hour
        Date.UTC(2026, 9, 3, 15, 30), // Lord Howe, spring
      ),
      by: fc.integer({ min: -4 * 3_600_000, max: 4 * 3_600_000 }),
    })
    .map(({ near, by }) => near + by),
);
const grid = fc.oneof(
  fc.array(percent, { minLength: 168, maxLength: 168 }),
  fc
    .record({ base: percent, cell: fc.integer({ min: 0, max: 167 }), other: percent })
    .map(({ base, cell, other }) => Array.from({ length: 168 }, (_, index) => (index === cell ? other : base))),
);
const situation: fc.Arbitrary<Situation> = fc
  .record({
    zone: fc.constantFrom(...ZONES).map((name) => zones.get(name)!),
    nowMs: momentMs,
    resource: fc.constantFrom('cpu' as const, 'memory' as const, 'network' as const, 'gpu:a' as const),
    share: fc.record({
      percentMax: percent,
      grid,
      usingPercent: percent,
      awayPercent: percent,
      batteryPercent: percent,
      meteredPercent: percent,
    }),
    programs: fc.array(fc.record({ name: fc.constantFrom('a', 'b'), percent }), { maxLength: 3 }),
    monthlyBytesMax: fc.option(fc.integer({ min: 0, max: 10 })),
    monthBytes: fc.integer({ min: 0, max: 10 }),
    temperaturePercent: percent,
    pause: fc.oneof(
      fc.constant({ away: null }),
      fc.record({ away: fc.option(fc.integer({ min: 1, max: 10 * 86_400_000 })), paused: fc.constant(true) }),
    ),
    conditions: fc
      .record({
        idleMs: reading(fc.integer({ min: 0, max: 600_000 })),
        onBattery: reading(fc.boolean()),
        metered: reading(fc.boolean()),
        cpuTemperatureCelsius: reading(fc.integer({ min: 20, max: 110 })),
        programs: reading(fc.uniqueArray(fc.constantFrom('a', 'b', 'c')).map((names) => new Set(names))),
      })
      .map(conditionsOf),
  })
  .map(({ programs, monthlyBytesMax, pause, nowMs, ...rest }) =>
    situationOf({
      ...rest,
      nowMs,
      pause:
        'paused' in pause
          ? { paused: true, sinceMs: 0, untilMs: pause.away === null ? null : nowMs + pause.away }
          : { paused: false },
      rules: {
        programs,
        temperature: { ceilingCelsius: 80, hysteresisCelsius: 5, stepPercent: 10 },
        network: { sendBytesPerSecondMax: null, receiveBytesPerSecondMax: null, monthlyBytesMax },
      },
    }),
  );

describe('evaluateLevel, for any situation', () => {
  it('lets the lowest rule win, in whole percent from 0 to 100', () => {
    fc.assert(
      fc.property(situation, (given) => {
        const { level, keepPercent } = evaluateLevel(given);
        expect(Number.isInteger(level.percent) && level.percent >= 0 && level.percent <= 100).toBe(true);
        expect(level.percent).toBe(Math.min(...level.all.map((rule) => rule.percent)));
        expect(level.all[0]).toMatchObject({ rule: level.rule, percent: level.percent, reason: level.reason });
        expect(level.all.map((rule) => rule.percent)).toEqual(
          level.all.map((rule) => rule.percent).sort((a, b) => a - b),
        );
        expect(keepPercent).toBeGreaterThanOrEqual(level.percent);
        expect(given.elasticity === 'space' || keepPercent === level.percent).toBe(true);
        // What was not read has no say, but for heat, which is given back step by step.
        const unread = new Set<string>(level.unread.map(({ rule }) => rule).filter((rule) => rule !== 'temperature'));
        expect(level.all.filter(({ rule }) => unread.has(rule))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('holds until exactly the moment that it names', () => {
    fc.assert(
      fc.property(situation, fc.double({ min: 0, max: 1, noNaN: true }), (given, part) => {
        const { level } = evaluateLevel(given);
        const at = (nowMs: number) => {
          // Bytes of the month are those of the month asked about.
          const sameMonth = new Date(nowMs).getUTCMonth() === new Date(given.nowMs).getUTCMonth();
          return evaluateLevel({ ...given, nowMs, monthBytes: sameMonth ? given.monthBytes : 0 }).level;
        };
        const said = [level.percent, level.rule];
        const later = (atMs: number): unknown[] => [at(atMs).percent, at(atMs).rule];
        // Without an end it holds at any time in the weeks to come, with one it holds until the last millisecond.
        const lastMs = (level.untilMs ?? given.nowMs + 14 * 86_400_000) - 1;
        expect(lastMs).toBeGreaterThanOrEqual(given.nowMs);
        expect(later(given.nowMs + Math.floor((lastMs - given.nowMs) * part))).toEqual(said);
        expect(later(lastMs)).toEqual(said);
        expect(at(lastMs).untilMs).toBe(level.untilMs);
        expect(level.untilMs === null || later(level.untilMs).join() !== said.join()).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('nextGridChange, in zones that change their clocks', () => {
  it('is exact: the same cell value one millisecond before, another one then', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), momentMs, grid, (name, nowMs, cells) => {
        const zone = zones.get(name)!;
        const valueAt = (ms: number) => cells[weekCellOf(ms, zone)];
        const changeMs = nextGridChange(cells, nowMs, zone);
        expect(changeMs === null).toBe(new Set(cells).size === 1);
        const lastMs = (changeMs ?? nowMs + 7 * 86_400_000) - 1;
        expect(valueAt(lastMs)).toBe(valueAt(nowMs));
        expect(changeMs !== null && valueAt(changeMs) === valueAt(nowMs)).toBe(false);
        // Nothing in between was missed: a quarter of an hour is finer than any clock change.
        for (let ms = nowMs; ms < lastMs; ms += 900_000) expect(valueAt(ms)).toBe(valueAt(nowMs));
      }),
      { numRuns: 150 },
    );
  });
});
