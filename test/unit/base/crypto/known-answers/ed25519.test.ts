import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ed25519PublicKey,
  ed25519Sign,
  ed25519Verify,
  isEd25519PublicKey,
} from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Known {
  name: string;
  secret: string;
  public: string;
  message: string;
  signature: string;
}
interface Wycheproof {
  tcId: number;
  comment: string;
  public: string;
  message: string;
  signature: string;
  result: string;
}
const known = readVectors<Known[]>('ed25519', 'rfc8032.json');
const wycheproof = readVectors<Wycheproof[]>('ed25519', 'wycheproof-ed25519.json');
const speccheck = readVectors<{ message: string; pub_key: string; signature: string }[]>('ed25519', 'speccheck.json');

/** As the signed record does it: both the signature and the key must be sound. */
const holds = (key: string, message: string, signature: string): boolean =>
  ed25519Verify(fromHex(key), fromHex(message), fromHex(signature)) && isEd25519PublicKey(fromHex(key));

describe('Ed25519', () => {
  it.each(known)('is as $name of RFC 8032', ({ secret, public: key, message, signature }) => {
    expect(toHex(ed25519PublicKey(fromHex(secret)))).toBe(key);
    expect(toHex(ed25519Sign(fromHex(secret), fromHex(message)))).toBe(signature);
    expect(holds(key, message, signature)).toBe(true);
  });

  it.each(wycheproof)('is as Wycheproof’s $tcId: $comment', ({ public: key, message, signature, result }) => {
    expect(holds(key, message, signature)).toBe(result === 'valid');
  });

  it.each(speccheck.map((test, index) => ({ index, ...test })))(
    'refuses case $index of “Taming the many EdDSAs”',
    ({ message, pub_key: key, signature }) => {
      expect(holds(key, message, signature)).toBe(false);
    },
  );
});

describe('Ed25519 public keys', () => {
  // The eight points of small order; for four of their values of y there are encodings that are not canonical.
  const Y_OF_ORDER_8 = [
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc',
  ];
  const small = [
    ['0', '00'.repeat(32)],
    ['0, sign set', `${'00'.repeat(31)}80`],
    ['1', `01${'00'.repeat(31)}`],
    ['−1', `ec${'ff'.repeat(30)}7f`],
    ['of order 8', `${Y_OF_ORDER_8[0]}7a`],
    ['of order 8, sign set', `${Y_OF_ORDER_8[0]}fa`],
    ['of order 8, the other', `${Y_OF_ORDER_8[1]}05`],
    ['of order 8, the other, sign set', `${Y_OF_ORDER_8[1]}85`],
    ['p, which is 0', `ed${'ff'.repeat(30)}7f`],
    ['p, which is 0, sign set', `ed${'ff'.repeat(30)}ff`],
    ['p + 1, which is 1', `ee${'ff'.repeat(30)}7f`],
    ['1, sign set', `01${'00'.repeat(30)}80`],
    ['−1, sign set', `ec${'ff'.repeat(30)}ff`],
  ] as const;
  it.each(small)('refuses the point of small order with y = %s', (_, key) => {
    // Another implementation's lenient reading (ZIP 215) says that it is such a point: else the test would show nothing.
    expect(ed25519.Point.fromHex(key, true).isSmallOrder()).toBe(true);
    expect(isEd25519PublicKey(fromHex(key))).toBe(false);
  });

  it('refuses a sound point with a part of small order added', () => {
    const mixed = ed25519.Point.BASE.add(ed25519.Point.fromHex(small[4][1]));
    expect(mixed.isTorsionFree()).toBe(false);
    expect(isEd25519PublicKey(mixed.toBytes())).toBe(false);
    expect(isEd25519PublicKey(ed25519.Point.BASE.toBytes())).toBe(true);
  });

  it('refuses what is no point, and other lengths', () => {
    expect(isEd25519PublicKey(fromHex(`02${'00'.repeat(31)}`))).toBe(false);
    expect(isEd25519PublicKey(new Uint8Array(31))).toBe(false);
    expect(isEd25519PublicKey(new Uint8Array(33))).toBe(false);
  });

  // What the check was before the platform did it: decoding, then a multiplication by the order of the group.
  const slowCheck = (key: Uint8Array): boolean => {
    try {
      const point = ed25519.Point.fromBytes(key, false);
      return !point.isSmallOrder() && point.isTorsionFree();
    } catch {
      return false;
    }
  };
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

  it('says of any 32 bytes, half of them no point, what decoding and multiplying by the order says', () => {
    fc.assert(
      fc.property(key, (bytes) => isEd25519PublicKey(bytes) === slowCheck(bytes)),
      { numRuns: 200 },
    );
  });

  it('takes what a seed makes, with either sign, and refuses it with each part of small order', () => {
    const eighth = ed25519.Point.fromHex(small[4][1]);
    fc.assert(
      fc.property(key, (seed) => {
        const point = ed25519.Point.fromBytes(ed25519PublicKey(seed));
        expect(isEd25519PublicKey(point.toBytes())).toBe(true);
        expect(isEd25519PublicKey(point.negate().toBytes())).toBe(true);
        for (let times = 1n; times < 8n; times++) {
          const mixed = point.add(eighth.multiplyUnsafe(times)).toBytes();
          expect(slowCheck(mixed)).toBe(false);
          expect(isEd25519PublicKey(mixed)).toBe(false);
        }
      }),
      { numRuns: 20 },
    );
  });

  it.each(Array.from({ length: 19 }, (_, above) => above))('refuses p + %s, a second encoding', (above) => {
    for (const sign of [0, 0x80]) {
      const bytes = new Uint8Array(32).fill(0xff);
      bytes[0] = 0xed + above;
      bytes[31] = 0x7f | sign;
      expect(slowCheck(bytes)).toBe(false);
      expect(isEd25519PublicKey(bytes)).toBe(false);
    }
  });
});
