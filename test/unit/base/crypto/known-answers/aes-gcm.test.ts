import { describe, expect, it } from 'vitest';
import { aeadOpen, aeadSeal } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Case {
  key: string;
  nonce: string;
  aad: string;
  plain: string | null;
  cipher: string;
  tag: string;
}
const cavp = readVectors<Case[]>('aes-gcm', 'cavp-aes-256-gcm.json');
const wycheproof = readVectors<(Case & { tcId: number; comment: string; result: string })[]>(
  'aes-gcm',
  'wycheproof-aes-256-gcm.json',
).map((test) => (test.result === 'invalid' ? { ...test, plain: null } : test));

const check = ({ key, nonce, aad, plain, cipher, tag }: Case): void => {
  const parts = [fromHex(key), fromHex(nonce)] as const;
  const sealed = fromHex(cipher + tag);
  if (plain === null) {
    expect(() => aeadOpen(...parts, sealed, fromHex(aad))).toThrow(
      expect.objectContaining({ code: 'SEAL_BROKEN' }) as Error,
    );
    return;
  }
  expect(toHex(aeadSeal(...parts, fromHex(plain), fromHex(aad)))).toBe(cipher + tag);
  expect(toHex(aeadOpen(...parts, sealed, fromHex(aad)))).toBe(plain);
};

describe('AES-256-GCM', () => {
  it.each(cavp.map((test, index) => ({ index, ...test })))('is as number $index of NIST’s CAVP', check);
  it.each(wycheproof)('is as Wycheproof’s $tcId: $comment', check);

  it('is given both that hold and that do not', () => {
    for (const tests of [cavp, wycheproof])
      expect(new Set(tests.map(({ plain }) => plain === null))).toEqual(new Set([true, false]));
  });
});
