import { describe, expect, it } from 'vitest';
import {
  ageText,
  clockSecondsText,
  clockText,
  dateTimeText,
  whenText,
  withLocalTimes,
} from '../../../../renderer/components/time-text.ts';

const at = (hour: number, minute = 0): number => new Date(2026, 2, 6, hour, minute, 5).getTime();

describe('clock times', () => {
  it('run from 00:00 to 23:59 in every language, as on the week grid', () => {
    expect(clockText(at(0, 7))).toBe('00:07');
    expect(clockText(at(23))).toBe('23:00');
    expect(clockSecondsText(at(18))).toBe('18:00:05');
    expect(dateTimeText(at(18))).toContain('18:00:05');
  });

  it('name the day where it is another one', () => {
    expect(whenText(at(20), at(8))).toBe('20:00');
    expect(whenText(at(20) + 86_400_000, at(8))).toBe('tomorrow 20:00');
    expect(whenText(at(8) + 2 * 86_400_000, at(8))).toBe('Sun 08:00');
  });
});

describe('ageText', () => {
  const SECOND = 1000;
  const MINUTE = 60 * SECOND;
  const HOUR = 60 * MINUTE;
  it.each([
    [0, 'just now'],
    [59 * SECOND, 'just now'],
    [MINUTE, '1 minute ago'],
    [3 * MINUTE + 20 * SECOND, '3 minutes ago'],
    [59 * MINUTE + 50 * SECOND, '1 hour ago'],
    [23 * HOUR + 59 * MINUTE, '23 hours ago'],
    [24 * HOUR, '1 day ago'],
    [75 * 24 * HOUR, '75 days ago'],
    [-20 * SECOND, 'in a moment'],
    [-5 * HOUR, 'in 5 hours'],
  ])('tells an age of %d ms in whole words', (ageMs, text) => expect(ageText(at(8) - ageMs, at(8))).toBe(text));
});

describe('withLocalTimes', () => {
  it('writes the moments in a sentence of the node as a person says them', () => {
    const stamp = new Date(at(20)).toISOString();
    expect(withLocalTimes(`The next is due ${stamp}.`, at(8))).toBe('The next is due 20:00.');
    expect(withLocalTimes('It is due 2026-99-99T99:99:99Z.', at(8))).toBe('It is due 2026-99-99T99:99:99Z.');
  });
});
