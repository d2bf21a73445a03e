import { pbkdf2Sync } from 'node:crypto';
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { PhraseError } from './errors.ts';

/** Words of a phrase: 256 bits of entropy and 8 of checksum, BIP-39. */
export const PHRASE_WORDS = 24;
export const ENTROPY_BYTES = 32;

/** Word list that people are offered, 2048 English words in order. */
export const phraseWords: readonly string[] = wordlist;

/** @param entropy - 32 bytes @returns 24 words */
export const phraseOf = (entropy: Uint8Array): string[] => entropyToMnemonic(entropy, wordlist).split(' ');

/**
 * Reads a phrase as people write and paste it: any case, any white space, numbers and dots between the words as on paper,
 * letters of any width, marks that cannot be seen.
 *
 * @returns 32 bytes of entropy
 * @throws {PhraseError} `PHRASE_LENGTH` | `PHRASE_WORD` (the first wrong one, from 1) | `PHRASE_CHECKSUM`
 */
export const parsePhrase = (text: string): Uint8Array => {
  const words = text
    .normalize('NFKD')
    .toLowerCase()
    // Soft hyphens, direction marks and the like, which copying from a page brings along.
    .replaceAll(/\p{Cf}/gu, '')
    .split(/[\s\d.,;:)]+/)
    .filter((word) => word !== '');
  if (words.length !== PHRASE_WORDS)
    throw new PhraseError(
      { code: 'PHRASE_LENGTH', words: words.length },
      `A recovery phrase has ${PHRASE_WORDS} words and this one has ${words.length}; check that none is missing or written twice.`,
    );
  const wrong = words.findIndex((word) => !wordlist.includes(word));
  if (wrong >= 0)
    throw new PhraseError(
      { code: 'PHRASE_WORD', place: wrong + 1 },
      `Word ${wrong + 1} is not in the list of the 2048 words that recovery phrases are made of; check how it is spelled.`,
    );
  try {
    return mnemonicToEntropy(words.join(' '), wordlist);
  } catch (cause) {
    throw new PhraseError(
      { code: 'PHRASE_CHECKSUM' },
      'These words do not belong together: one of them is another word of the list, or two are in the wrong order. Compare each with your note.',
      { cause },
    );
  }
};

/** The 64-byte seed of BIP-39: PBKDF2-HMAC-SHA-512, 2048 rounds, salt `mnemonic`, no extra passphrase. Takes some ms. */
export const seedOfPhrase = (entropy: Uint8Array): Uint8Array =>
  // English words are ASCII, so that NFKD of BIP-39 changes nothing.
  new Uint8Array(pbkdf2Sync(entropyToMnemonic(entropy, wordlist), 'mnemonic', 2048, 64, 'sha512'));
