import { accountText, parseAccount } from '../../caesar/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { isNodeError } from '../../../base/index.ts';
import { caesNumber, parseCaes } from './amount.ts';
import { LINK_LENGTH_MAX, MEMO_LENGTH_MAX } from './constants.ts';
import { WalletError } from './errors.ts';

/** What a payment link asks for. docs/formats/payment-link.md */
export interface PaymentLink {
  to: KeyIdBytes;
  /** Null: the payer says. */
  amountMicro: bigint | null;
  memo: string;
  /** Hex id of the ledger; null: the payer's current one. */
  network: string | null;
}

const START = 'hypermesh:pay?';
const FIELDS = ['to', 'amount', 'memo', 'network'] as const;
type Field = (typeof FIELDS)[number];
const NETWORK = /^[0-9a-f]{64}$/;
/** Anything that has a scheme: an address and a name have no colon. */
const HAS_SCHEME = /:/;
/** What a memo never holds: marks that end lines, hide, or turn writing round. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

export const isLink = (text: string): boolean => HAS_SCHEME.test(text);

/** @returns what is wrong with a note; null where it may be signed and shown */
export const memoProblem = (memo: string): string | null => {
  if (memo.length > MEMO_LENGTH_MAX) return `it has more than ${MEMO_LENGTH_MAX} characters`;
  if (!memo.isWellFormed()) return 'it holds half a character';
  return HIDDEN.test(memo) ? 'it holds marks that cannot be seen' : null;
};

const wrong = (problem: string): WalletError =>
  new WalletError(
    { code: 'LINK_WRONG', problem },
    `This is not a link to pay with: ${problem}. Ask for another one, or for the address.`,
  );

export const encodePaymentLink = ({ to, amountMicro, memo, network }: PaymentLink): string => {
  const parts = [`to=${accountText(to)}`];
  if (amountMicro !== null) parts.push(`amount=${caesNumber(amountMicro)}`);
  if (memo !== '') parts.push(`memo=${encodeURIComponent(memo)}`);
  if (network !== null) parts.push(`network=${network}`);
  return `${START}${parts.join('&')}`;
};

const decoded = (text: string): string => {
  // A plus sign is itself: forms write a blank like that, links do not.
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong('one of its fields is not written as links are');
  }
};

/**
 * Reads a link that a QR code or a message brought. Nothing else that looks like a link is followed, opened or guessed at.
 *
 * @throws {WalletError} `LINK_WRONG` | `ADDRESS_WRONG` | `AMOUNT_WRONG`
 */
export const parsePaymentLink = (text: string): PaymentLink => {
  if (text.length > LINK_LENGTH_MAX) throw wrong('it is too long');
  if (text.slice(0, START.length).toLowerCase() !== START) {
    const scheme = /^([a-z][a-z0-9+.-]{0,31}):/i.exec(text)?.[1]?.toLowerCase();
    throw wrong(
      scheme === undefined
        ? 'it does not begin with hypermesh:pay?'
        : `it begins with ${scheme}: and such a link leads somewhere else, so it was not opened`,
    );
  }
  const found = new Map<Field, string>();
  for (const part of text.slice(START.length).split('&')) {
    const equals = part.indexOf('=');
    const name = FIELDS.find((field) => field === part.slice(0, Math.max(0, equals)));
    if (name === undefined) throw wrong('it asks for something that this version does not know');
    if (found.has(name)) throw wrong(`it says ${name} twice`);
    found.set(name, decoded(part.slice(equals + 1)));
  }
  const to = found.get('to');
  if (to === undefined) throw wrong('it does not say who is to be paid');
  const amount = found.get('amount');
  const memo = found.get('memo') ?? '';
  const problem = memoProblem(memo);
  if (problem !== null) throw wrong(`its note cannot be used: ${problem}`);
  const network = found.get('network') ?? null;
  if (network !== null && !NETWORK.test(network)) throw wrong('its network is none');
  return { to: addressOf(to), amountMicro: amount === undefined ? null : parseCaes(amount), memo, network };
};

/** @throws {WalletError} `ADDRESS_WRONG`, which says where */
export const addressOf = (text: string): KeyIdBytes => {
  try {
    return parseAccount(text);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    const at = (error.data as { at?: unknown }).at;
    throw new WalletError({ code: 'ADDRESS_WRONG', at: typeof at === 'number' ? at : null }, error.message, {
      cause: error,
    });
  }
};
