/** Cells of a grid: 7 days of 24 hours, Monday 00:00 first; equal to the contract's `GRID_CELLS`, which a test checks. */
export const CELLS = 168;
export const HOURS = 24;
export const DAYS = 7;

/** A grid's cells, each a level in percent. */
export type Cells = readonly number[];

/** Two corners of a rectangle of cells, both inside it. */
export interface Range {
  from: number;
  to: number;
}

export const dayOf = (cell: number): number => Math.floor(cell / HOURS);
export const hourOf = (cell: number): number => cell % HOURS;
export const cellAt = (day: number, hour: number): number => day * HOURS + hour;

/** Whether a cell lies in the rectangle between the two corners. */
export const inRange = (cell: number, { from, to }: Range): boolean => {
  const [dayLow, dayHigh] = [Math.min(dayOf(from), dayOf(to)), Math.max(dayOf(from), dayOf(to))];
  const [hourLow, hourHigh] = [Math.min(hourOf(from), hourOf(to)), Math.max(hourOf(from), hourOf(to))];
  const [day, hour] = [dayOf(cell), hourOf(cell)];
  return day >= dayLow && day <= dayHigh && hour >= hourLow && hour <= hourHigh;
};

/** A grid with all cells of the rectangle at one level. The given grid stays as it is. */
export const fillRange = (cells: Cells, range: Range, percent: number): number[] =>
  cells.map((before, cell) => (inRange(cell, range) ? percent : before));

/** The cell that an arrow key leads to; edges hold. */
export const stepFrom = (cell: number, key: string): number => {
  const [day, hour] = [dayOf(cell), hourOf(cell)];
  switch (key) {
    case 'ArrowLeft':
      return cellAt(day, Math.max(0, hour - 1));
    case 'ArrowRight':
      return cellAt(day, Math.min(HOURS - 1, hour + 1));
    case 'ArrowUp':
      return cellAt(Math.max(0, day - 1), hour);
    case 'ArrowDown':
      return cellAt(Math.min(DAYS - 1, day + 1), hour);
    case 'Home':
      return cellAt(day, 0);
    case 'End':
      return cellAt(day, HOURS - 1);
    case 'PageUp':
      return cellAt(0, hour);
    case 'PageDown':
      return cellAt(DAYS - 1, hour);
    default:
      return cell;
  }
};

/** A grid in which the named days equal `day`. */
export const copyDay = (cells: Cells, day: number, toDays: readonly number[]): number[] =>
  cells.map((before, cell) => (toDays.includes(dayOf(cell)) ? (cells[cellAt(day, hourOf(cell))] ?? before) : before));

const gridOf = (levelAt: (day: number, hour: number) => number): number[] =>
  Array.from({ length: CELLS }, (_, cell) => levelAt(dayOf(cell), hourOf(cell)));
const isWeekend = (day: number): boolean => day >= 5;

export interface Preset {
  id: string;
  label: string;
  cells(percent: number): number[];
}

/** Weeks that owners ask for most, at the brush's level. */
export const presets: readonly Preset[] = [
  { id: 'always', label: 'All week', cells: (percent) => gridOf(() => percent) },
  {
    id: 'nights',
    label: 'Nights only (22:00 to 07:00)',
    cells: (percent) => gridOf((_, hour) => (hour >= 22 || hour < 7 ? percent : 0)),
  },
  {
    id: 'nights-weekends',
    label: 'Nights and weekends',
    cells: (percent) => gridOf((day, hour) => (isWeekend(day) || hour >= 22 || hour < 7 ? percent : 0)),
  },
  {
    id: 'outside-work',
    label: 'Outside working hours (Mon to Fri, 08:00 to 18:00)',
    cells: (percent) => gridOf((day, hour) => (isWeekend(day) || hour < 8 || hour >= 18 ? percent : 0)),
  },
  { id: 'never', label: 'Never (0 %)', cells: () => gridOf(() => 0) },
];

/**
 * One sentence for those who do not see the colours: `Same level all week: 50 %`, or the number of hours at each level.
 */
export const summary = (cells: Cells): string => {
  const hours = new Map<number, number>();
  for (const percent of cells) hours.set(percent, (hours.get(percent) ?? 0) + 1);
  if (hours.size === 1) return `Same level all week: ${cells[0]} %`;
  const parts = [...hours].sort(([a], [b]) => b - a).map(([percent, count]) => `${count} h at ${percent} %`);
  const shown = parts.slice(0, 4);
  return `Per week: ${shown.join(', ')}${parts.length > shown.length ? ` and ${parts.length - shown.length} other levels` : ''}`;
};
