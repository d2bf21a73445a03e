import { decodeCbor, encodeCbor, sha256 } from '../codec.ts';
import { messageOf } from '../errors.ts';
import {
  ED25519_PUBLIC_BYTES,
  ED25519_SIGNATURE_BYTES,
  FALCON_PUBLIC_BYTES,
  FALCON_SIGNATURE_BYTES,
  PAYLOAD_BYTES_MAX,
  RECORD_VERSION,
} from './constants.ts';
import { ed25519Sign, ed25519Verify, isEd25519PublicKey } from './ed25519.ts';
import { RecordError } from './errors.ts';
import { falconSign, falconVerify } from './falcon.ts';
import {
  DOMAINS,
  type Domain,
  type KeyIdBytes,
  type SignerKeys,
  type SignerSecrets,
  type VerifiedRecord,
} from './interface.ts';
import { keyIdBytesOf, keyIdText } from './key-id.ts';

/** Record with keys and signatures, around a payload of {@link PAYLOAD_BYTES_MAX}. */
const RECORD_BYTES_MAX = PAYLOAD_BYTES_MAX + 4096;

/**
 * What one of the two algorithms signs. It names the algorithm, so that no signature can stand for the other; the domain,
 * so that it serves one purpose; and both keys, so that neither can be exchanged for another.
 */
const messageFor = (
  algorithm: 'ed25519' | 'falcon1024',
  domain: string,
  keyId: KeyIdBytes,
  payload: Uint8Array,
): Uint8Array => encodeCbor(['hypermesh-signed-record', RECORD_VERSION, algorithm, domain, keyId, sha256(payload)]);

const malformed = (problem: string): RecordError =>
  new RecordError(
    { code: 'RECORD_MALFORMED', problem, verdict: 'reject' },
    `This is not a signed record in its one encoding (${problem}); ask its sender for it again.`,
  );

/** Whoever holds a checked record may rely on its payload being dag-cbor, and the only encoding of what it says. */
const checkPayload = (payload: Uint8Array): void => {
  try {
    decodeCbor(payload);
  } catch (error) {
    throw malformed(`its payload is not dag-cbor in its one encoding: ${messageOf(error)}`);
  }
};

const knownDomain = (name: unknown): Domain => {
  if (typeof name !== 'string') throw malformed('its domain is not text');
  const domain = DOMAINS.find((known) => known === name);
  if (domain === undefined)
    throw new RecordError(
      { code: 'DOMAIN_UNKNOWN', found: name.slice(0, 64), verdict: 'ignore' },
      'This record was signed for a purpose that this program does not know; a newer version of HyperMesh may.',
    );
  return domain;
};

/**
 * Makes a signed record. Takes about ten milliseconds: only in a worker.
 *
 * @param payload - dag-cbor in its one encoding
 * @param random - 48 fresh bytes for {@link falconSign}, in simulations only. @default the platform's random bytes
 * @throws {RecordError} `PAYLOAD_TOO_LARGE`; `DOMAIN_UNKNOWN`; `RECORD_MALFORMED` when the payload is not dag-cbor
 */
export const signRecord = (
  keys: SignerKeys,
  secrets: SignerSecrets,
  domain: Domain,
  payload: Uint8Array,
  random?: Uint8Array,
): Uint8Array => {
  if (payload.length > PAYLOAD_BYTES_MAX)
    throw new RecordError(
      { code: 'PAYLOAD_TOO_LARGE', bytes: payload.length, limit: PAYLOAD_BYTES_MAX },
      `A signed record holds at most ${PAYLOAD_BYTES_MAX} bytes, and this one has ${payload.length}; sign the hash of it.`,
    );
  knownDomain(domain);
  checkPayload(payload);
  const keyId = keyIdBytesOf(keys);
  return encodeCbor({
    v: RECORD_VERSION,
    domain,
    payload,
    signer: { ed25519: keys.ed25519, falcon1024: keys.falcon1024 },
    signatures: {
      ed25519: ed25519Sign(secrets.ed25519, messageFor('ed25519', domain, keyId, payload)),
      falcon1024: falconSign(secrets.falcon1024, messageFor('falcon1024', domain, keyId, payload), random),
    },
  });
};

interface ParsedRecord {
  domain: Domain;
  payload: Uint8Array;
  signer: SignerKeys;
  signatures: SignerKeys;
}

