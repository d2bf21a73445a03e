import { describe, expect, it } from 'vitest';
import {
  formatAmount,
  formatBytes,
  formatDuration,
  formatRate,
  formatReading,
  parseBytes,
  parseDay,
  parseDuration,
  parseMoment,
  withLocalTimes,
} from '../../../../main/api/cli/units.ts';

describe('units for people', () => {
  it('tells the stamps of a node in local time', () => {
    const said = withLocalTimes('The next is due 2026-11-22T07:18:39.255Z, the last was 2026-11-21T07:18:39Z.');
    expect(said).toMatch(/^The next is due 2026-11-2\d \d\d:\d8:39, the last was 2026-11-2\d \d\d:\d8:39\.$/);
    expect(withLocalTimes('no stamp: 2026-99-99T99:99:99Z')).toBe('no stamp: 2026-99-99T99:99:99Z');
  });
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [200 * 1024 * 1024, '200 MiB'],
    [16 * 1024 ** 3, '16.0 GiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('counts rates in thousands', () => {
    expect(formatRate(999)).toBe('999 B/s');
    expect(formatRate(1_250_000)).toBe('1.3 MB/s');
  });
  it('puts a reason into brackets without its full stop', () => {
    for (const reason of ['nobody tells', 'nobody tells.'])
      expect(formatReading({ known: false, reason }, String)).toBe('unknown (nobody tells)');
  });
  it('knows every unit of capacity', () => {
    expect(formatAmount(1500, 'millicores')).toBe('1.50 cores');
    expect(formatAmount(1_500_000, 'microCaes')).toBe('1.500000 CAES');
  });
  it.each([
    [250, '250 ms'],
    [12_300, '12.3 s'],
    [185 * 60_000, '3 h 05 min'],
    [50 * 3_600_000, '2 d 2 h'],
  ])('%d ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('amounts from people', () => {
  it.each([
    ['500', 500],
    ['64MiB', 64 * 1024 * 1024],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['10MB', 10_000_000],
    ['10m', 10_000_000],
    ['7B', 7],
  ])('%s are %d bytes', (text, bytes) => expect(parseBytes(text)).toBe(bytes));
  it.each(['', 'x', '-1', '1.2.3', '9999999999999TiB', 'MiB', '1 hour'])('%j are no bytes', (text) =>
    expect(parseBytes(text)).toBeNull(),
  );

  it.each([
    ['90s', 90_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['0.5h', 1_800_000],
    ['100ms', 100],
    ['1 h', 3_600_000],
  ])('%s lasts %d ms', (text, ms) => expect(parseDuration(text)).toBe(ms));
  it.each(['', '5', 'h', '1y', '-1h', '1h-'])('%j is no duration', (text) => expect(parseDuration(text)).toBeNull());

  it('knows days by their names and nothing else', () => {
    expect([parseDay('mon'), parseDay('Friday'), parseDay('SUN'), parseDay('thurs')]).toEqual([1, 5, 0, 4]);
    expect([parseDay('monkey'), parseDay('m'), parseDay('')]).toEqual([null, null, null]);
  });
});

describe('moments from people', () => {
  // A Wednesday, 15:30 local time.
  const now = new Date(2026, 2, 4, 15, 30);
  const at = (month: number, day: number, hour = 0, minute = 0): number =>
    new Date(2026, month - 1, day, hour, minute).getTime();
  it.each([
    ['now', now.getTime()],
    ['18:00', at(3, 4, 18)],
    ['9:15', at(3, 5, 9, 15)],
    ['today 16:00', at(3, 4, 16)],
    ['tomorrow', at(3, 5)],
    ['tomorrow 7:30', at(3, 5, 7, 30)],
    ['fri 20:00', at(3, 6, 20)],
    ['Wednesday 15:00', at(3, 11, 15)],
    ['wed 16:00', at(3, 4, 16)],
    ['2026-12-24', at(12, 24)],
    ['2026-12-24 18:00', at(12, 24, 18)],
    ['2026-12-24T18:00:00Z', Date.UTC(2026, 11, 24, 18)],
  ])('%s is found', (text, expected) => expect(parseMoment(text, now.getTime())).toBe(expected));
  it.each(['', 'soon', '25:00', '12:60', 'foo 20:00', '2026-02-31', '2026-13-01T00:00:00Z', 'tomorrow at 8'])(
    '%j is none',
    (text) => expect(parseMoment(text, now.getTime())).toBeNull(),
  );
});
