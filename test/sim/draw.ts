import type { Random } from '../../main/base/index.ts';

/** Repeatable chance with the questions that a simulation asks. */
export interface Draw extends Random {
  /** True `permille` times in a thousand. */
  chance(permille: number): boolean;
  /** Integer in `[from, to]`. */
  between(from: number, to: number): number;
  pick<T>(list: readonly T[]): T;
  /** A new list in another order. */
  shuffled<T>(list: readonly T[]): T[];
  /** Another source that this one's further use does not change. */
  fork(): Draw;
}

/** sfc32 of Chris Doty-Humphrey (PractRand): small, quick, and repeatable. Not secure. */
export const createDraw = (seed: number, stream = 0): Draw => {
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = stream | 0;
  let counter = 1;
  const next32 = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 15; i++) next32();
  // A remainder of 53 bits is near enough to uniform for what is drawn here.
  const below = (limit: number): number => {
    if (!(limit >= 1)) throw new RangeError(`A limit of at least 1 is needed, not ${limit}.`);
    return limit <= 0xffff
      ? next32() % limit
      : Math.floor((((next32() >>> 5) * 2 ** 26 + (next32() >>> 6)) / 2 ** 53) * limit);
  };
  const draw: Draw = {
    bytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let i = 0; i < length; i++) bytes[i] = next32() & 0xff;
      return bytes;
    },
    below,
    chance: (permille) => next32() % 1000 < permille,
    between: (from, to) => from + below(to - from + 1),
    pick: (list) => list[below(list.length)]!,
    shuffled: (list) => {
      const mixed = [...list];
      for (let i = mixed.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [mixed[i], mixed[j]] = [mixed[j]!, mixed[i]!];
      }
      return mixed;
    },
    fork: () => createDraw(next32(), next32()),
  };
  return draw;
};
