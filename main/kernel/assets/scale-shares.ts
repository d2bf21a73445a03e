import { assert } from '../../base/index.ts';

/**
 * Shares out `total` among amounts that together are more, each in proportion, by largest remainder (Hare–Niemeyer;
 * ties to the earlier one). Whole numbers throughout, so that the sum is exactly `total`.
 *
 * @param amounts - safe integers >= 0, whose sum is a safe integer
 * @param total - safe integer >= 0
 * @returns for each amount what it may have: never more than the amount; the amounts themselves when they fit
 */
export const scaleShares = (amounts: readonly number[], total: number): number[] => {
  const sum = amounts.reduce((a, b) => a + b, 0);
  assert(
    Number.isSafeInteger(sum) && Number.isSafeInteger(total) && total >= 0,
    'Shares are counted in safe integers.',
  );
  if (sum <= total) return [...amounts];
  const shares: number[] = [];
  const remainders: bigint[] = [];
  let left = total;
  const sumBig = BigInt(sum);
  const totalBig = BigInt(total);
  // Products of two amounts of bytes exceed 2^53, hence big integers.
  for (const amount of amounts) {
    const product = BigInt(amount) * totalBig;
    const share = Number(product / sumBig);
    shares.push(share);
    remainders.push(product % sumBig);
    left -= share;
  }
  // Fewer than one unit per holder is left.
  const order = shares.map((_, index) => index);
  order.sort((a, b) => {
    const [x, y] = [remainders[a] ?? 0n, remainders[b] ?? 0n];
    return x === y ? a - b : x > y ? -1 : 1;
  });
  for (const index of order.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1;
  return shares;
};
