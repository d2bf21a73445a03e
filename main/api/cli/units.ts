import { type CapacityUnit, pricedAmountOf, type Reading, type ResourceKey } from '../../../preload/contract/index.ts';

const STEPS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `1.5 GiB`: three figures at most, whole below ten of the next unit. */
export const formatBytes = (bytes: number): string => {
  let value = bytes;
  let step = 0;
  while (Math.abs(value) >= 1024 && step < STEPS.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${STEPS[step]}`;
};

const RATES = ['B/s', 'kB/s', 'MB/s', 'GB/s', 'TB/s'] as const;
/** Rates count in thousands, as links and disks are sold. */
export const formatRate = (bytesPerSecond: number): string => {
  let value = bytesPerSecond;
  let step = 0;
  while (Math.abs(value) >= 1000 && step < RATES.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${RATES[step]}`;
};

export const formatAmount = (amount: number, unit: CapacityUnit): string => {
  switch (unit) {
    case 'millicores':
      return `${(amount / 1000).toFixed(2)} cores`;
    case 'millicards':
      return `${(amount / 1000).toFixed(2)} cards`;
    case 'bytes':
      return formatBytes(amount);
    case 'bytesPerSecond':
      return formatRate(amount);
    case 'containers':
      return `${amount} containers`;
    case 'microCaes':
      return `${(amount / 1_000_000).toFixed(6)} CAES`;
    default:
      return String(amount);
  }
};

/** A reason inside brackets: a sentence that ends there, whether whoever gave it wrote a full stop or not. */
export const asAside = (reason: string): string => reason.replace(/\.$/, '');
/** What was read, or why it was not. */
export const formatReading = <T>(reading: Reading<T>, format: (value: T) => string): string =>
  reading.known ? format(reading.value) : `unknown (${asAside(reading.reason)})`;
/** For columns, where a reason has no room. */
export const formatShort = <T>(reading: Reading<T>, format: (value: T) => string): string =>
  reading.known ? format(reading.value) : '?';

export const formatPercent = (percent: number): string =>
  `${percent < 10 && !Number.isInteger(percent) ? percent.toFixed(1) : Math.round(percent)} %`;

/** `3 h 05 min`, `12.3 s`, `250 ms`. */
export const formatDuration = (ms: number): string => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
};

const two = (value: number): string => String(value).padStart(2, '0');
/** `2026-03-01 18:05:09` in local time. */
export const formatTime = (atMs: number): string => {
  const at = new Date(atMs);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
};

/** Stamps in the sentences of a node, which are in UTC since other machines read them too, as local time. */
export const withLocalTimes = (text: string): string =>
  text.replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (stamp) => {
    const atMs = Date.parse(stamp);
    return Number.isNaN(atMs) ? stamp : formatTime(atMs);
  });

/** @returns bytes of `500`, `500B`, `1.5GiB`, `10MB`, or null when it is none of these */
export const parseBytes = (text: string): number | null => {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)\s*(?:([kmgt])(i?)b?|b)?$/i.exec(text.trim());
  if (match === null) return null;
  const power = match[2] === undefined ? 0 : ' kmgt'.indexOf(match[2].toLowerCase());
  const bytes = Math.round(Number(match[1]) * (match[3] === '' || match[3] === undefined ? 1000 : 1024) ** power);
  return Number.isSafeInteger(bytes) ? bytes : null;
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** @returns ms of `90s`, `10m`, `1h30m`, `2d`, or null */
export const parseDuration = (text: string): number | null => {
  const compact = text.replaceAll(/\s+/g, '').toLowerCase();
  if (!/^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|min|[smhd]))+$/.test(compact)) return null;
  let total = 0;
  for (const [, amount, unit] of compact.matchAll(/([\d.]+)(ms|min|[smhd])/g))
    total += Number(amount) * (DURATION_UNITS[unit ?? ''] ?? Number.NaN);
  return Number.isFinite(total) ? Math.round(total) : null;
};

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
/** Number of a day as in `Date.getDay`, from its name or the first letters of it. */
export const parseDay = (text: string): number | null => {
  const index = DAYS.indexOf(text.slice(0, 3).toLowerCase());
  return index < 0 ||
    !/^(?:sun(?:day)?|mon(?:day)?|tues?(?:day)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?)$/i.test(
      text,
    )
    ? null
    : index;
};

/**
 * A moment in local time: `18:00` (the next one), `fri 20:00`, `tomorrow`, `tomorrow 7:30`, a date with or without
 * time, or an ISO stamp. A day without a time begins at 00:00.
 *
 * @returns ms since 1970, or null when the text is none of these
 */
export const parseMoment = (text: string, nowMs: number): number | null => {
  const now = new Date(nowMs);
  const words = text.trim().toLowerCase();
  if (words === 'now') return nowMs;
  const match = /^(?:(today|tomorrow|[a-z]{3,9}|\d{4}-\d{2}-\d{2})(?:\s+|$))?(?:(\d{1,2}):(\d{2}))?$/.exec(words);
  if (match === null || words === '') {
    const stamp = /^\d{4}-\d{2}-\d{2}t/.test(words) ? Date.parse(text.trim()) : Number.NaN;
    return Number.isNaN(stamp) ? null : stamp;
  }
  const [, day, hourText, minuteText] = match;
  const hour = Number(hourText ?? 0);
  const minute = Number(minuteText ?? 0);
  if (hour > 24 || minute > 59 || (hour === 24 && minute > 0)) return null;
  const on = (offset: number): number =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset, hour, minute).getTime();
  if (day === undefined) return on(0) > nowMs ? on(0) : on(1);
  if (day === 'today') return on(0);
  if (day === 'tomorrow') return on(1);
  if (/^\d/.test(day)) {
    const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
    const at = new Date(year, month - 1, date, hour, minute);
    // 2026-02-31 would roll over into March.
    return at.getMonth() === month - 1 && at.getDate() === date ? at.getTime() : null;
  }
  const wanted = parseDay(day);
  if (wanted === null) return null;
  const ahead = (wanted - now.getDay() + 7) % 7;
  return on(ahead) > nowMs ? on(ahead) : on(ahead + 7);
};

/** `1 job`, `2 jobs`. @param one - a word whose plural ends in s */
export const formatCount = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** `1 234.5 CAES`: whole micro-CAES as decimal text, exact. */
export const formatCaes = (micro: string): string => {
  const sign = micro.startsWith('-') ? '-' : '';
  const digits = micro.replace('-', '').padStart(7, '0');
  const whole = digits.slice(0, -6).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
  const part = digits.slice(-6).replace(/0+$/, '');
  return `${sign}${whole}${part === '' ? '' : `.${part}`} CAES`;
};

/** `for nothing`, or `0.01 CAES per core and hour`. */
export const formatPrice = (micro: string, resource: ResourceKey): string =>
  /^0+$/.test(micro) ? 'for nothing' : `${formatCaes(micro)} per ${pricedAmountOf(resource)} and hour`;
