import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '../errors.ts';
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from './constants.ts';
import { SealError } from './errors.ts';

/**
 * AES-256-GCM, NIST SP 800-38D. The nonce must be fresh for every message under one key.
 *
 * @param associated - bytes that are not hidden but must be the same when opened
 * @returns ciphertext and 16-byte tag in one
 */
export const aeadSeal = (
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  associated: Uint8Array,
): Uint8Array<ArrayBuffer> => {
  assert(key.length === AEAD_KEY_BYTES && nonce.length === AEAD_NONCE_BYTES, 'AES-256-GCM takes 32 and 12 bytes');
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: AEAD_TAG_BYTES });
  cipher.setAAD(associated);
  const sealed = new Uint8Array(plain.length + AEAD_TAG_BYTES);
  sealed.set(cipher.update(plain));
  const rest = cipher.final();
  assert(rest.length === 0, 'GCM is a stream: nothing is left at its end');
  sealed.set(cipher.getAuthTag(), plain.length);
  return sealed;
};

/** @throws {SealError} `SEAL_BROKEN` when key, nonce, associated bytes or any bit differ */
export const aeadOpen = (
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array<ArrayBuffer> => {
  const broken = (): SealError =>
    new SealError(
      { code: 'SEAL_BROKEN', verdict: 'reject' },
      'The sealed bytes do not open with this key: either it is another key, or they were changed.',
    );
  if (key.length !== AEAD_KEY_BYTES || nonce.length !== AEAD_NONCE_BYTES || sealed.length < AEAD_TAG_BYTES)
    throw broken();
  const end = sealed.length - AEAD_TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: AEAD_TAG_BYTES });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  try {
    const plain = new Uint8Array(decipher.update(sealed.subarray(0, end)));
    // Only here is the tag compared: nothing of `plain` leaves this function before.
    decipher.final();
    return plain;
  } catch {
    throw broken();
  }
};