/** Exactly these keys, in any map that dag-cbor has let through. */
const fieldsOf = (value: unknown, names: readonly string[], what: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed(`${what} is not a map`);
  const found = Object.keys(value);
  if (found.length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw malformed(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value as Record<string, unknown>;
};
const bytesOf = (value: unknown, length: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(`${what} is not ${length} bytes`);
  return value;
};

const parse = (encoded: Uint8Array): ParsedRecord => {
  if (encoded.length > RECORD_BYTES_MAX) throw malformed('it is too large');
  let value: unknown;
  try {
    value = decodeCbor(encoded);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  // A later version may have other fields, so it is told before they are looked at.
  const version = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > RECORD_VERSION)
    throw new RecordError(
      { code: 'RECORD_VERSION', found: version, verdict: 'ignore' },
      `This record has version ${version}, and this program knows ${RECORD_VERSION}; a newer version of HyperMesh may read it.`,
    );
  const record = fieldsOf(value, ['v', 'domain', 'payload', 'signer', 'signatures'], 'the record');
  if (record['v'] !== RECORD_VERSION) throw malformed(`its version is not ${RECORD_VERSION}`);
  const domain = knownDomain(record['domain']);
  if (!(record['payload'] instanceof Uint8Array)) throw malformed('its payload is not bytes');
  if (record['payload'].length > PAYLOAD_BYTES_MAX) throw malformed('its payload is too large');
  const signer = fieldsOf(record['signer'], ['ed25519', 'falcon1024'], 'the signer');
  const signatures = fieldsOf(record['signatures'], ['ed25519', 'falcon1024'], 'the signatures');
  return {
    domain,
    payload: record['payload'],
    signer: {
      ed25519: bytesOf(signer['ed25519'], ED25519_PUBLIC_BYTES, 'the Ed25519 key'),
      falcon1024: bytesOf(signer['falcon1024'], FALCON_PUBLIC_BYTES, 'the FALCON-1024 key'),
    },
    signatures: {
      ed25519: bytesOf(signatures['ed25519'], ED25519_SIGNATURE_BYTES, 'the Ed25519 signature'),
      falcon1024: bytesOf(signatures['falcon1024'], FALCON_SIGNATURE_BYTES, 'the FALCON-1024 signature'),
    },
  };
};

const wrongSignature = (algorithm: 'ed25519' | 'falcon1024'): RecordError =>
  new RecordError(
    { code: 'SIGNATURE_INVALID', algorithm, verdict: 'reject' },
    `The ${algorithm === 'ed25519' ? 'Ed25519' : 'FALCON-1024'} signature does not hold: the record was changed, or its signer is another.`,
  );

/**
 * Checks encoding, domain, keys, both signatures and that the payload is dag-cbor. Takes some three milliseconds: many of them
 * belong in a worker.
 *
 * @param expected - the domain that it must have, and the signer where one is expected
 * @throws {RecordError} the first thing that does not hold
 */
export const verifyRecord = (
  encoded: Uint8Array,
  expected: { domain: Domain; signer?: KeyIdBytes },
): VerifiedRecord => {
  const { domain, payload, signer, signatures } = parse(encoded);
  if (domain !== expected.domain)
    throw new RecordError(
      { code: 'DOMAIN_MISMATCH', expected: expected.domain, found: domain, verdict: 'reject' },
      `This record was signed as ${domain} and is shown as ${expected.domain}; it counts for nothing here.`,
    );
  const keyIdBytes = keyIdBytesOf(signer);
  if (expected.signer !== undefined && !Buffer.from(expected.signer).equals(keyIdBytes))
    throw new RecordError(
      {
        code: 'SIGNER_MISMATCH',
        expected: keyIdText(expected.signer),
        found: keyIdText(keyIdBytes),
        verdict: 'reject',
      },
      'This record was signed by another than the one it is attributed to.',
    );
  // Cheap checks first: what was changed on the way mostly fails at the first signature, in a tenth of a millisecond. Whether
  // the key is sound takes longest, and matters only where all else holds.
  if (!ed25519Verify(signer.ed25519, messageFor('ed25519', domain, keyIdBytes, payload), signatures.ed25519))
    throw wrongSignature('ed25519');
  if (!falconVerify(signer.falcon1024, messageFor('falcon1024', domain, keyIdBytes, payload), signatures.falcon1024))
    throw wrongSignature('falcon1024');
  if (!isEd25519PublicKey(signer.ed25519))
    throw new RecordError(
      { code: 'KEY_INVALID', algorithm: 'ed25519', verdict: 'reject' },
      'The signer’s Ed25519 key is no sound key, so its signatures prove nothing.',
    );
  checkPayload(payload);
  return { domain, payload, signer, keyId: keyIdText(keyIdBytes), keyIdBytes };
};
