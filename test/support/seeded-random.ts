import { assert, type Random } from '../../main/base/index.ts';

/**
 * Repeatable random numbers: SplitMix32 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014, in
 * the 32-bit form with the constants of MurmurHash3). Same seed, same run. Not secure, so it lives under test/ only.
 */
export const createSeededRandom = (seed: number): Random => {
  let state = seed >>> 0;
  const next32 = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const next48 = (): number => (next32() & 0xffff) * 2 ** 32 + next32();
  return {
    bytes: (length) => Uint8Array.from({ length }, () => next32() & 0xff),
    below: (limit) => {
      assert(
        Number.isInteger(limit) && limit >= 1 && limit <= 2 ** 48 - 1,
        'The limit of a random integer must be 1 to 2^48 - 1.',
      );
      // Values of the last, incomplete run of `limit` would make small results likelier, so they are drawn again.
      const end = 2 ** 48 - (2 ** 48 % limit);
      let value = next48();
      while (value >= end) value = next48();
      return value % limit;
    },
  };
};
