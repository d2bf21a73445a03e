import { decodeCbor, encodeCbor } from '../codec.ts';
import { messageOf } from '../errors.ts';
import { KEM_PUBLIC_BYTES, KEY_ID_BYTES } from './constants.ts';
import { CertificateError } from './errors.ts';
import type { DerivedKeys, KeyId, KeyIdBytes, SignerKeys } from './interface.ts';
import { keyIdBytesOf } from './key-id.ts';
import { isKemPublicKey } from './ml-kem.ts';
import { peerIdOf } from './peer-id.ts';
import { signRecord, verifyRecord } from './signed-record.ts';

/** Version of the payload, docs/formats/certificate.md. */
export const CERTIFICATE_VERSION = 1;
/** What is larger is none: two records of about 3.3 KiB and an ML-KEM-1024 key make 8.3 KiB. */
export const CERTIFICATE_BYTES_MAX = 16 * 1024;
const CERTIFICATE_KIND = 'self-made';
const ACCOUNT_KIND = 'account-of-node';

/** What a self-made certificate says, once all of it was found to hold. */
export interface SelfMadeCertificate {
  kind: typeof CERTIFICATE_KIND;
  /** The node's own keys: whoever signed the certificate. */
  node: { keys: SignerKeys; keyId: KeyId; keyIdBytes: KeyIdBytes };
  /** libp2p peer id of the node's Ed25519 key. */
  peerId: string;
  /** ML-KEM-1024, under which blocks are sealed for this node. 1568 bytes. */
  kem: Uint8Array;
  /** The account that this node works for; it signed for this very node. */
  account: { keys: SignerKeys; keyId: KeyId; keyIdBytes: KeyIdBytes };
  /** The node's own clock; nobody vouches for it. */
  issuedAtMs: number;
}

/**
 * A node's statement about itself: its keys, and that its account agrees. No authority stands behind it. The account signs
 * too, since otherwise any node could name a rich account as its own.
 *
 * Signs twice with FALCON: only in a worker.
 */
export const makeSelfMadeCertificate = (keys: DerivedKeys, issuedAtMs: number): Uint8Array => {
  const account = encodeCbor({
    v: CERTIFICATE_VERSION,
    kind: ACCOUNT_KIND,
    node: keyIdBytesOf(keys.node.public),
    issuedAtMs,
  });
  const payload = encodeCbor({
    v: CERTIFICATE_VERSION,
    kind: CERTIFICATE_KIND,
    peerId: peerIdOf(keys.node.public.ed25519),
    kem: keys.kem.public,
    account: signRecord(keys.account.public, keys.account.secret, 'certificate', account),
    issuedAtMs,
  });
  return signRecord(keys.node.public, keys.node.secret, 'certificate', payload);
};

const malformed = (problem: string): CertificateError =>
  new CertificateError(
    { code: 'CERTIFICATE_MALFORMED', problem, verdict: 'reject' },
    `This is not a certificate in its one form (${problem}); ask its node for it again.`,
  );

/** Exactly these fields, of a payload whose record was found to hold. */
const fieldsOf = (payload: Uint8Array, kind: string, names: readonly string[]): Record<string, unknown> => {
  let value: unknown;
  try {
    value = decodeCbor(payload);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('its payload is not a map');
  const fields = value as Record<string, unknown>;
  if (typeof fields['v'] !== 'number' || typeof fields['kind'] !== 'string')
    throw malformed('its version or kind is missing');
  if (fields['v'] !== CERTIFICATE_VERSION)
    throw new CertificateError(
      { code: 'CERTIFICATE_VERSION', found: fields['v'], verdict: 'ignore' },
      `This certificate has version ${fields['v']}, and this program knows ${CERTIFICATE_VERSION}; a newer version of HyperMesh may read it.`,
    );
  if (fields['kind'] !== kind)
    throw new CertificateError(
      { code: 'CERTIFICATE_KIND', found: fields['kind'].slice(0, 64), expected: kind, verdict: 'ignore' },
      `This certificate is not of the kind ${kind}; it counts for nothing here.`,
    );
  if (Object.keys(fields).length !== names.length || names.some((name) => !Object.hasOwn(fields, name)))
    throw malformed(`it does not have exactly the fields ${names.join(', ')}`);
  if (!Buffer.from(encodeCbor(value)).equals(payload)) throw malformed('its payload is not canonical dag-cbor');
  return fields;
};

const timeOf = (value: unknown): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw malformed('its time is none');
  return value;
};

/**
 * Checks a self-made certificate from beginning to end: four signatures, every key, and that account and node name each
 * other. It proves that whoever holds the keys says so, and nothing more. Takes some five milliseconds (two FALCON keys).
 *
 * @param encoded - a signed record of the domain `certificate`
 * @throws {RecordError} one of the two records does not hold
 * @throws {CertificateError} `CERTIFICATE_MALFORMED` | `CERTIFICATE_VERSION` | `CERTIFICATE_KIND` | `CERTIFICATE_MISMATCH`
 */
export const verifySelfMadeCertificate = (encoded: Uint8Array): SelfMadeCertificate => {
  if (encoded.length > CERTIFICATE_BYTES_MAX) throw malformed('it is too large');
  const record = verifyRecord(encoded, { domain: 'certificate' });
  const mismatch = (what: 'peerId' | 'account' | 'time', sentence: string): CertificateError =>
    new CertificateError({ code: 'CERTIFICATE_MISMATCH', what, verdict: 'reject' }, sentence);
  const { peerId, kem, account, issuedAtMs } = fieldsOf(record.payload, CERTIFICATE_KIND, [
    'v',
    'kind',
    'peerId',
    'kem',
    'account',
    'issuedAtMs',
  ]);
  const atMs = timeOf(issuedAtMs);
  if (typeof peerId !== 'string' || peerId !== peerIdOf(record.signer.ed25519))
    throw mismatch('peerId', 'The peer id in this certificate is not that of its signer.');
  if (!(kem instanceof Uint8Array) || kem.length !== KEM_PUBLIC_BYTES || !isKemPublicKey(kem))
    throw malformed('its ML-KEM-1024 key is none');
  if (!(account instanceof Uint8Array)) throw malformed('what its account signed is not bytes');
  const binding = verifyRecord(account, { domain: 'certificate' });
  const bound = fieldsOf(binding.payload, ACCOUNT_KIND, ['v', 'kind', 'node', 'issuedAtMs']);
  const node = bound['node'];
  if (!(node instanceof Uint8Array) || node.length !== KEY_ID_BYTES) throw malformed('its account names no node');
  if (!Buffer.from(node).equals(record.keyIdBytes))
    throw mismatch('account', 'The account in this certificate signed for another node.');
  if (binding.keyId === record.keyId) throw mismatch('account', 'Node and account of this certificate are one key.');
  if (timeOf(bound['issuedAtMs']) !== atMs)
    throw mismatch('time', 'Node and account of this certificate signed it at different times.');
  return {
    kind: CERTIFICATE_KIND,
    node: { keys: record.signer, keyId: record.keyId, keyIdBytes: record.keyIdBytes },
    peerId,
    kem,
    account: { keys: binding.signer, keyId: binding.keyId, keyIdBytes: binding.keyIdBytes },
    issuedAtMs: atMs,
  };
};
