import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountText, parseAccount } from '../../../../main/apps/caesar/address.ts';
import { AccountTextError } from '../../../../main/apps/caesar/errors.ts';

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
const account = fc.uint8Array({ minLength: 32, maxLength: 32 });
const place = fc.integer({ min: 0, max: 62 });

const refusal = (text: string): AccountTextError => {
  try {
    parseAccount(text);
  } catch (error) {
    if (error instanceof AccountTextError) return error;
    throw error;
  }
  throw new Error(`${text} was read as an account`);
};
const replaced = (text: string, at: number, character: string): string =>
  text.slice(0, at) + character + text.slice(at + 1);

describe('accountText', () => {
  it('is read back, in small and in large letters', () => {
    fc.assert(
      fc.property(account, (bytes) => {
        const text = accountText(bytes);
        expect(text).toMatch(/^caes1[02-9ac-hj-np-z]{58}$/);
        expect(parseAccount(text)).toEqual(bytes);
        expect(parseAccount(text.toUpperCase())).toEqual(bytes);
      }),
    );
  });

  it('writes what the vectors say', () => {
    const { accounts } = JSON.parse(
      readFileSync(new URL('../../../vectors/caesar/accounts.json', import.meta.url), 'utf8'),
    ) as { accounts: { id: string; text: string }[] };
    expect(accounts.length).toBeGreaterThan(2);
    for (const { id, text } of accounts) {
      expect(accountText(Buffer.from(id, 'hex'))).toBe(text);
      expect(Buffer.from(parseAccount(text)).toString('hex')).toBe(id);
    }
  });
});

describe('parseAccount', () => {
  it('refuses any one wrong character and says where it is', () => {
    fc.assert(
      fc.property(account, fc.integer({ min: 5, max: 62 }), fc.constantFrom(...ALPHABET), (bytes, at, character) => {
        const text = accountText(bytes);
        fc.pre(text.charAt(at) !== character);
        const { code, data, message } = refusal(replaced(text, at, character));
        expect(code).toBe('ACCOUNT_CHECK');
        expect(data).toMatchObject({ swapped: false });
        expect(message).toContain(`character ${at + 1} `);
      }),
      { numRuns: 25 },
    );
  });

  it('refuses any character at any place that is not its own', () => {
    fc.assert(
      fc.property(account, place, fc.string({ unit: 'grapheme', minLength: 0, maxLength: 2 }), (bytes, at, piece) => {
        const text = accountText(bytes);
        const changed = replaced(text, at, piece);
        fc.pre(changed !== text);
        expect(refusal(changed).message).toMatch(/^This is no account/);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses any two exchanged characters, and says it of neighbours', () => {
    fc.assert(
      fc.property(account, place, place, (bytes, one, other) => {
        const text = accountText(bytes);
        const first = text.charAt(one);
        fc.pre(first !== text.charAt(other));
        const error = refusal(replaced(replaced(text, one, text.charAt(other)), other, first));
        const isNeighbour = Math.abs(one - other) === 1 && Math.min(one, other) > 4;
        expect(error.message).toContain(
          isNeighbour ? `characters ${Math.min(one, other) + 1} and ${Math.max(one, other) + 1}` : 'This is no account',
        );
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['', 'ACCOUNT_PREFIX'],
    ['https://caes1', 'ACCOUNT_NOT_TEXT'],
    [`${accountText(new Uint8Array(32))} `, 'ACCOUNT_NOT_TEXT'],
    [`${accountText(new Uint8Array(32))}q`, 'ACCOUNT_LENGTH'],
    [accountText(new Uint8Array(32)).slice(0, -1), 'ACCOUNT_LENGTH'],
    ['bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0', 'ACCOUNT_PREFIX'],
    [replaced(accountText(new Uint8Array(32)), 9, 'Q'), 'ACCOUNT_MIXED_CASE'],
    [replaced(accountText(new Uint8Array(32)), 9, 'b'), 'ACCOUNT_CHECK'],
    ['x'.repeat(1000), 'ACCOUNT_NOT_TEXT'],
  ])('refuses %j with %s', (text, code) => {
    expect(refusal(text).code).toBe(code);
  });

  it('does not read bech32, whose check lets characters be lost', () => {
    // The same bytes under the older constant.
    expect(refusal('caes1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqql5854t').code).toBe('ACCOUNT_CHECK');
  });
});
