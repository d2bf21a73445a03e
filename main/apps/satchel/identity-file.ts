import { decodeCbor, encodeCbor } from '../../base/index.ts';
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  CERTIFICATE_BYTES_MAX,
  DERIVATION_VERSION,
  ED25519_PUBLIC_BYTES,
  ENTROPY_BYTES,
  FALCON_SECRET_BYTES,
  KEM_SECRET_BYTES,
  type SignerSecrets,
  aeadOpen,
  aeadSeal,
} from '../../base/crypto/index.ts';
import {
  IDENTITY_FILE_BYTES_MAX,
  IDENTITY_KIND,
  IDENTITY_VERSION,
  KEY_STORE_NAME_LENGTH_MAX,
  WRAPPED_BYTES_MAX,
} from './constants.ts';
import {
  type Fields,
  type FileProblem,
  type PassphraseHeader,
  bytesOf,
  decodeChecked,
  encodeChecked,
  encodePassphraseHeader,
  fieldsOf,
  intOf,
  isMap,
  malformed,
  notOurs,
  problemOf,
  readPassphraseHeader,
} from './sealed-file.ts';

// docs/formats/identity-file.md

/** Everything secret of an identity. Wiped as well as JavaScript lets us by {@link wipe}. */
export interface Secrets {
  /** 32 bytes that the phrase is made of. */
  entropy: Uint8Array;
  node: SignerSecrets;
  /** ML-KEM-1024, 3168 bytes. */
  kem: Uint8Array;
  account: SignerSecrets;
}

export interface KeyStoreHeader {
  kind: 'keyStore';
  /** Which key store wrapped the key, for the sentence that says why it cannot be opened. */
  name: string;
  /** The key of the seal, as the key store protects it. */
  wrapped: Uint8Array;
  nonce: Uint8Array;
}
export type SealingHeader = PassphraseHeader | KeyStoreHeader;

export interface IdentityFile {
  /** Self-made; holds all public keys. Not checked yet: see `verifySelfMadeCertificate`. */
  certificate: Uint8Array;
  sealing: SealingHeader;
  sealed: Uint8Array;
}

const encodeSealing = (sealing: SealingHeader): Fields =>
  sealing.kind === 'passphrase'
    ? encodePassphraseHeader(sealing)
    : { kind: sealing.kind, name: sealing.name, wrapped: sealing.wrapped, nonce: sealing.nonce };

const readSealing = (value: unknown): SealingHeader => {
  if (!isMap(value)) throw malformed('its sealing is not a map');
  if (value['kind'] === 'passphrase') return readPassphraseHeader(value);
  if (value['kind'] !== 'keyStore') throw malformed('its sealing is of no kind that there is');
  const { name, wrapped, nonce } = fieldsOf(value, ['kind', 'name', 'wrapped', 'nonce'], 'its sealing');
  if (typeof name !== 'string' || name.length > KEY_STORE_NAME_LENGTH_MAX || !/^[\w -]+$/.test(name))
    throw malformed('its key store has no name');
  return {
    kind: 'keyStore',
    name,
    wrapped: bytesOf(wrapped, { max: WRAPPED_BYTES_MAX }, 'the wrapped key'),
    nonce: bytesOf(nonce, AEAD_NONCE_BYTES, 'the nonce'),
  };
};

/** All that is in the clear: nothing of it can be exchanged without breaking the seal. */
const associatedOf = (certificate: Uint8Array, sealing: SealingHeader): Uint8Array =>
  encodeCbor({ v: IDENTITY_VERSION, kind: IDENTITY_KIND, certificate, sealing: encodeSealing(sealing) });

const encodeSigner = ({ ed25519, falcon1024 }: SignerSecrets): Fields => ({ ed25519, falcon1024 });
const encodeSecrets = ({ entropy, node, kem, account }: Secrets): Uint8Array =>
  encodeCbor({
    v: IDENTITY_VERSION,
    derivation: DERIVATION_VERSION,
    entropy,
    node: encodeSigner(node),
    kem,
    account: encodeSigner(account),
  });

