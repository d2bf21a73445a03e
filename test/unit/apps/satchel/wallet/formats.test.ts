import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caesNumber, parseCaes } from '../../../../../main/apps/satchel/wallet/amount.ts';
import { csvField, csvRow, priceOn, valueText } from '../../../../../main/apps/satchel/wallet/csv.ts';
import { decodeLedgered, encodeLedgered } from '../../../../../main/apps/satchel/wallet/facts.ts';
import {
  type PaymentLink,
  encodePaymentLink,
  memoProblem,
  parsePaymentLink,
} from '../../../../../main/apps/satchel/wallet/link.ts';
import { decodeMessage, encodeMessage } from '../../../../../main/apps/satchel/wallet/message.ts';
import { looksLike } from '../../../../../main/apps/satchel/wallet/prepare.ts';
import { verifyMessage } from '../../../../../main/apps/satchel/wallet/work.ts';
import { encodeCbor } from '../../../../../main/base/index.ts';
import { deriveAccount, keyIdBytesOf, signRecord } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return 'done';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

describe('amounts', () => {
  const micro = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
  it('are what was typed, to the last place', () => {
    fc.assert(fc.property(micro, (amount) => parseCaes(caesNumber(amount)) === amount));
    fc.assert(fc.property(micro, (amount) => parseCaes(caesNumber(amount).replace('.', ',')) === amount));
    expect(parseCaes('12.5')).toBe(12_500_000n);
    expect(parseCaes('0,000001')).toBe(1n);
    expect(parseCaes('9007199254.740993')).toBe(9_007_199_254_740_993n);
    expect(caesNumber(-1_250_000n)).toBe('-1.25');
  });
  it.each([
    '',
    '.5',
    '5.',
    '1.2345678',
    '1e3',
    '0x10',
    ' 1',
    '1 000',
    '1.000,5',
    '-1',
    '+1',
    '0',
    '0.0',
    '٣',
    '9223372036854.775808',
    '99999999999999',
  ])('are not %j', (text) => expect(codeOf(() => parseCaes(text))).toBe('AMOUNT_WRONG'));
  it('are never anything else, whatever is typed', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const code = codeOf(() => parseCaes(text));
        return code === 'AMOUNT_WRONG' || /^\d{1,13}([.,]\d{1,6})?$/.test(text);
      }),
    );
  });
});

describe('payment links', () => {
  const link = fc.record<PaymentLink>({
    to: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => new Uint8Array(bytes)),
    amountMicro: fc.option(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })),
    memo: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((memo) => memoProblem(memo) === null),
    network: fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toHex)),
  });
  it('bring back what was asked for', () => {
    fc.assert(
      fc.property(link, (asked) => {
        const text = encodePaymentLink(asked);
        expect(parsePaymentLink(text)).toEqual(asked);
        // A QR code and a line of a message carry it as it is.
        expect(text).toMatch(/^[\x21-\x7e]+$/);
      }),
    );
  });
  it('are as the format page says', () => {
    const { links, refused } = readVectors<{
      links: { to: string; amountMicro: string | null; memo: string; network: string | null; link: string }[];
      refused: { link: string; code: string }[];
    }>('wallet', 'links.json');
    for (const { link: text, to, amountMicro, ...rest } of links) {
      const asked = { ...rest, to: fromHex(to), amountMicro: amountMicro === null ? null : BigInt(amountMicro) };
      expect(encodePaymentLink(asked)).toBe(text);
      expect(parsePaymentLink(text)).toEqual(asked);
    }
    for (const { link: text, code } of refused)
      expect([text, codeOf(() => parsePaymentLink(text))]).toEqual([text, code]);
  });
  it('are refused or understood, whatever they are, and never anything between', () => {
    const codes = new Set(['done', 'LINK_WRONG', 'ADDRESS_WRONG', 'AMOUNT_WRONG']);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl({ withQueryParameters: true }),
          fc.string(),
          fc.string().map((text) => `hypermesh:pay?${text}`),
        ),
        (text) => codes.has(codeOf(() => parsePaymentLink(text))),
      ),
    );
    // One character of a good one changed: the address is found to be wrong, or it is another link of the same payee.
    fc.assert(
      fc.property(link, fc.nat(), fc.constantFrom(...'q0z1&=?%:'), (asked, at, character) => {
        const text = encodePaymentLink(asked);
        const place = at % text.length;
        const changed = `${text.slice(0, place)}${character}${text.slice(place + 1)}`;
        const code = codeOf(() => parsePaymentLink(changed));
        return code === 'done' ? toHex(parsePaymentLink(changed).to) === toHex(asked.to) : codes.has(code);
      }),
    );
  });
});

