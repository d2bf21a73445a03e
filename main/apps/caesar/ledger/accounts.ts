import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Books } from './books.ts';
import { SUPPLY_MAX, YIELD_SCALE } from './constants.ts';
import { sameBytes } from './keys.ts';
import type { Handlers } from './handler.ts';
import { Refusal, refuseUnless } from './refusal.ts';

// Money that moves between accounts, is made, and is burnt. Every other file moves money through these.

export const credit = (books: Books, id: KeyIdBytes, amount: bigint): void => {
  if (amount === 0n) return;
  const account = books.account(id);
  books.setAccount(id, { ...account, balance: account.balance + amount });
};
/** @throws {Refusal} `BALANCE_LOW` */
export const debit = (books: Books, id: KeyIdBytes, amount: bigint, what: string): void => {
  if (amount === 0n) return;
  const account = books.account(id);
  if (account.balance < amount)
    throw new Refusal(
      'BALANCE_LOW',
      `${what} takes ${amount} micro-CAES, and the account has ${account.balance} free; send less, or wait until more has come in.`,
    );
  books.setAccount(id, { ...account, balance: account.balance - amount });
};
export const burn = (books: Books, amount: bigint): void => {
  if (amount === 0n) return;
  const supply = books.supply;
  books.setSupply({ ...supply, burnt: supply.burnt + amount });
};
/** @returns what there is room for: the supply never passes `SUPPLY_MAX` */
export const mint = (books: Books, amount: bigint): bigint => {
  const supply = books.supply;
  const room = SUPPLY_MAX - (supply.genesis + supply.minted - supply.burnt);
  const minted = amount < room ? amount : room;
  if (minted > 0n) books.setSupply({ ...supply, minted: supply.minted + minted });
  return minted;
};

/** What a stake has earned since it was last booked. */
export const yieldOf = (stake: { staked: bigint; index: bigint }, index: bigint): bigint =>
  (stake.staked * (index - stake.index)) / YIELD_SCALE;
/** Books the yield of a stake to its account; before anything else is done with either. */
export const bookYield = (books: Books, id: KeyIdBytes): void => {
  const stake = books.stake(id);
  if (stake.staked === 0n) return;
  const stakes = books.stakes;
  const earned = yieldOf(stake, stakes.index);
  if (earned === 0n) return;
  books.setStakes({ ...stakes, pot: stakes.pot - earned });
  books.setStake(id, { ...stake, index: stakes.index });
  credit(books, id, earned);
};

export const accountHandlers: Handlers<'account.transfer'> = {
  'account.transfer': ({ books, signer, fields: { to, amount } }) => {
    refuseUnless(
      !sameBytes(signer, to),
      'TO_ITSELF',
      'Payer and payee are one account, so nothing would change; give the account of somebody else.',
    );
    debit(books, signer, amount, 'This transfer');
    const isNew =
      books.account(to).balance === 0n && books.account(to).nonce === 0 && books.account(to).escrowed === 0n;
    const { dustMicro } = books.params;
    refuseUnless(
      !isNew || amount >= dustMicro,
      'DUST',
      `The payee has no account yet, and the first payment to one is at least ${dustMicro} micro-CAES; send that much, or check the account.`,
    );
    credit(books, to, amount);
  },
};
