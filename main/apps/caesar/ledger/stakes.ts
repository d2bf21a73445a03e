import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { bookYield, burn, credit, debit } from './accounts.ts';
import type { Books } from './books.ts';
import { UNBONDING_MAX } from './constants.ts';
import type { Handlers } from './handler.ts';
import { dueKey } from './keys.ts';
import { setPower } from './power.ts';
import { NOTHING } from './records.ts';
import { refuseUnless } from './refusal.ts';

const PERMILLE = 1000n;

const changeTotal = (books: Books, by: bigint): void => {
  const stakes = books.stakes;
  books.setStakes({ ...stakes, total: stakes.total + by });
};

/** Adds to a stake; its yield was booked before. */
export const bond = (books: Books, id: KeyIdBytes, amount: bigint): void => {
  const stake = books.stake(id);
  // A yield of less than one micro-CAES that was not booked yet is given up with the old index.
  books.setStake(id, { ...stake, staked: stake.staked + amount, index: books.stakes.index });
  changeTotal(books, amount);
};

/** Burns a part of everything staked and unbonding. @returns what was burnt */
export const slash = (books: Books, id: KeyIdBytes, permille: number): bigint => {
  bookYield(books, id);
  const part = (amount: bigint): bigint => (amount * BigInt(permille)) / PERMILLE;
  const stake = books.stake(id);
  const staked = part(stake.staked);
  const unbonding = stake.unbonding.map(({ amount, atMs }) => ({ amount: amount - part(amount), atMs }));
  const waiting = stake.unbonding.reduce((sum, { amount }) => sum + part(amount), 0n);
  books.setStake(id, { ...stake, staked: stake.staked - staked, unbonding });
  if (staked > 0n) changeTotal(books, -staked);
  burn(books, staked + waiting);
  return staked + waiting;
};

/** Stakes whose wait is over are money again. */
export const release = (books: Books, id: KeyIdBytes, timeMs: number): void => {
  const stake = books.stake(id);
  const over = stake.unbonding.filter(({ atMs }) => atMs <= timeMs);
  if (over.length === 0) return;
  books.setStake(id, { ...stake, unbonding: stake.unbonding.filter(({ atMs }) => atMs > timeMs) });
  credit(
    books,
    id,
    over.reduce((sum, { amount }) => sum + amount, 0n),
  );
};

export const stakeHandlers: Handlers<'stake.bond' | 'stake.unbond'> = {
  'stake.bond': ({ books, signer, fields: { amount } }) => {
    debit(books, signer, amount, 'This stake');
    bond(books, signer, amount);
    setPower(books, signer);
  },
  'stake.unbond': ({ books, signer, fields: { amount }, timeMs }) => {
    const stake = books.stake(signer);
    refuseUnless(
      amount <= stake.staked,
      'STAKE_LOW',
      `The account has ${stake.staked} micro-CAES staked, which is less; let go of at most that.`,
    );
    const { unbondMs, validatorStakeMin } = books.params;
    const left = stake.staked - amount;
    if (stake.validator !== null) {
      const base = books.validator(stake.validator)?.base ?? 0;
      refuseUnless(
        base > 0 || left >= validatorStakeMin,
        'VALIDATOR_NEEDS_STAKE',
        `A validator keeps at least ${validatorStakeMin} micro-CAES staked; leave as a validator first, or let go of less.`,
      );
    }
    const atMs = timeMs + unbondMs;
    const before = stake.unbonding.filter((one) => one.atMs !== atMs);
    const sameTime = stake.unbonding.find((one) => one.atMs === atMs)?.amount ?? 0n;
    refuseUnless(
      before.length < UNBONDING_MAX,
      'UNBONDING_FULL',
      `At most ${UNBONDING_MAX} stakes of an account wait to be let go at once; wait until one of them is.`,
    );
    // The wait may have been made shorter meanwhile, so the order is not that of their coming.
    const unbonding = [...before, { amount: amount + sameTime, atMs }].sort((one, other) => one.atMs - other.atMs);
    books.setStake(signer, { ...stake, staked: left, unbonding });
    changeTotal(books, -amount);
    books.set(dueKey(atMs, 'u', signer), NOTHING);
    setPower(books, signer);
  },
};
