import { falcon1024padded } from '@noble/post-quantum/falcon.js';
import { assert } from '../errors.ts';
import { FALCON_PUBLIC_BYTES, FALCON_SIGN_RANDOM_BYTES, FALCON_SIGNATURE_BYTES } from './constants.ts';

/**
 * The key generation of the round-3 reference implementation, its random generator SHAKE256 over the seed: the scheme's
 * paper leaves it open, so keys from a phrase depend on that very code (docs/formats/keys.md). Takes about half a second:
 * only in a worker.
 *
 * @param seed - 48 bytes
 */
export const falconKeys = (seed: Uint8Array): { public: Uint8Array; secret: Uint8Array } => {
  const { publicKey, secretKey } = falcon1024padded.keygen(seed);
  return { public: publicKey, secret: secretKey };
};

/**
 * Takes about ten milliseconds: only in a worker.
 *
 * @param random - 48 fresh bytes, from which salt and sampler are drawn (AES-256 CTR_DRBG, NIST SP 800-90A). The same ones for
 *   two messages betray the key, so they are given in simulations only. @default the platform's random bytes
 */
export const falconSign = (secret: Uint8Array, message: Uint8Array, random?: Uint8Array): Uint8Array => {
  if (random === undefined) return falcon1024padded.sign(message, secret);
  assert(random.length === FALCON_SIGN_RANDOM_BYTES, 'a FALCON signature takes 48 random bytes');
  return falcon1024padded.sign(message, secret, { extraEntropy: random });
};

/**
 * Never throws: bytes that are no key or no signature do not verify. Takes the padded form only, with header `3a`, no negative
 * zero and nothing but zeros after the last coefficient: one signature, one encoding.
 */
export const falconVerify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (key.length !== FALCON_PUBLIC_BYTES || signature.length !== FALCON_SIGNATURE_BYTES) return false;
  try {
    return falcon1024padded.verify(signature, message, key);
  } catch {
    return false;
  }
};
