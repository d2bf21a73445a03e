/** Version of the derivation of keys from a phrase, docs/formats/keys.md. */
export const DERIVATION_VERSION = 1;
/** Version of the signed record, docs/formats/signed-record.md. */
export const RECORD_VERSION = 1;
/** Largest payload that is signed at all: a plot's opening is the largest, with some hundred KiB. */
export const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;

export const ED25519_PUBLIC_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;
export const FALCON_PUBLIC_BYTES = 1793;
export const FALCON_SECRET_BYTES = 2305;
/** Padded form: always the same size, and one encoding per signature. */
export const FALCON_SIGNATURE_BYTES = 1280;
export const FALCON_SEED_BYTES = 48;
export const FALCON_SIGN_RANDOM_BYTES = 48;
export const KEM_SEED_BYTES = 64;
export const KEM_RANDOM_BYTES = 32;
export const KEM_PUBLIC_BYTES = 1568;
export const KEM_SECRET_BYTES = 3168;
export const KEM_CIPHERTEXT_BYTES = 1568;
export const KEY_ID_BYTES = 32;

/** AES-256-GCM, NIST SP 800-38D. */
export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** Argon2id as RFC 9106, section 4, second recommended option: 64 MiB, three passes; about 0.2 s on a desktop. */
export const ARGON2_MEMORY_KIB = 64 * 1024;
export const ARGON2_PASSES = 3;
export const ARGON2_LANES = 4;
export const ARGON2_SALT_BYTES = 16;
/** More than any machine of an owner needs; what a file asks for beyond it is no cost but an attack. */
export const ARGON2_MEMORY_KIB_MAX = 1024 * 1024;
export const ARGON2_PASSES_MAX = 64;
export const ARGON2_LANES_MAX = 16;
