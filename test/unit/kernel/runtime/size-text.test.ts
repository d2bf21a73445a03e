import { expect, it } from 'vitest';
import { sizeText } from '../../../../main/kernel/runtime/size-text.ts';

it.each([
  [0, '0.0 KiB'],
  [1024, '1.0 KiB'],
  [100_000, '97.7 KiB'],
  [1024 * 1024, '1.0 MiB'],
  [118_489_656, '113.0 MiB'],
  [4 * 1024 ** 3 - 65_536, '4095.9 MiB'],
])('writes %d bytes as %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});
