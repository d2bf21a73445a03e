/** SHA-256 over both public keys of a signer; see `keyIdOf`. 32 bytes. */
export type KeyIdBytes = Uint8Array;
/** `key:b` and 52 characters of base32: the text of a key id. */
export type KeyId = string & { readonly __brand: 'KeyId' };

/** Public keys of one signer. Both belong together: every signature covers both, so that neither can be swapped. */
export interface SignerKeys {
  /** RFC 8032, 32 bytes. */
  ed25519: Uint8Array;
  /** FALCON-1024, 1793 bytes. */
  falcon1024: Uint8Array;
}
export interface SignerSecrets {
  /** Seed of RFC 8032, 32 bytes. */
  ed25519: Uint8Array;
  /** FALCON-1024, 2305 bytes. */
  falcon1024: Uint8Array;
}

/** Whoever can sign: the unlocked keys of the node or of the account. Secrets never leave it. */
export interface Signer {
  readonly keyId: KeyId;
  readonly keyIdBytes: KeyIdBytes;
  readonly keys: SignerKeys;
  /**
   * Makes a signed record; see docs/formats/signed-record.md. Runs in a worker: FALCON takes tens of milliseconds.
   *
   * @param domain - what the signature is for, one of {@link DOMAINS}
   * @param payload - canonical dag-cbor
   * @returns the encoded record
   * @throws {RecordError} `LOCKED` when the keys were locked meanwhile; `DOMAIN_UNKNOWN`; `PAYLOAD_TOO_LARGE`
   */
  sign(domain: Domain, payload: Uint8Array): Promise<Uint8Array>;
}

/** Opens what was sealed for this node. */
export interface Opener {
  /** ML-KEM-1024 public key, 1568 bytes. */
  readonly publicKey: Uint8Array;
  /** @returns the 32-byte shared secret. ML-KEM rejects implicitly: a wrong ciphertext gives another secret, no error. */
  decapsulate(cipherText: Uint8Array): Promise<Uint8Array>;
}

/** What signatures are made for. A signature of one domain is refused in every other. Retired ones stay listed. */
export const DOMAINS = [
  'certificate',
  'transaction',
  'block',
  'proof-stake',
  'proof-witness',
  'probe',
  'stoq-handshake',
  'stoq-peer',
  'stoq-dht',
  'stoq-token',
  'stoq-hop',
  'lease-offer',
  'lease-request',
  'lease-grant',
  'lease-receipt',
  'lease-countersign',
  'lease-session',
  'route',
  'job-result',
  'consensus-vote',
  'consensus-proposal',
  'wallet-message',
] as const;
export type Domain = (typeof DOMAINS)[number];

/** A record whose encoding, domain, signer and both signatures were found to hold. */
export interface VerifiedRecord {
  domain: Domain;
  /** Canonical dag-cbor. */
  payload: Uint8Array;
  signer: SignerKeys;
  keyId: KeyId;
  keyIdBytes: KeyIdBytes;
}

/** All keys that one phrase gives. */
export interface DerivedKeys {
  node: { public: SignerKeys; secret: SignerSecrets };
  /** ML-KEM-1024: 1568 and 3168 bytes. */
  kem: { public: Uint8Array; secret: Uint8Array };
  account: { public: SignerKeys; secret: SignerSecrets };
}
