import { encodeCbor, sha256 } from '../../../base/index.ts';
import { KEY_ID_BYTES, type KeyIdBytes } from '../../../base/crypto/index.ts';
import { createFieldReader } from '../fields.ts';

// docs/formats/lease-session.md

const SESSION_VERSION = 1;
const HASH_BYTES = 32;
/** What a link's `exportKey` is asked for. */
export const SESSION_LABEL = 'lease-session';

/** Shows on one link that whoever is at its other end has a key. Domain `lease-session`. */
export interface LeaseSession {
  /** To whom it is shown: it counts nowhere else. */
  lender: KeyIdBytes;
  /** Hash of a secret that only the ends of the link have. */
  channel: Uint8Array;
}

const read = createFieldReader('The session of a lease', 8);

/** @param exported - what the link gives for {@link SESSION_LABEL}, 32 bytes */
export const channelHash = (exported: Uint8Array): Uint8Array =>
  sha256(encodeCbor(['hypermesh-lease-session', SESSION_VERSION, exported]));

/** @returns the payload that the borrower signs in the domain `lease-session` */
export const encodeSession = (session: LeaseSession): Uint8Array => {
  const encoded = encodeCbor({ v: SESSION_VERSION, lender: session.lender, channel: session.channel });
  decodeSession(encoded);
  return encoded;
};

/** Reads a payload whose signatures hold. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` */
export const decodeSession = (payload: Uint8Array): LeaseSession => {
  const fields = read.map(payload, SESSION_VERSION, ['v', 'lender', 'channel']);
  return {
    lender: read.bytes(fields.lender, KEY_ID_BYTES, 'the lender'),
    channel: read.bytes(fields.channel, HASH_BYTES, 'the hash of the channel'),
  };
};
