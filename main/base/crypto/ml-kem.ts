import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { assert } from '../errors.ts';
import { KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_BYTES, KEM_RANDOM_BYTES, KEM_SECRET_BYTES } from './constants.ts';
import { RecordError, SealError } from './errors.ts';

/** q of FIPS 203, section 2.4. */
const KEM_MODULUS = 3329;
/** Behind the numbers of a key. */
const KEM_KEY_SEED_BYTES = 32;

/** ML-KEM-1024, FIPS 203. @param seed - 64 bytes, `d` and `z` */
export const kemKeys = (seed: Uint8Array): { public: Uint8Array; secret: Uint8Array } => {
  const { publicKey, secretKey } = ml_kem1024.keygen(seed);
  return { public: publicKey, secret: secretKey };
};

/**
 * @param random - 32 fresh bytes
 * @returns 1568 bytes for the holder of the key, and the 32-byte secret that both then share
 * @throws {RecordError} `KEY_INVALID`: the modulus check of FIPS 203, section 7.2, fails
 */
export const kemEncapsulate = (
  publicKey: Uint8Array,
  random: Uint8Array,
): { cipherText: Uint8Array; shared: Uint8Array } => {
  assert(random.length === KEM_RANDOM_BYTES, 'ML-KEM takes 32 random bytes');
  try {
    const { cipherText, sharedSecret } = ml_kem1024.encapsulate(publicKey, random);
    return { cipherText, shared: sharedSecret };
  } catch (cause) {
    throw new RecordError(
      { code: 'KEY_INVALID', algorithm: 'ml-kem-1024', verdict: 'reject' },
      'A reader’s ML-KEM-1024 key is not one; ask the reader for its identity again.',
      { cause },
    );
  }
};

/**
 * Gives some secret for any ciphertext of the right size; only the right one opens what was sealed.
 *
 * @throws {SealError} `SEAL_MALFORMED` when the ciphertext has another size
 */
export const kemDecapsulate = (secretKey: Uint8Array, cipherText: Uint8Array): Uint8Array => {
  assert(secretKey.length === KEM_SECRET_BYTES, 'an ML-KEM-1024 secret key has 3168 bytes');
  if (!isKemCipherText(cipherText))
    throw new SealError(
      { code: 'SEAL_MALFORMED', problem: `a wrapped key has ${KEM_CIPHERTEXT_BYTES} bytes`, verdict: 'reject' },
      `What wraps the key has ${cipherText.length} bytes where ML-KEM-1024 makes ${KEM_CIPHERTEXT_BYTES}; ask its sender for it again.`,
    );
  return ml_kem1024.decapsulate(cipherText, secretKey);
};

export const isKemCipherText = (bytes: Uint8Array): boolean => bytes.length === KEM_CIPHERTEXT_BYTES;
/**
 * Size and the modulus check of FIPS 203, section 7.2: the only check that such a key has. 1536 bytes hold 1024 numbers of 12 bits,
 * all below the modulus; any 32 bytes follow.
 */
export const isKemPublicKey = (bytes: Uint8Array): boolean => {
  if (!isKemPublicKeySize(bytes)) return false;
  for (let place = 0; place < bytes.length - KEM_KEY_SEED_BYTES; place += 3) {
    const [low = 0, middle = 0, high = 0] = [bytes[place], bytes[place + 1], bytes[place + 2]];
    if ((low | ((middle & 15) << 8)) >= KEM_MODULUS || ((middle >> 4) | (high << 4)) >= KEM_MODULUS) return false;
  }
  return true;
};
export const isKemPublicKeySize = (bytes: Uint8Array): boolean => bytes.length === KEM_PUBLIC_BYTES;
