import { createHash } from 'node:crypto';
import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from '@scure/bip39';
import { wordlist as czech } from '@scure/bip39/wordlists/czech.js';
import { wordlist as english } from '@scure/bip39/wordlists/english.js';
import { wordlist as french } from '@scure/bip39/wordlists/french.js';
import { wordlist as italian } from '@scure/bip39/wordlists/italian.js';
import { wordlist as japanese } from '@scure/bip39/wordlists/japanese.js';
import { wordlist as korean } from '@scure/bip39/wordlists/korean.js';
import { wordlist as portuguese } from '@scure/bip39/wordlists/portuguese.js';
import { wordlist as simplifiedChinese } from '@scure/bip39/wordlists/simplified-chinese.js';
import { wordlist as spanish } from '@scure/bip39/wordlists/spanish.js';
import { wordlist as traditionalChinese } from '@scure/bip39/wordlists/traditional-chinese.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePhrase, phraseOf, phraseWords, seedOfPhrase } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const reference = readVectors<{
  passphrase: string;
  wordListSha256: Record<string, string>;
  vectors: Record<string, { entropy: string; mnemonic: string; seed: string }[]>;
}>('bip39', 'vectors.json');

/** The official languages of BIP-39. */
const LISTS: Record<string, string[]> = {
  english,
  chinese_simplified: simplifiedChinese,
  chinese_traditional: traditionalChinese,
  czech,
  french,
  italian,
  japanese,
  korean,
  portuguese,
  spanish,
};
const languages = Object.entries(LISTS).map(([language, words]) => ({ language, words }));

/** BIP-39 written down once more: indices of 11 bits each, the last of which are the first bits of the entropy's SHA-256. */
const entropyOf = (phrase: string, words: readonly string[]): string | null => {
  const known = words.map((word) => word.normalize('NFKD'));
  const indices = phrase
    .normalize('NFKD')
    .split(' ')
    .map((word) => known.indexOf(word));
  if (indices.includes(-1)) return null;
  const bits = indices.map((index) => index.toString(2).padStart(11, '0')).join('');
  const checksumBits = bits.length / 33;
  const entropy = Buffer.from(
    (bits.slice(0, -checksumBits).match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)),
  );
  const first = (createHash('sha256').update(entropy).digest()[0] ?? 0).toString(2).padStart(8, '0');
  return bits.endsWith(first.slice(0, checksumBits)) ? entropy.toString('hex') : null;
};

describe.each(languages)('BIP-39 in $language', ({ language, words }) => {
  const vectors = reference.vectors[language] ?? [];

  it('has the published word list', () => {
    const text = `${words.join('\n')}\n`;
    expect(createHash('sha256').update(text).digest('hex')).toBe(reference.wordListSha256[language]);
  });

  it('has vectors', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(6);
  });

  it.each(vectors)('is as the vector of $entropy', ({ entropy, mnemonic, seed }) => {
    expect(entropyToMnemonic(fromHex(entropy), words).normalize('NFKD')).toBe(mnemonic.normalize('NFKD'));
    expect(toHex(mnemonicToEntropy(mnemonic, words))).toBe(entropy);
    expect(entropyOf(mnemonic, words)).toBe(entropy);
    expect(toHex(mnemonicToSeedSync(mnemonic, reference.passphrase))).toBe(seed);
  });

  it('takes exactly the last words that the checksum allows', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (entropy) => {
        const phrase = entropyToMnemonic(entropy, words).normalize('NFKD').split(' ');
        const sample = words.filter((_, index) => index % 64 === (entropy[0] ?? 0) % 64);
        for (const word of [...sample, phrase.at(-1) ?? '']) {
          const changed = [...phrase.slice(0, -1), word.normalize('NFKD')].join(' ');
          let found: string | null = null;
          try {
            found = toHex(mnemonicToEntropy(changed, words));
          } catch {
            // Refused.
          }
          expect(found).toBe(entropyOf(changed, words));
        }
      }),
      { numRuns: 3 },
    );
  });
});

describe('our phrases', () => {
  const vectors = (reference.vectors['english'] ?? []).filter(({ entropy }) => entropy.length === 64);

  it('are made of the English words', () => {
    expect(phraseWords).toEqual(english);
    expect(vectors.length).toBeGreaterThanOrEqual(6);
  });

  it.each(vectors)('are as the vector of $entropy', ({ entropy, mnemonic }) => {
    expect(phraseOf(fromHex(entropy)).join(' ')).toBe(mnemonic);
    expect(toHex(parsePhrase(mnemonic))).toBe(entropy);
    // The vectors have a passphrase and we have none; the library that makes our seed with one was held to them above.
    expect(toHex(seedOfPhrase(fromHex(entropy)))).toBe(toHex(mnemonicToSeedSync(mnemonic)));
  });
});
