import { assert } from '../../../base/index.ts';

/**
 * What local clocks show minus UTC, in ms, at a UTC moment. The one fact about a time zone that rules need; given, so
 * that tests can use any zone.
 */
export type ZoneOffset = (utcMs: number) => number;

/** The zone of this machine, from the system's tz database through the JavaScript engine. */
export const systemZoneOffset: ZoneOffset = (utcMs) => new Date(utcMs).getTimezoneOffset() * -60_000;

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
const HOURS_PER_WEEK = 168;
/** 1970-01-01 was a Thursday, three days after the Monday with which the grid begins. */
const EPOCH_CELL = 72;
/** A zone that skips the one cell that differs (spring, or a day left out at the date line) shows it a week later. */
const BOUNDARIES_MAX = 3 * HOURS_PER_WEEK;

const modulo = (value: number, by: number): number => ((value % by) + by) % by;

/** @returns the cell of a week grid, 0 to 167, Monday 00:00 local time first */
export const weekCellOf = (utcMs: number, zone: ZoneOffset): number =>
  modulo(Math.floor((utcMs + zone(utcMs)) / HOUR_MS) + EPOCH_CELL, HOURS_PER_WEEK);

/** @returns the first moment after `utcMs` at which the local hour may be another: its end, or a change of the clocks in it */
const nextBoundary = (utcMs: number, zone: ZoneOffset): number => {
  const offset = zone(utcMs);
  const hourEndMs = utcMs + HOUR_MS - modulo(utcMs + offset, HOUR_MS);
  if (zone(hourEndMs - 1) === offset) return hourEndMs;
  // The clocks change within this hour (Lord Howe moves them by half an hour): halve down to the moment.
  let before = utcMs;
  let after = hourEndMs - 1;
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (zone(middle) === offset) before = middle;
    else after = middle;
  }
  return after;
};

/**
 * @param cells - 168 levels, Monday 00:00 local time first
 * @returns the first moment after `utcMs` at which the grid shows another level than at `utcMs`, exact to the
 *   millisecond across changes of the clocks; null when all cells are alike
 */
export const nextGridChange = (cells: readonly number[], utcMs: number, zone: ZoneOffset): number | null => {
  assert(cells.length === HOURS_PER_WEEK, 'A week grid has 168 cells.');
  const first = cells[0];
  if (cells.every((cell) => cell === first)) return null;
  const now = cells[weekCellOf(utcMs, zone)];
  let atMs = utcMs;
  for (let step = 0; step < BOUNDARIES_MAX; step++) {
    atMs = nextBoundary(atMs, zone);
    if (cells[weekCellOf(atMs, zone)] !== now) return atMs;
  }
  return null;
};

/** @returns first moment of the next calendar month in UTC, the month by which `network_use` counts */
export const nextUtcMonth = (utcMs: number): number => {
  const date = new Date(utcMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
};

/** @returns `YYYY-MM` in UTC: the key of `network_use` */
export const utcMonthOf = (utcMs: number): string => new Date(utcMs).toISOString().slice(0, 7);

const DAY_NAMES = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
const MONTH_NAMES = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** @returns a moment as an owner reads it: `18:00` today, `Fri 18:00` within six days, `1 Dec 2026 00:00` beyond */
export const sayTime = (utcMs: number, nowMs: number, zone: ZoneOffset): string => {
  const local = utcMs + zone(utcMs);
  const localNow = nowMs + zone(nowMs);
  const date = new Date(local);
  const time = date.toISOString().slice(11, 16);
  const days = Math.floor(local / DAY_MS) - Math.floor(localNow / DAY_MS);
  if (days === 0) return time;
  if (days > 0 && days < 7) return `${DAY_NAMES[modulo(Math.floor(local / DAY_MS) + 3, 7)]} ${time}`;
  return `${date.getUTCDate()} ${MONTH_NAMES[date.getUTCMonth()]} ${date.getUTCFullYear()} ${time}`;
};
