import { falcon1024 } from '@noble/post-quantum/falcon.js';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../../main/base/index.ts';
import { FALCON_SIGNATURE_BYTES, falconKeys, falconSign, falconVerify } from '../../../../../main/base/crypto/index.ts';
import { fromHex, readVectors, toHex } from '../../../../support/vectors.ts';
import { createNistRandom } from '../../../../support/nist-random.ts';

interface Known {
  count: number;
  seed: string;
  msg: string;
  pk: string;
  skSha256: string;
  sm: string;
}
const known = readVectors<Known[]>('falcon', 'round3-kat.json');

const SALT_BYTES = 40;
const HEADER_BYTE = 0x3a;
/** The parts of a signed message of the submission: length, salt, message, header and compressed `s2`. */
const partsOf = ({ sm, msg }: Known): { salt: Uint8Array; s2: Uint8Array } => {
  const bytes = fromHex(sm);
  return {
    salt: bytes.subarray(2, 2 + SALT_BYTES),
    s2: bytes.subarray(2 + SALT_BYTES + msg.length / 2 + 1),
  };
};
/** The same signature in the padded form, or null where it is too long for it. */
const paddedOf = (test: Known): Uint8Array | null => {
  const { salt, s2 } = partsOf(test);
  if (1 + salt.length + s2.length > FALCON_SIGNATURE_BYTES) return null;
  const signature = new Uint8Array(FALCON_SIGNATURE_BYTES);
  signature[0] = HEADER_BYTE;
  signature.set(salt, 1);
  signature.set(s2, 1 + SALT_BYTES);
  return signature;
};
const short = known.filter((test) => paddedOf(test) !== null);
const padded = (test: Known): Uint8Array => paddedOf(test) ?? new Uint8Array();
const first = (): Known => {
  const [test] = short;
  if (test === undefined) throw new Error('no vectors');
  return test;
};

describe('FALCON-1024, known answers of round 3', () => {
  it('are both short enough for the padded form and not', () => {
    expect([short.length, known.length]).toEqual([4, 5]);
  });

  it.each(short)('makes the keys of entry $count', ({ seed, pk, skSha256 }) => {
    const keys = falconKeys(createNistRandom(fromHex(seed))(48));
    expect(toHex(keys.public)).toBe(pk);
    expect(toHex(sha256(keys.secret))).toBe(skSha256);
  });

  it.each(short)('verifies the signature of entry $count in the padded form', (test) => {
    expect(falconVerify(fromHex(test.pk), fromHex(test.msg), padded(test))).toBe(true);
  });

  it.each(known)('reads the signed message of entry $count as the submission wrote it', ({ sm, pk, msg }) => {
    expect(toHex(falcon1024.attached.open(fromHex(sm), fromHex(pk)))).toBe(msg);
  });

  it('signs the same bytes from the same random bytes', () => {
    const test = first();
    const random = createNistRandom(fromHex(test.seed));
    const { secretKey } = falcon1024.keygen(random(48));
    const signed = falcon1024.attached.seal(fromHex(test.msg), secretKey, { random: (length) => random(length ?? 0) });
    expect(toHex(signed)).toBe(test.sm);
  });
});

