import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import { isKemPublicKey, kemDecapsulate, kemEncapsulate, kemKeys } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';

interface Acvp {
  keyGen: { tcId: number; seed: string; ekSha256: string; dkSha256: string }[];
  encapsulation: { tcId: number; m: string; ek: string; cSha256: string; k: string }[];
  decapsulation: { dk: string; tests: { tcId: number; c: string; k: string; rejected: boolean }[] };
}
const { keyGen, encapsulation, decapsulation } = readVectors<Acvp>('ml-kem', 'acvp-ml-kem-1024.json');
const { publicKeys } = readVectors<{ publicKeys: string[] }>('ml-kem', 'invalid-ml-kem-1024.json');
const hashOf = (bytes: Uint8Array): string => toHex(sha256(bytes));

describe('ML-KEM-1024, NIST ACVP', () => {
  it.each(keyGen)('makes the keys of test $tcId', ({ seed, ekSha256, dkSha256 }) => {
    const keys = kemKeys(fromHex(seed));
    expect([hashOf(keys.public), hashOf(keys.secret)]).toEqual([ekSha256, dkSha256]);
  });

  it.each(encapsulation)('encapsulates as test $tcId', ({ m, ek, cSha256, k }) => {
    const { cipherText, shared } = kemEncapsulate(fromHex(ek), fromHex(m));
    expect([hashOf(cipherText), toHex(shared)]).toEqual([cSha256, k]);
  });

  it.each(decapsulation.tests)('decapsulates as test $tcId, rejected: $rejected', ({ c, k }) => {
    expect(toHex(kemDecapsulate(fromHex(decapsulation.dk), fromHex(c)))).toBe(k);
  });

  it('covers both outcomes of decapsulating', () => {
    expect(new Set(decapsulation.tests.map(({ rejected }) => rejected))).toEqual(new Set([true, false]));
  });
});

describe('public keys that are none', () => {
  it.each(publicKeys.map((key, index) => ({ index, bytes: key.length / 2, key })))(
    'refuses number $index, $bytes bytes',
    ({ key }) => {
      expect(isKemPublicKey(fromHex(key))).toBe(false);
      expect(() => kemEncapsulate(fromHex(key), new Uint8Array(32))).toThrow(
        expect.objectContaining({ code: 'KEY_INVALID' }) as Error,
      );
    },
  );

  it('takes those of the known answers', () => {
    expect(encapsulation.every(({ ek }) => isKemPublicKey(fromHex(ek)))).toBe(true);
  });

  it('agrees with encapsulating on every number around the modulus, wherever it stands', () => {
    const sound = kemKeys(new Uint8Array(64)).public;
    fc.assert(
      fc.property(
        fc.nat(1023),
        fc.oneof(fc.integer({ min: 3320, max: 3340 }), fc.nat(4095)),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (index, number, seed) => {
          const changed = new Uint8Array(sound);
          const place = 3 * (index >> 1);
          if (index % 2 === 0) {
            changed[place] = number & 255;
            changed[place + 1] = ((changed[place + 1] ?? 0) & 0xf0) | (number >> 8);
          } else {
            changed[place + 1] = ((changed[place + 1] ?? 0) & 15) | ((number & 15) << 4);
            changed[place + 2] = number >> 4;
          }
          changed.set(seed, 1536);
          let taken = true;
          try {
            kemEncapsulate(changed, new Uint8Array(32));
          } catch {
            taken = false;
          }
          expect(taken).toBe(number < 3329);
          expect(isKemPublicKey(changed)).toBe(taken);
        },
      ),
      { numRuns: 200 },
    );
  });
});
