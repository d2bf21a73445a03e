import { assert, encodeCbor, sha256 } from '../../../base/index.ts';
import type { Hash } from '../../blocks/index.ts';
import type { Validator } from '../interface.ts';

/** Bytes of the hash that a place is drawn from: so many more than powers have bits that none is favoured. */
const DRAWN_BYTES = 16;

/** Who proposes in round 0 of each height, by power; nobody can know it of a network before its genesis is known. */
const firstOf = (network: Hash, height: number, validators: readonly Validator[]): number => {
  const drawn = Buffer.from(sha256(encodeCbor(['hypermesh-proposer', network, height])).subarray(0, DRAWN_BYTES));
  const total = validators.reduce((sum, { power }) => sum + power, 0);
  let left = Number(BigInt(`0x${drawn.toString('hex')}`) % BigInt(total));
  for (const [place, { power }] of validators.entries()) {
    if (left < power) return place;
    left -= power;
  }
  throw new Error('a number below the sum of all powers lies in one of them');
};

/**
 * Whose turn it is. Later rounds go on from the first in the order of the ids, so that as many rounds as there are validators visit
 * everybody.
 *
 * @param validators - in the order of their ids @returns the place in the set
 */
export const proposerPlace = (
  network: Hash,
  height: number,
  round: number,
  validators: readonly Validator[],
): number => {
  assert(validators.length > 0, 'A set has a validator at least.');
  return (firstOf(network, height, validators) + round) % validators.length;
};
