import { createPrivateKey, createPublicKey, diffieHellman, sign, verify, type KeyObject } from 'node:crypto';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { invert, mod } from '@noble/curves/abstract/modular.js';
import { ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES } from './constants.ts';

// DER around raw keys, RFC 8410: the platform's own Ed25519 is ten times faster than one in JavaScript.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
// The same for X25519.
const X_PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X_SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** Order of the field. */
const FIELD = 2n ** 255n - 19n;
/** Order of the large prime-order group, RFC 8032, section 5.1. */
const ORDER = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

const privateKey = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });

/** @param seed - 32 bytes, RFC 8032, section 5.1.5 */
export const ed25519PublicKey = (seed: Uint8Array): Uint8Array => {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(SPKI_PREFIX.length));
};

export const ed25519Sign = (seed: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, message, privateKey(seed)));

let groupProbe: KeyObject | undefined;
/**
 * A secret of X25519 that gives a point back if and only if it is in the prime-order group: 5 × order - 1. Clamping (RFC 7748,
 * section 5) changes nothing in it, as it is a multiple of 8 between 2^254 and 2^255.
 */
const probe = (): KeyObject => {
  groupProbe ??= createPrivateKey({
    key: Buffer.concat([X_PKCS8_PREFIX, numberToBytesLE(5n * ORDER - 1n, 32)]),
    format: 'der',
    type: 'pkcs8',
  });
  return groupProbe;
};

/**
 * A key under which at most the holder of its secret can sign: one canonical encoding of a point of the large prime-order
 * group. A point of small order would accept one signature for many messages (https://eprint.iacr.org/2020/1244).
 *
 * The platform multiplies on Curve25519 ten times faster than JavaScript does. With u of the point P there, and n = 5 × order - 1,
 * n·P has the same u if and only if n·P = ±P, so if the order of P divides 5 × order or 5 × order - 2. On the curve, of order
 * 8 × order, that leaves the prime-order group; on its twist, which is where numbers lead that are no point, it leaves none.
 */
export const isEd25519PublicKey = (key: Uint8Array): boolean => {
  if (key.length !== ED25519_PUBLIC_BYTES) return false;
  // Above is the sign of x. It may be either, as x is 0 in points of small order alone.
  const y = bytesToNumberLE(key) & (2n ** 255n - 1n);
  // 0 and 1 are of small order; what is not below the field's order is a second encoding.
  if (y <= 1n || y >= FIELD) return false;
  const u = numberToBytesLE(mod((1n + y) * invert(mod(1n - y, FIELD), FIELD), FIELD), 32);
  try {
    const spki = createPublicKey({ key: Buffer.concat([X_SPKI_PREFIX, u]), format: 'der', type: 'spki' });
    const same = diffieHellman({ privateKey: probe(), publicKey: spki });
    // For u = 0 some platforms give zeros and some throw.
    return y !== FIELD - 1n && same.equals(u);
  } catch {
    return false;
  }
};

/**
 * Never throws. The platform refuses `s` that is not below the group's order, and compares `R` bytewise, so that a signature
 * has one encoding. Says nothing about the key itself: see {@link isEd25519PublicKey}.
 */
export const ed25519Verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (key.length !== ED25519_PUBLIC_BYTES || signature.length !== ED25519_SIGNATURE_BYTES) return false;
  try {
    const spki = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' });
    return verify(null, message, spki, signature);
  } catch {
    // Some builds of the platform refuse a key that is no point here already.
    return false;
  }
};
