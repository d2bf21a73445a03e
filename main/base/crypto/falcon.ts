import { falcon1024padded } from '@noble/post-quantum/falcon.js';
import { FALCON_PUBLIC_BYTES, FALCON_SIGNATURE_BYTES } from './constants.ts';

/** Takes about half a second: only in a worker. @param seed - 48 bytes */
export const falconKeys = (seed: Uint8Array): { public: Uint8Array; secret: Uint8Array } => {
  const { publicKey, secretKey } = falcon1024padded.keygen(seed);
  return { public: publicKey, secret: secretKey };
};

/** Takes tens of milliseconds: only in a worker. Salted with the platform's random bytes, as the scheme demands. */
export const falconSign = (secret: Uint8Array, message: Uint8Array): Uint8Array =>
  falcon1024padded.sign(message, secret);

/** Never throws: bytes that are no key or no signature do not verify. */
export const falconVerify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  if (key.length !== FALCON_PUBLIC_BYTES || signature.length !== FALCON_SIGNATURE_BYTES) return false;
  try {
    return falcon1024padded.verify(signature, message, key);
  } catch {
    return false;
  }
};