describe('FALCON-1024 signatures have one encoding', () => {
  const verify = (change: (signature: Uint8Array, end: number) => Uint8Array | void): boolean => {
    const test = first();
    const signature = padded(test);
    return falconVerify(
      fromHex(test.pk),
      fromHex(test.msg),
      change(signature, 1 + SALT_BYTES + partsOf(test).s2.length) ?? signature,
    );
  };

  it('takes the one', () => {
    expect(verify(() => undefined)).toBe(true);
  });

  it('refuses every other header', () => {
    const taken = Array.from({ length: 256 }, (_, header) => header).filter((header) =>
      verify((signature) => void (signature[0] = header)),
    );
    expect(taken).toEqual([HEADER_BYTE]);
  });

  it('refuses every bit set in the padding, and in the rest of the last byte', () => {
    let tried = 0;
    verify((signature, end) => {
      const last = signature[end - 1] ?? 0;
      // Bits below the last one that is set belong to no coefficient.
      for (let bit = 1; bit < (last & -last); bit *= 2, tried++)
        expect(verify((other) => void (other[end - 1] = last | bit))).toBe(false);
      for (let place = end; place < signature.length; place++)
        for (let bit = 1; bit < 256; bit *= 2, tried++)
          expect(verify((other) => void (other[place] = bit))).toBe(false);
    });
    expect(tried).toBeGreaterThan(8);
  });

  it('refuses the compressed form, and any other length', () => {
    expect(verify((signature, end) => signature.slice(0, end))).toBe(false);
    expect(verify((signature) => signature.slice(0, -1))).toBe(false);
    expect(verify((signature) => new Uint8Array([...signature, 0]))).toBe(false);
    expect(verify(() => new Uint8Array())).toBe(false);
  });

  it('refuses a zero with a sign', () => {
    // A coefficient is a sign, seven low bits and the high part in unary; we look for a zero: eight zeros and a one.
    const test = first();
    const bits = [...padded(test).subarray(1 + SALT_BYTES)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    let place = 0;
    let changed: Uint8Array | null = null;
    for (let coefficient = 0; coefficient < 1024 && changed === null; coefficient++) {
      const end = bits.indexOf('1', place + 8) + 1;
      if (bits.slice(place, end) === '000000001') {
        changed = padded(test);
        const byte = 1 + SALT_BYTES + (place >> 3);
        changed[byte] = (changed[byte] ?? 0) | (0x80 >> (place & 7));
      }
      place = end;
    }
    expect(changed).not.toBeNull();
    expect(falconVerify(fromHex(test.pk), fromHex(test.msg), changed ?? new Uint8Array())).toBe(false);
  });

  it('refuses keys in another encoding', () => {
    const { pk, msg } = first();
    const signature = padded(first());
    const key = (change: (bytes: Uint8Array) => void): Uint8Array => {
      const bytes = fromHex(pk);
      change(bytes);
      return bytes;
    };
    expect(
      falconVerify(
        key(() => undefined),
        fromHex(msg),
        signature,
      ),
    ).toBe(true);
    expect(
      falconVerify(
        key((bytes) => void (bytes[0] = 0x09)),
        fromHex(msg),
        signature,
      ),
    ).toBe(false);
    // A coefficient of 14 bits raised by q is the same number modulo q, where it still fits.
    const bits = [...fromHex(pk).subarray(1)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
    const coefficients = bits.match(/.{14}/g) ?? [];
    const place = coefficients.findIndex((text) => Number.parseInt(text, 2) + 12_289 < 2 ** 14);
    expect(place).toBeGreaterThanOrEqual(0);
    coefficients[place] = (Number.parseInt(coefficients[place] ?? '', 2) + 12_289).toString(2);
    const raised = key((bytes) => {
      bytes.set(
        (coefficients.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)),
        1,
      );
    });
    expect(falconVerify(raised, fromHex(msg), signature)).toBe(false);
    expect(falconVerify(fromHex(pk).slice(0, -1), fromHex(msg), signature)).toBe(false);
  });
});

describe('FALCON-1024 signatures of ours', () => {
  it('repeat from given random bytes, and differ otherwise', () => {
    const { public: key, secret } = falconKeys(createNistRandom(fromHex(first().seed))(48));
    const message = new TextEncoder().encode('a message');
    const random = new Uint8Array(48).fill(7);
    const [one, two] = [falconSign(secret, message, random), falconSign(secret, message, random)];
    expect(toHex(one)).toBe(toHex(two));
    const free = [falconSign(secret, message), falconSign(secret, message)];
    expect(new Set([one, ...free].map(toHex)).size).toBe(3);
    for (const signature of [one, ...free]) {
      expect(signature.length).toBe(FALCON_SIGNATURE_BYTES);
      expect(falconVerify(key, message, signature)).toBe(true);
    }
    expect(() => falconSign(secret, message, new Uint8Array(40))).toThrow('48 random bytes');
  });
});
