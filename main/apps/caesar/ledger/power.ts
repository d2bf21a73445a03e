import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Books } from './books.ts';
import { missedKey, sameBytes } from './keys.ts';
import type { ValidatorRecord } from './records.ts';

// What a stake gives in voting power, and who is in the set.

/** As `Validator.power` has it. */
export const POWER_MAX = 2n ** 40n;

/** @param base - what genesis gave or took beside the stake */
export const powerOf = (base: number, staked: bigint, stakePerPower: bigint): number => {
  const power = BigInt(base) + staked / stakePerPower;
  // Who is in the set has some.
  return Number(power > POWER_MAX ? POWER_MAX : power < 1n ? 1n : power);
};
/** After its account's stake changed. Nothing for accounts of no validator. */
export const setPower = (books: Books, account: KeyIdBytes): void => {
  const { validator: node, staked } = books.stake(account);
  const record = node === null ? null : books.validator(node);
  if (node === null || record === null || record.down) return;
  books.setValidator(node, { ...record, power: powerOf(record.base, staked, books.params.stakePerPower) });
};
/** Somebody has to make the next block. */
export const isLast = (books: Books, node: KeyIdBytes): boolean =>
  books.validators().every(({ node: other, record }) => record.power === 0 || sameBytes(other, node));

/** Takes it out of the set, and lets go of what ties its account to it. */
export const removeValidator = (books: Books, node: KeyIdBytes, { account }: ValidatorRecord): void => {
  books.setValidator(node, null);
  books.set(missedKey(node), null);
  const stake = books.stake(account);
  books.setStake(account, { ...stake, validator: null });
};

/** Bits that are set: blocks that were not signed. */
export const countMissed = (bits: Uint8Array): number =>
  bits.reduce((sum, byte) => {
    let count = sum;
    for (let left = byte; left !== 0; left &= left - 1) count += 1;
    return count;
  }, 0);
