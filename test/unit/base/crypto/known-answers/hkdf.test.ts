import { hkdfSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hkdfSha512 } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Known {
  ikm: string;
  salt: string;
  info: string;
  okm: string;
}
const rfc = readVectors<Known[]>('hkdf', 'rfc5869-sha256.json');
const wycheproof = readVectors<(Known & { tcId: number; comment: string; size: number; result: string })[]>(
  'hkdf',
  'wycheproof-hkdf-sha512.json',
);

describe('HKDF', () => {
  it.each(rfc.map((test, index) => ({ number: index + 1, ...test })))(
    'of the platform, with SHA-256, is as test case $number of RFC 5869',
    ({ ikm, salt, info, okm }) => {
      const found = hkdfSync('sha256', fromHex(ikm), fromHex(salt), fromHex(info), okm.length / 2);
      expect(toHex(new Uint8Array(found))).toBe(okm);
    },
  );

  const derive = ({ ikm, salt, info, size }: (typeof wycheproof)[number]): string =>
    toHex(hkdfSha512(fromHex(ikm), fromHex(salt), fromHex(info), size));
  it.each(wycheproof.filter(({ result }) => result === 'valid'))('with SHA-512 is as Wycheproof’s $tcId', (test) => {
    expect(derive(test)).toBe(test.okm);
  });
  it.each(wycheproof.filter(({ result }) => result !== 'valid'))('refuses Wycheproof’s $tcId: $comment', (test) => {
    expect(() => derive(test)).toThrow('Invalid key length');
  });

  it('takes text as UTF-8', () => {
    const key = new Uint8Array(32);
    expect(hkdfSha512(key, key, 'größe', 48)).toEqual(hkdfSha512(key, key, Buffer.from('größe', 'utf8'), 48));
  });
});
