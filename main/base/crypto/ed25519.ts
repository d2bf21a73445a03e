import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { ED25519_PUBLIC_BYTES, ED25519_SIGNATURE_BYTES } from './constants.ts';

// DER around raw keys, RFC 8410: the platform's own Ed25519 is ten times faster than one in JavaScript.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

const privateKey = (seed: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });

/** @param seed - 32 bytes, RFC 8032, section 5.1.5 */
export const ed25519PublicKey = (seed: Uint8Array): Uint8Array => {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(der.subarray(SPKI_PREFIX.length));
};

export const ed25519Sign = (seed: Uint8Array, message: Uint8Array): Uint8Array =>
  new Uint8Array(sign(null, message, privateKey(seed)));

/**
 * A key under which at most the holder of its secret can sign: one canonical encoding of a point of the large prime-order
 * group. A point of small order would accept one signature for many messages (https://eprint.iacr.org/2020/1244).
 */
export const isEd25519PublicKey = (key: Uint8Array): boolean => {
  if (key.length !== ED25519_PUBLIC_BYTES) return false;
  try {
    const point = ed25519.Point.fromBytes(key, false);
    return !point.isSmallOrder() && point.isTorsionFree();
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
