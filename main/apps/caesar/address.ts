import { bech32m } from '@scure/base';
import { assert } from '../../base/index.ts';
import { KEY_ID_BYTES, type KeyIdBytes } from '../../base/crypto/index.ts';
import { ACCOUNT_CHARACTERS, ACCOUNT_PREFIX, ACCOUNT_TEXT_MAX } from './constants.ts';
import { AccountTextError } from './errors.ts';

// docs/formats/account.md: bech32m as BIP 350 has it, over the 32 bytes of a key id.

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const START = `${ACCOUNT_PREFIX}1`;
/** BIP 173's generator, and what BIP 350 has the remainder be. */
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3] as const;
const REMAINDER = 0x2bc830a3;

/** @param account - 32 bytes @returns `caes1…`, 63 characters in small letters */
export const accountText = (account: KeyIdBytes): string => {
  assert(account.length === KEY_ID_BYTES, 'An account is named by the 32 bytes of its key id.');
  return bech32m.encodeFromBytes(ACCOUNT_PREFIX, account);
};

/** @returns the 32 bytes where text and check fit, null otherwise */
const read = (small: string): KeyIdBytes | null => {
  const found = bech32m.decodeUnsafe(small);
  if (found === undefined || found.prefix !== ACCOUNT_PREFIX) return null;
  const bytes = bech32m.fromWordsUnsafe(found.words);
  return bytes instanceof Uint8Array && bytes.length === KEY_ID_BYTES ? new Uint8Array(bytes) : null;
};

/** Whether the check of a text with our prefix fits. The library says the same a hundred times slower, by way of the bytes. */
const fits = (small: string): boolean => {
  let check = 1;
  const add = (value: number): void => {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((part, bit) => {
      if (((top >>> bit) & 1) === 1) check ^= part;
    });
  };
  for (const letter of ACCOUNT_PREFIX) add(letter.charCodeAt(0) >>> 5);
  add(0);
  for (const letter of ACCOUNT_PREFIX) add(letter.charCodeAt(0) & 31);
  for (let at = START.length; at < small.length; at++) add(ALPHABET.indexOf(small.charAt(at)));
  return check === REMAINDER;
};

/** Where one other character, or two neighbours exchanged, would make the check fit. From 1. */
const whereWrong = (small: string): { at: number | null; swapped: boolean } => {
  for (let at = START.length; at + 1 < small.length; at++) {
    const swapped = small.slice(0, at) + small.charAt(at + 1) + small.charAt(at) + small.slice(at + 2);
    if (swapped !== small && fits(swapped)) return { at: at + 1, swapped: true };
  }
  const places = new Set<number>();
  for (let at = START.length; at < small.length; at++)
    for (const other of ALPHABET)
      if (other !== small.charAt(at) && fits(small.slice(0, at) + other + small.slice(at + 1))) places.add(at);
  const [only] = places;
  return { at: places.size === 1 && only !== undefined ? only + 1 : null, swapped: false };
};

const sentenceOf = (small: string, { at, swapped }: { at: number | null; swapped: boolean }): string => {
  if (at === null)
    return 'This is no account: several of its characters are wrong. Copy it again, or have it sent as a QR code.';
  const around = `…${small.slice(Math.max(0, at - 4), at + 3)}…`;
  return swapped
    ? `This is no account: characters ${at} and ${at + 1} (in “${around}”) are probably exchanged. Compare them with where it came from.`
    : `This is no account: character ${at} (in “${around}”) is probably wrong. Compare it with where it came from.`;
};

/**
 * Reads what {@link accountText} wrote; all large letters, as QR codes have them, are the same account. Any four wrong characters
 * are found for certain. Nothing is guessed: a text that is almost an account is refused.
 *
 * @returns 32 bytes
 * @throws {AccountTextError} with the place that is probably wrong
 */
export const parseAccount = (text: string): KeyIdBytes => {
  const odd = /[^0-9A-Za-z]/.exec(text.slice(0, ACCOUNT_TEXT_MAX));
  if (odd !== null || text.length > ACCOUNT_TEXT_MAX)
    throw new AccountTextError(
      { code: 'ACCOUNT_NOT_TEXT', at: odd === null ? null : odd.index + 1 },
      'This is no account: an account has letters and digits only, begins with caes1 and has nothing before or behind it.',
    );
  const small = text.toLowerCase();
  if (!small.startsWith(START))
    throw new AccountTextError(
      { code: 'ACCOUNT_PREFIX', found: small.slice(0, START.length) },
      'This is no account: accounts begin with caes1. Take it from the Receive page of whoever is to be paid.',
    );
  if (text !== small && text !== text.toUpperCase()) {
    const capital = /[A-Z]/.exec(text);
    const isFirstCapital = capital?.index === 0;
    const at = (isFirstCapital ? /[a-z]/.exec(text) : capital)?.index ?? 0;
    throw new AccountTextError(
      { code: 'ACCOUNT_MIXED_CASE', at: at + 1 },
      `This is no account: it has large and small letters side by side, first at character ${at + 1}. Compare it with where it came from.`,
    );
  }
  if (small.length !== ACCOUNT_CHARACTERS)
    throw new AccountTextError(
      { code: 'ACCOUNT_LENGTH', characters: small.length, expected: ACCOUNT_CHARACTERS },
      `This is no account: it has ${small.length} characters, and accounts have ${ACCOUNT_CHARACTERS}. ${
        small.length < ACCOUNT_CHARACTERS ? 'Something was lost' : 'Something was added'
      } on the way; copy it again.`,
    );
  const stranger = Array.from(small.slice(START.length)).findIndex((character) => !ALPHABET.includes(character));
  if (stranger >= 0) {
    const at = START.length + stranger + 1;
    throw new AccountTextError(
      { code: 'ACCOUNT_CHECK', at, swapped: false },
      `This is no account: character ${at}, “${small.charAt(at - 1)}”, is in none. Compare it with where it came from.`,
    );
  }
  const account = read(small);
  if (account !== null) return account;
  const where = whereWrong(small);
  throw new AccountTextError({ code: 'ACCOUNT_CHECK', ...where }, sentenceOf(small, where));
};
