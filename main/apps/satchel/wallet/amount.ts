import { AMOUNT_MICRO_MAX, CAES } from './constants.ts';
import { WalletError } from './errors.ts';

/** Digits of whole CAES: 2^63 micro-CAES have 13. */
const AMOUNT = /^(\d{1,13})(?:[.,](\d{1,6}))?$/;

const amountWrong = (why: string): WalletError =>
  new WalletError({ code: 'AMOUNT_WRONG' }, `${why} Write it like 12.5, without blanks and with six places at most.`);

/**
 * Reads CAES as a person types them. No floating point: what is typed is what is sent.
 *
 * @returns micro-CAES, above 0
 * @throws {WalletError} `AMOUNT_WRONG`
 */
export const parseCaes = (text: string): bigint => {
  const found = AMOUNT.exec(text);
  if (found === null) throw amountWrong('This is not an amount of CAES.');
  const micro = BigInt(found[1] ?? '0') * CAES + BigInt((found[2] ?? '').padEnd(6, '0'));
  if (micro === 0n) throw amountWrong('An amount is more than nothing.');
  if (micro > AMOUNT_MICRO_MAX) throw amountWrong('There are not as many CAES as that.');
  return micro;
};

/** Exact decimal text with a point: `-1250000` is `-1.25`. What {@link parseCaes} reads, where it is above 0. */
export const caesNumber = (micro: bigint): string => {
  const amount = micro < 0n ? -micro : micro;
  const rest = (amount % CAES).toString().padStart(6, '0').replace(/0+$/, '');
  return `${micro < 0n ? '-' : ''}${amount / CAES}${rest === '' ? '' : `.${rest}`}`;
};
/** For people: groups of three, as the pages have them. */
export const caesText = (micro: bigint): string => {
  const [whole = '', rest] = caesNumber(micro).split('.');
  const grouped = whole.replaceAll(/\B(?=(?:\d{3})+$)/g, '\u202f');
  return `${grouped}${rest === undefined ? '' : `.${rest}`} CAES`;
};