/** Seals secrets and gives the bytes of the file. @param key - 32 bytes, of the passphrase or wrapped by the key store */
export const encodeIdentityFile = (
  certificate: Uint8Array,
  sealing: SealingHeader,
  secrets: Secrets,
  key: Uint8Array,
): Uint8Array => {
  const plain = encodeSecrets(secrets);
  const sealed = aeadSeal(key, sealing.nonce, plain, associatedOf(certificate, sealing));
  plain.fill(0);
  return encodeChecked({
    v: IDENTITY_VERSION,
    kind: IDENTITY_KIND,
    certificate,
    sealing: encodeSealing(sealing),
    sealed,
  });
};

/** Never throws: any bytes may lie in a file of that name. */
export const readIdentityFile = (bytes: Uint8Array): ({ ok: true } & IdentityFile) | FileProblem => {
  try {
    const found = decodeChecked(
      bytes,
      IDENTITY_KIND,
      IDENTITY_VERSION,
      ['certificate', 'sealing', 'sealed'],
      IDENTITY_FILE_BYTES_MAX,
    );
    if (found.newer !== null) return { ok: false, newer: found.newer };
    const { certificate, sealing, sealed } = found.fields;
    const sealedBytes = bytesOf(sealed, { max: IDENTITY_FILE_BYTES_MAX }, 'what is sealed');
    if (sealedBytes.length <= AEAD_TAG_BYTES) return notOurs('nothing is sealed in it');
    return {
      ok: true,
      certificate: bytesOf(certificate, { max: CERTIFICATE_BYTES_MAX }, 'the certificate'),
      sealing: readSealing(sealing),
      sealed: sealedBytes,
    };
  } catch (error) {
    return notOurs(problemOf(error));
  }
};

const readSigner = (value: unknown, what: string): SignerSecrets => {
  const { ed25519, falcon1024 } = fieldsOf(value, ['ed25519', 'falcon1024'], what);
  return {
    ed25519: bytesOf(ed25519, ED25519_PUBLIC_BYTES, `${what}’s Ed25519 seed`),
    falcon1024: bytesOf(falcon1024, FALCON_SECRET_BYTES, `${what}’s FALCON-1024 key`),
  };
};

/** @throws {SealError} `SEAL_BROKEN`: another key, or changed bytes. @throws {Error} what is inside is no identity */
export const openIdentityFile = ({ certificate, sealing, sealed }: IdentityFile, key: Uint8Array): Secrets => {
  const plain = aeadOpen(key, sealing.nonce, sealed, associatedOf(certificate, sealing));
  try {
    const fields = fieldsOf(decodeCbor(plain), ['v', 'derivation', 'entropy', 'node', 'kem', 'account'], 'the inside');
    intOf(fields['v'], IDENTITY_VERSION, IDENTITY_VERSION, 'the inner version');
    intOf(fields['derivation'], DERIVATION_VERSION, DERIVATION_VERSION, 'the version of the derivation');
    return {
      // Copies: the plain bytes are wiped.
      entropy: bytesOf(fields['entropy'], ENTROPY_BYTES, 'the entropy').slice(),
      node: copySigner(readSigner(fields['node'], 'the node')),
      kem: bytesOf(fields['kem'], KEM_SECRET_BYTES, 'the ML-KEM-1024 key').slice(),
      account: copySigner(readSigner(fields['account'], 'the account')),
    };
  } finally {
    plain.fill(0);
  }
};
const copySigner = ({ ed25519, falcon1024 }: SignerSecrets): SignerSecrets => ({
  ed25519: ed25519.slice(),
  falcon1024: falcon1024.slice(),
});

/** Overwrites the secrets. What the engine copied meanwhile it cannot reach. */
export const wipe = ({ entropy, node, kem, account }: Secrets): void => {
  for (const bytes of [entropy, node.ed25519, node.falcon1024, kem, account.ed25519, account.falcon1024]) bytes.fill(0);
};
