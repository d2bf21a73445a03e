import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePhrase, PhraseError, phraseOf, phraseWords } from '../../../../main/base/crypto/index.ts';
import { toHex } from '../../../support/vectors.ts';

const entropy = new Uint8Array(32).map((_, index) => index * 7);
const words = phraseOf(entropy);
const text = words.join(' ');

const refusal = (phrase: string): unknown => {
  try {
    parsePhrase(phrase);
  } catch (error) {
    if (!(error instanceof PhraseError)) throw error;
    // Words are secret: no part of an error may tell one.
    expect(phrase.split(/\s+/).filter((word) => word.length > 5 && JSON.stringify(error.data).includes(word))).toEqual(
      [],
    );
    return { code: error.code, ...error.data };
  }
  return 'taken';
};
const replaced = (place: number, word: string): string => words.with(place - 1, word).join(' ');

describe('a recovery phrase', () => {
  it('is read back', () => {
    expect(words).toHaveLength(24);
    expect(parsePhrase(text)).toEqual(entropy);
  });

  it.each([
    ['capitals', text.toUpperCase()],
    ['lines and tabs', words.join('\r\n\t')],
    ['numbers as on paper', words.map((word, index) => `${index + 1}. ${word}`).join('\n')],
    ['numbers with brackets', words.map((word, index) => `${index + 1}) ${word};`).join(' ')],
    ['commas', words.join(', ')],
    ['wide spaces and white space around', `\u3000${words.join('\u00a0\u3000')}\n\n`],
    [
      'letters of full width',
      [...text].map((c) => (c === ' ' ? c : String.fromCharCode(c.charCodeAt(0) + 0xfee0))).join(''),
    ],
    [
      'marks that cannot be seen',
      words.map((word) => `\u200e${word.slice(0, 2)}\u00ad${word.slice(2)}\u200b`).join(' '),
    ],
    ['a byte order mark', `\ufeff${text}`],
  ])('is read with %s', (_, phrase) => {
    expect(parsePhrase(phrase)).toEqual(entropy);
  });

  it.each([[0], [1], [11], [12], [23]])('is refused with %d words', (count) => {
    expect(refusal(words.slice(0, count).join(' '))).toEqual({ code: 'PHRASE_LENGTH', words: count });
  });
  it('is refused with a word too many', () => {
    expect(refusal(`${text} ${words[0]}`)).toEqual({ code: 'PHRASE_LENGTH', words: 25 });
  });
  it('is refused when words run together', () => {
    expect(refusal(words.join(''))).toEqual({ code: 'PHRASE_LENGTH', words: 1 });
  });

  it.each([
    [1, 'abandom'],
    [24, 'zzz'],
    [7, 'аbandon'], // Its first letter is Cyrillic.
    [3, 'aban'],
    [5, '__proto__'],
    [6, 'あいこくしん'],
  ])('is refused with word %d being %s', (place, word) => {
    expect(refusal(replaced(place, word))).toEqual({ code: 'PHRASE_WORD', place });
  });

  it('names the first of several wrong words', () => {
    expect(refusal(words.with(4, 'nonsense').with(9, 'nonsense').join(' '))).toEqual({ code: 'PHRASE_WORD', place: 5 });
  });

  it('is refused with one other word of the list, but for one in 256', () => {
    const taken = phraseWords.filter((word) => word !== words[9] && refusal(replaced(10, word)) === 'taken').length;
    // 2047 words, of which each has one chance in 256: eight on average, and more than thirty once in many lifetimes.
    expect(taken).toBeLessThan(30);
    expect(taken).toBeGreaterThan(0);
  });

  it('is refused in another order, but for one in 256', () => {
    const codes: string[] = [];
    for (let one = 0; one < 24; one++)
      for (let two = one + 1; two < 24; two++) {
        const [a, b] = [words[one] ?? '', words[two] ?? ''];
        const verdict = a === b ? null : refusal(words.with(one, b).with(two, a).join(' '));
        if (verdict !== null) codes.push(JSON.stringify(verdict));
      }
    expect(codes.length).toBeGreaterThan(200);
    expect(codes.filter((code) => code === '"taken"').length).toBeLessThan(10);
    expect(new Set(codes)).toContain('{"code":"PHRASE_CHECKSUM"}');
    expect(codes.filter((code) => code !== '"taken"' && code !== '{"code":"PHRASE_CHECKSUM"}')).toEqual([]);
  });

  it('is taken with exactly eight last words', () => {
    expect(phraseWords.filter((word) => refusal(replaced(24, word)) === 'taken')).toHaveLength(8);
  });

  it('goes there and back for any entropy', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        expect(toHex(parsePhrase(phraseOf(bytes).join(' ')))).toBe(toHex(bytes));
      }),
    );
  });

  it('of any text is taken or refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (any) => {
        expect(refusal(any)).toMatchObject({ code: expect.stringMatching(/^PHRASE_(LENGTH|WORD)$/) as string });
      }),
    );
  });
});
