import { encodeCbor } from '../../../base/index.ts';
import { KEY_ID_BYTES } from '../../../base/crypto/index.ts';
import { LEASE_MS_MAX, PURPOSE_CHARACTERS_MAX, REQUEST_LIFE_MS_MAX, RESOURCE_KINDS } from '../constants.ts';
import { createFieldReader } from '../fields.ts';
import type { LeaseRequest } from '../interface.ts';
import { LEASE_ID_BYTES, leaseIdBytes, leaseIdOf } from '../names.ts';

// docs/formats/lease-request.md

/** Pays on no ledger. */
const FREE_VERSION = 1;
/** Names the ledger that it pays on: nodes that know version 1 only cannot be paid. */
const PAID_VERSION = 2;
const ITEMS_MAX = 16;
const HASH_BYTES = 32;
/** One line without what a terminal or a page would obey. */
const PURPOSE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$/u;

const NAMES = [
  'v',
  'id',
  'offer',
  'lender',
  'kind',
  'amount',
  'durationMs',
  'priceMicroMax',
  'purpose',
  'issuedAtMs',
  'expiresAtMs',
] as const;

const read = createFieldReader('The request for a lease', ITEMS_MAX);

/** @returns the payload that the borrower signs in the domain `lease-request` */
export const encodeRequest = (request: LeaseRequest): Uint8Array => {
  const { ledger, ...fields } = request;
  const encoded = encodeCbor({
    ...fields,
    ...(ledger !== null && { ledger }),
    v: ledger === null ? FREE_VERSION : PAID_VERSION,
    id: leaseIdBytes(request.id),
    priceMicroMax: request.priceMicroMax.toString(),
  });
  decodeRequest(encoded);
  return encoded;
};

/** Reads a payload whose signatures hold. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` */
export const decodeRequest = (payload: Uint8Array): LeaseRequest => {
  const isFree = read.version(payload) === FREE_VERSION;
  const fields: Record<(typeof NAMES)[number] | 'ledger', unknown> = isFree
    ? { ...read.map(payload, FREE_VERSION, NAMES), ledger: null }
    : read.map(payload, PAID_VERSION, [...NAMES, 'ledger']);
  const purpose = read.text(fields.purpose, PURPOSE, 'its purpose');
  if (purpose.length > PURPOSE_CHARACTERS_MAX) throw read.malformed('its purpose is too long');
  const issuedAtMs = read.whole(fields.issuedAtMs, 0, Number.MAX_SAFE_INTEGER, 'its time');
  return {
    id: leaseIdOf(read.bytes(fields.id, LEASE_ID_BYTES, 'its id')),
    offer: read.bytes(fields.offer, HASH_BYTES, 'the hash of the offer'),
    lender: read.bytes(fields.lender, KEY_ID_BYTES, 'the lender'),
    kind: read.oneOf(fields.kind, RESOURCE_KINDS, 'its kind'),
    amount: read.whole(fields.amount, 1, Number.MAX_SAFE_INTEGER, 'its amount'),
    durationMs: read.whole(fields.durationMs, 1, LEASE_MS_MAX, 'its length'),
    priceMicroMax: read.micro(fields.priceMicroMax, 'what it pays at most'),
    ledger: isFree ? null : read.bytes(fields.ledger, HASH_BYTES, 'the ledger that it pays on'),
    purpose,
    issuedAtMs,
    expiresAtMs: read.whole(fields.expiresAtMs, issuedAtMs + 1, issuedAtMs + REQUEST_LIFE_MS_MAX, 'its end'),
  };
};
