/** Clock time of a stamp, from 00:00 to 23:59 everywhere: the week grid and the node's own sentences write it so, too. */
export const clockText = (atMs: number): string =>
  new Date(atMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

/** Clock time with seconds, for logs. */
export const clockSecondsText = (atMs: number): string =>
  new Date(atMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });

const sameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();

/** `18:00`, `tomorrow 08:00`, `Fri 20:00` within a week, else with the date. */
export const whenText = (atMs: number, nowMs: number): string => {
  const at = new Date(atMs);
  const now = new Date(nowMs);
  const time = clockText(atMs);
  if (sameDay(at, now)) return time;
  const tomorrow = new Date(now);
  tomorrow.setDate(now.getDate() + 1);
  if (sameDay(at, tomorrow)) return `tomorrow ${time}`;
  if (Math.abs(atMs - nowMs) < 6 * 86_400_000) return `${at.toLocaleDateString([], { weekday: 'short' })} ${time}`;
  return `${at.toLocaleDateString([], { day: 'numeric', month: 'short', year: 'numeric' })} ${time}`;
};

/** Date and time in full, for a title or a table. */
export const dateTimeText = (atMs: number): string =>
  new Date(atMs).toLocaleString([], { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });

/** The node writes moments in full, as programs read them; a person reads them as {@link whenText}. */
export const withLocalTimes = (text: string, nowMs: number): string =>
  text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (stamp) => {
    const atMs = Date.parse(stamp);
    return Number.isNaN(atMs) ? stamp : whenText(atMs, nowMs);
  });

/** Two largest units: `350 ms`, `12.4 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export const durationText = (ms: number): string => {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9_950) return `${Number((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  const days = Math.floor(hours / 24);
  return hours % 24 === 0 ? `${days} d` : `${days} d ${hours % 24} h`;
};

const STEPS = [
  { unit: 'day', ms: 86_400_000 },
  { unit: 'hour', ms: 3_600_000 },
  { unit: 'minute', ms: 60_000 },
] as const;

/**
 * How far a moment is from now, in words and whole units: `just now`, `3 minutes ago`, `2 days ago`, `in 5 hours`. A
 * moment that is less than a minute away is `just now` or `in a moment`.
 */
export const ageText = (atMs: number, nowMs: number): string => {
  const awayMs = Math.abs(nowMs - atMs);
  const past = atMs <= nowMs;
  // Rounded to the nearest unit before it is chosen: 59.7 minutes are an hour, not 60 minutes.
  const step = STEPS.find(({ ms }) => awayMs >= ms - (ms >= 3_600_000 ? 30_000 : 0));
  if (step === undefined) return past ? 'just now' : 'in a moment';
  const count = Math.max(1, Math.floor((awayMs + (step.ms > 60_000 ? 30_000 : 0)) / step.ms));
  const words = `${count} ${step.unit}${count === 1 ? '' : 's'}`;
  return past ? `${words} ago` : `in ${words}`;
};

export const DAY_NAMES = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'] as const;

/** `7` is `07:00`; `24` is `24:00`, the end of a day. */
export const hourText = (hour: number): string => `${String(hour).padStart(2, '0')}:00`;

/** The next moment, from `nowMs` on, at which it is `day` (0: Monday) and `hour` in local time. */
export const nextOccurrence = (day: number, hour: number, nowMs: number): number => {
  const at = new Date(nowMs);
  const today = (at.getDay() + 6) % 7;
  at.setDate(at.getDate() + ((day - today + 7) % 7));
  at.setHours(hour, 0, 0, 0);
  // The hour that runs at this moment counts as now.
  if (at.getTime() + 3_600_000 <= nowMs) at.setDate(at.getDate() + 7);
  return Math.max(at.getTime(), nowMs);
};

/** Midnight, local time: what "until tomorrow" means in the window, in the tray and on the command line. */
export const startOfTomorrow = (nowMs: number): number => {
  const at = new Date(nowMs);
  at.setDate(at.getDate() + 1);
  at.setHours(0, 0, 0, 0);
  return at.getTime();
};
