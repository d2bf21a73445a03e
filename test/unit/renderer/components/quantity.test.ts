import { describe, expect, it } from 'vitest';
import {
  amountText,
  bytesText,
  caesText,
  countText,
  frequencyText,
  lineSpeedText,
  percentText,
  rateText,
  shareOfText,
} from '../../../../renderer/components/quantity.ts';
import { durationText, nextOccurrence, startOfTomorrow } from '../../../../renderer/components/time-text.ts';

describe('quantities', () => {
  it.each([
    [bytesText(0), '0 B'],
    [bytesText(1023), '1023 B'],
    [bytesText(1024 * 1023.9), '1 MiB'],
    [bytesText(1536), '1.5 KiB'],
    [bytesText(32 * 1024 ** 3), '32 GiB'],
    [rateText(12_500_000), '12.5 MB/s'],
    [rateText(999_999), '1 MB/s'],
    [countText(9999), '9999'],
    [countText(10_000), '10\u202f000'],
    [percentText(0.4), '0.4 %'],
    [percentText(9.97), '10 %'],
    [percentText(49.8), '50 %'],
    [amountText(1000, 'millicores'), '1 core'],
    [amountText(500, 'millicores'), '0.5 cores'],
    [amountText(0, 'containers'), '0 containers'],
    [shareOfText(1000, 2000, 'millicores'), '1 of 2 cores'],
    [shareOfText(1024 ** 3 * 4, 1024 ** 3 * 16, 'bytes'), '4 of 16 GiB'],
    [shareOfText(1024 ** 2 * 4, 1024 ** 3 * 16, 'bytes'), '4 MiB of 16 GiB'],
    [shareOfText(0, 1000, 'millicores'), '0 of 1 core'],
    [shareOfText(2.5, 10, 'containers'), '2 of 10 containers'],
    [caesText(1_250_000n), '1.25 CAES'],
    [
      caesText(123_456_789_012_345_678_901_234_567_890n),
      '123\u202f456\u202f789\u202f012\u202f345\u202f678\u202f901\u202f234.56789 CAES',
    ],
    [frequencyText(5132), '5.13 GHz'],
    [lineSpeedText(2500), '2.5 Gbit/s'],
    [durationText(350), '350 ms'],
    [durationText(9_960), '10 s'],
    [durationText(200_000), '3 min 20 s'],
    [durationText(3_600_000), '1 h'],
    [durationText(90_000_000), '1 d 1 h'],
  ])('%s', (text, wanted) => expect(text).toBe(wanted));
});

describe('moments', () => {
  // A Thursday.
  const now = new Date(2026, 0, 8, 20, 30).getTime();
  it('finds the next time of a day and hour', () => {
    expect(new Date(nextOccurrence(4, 20, now))).toEqual(new Date(2026, 0, 9, 20));
    expect(new Date(nextOccurrence(3, 19, now))).toEqual(new Date(2026, 0, 15, 19));
    expect(nextOccurrence(3, 20, now)).toBe(now);
  });
  it('begins tomorrow at midnight', () => expect(new Date(startOfTomorrow(now))).toEqual(new Date(2026, 0, 9)));
});