describe('tables', () => {
  /** RFC 4180 read back, one line. */
  const parsed = (line: string): string[] => {
    const fields: string[] = [];
    let rest = line;
    for (;;) {
      const quoted = /^"((?:[^"]|"")*)"/.exec(rest);
      const taken = quoted?.[0] ?? /^[^,\r]*/.exec(rest)?.[0] ?? '';
      fields.push(quoted === null ? taken : (quoted[1] ?? '').replaceAll('""', '"'));
      rest = rest.slice(taken.length);
      if (rest === '\r\n') return fields;
      if (!rest.startsWith(',')) throw new Error(`not a row: ${rest}`);
      rest = rest.slice(1);
    }
  };
  it('hold every text as it is, but for one mark before what would be run', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 5 }), (fields) => {
        const back = parsed(csvRow(fields));
        expect(back.map((text, index) => (text === `'${fields[index]}` ? fields[index] : text))).toEqual(fields);
        for (const text of back) expect(text).not.toMatch(/^\s*[=+@]/);
      }),
    );
  });
  it.each(['=1+1', '+cmd|calc', '-1+1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '=HYPERLINK("http://a","b")', '|dde'])(
    'run nothing of %j',
    (text) => expect(csvField(text).replace(/^"/, '')).toMatch(/^'/),
  );
  it('leave numbers numbers', () => {
    expect(csvRow(['-1.25', '3', 'a,b', 'say "x"', ''])).toBe('-1.25,3,"a,b","say ""x""",\r\n');
  });
  it('give a day the newest price up to it', () => {
    const prices = [
      { day: '2026-02-01', value: 0.3, currency: 'EUR' },
      { day: '2026-01-01', value: 0.1, currency: 'EUR' },
    ];
    expect(priceOn(prices, '2026-01-31')?.value).toBe(0.1);
    expect(priceOn(prices, '2026-02-01')?.value).toBe(0.3);
    expect(priceOn(prices, '2025-12-31')).toBeNull();
    // A tenth three times is three tenths: nothing is rounded on the way.
    expect(valueText(3_000_000n, prices[1]!)).toBe('0.30');
    expect(valueText(-12_345_678n, { day: '', value: 0.3, currency: '' })).toBe('-3.70');
    expect(valueText(-1n, prices[0]!)).toBe('0.00');
    expect(valueText(10n ** 18n, { day: '', value: 1e9, currency: '' })).toBe('1000000000000000000000.00');
  });
});

describe('signed messages', () => {
  const keys = deriveAccount(new Uint8Array(32), 1);
  const file = signRecord(keys.public, keys.secret, 'wallet-message', encodeMessage({ message: 'Ä tea', atMs: 5 }));
  it('say who said what', () => {
    expect(verifyMessage(file)).toEqual({ ok: true, account: keyIdBytesOf(keys.public), message: 'Ä tea', atMs: 5 });
  });
  it('count for nothing once a byte is changed', () => {
    for (let at = 0; at < file.length; at += 211) {
      const changed = file.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(verifyMessage(changed).ok).toBe(false);
    }
  });
  it('are nothing that was signed for another purpose', () => {
    const transaction = signRecord(keys.public, keys.secret, 'probe', encodeMessage({ message: 'x', atMs: 1 }));
    expect(verifyMessage(transaction)).toMatchObject({ ok: false, code: 'forged' });
  });
  it('are refused in any other form', () => {
    const signed = (payload: unknown) =>
      verifyMessage(signRecord(keys.public, keys.secret, 'wallet-message', encodeCbor(payload)));
    expect(signed({ v: 2, message: 'x', atMs: 1, more: 1 })).toEqual({ ok: false, code: 'newer', found: 2 });
    for (const payload of [
      { v: 1, message: '', atMs: 1 },
      { v: 1, message: 'x'.repeat(4097), atMs: 1 },
      { v: 1, message: 'x', atMs: -1 },
      { v: 1, message: 'x' },
      [],
      7,
    ])
      expect(signed(payload)).toMatchObject({ ok: false, code: 'malformed' });
    expect(verifyMessage(new Uint8Array(0))).toMatchObject({ ok: false, code: 'malformed' });
  });
  it('are as the format page says', () => {
    const {
      payload,
      file: kept,
      account,
    } = readVectors<Record<'payload' | 'file' | 'account', string>>('wallet', 'message.json');
    expect(toHex(encodeMessage({ message: 'I sold the bicycle.', atMs: Date.UTC(2026, 0, 5, 9) }))).toBe(payload);
    const read = verifyMessage(fromHex(kept));
    if (!read.ok) throw new Error(read.code);
    expect({ ...read, account: toHex(read.account) }).toEqual({
      ok: true,
      account,
      message: 'I sold the bicycle.',
      atMs: Date.UTC(2026, 0, 5, 9),
    });
  });
  it('never end the program, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) =>
        codeOf(() => decodeMessage(bytes)).startsWith('MESSAGE_'),
      ),
    );
  });
});

describe('accounts of one phrase', () => {
  it('are derived as the format page says', () => {
    const { entropy, accounts } = readVectors<{
      entropy: string;
      accounts: { place: number; ed25519: string; keyId: string }[];
    }>('wallet', 'accounts.json');
    for (const { place, ed25519, keyId } of accounts) {
      const derived = deriveAccount(fromHex(entropy), place);
      expect([place, toHex(derived.public.ed25519), toHex(keyIdBytesOf(derived.public))]).toEqual([
        place,
        ed25519,
        keyId,
      ]);
    }
  });
});

describe('rows', () => {
  it('are read as they were written, and those of a newer version are left alone', () => {
    const known = {
      height: 7,
      since: { told: -5n, bonded: 2n ** 60n, proposed: 1n, accused: 0n },
      facts: { balanceMicro: 2n ** 62n, escrowedMicro: 0n, stakedMicro: 3n, unbonding: [{ amountMicro: 1n, atMs: 9 }] },
    };
    expect(decodeLedgered(encodeLedgered(known))).toEqual(known);
    expect(codeOf(() => decodeLedgered(encodeCbor({ v: 2 })))).toBe('WALLET_NEWER');
  });
});

it('takes addresses for alike that begin and end alike, and no others', () => {
  const one = `caes1abcd${'x'.repeat(50)}wxyz`;
  expect(looksLike(one, `caes1abcd${'y'.repeat(50)}wxyz`)).toBe(true);
  expect(looksLike(one, one)).toBe(false);
  expect(looksLike(one, `caes1abce${'x'.repeat(50)}wxyz`)).toBe(false);
});
