import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scaleShares } from '../../../../main/kernel/assets/scale-shares.ts';

const sumOf = (amounts: readonly number[]): number => amounts.reduce((a, b) => a + b, 0);

describe('scaleShares', () => {
  it('shares out exactly what there is, in proportion, to nobody more than his amount', () => {
    const amounts = fc.array(fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 2 ** 46 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(
        amounts,
        fc.oneof(fc.integer({ min: 0, max: 20_000 }), fc.integer({ min: 0, max: 2 ** 50 })),
        (given, total) => {
          const sum = sumOf(given);
          const shares = scaleShares(given, total);
          expect(sumOf(shares)).toBe(Math.min(sum, total));
          shares.forEach((share, index) => {
            expect(share).toBeLessThanOrEqual(given[index]!);
            expect(share).toBeGreaterThanOrEqual(0);
            if (sum <= total) return;
            // Within one unit of the exact proportion.
            const exact = BigInt(given[index]!) * BigInt(total);
            expect(BigInt(share) * BigInt(sum)).toBeGreaterThan(exact - BigInt(sum));
            expect(BigInt(share) * BigInt(sum)).toBeLessThan(exact + BigInt(sum));
          });
        },
      ),
    );
  });

  it('gives what is left over to the largest remainders, and of equal ones to the earlier', () => {
    expect(scaleShares([1, 1, 1], 2)).toEqual([1, 1, 0]);
    expect(scaleShares([5, 3, 2], 7)).toEqual([4, 2, 1]);
    expect(scaleShares([10, 10], 0)).toEqual([0, 0]);
    expect(scaleShares([], 5)).toEqual([]);
  });
});
