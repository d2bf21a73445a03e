import { beforeAll, describe, expect, it } from 'vitest';
import {
  aeadOpen,
  aeadSeal,
  isKemCipherText,
  isKemPublicKey,
  kemDecapsulate,
  kemEncapsulate,
  kemKeys,
} from '../../../../main/base/crypto/index.ts';

const key = new Uint8Array(32).fill(1);
const nonce = new Uint8Array(12).fill(2);
const plain = new TextEncoder().encode('what is sealed');
const associated = new TextEncoder().encode('what is not');
const broken = expect.objectContaining({ code: 'SEAL_BROKEN' }) as Error;

describe('an AES-256-GCM seal', () => {
  const sealed = aeadSeal(key, nonce, plain, associated);
  const flipped = (bytes: Uint8Array, place: number, bit: number): Uint8Array => {
    const changed = bytes.slice();
    changed[place] = (changed[place] ?? 0) ^ (1 << bit);
    return changed;
  };

  it('opens', () => {
    expect(aeadOpen(key, nonce, sealed, associated)).toEqual(plain);
    expect(aeadOpen(key, nonce, aeadSeal(key, nonce, new Uint8Array(), new Uint8Array()), new Uint8Array())).toEqual(
      new Uint8Array(),
    );
  });

  it('does not open with any bit of anything changed', () => {
    for (const [name, bytes] of Object.entries({ key, nonce, sealed, associated }))
      for (let place = 0; place < bytes.length; place++)
        for (let bit = 0; bit < 8; bit++) {
          const given = { key, nonce, sealed, associated, [name]: flipped(bytes, place, bit) };
          expect(() => aeadOpen(given.key, given.nonce, given.sealed, given.associated)).toThrow(broken);
        }
  });

  it('does not open cut short, longer, or with sizes that are none', () => {
    for (let length = 0; length < sealed.length; length++)
      expect(() => aeadOpen(key, nonce, sealed.slice(0, length), associated)).toThrow(broken);
    expect(() => aeadOpen(key, nonce, new Uint8Array([...sealed, 0]), associated)).toThrow(broken);
    expect(() => aeadOpen(key.slice(1), nonce, sealed, associated)).toThrow(broken);
    expect(() => aeadOpen(key, new Uint8Array(16), sealed, associated)).toThrow(broken);
    expect(() => aeadSeal(key, new Uint8Array(16), plain, associated)).toThrow('32 and 12 bytes');
  });
});

describe('ML-KEM-1024', () => {
  let keys: ReturnType<typeof kemKeys>;
  let other: ReturnType<typeof kemKeys>;
  beforeAll(() => {
    keys = kemKeys(new Uint8Array(64).fill(1));
    other = kemKeys(new Uint8Array(64).fill(2));
  });

  it('shares a secret with the holder of the key, and with nobody else', () => {
    const { cipherText, shared } = kemEncapsulate(keys.public, new Uint8Array(32).fill(3));
    expect(kemDecapsulate(keys.secret, cipherText)).toEqual(shared);
    expect(kemDecapsulate(other.secret, cipherText)).not.toEqual(shared);
  });

  it('gives another secret, and no error, for a changed ciphertext', () => {
    const { cipherText, shared } = kemEncapsulate(keys.public, new Uint8Array(32).fill(3));
    for (let place = 0; place < cipherText.length; place += 97) {
      const changed = cipherText.slice();
      changed[place] = (changed[place] ?? 0) ^ 1;
      const found = kemDecapsulate(keys.secret, changed);
      expect(found).not.toEqual(shared);
      expect(kemDecapsulate(keys.secret, changed)).toEqual(found);
    }
  });

  it('refuses other sizes', () => {
    const malformed = expect.objectContaining({ code: 'SEAL_MALFORMED' }) as Error;
    for (const length of [0, 1567, 1569]) {
      expect(isKemCipherText(new Uint8Array(length))).toBe(false);
      expect(() => kemDecapsulate(keys.secret, new Uint8Array(length))).toThrow(malformed);
      expect(isKemPublicKey(new Uint8Array(length))).toBe(false);
    }
    expect(() => kemDecapsulate(keys.secret.slice(1), new Uint8Array(1568))).toThrow('3168 bytes');
    expect(() => kemEncapsulate(keys.public, new Uint8Array(31))).toThrow('32 random bytes');
  });
});
