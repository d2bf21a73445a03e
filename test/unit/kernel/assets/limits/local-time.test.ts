import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  nextGridChange,
  nextUtcMonth,
  sayTime,
  utcMonthOf,
  weekCellOf,
} from '../../../../../main/kernel/assets/limits/index.ts';
import { zoneOf } from '../../../../support/situation.ts';

const utc = (): number => 0;
const MONDAY_MS = Date.UTC(2026, 0, 5);

describe('weekCellOf', () => {
  it('begins on Monday at 00:00 local time', () => {
    expect(weekCellOf(MONDAY_MS, utc)).toBe(0);
    expect(weekCellOf(MONDAY_MS - 1, utc)).toBe(167);
    expect(weekCellOf(MONDAY_MS, zoneOf('America/New_York'))).toBe(163);
    expect(weekCellOf(MONDAY_MS, zoneOf('Asia/Kolkata'))).toBe(5);
    expect(weekCellOf(0, utc)).toBe(72);
    expect(weekCellOf(-1, utc)).toBe(71);
  });
});

describe('the zone of the machine', () => {
  // A process has one zone, so each is tried in one of its own.
  const limits = fileURLToPath(new URL('../../../../../main/kernel/assets/limits/local-time.ts', import.meta.url));
  it.each(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC'])(
    '%s is the one that the system is set to',
    (TZ) => {
      const moments = Array.from({ length: 400 }, (_, index) => Date.UTC(2026, 0, 1) + index * 86_400_000 * 0.913);
      const script = `
      import { nextGridChange, systemZoneOffset, weekCellOf } from ${JSON.stringify(limits)};
      const cells = Array.from({ length: 168 }, (_, cell) => (cell * 13) % 3);
      const moments = ${JSON.stringify(moments.map(Math.floor))};
      console.log(JSON.stringify(moments.map((ms) => [weekCellOf(ms, systemZoneOffset), nextGridChange(cells, ms, systemZoneOffset)])));`;
      const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
        env: { ...process.env, TZ },
        encoding: 'utf8',
      });
      const cells = Array.from({ length: 168 }, (_, cell) => (cell * 13) % 3);
      const zone = zoneOf(TZ);
      expect(JSON.parse(printed)).toEqual(
        moments.map(Math.floor).map((ms) => [weekCellOf(ms, zone), nextGridChange(cells, ms, zone)]),
      );
    },
  );
});

describe('months', () => {
  it('are those of UTC, as network_use counts', () => {
    expect(utcMonthOf(Date.UTC(2026, 11, 31, 23, 59, 59, 999))).toBe('2026-12');
    expect(nextUtcMonth(Date.UTC(2026, 11, 31, 23, 59))).toBe(Date.UTC(2027, 0, 1));
    expect(nextUtcMonth(Date.UTC(2026, 1, 1))).toBe(Date.UTC(2026, 2, 1));
  });
});

describe('sayTime', () => {
  it('says as much of a date as is needed', () => {
    expect(sayTime(MONDAY_MS + 18 * 3_600_000, MONDAY_MS, utc)).toBe('18:00');
    expect(sayTime(MONDAY_MS + 5 * 86_400_000, MONDAY_MS, utc)).toBe('Sat 00:00');
    expect(sayTime(MONDAY_MS + 7 * 86_400_000, MONDAY_MS, utc)).toBe('12 Jan 2026 00:00');
    expect(sayTime(MONDAY_MS + 18 * 3_600_000, MONDAY_MS, zoneOf('America/New_York'))).toBe('Mon 13:00');
  });
});
