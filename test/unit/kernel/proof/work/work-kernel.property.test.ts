import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { COLUMNS, FIELD, INNER, LEFT_ROW_BYTES, RIGHT_BYTES } from '../../../../../main/kernel/proof/work/format.ts';
import {
  createKernelMultiplier,
  createMultiplier,
  createPlainMultiplier,
} from '../../../../../main/kernel/proof/work/generate-kernel.ts';
import { KERNEL_BASE64 } from '../../../../../main/kernel/proof/work/generate-kernel-module.ts';
import { compileKernel } from '../../../../../scripts/work-kernel.mjs';

const words = (bytes: Uint8Array): Uint16Array => new Uint16Array(bytes.slice().buffer);
/** One element as the definition has it, without any bound on the size of numbers. */
const elementOf = (left: Uint8Array, right: Uint8Array, row: number, column: number): number => {
  const a = words(left);
  const b = words(right);
  let sum = 0n;
  for (let k = 0; k < INNER; k += 1)
    sum += BigInt(a[row * INNER + k] as number) * BigInt(b[k * COLUMNS + column] as number);
  return Number(sum % BigInt(FIELD));
};
/** Words at which something changes: sign, overflow of either byte, order of the field, and what lies beyond it. */
const edges = [0, 1, 127, 128, 255, 256, 32_639, 32_640, 32_760, 32_761, 65_408, 65_520, 65_521, 65_522, 65_535];
const word = fc.oneof(fc.constantFrom(...edges), fc.integer({ min: 0, max: 65_535 }));
/** A matrix that repeats some words: all sums of one sign, the largest that there are, among them. */
const matrix = (bytes: number): fc.Arbitrary<Uint8Array> =>
  fc
    .array(word, { minLength: 1, maxLength: 97 })
    .map(
      (pattern) =>
        new Uint8Array(Uint16Array.from({ length: bytes / 2 }, (_, i) => pattern[i % pattern.length]!).buffer),
    );

describe('the multiplier', () => {
  it('is the committed text compiled', async () => {
    expect(await compileKernel()).toBe(KERNEL_BASE64);
  });

  it('gives the product of the definition, with vectors and without, for any words and number of rows', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }).chain((rows) => fc.tuple(fc.constant(rows), matrix(rows * LEFT_ROW_BYTES))),
        matrix(RIGHT_BYTES),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: COLUMNS - 1 })), { minLength: 8, maxLength: 8 }),
        ([rows, left], right, places) => {
          const kernel = createKernelMultiplier(right);
          expect(kernel).not.toBeNull();
          const product = kernel!(left);
          expect(product.length).toBe(rows * COLUMNS * 2);
          expect(createPlainMultiplier(right)(left)).toEqual(product);
          for (const [some, column] of places) {
            const row = some % rows;
            expect(words(product)[row * COLUMNS + column]).toBe(elementOf(left, right, row, column));
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('holds at the largest sums of either sign', () => {
    const extremes = [0, 1, 128, 32_639, 32_760, 32_761, 65_408, 65_520, 65_535];
    for (const a of extremes)
      for (const b of extremes) {
        const left = new Uint8Array(Uint16Array.from({ length: INNER }, () => a).buffer);
        const right = new Uint8Array(Uint16Array.from({ length: INNER * COLUMNS }, () => b).buffer);
        const expected = Number((BigInt(a) * BigInt(b) * BigInt(INNER)) % BigInt(FIELD));
        expect(new Set(words(createMultiplier(right)(left)))).toEqual(new Set([expected]));
      }
  });

  it('keeps rows apart over more of them than one call takes', () => {
    const right = new Uint8Array(RIGHT_BYTES).map((_, index) => (index * 31 + (index >> 7)) & 255);
    const left = new Uint8Array(67 * LEFT_ROW_BYTES).map((_, index) => (index * 17 + (index >> 9)) & 255);
    const multiply = createMultiplier(right);
    const product = multiply(left);
    for (const row of [0, 1, 31, 32, 33, 63, 64, 66]) {
      const alone = multiply(left.slice(row * LEFT_ROW_BYTES, (row + 1) * LEFT_ROW_BYTES));
      expect(product.slice(row * COLUMNS * 2, (row + 1) * COLUMNS * 2)).toEqual(alone);
      expect(words(alone)[row]).toBe(elementOf(left, right, row, row));
    }
  });
});
