import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { assert } from '../../../base/index.ts';
import { X25519_BYTES } from './constants.ts';

// DER around raw keys, RFC 8410. The platform's own takes 0.1 ms, so it needs no worker.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** A fresh secret and what is shown of it, RFC 7748. */
export interface X25519Share {
  /** 32 bytes. */
  public: Uint8Array;
  /** @returns 32 bytes, or null when the other share is of small order: the secret would be known to all */
  agree(other: Uint8Array): Uint8Array | null;
}

/** @param secret - 32 fresh random bytes; cleared */
export const createX25519Share = (secret: Uint8Array): X25519Share => {
  assert(secret.length === X25519_BYTES, 'an X25519 secret has 32 bytes');
  const der = Buffer.concat([PKCS8_PREFIX, secret]);
  const privateKey: KeyObject = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  secret.fill(0);
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  return {
    public: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    agree: (other) => {
      assert(other.length === X25519_BYTES, 'an X25519 share has 32 bytes');
      try {
        const publicKey = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, other]), format: 'der', type: 'spki' });
        const shared = diffieHellman({ privateKey, publicKey });
        // RFC 7748, section 6.1: some platforms refuse this by themselves, some give zeros.
        return shared.every((byte) => byte === 0) ? null : new Uint8Array(shared);
      } catch {
        return null;
      }
    },
  };
};
