import { encodeCbor } from '../../../base/index.ts';
import { KEY_ID_BYTES } from '../../../base/crypto/index.ts';
import { LEASE_MS_MAX, TICK_MS_MAX, TICK_MS_MIN } from '../constants.ts';
import { createFieldReader } from '../fields.ts';
import { GLOBAL_ADDRESS_BYTES, formatGlobalAddress, globalAddressBytes } from '../global-address.ts';
import type { LeaseGrant } from '../interface.ts';
import { LEASE_ID_BYTES, leaseIdBytes, leaseIdOf } from '../names.ts';

// docs/formats/lease-grant.md

const GRANT_VERSION = 1;
const ITEMS_MAX = 16;
const HASH_BYTES = 32;

const read = createFieldReader('The grant of a lease', ITEMS_MAX);

/** @returns the payload that the lender signs in the domain `lease-grant` */
export const encodeGrant = (grant: LeaseGrant): Uint8Array => {
  const encoded = encodeCbor({
    ...grant,
    v: GRANT_VERSION,
    id: leaseIdBytes(grant.id),
    address: globalAddressBytes(grant.address),
    priceMicro: grant.priceMicro.toString(),
  });
  decodeGrant(encoded);
  return encoded;
};

/** Reads a payload whose signatures hold. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` */
export const decodeGrant = (payload: Uint8Array): LeaseGrant => {
  const fields = read.map(payload, GRANT_VERSION, [
    'v',
    'id',
    'request',
    'borrower',
    'amount',
    'address',
    'priceMicro',
    'tickMs',
    'startsAtMs',
    'endsAtMs',
  ]);
  const address = read.bytes(fields.address, GLOBAL_ADDRESS_BYTES, 'its address');
  if (address[0] !== 0xfd) throw read.malformed('its address does not begin with fd');
  const startsAtMs = read.whole(fields.startsAtMs, 0, Number.MAX_SAFE_INTEGER, 'its beginning');
  return {
    id: leaseIdOf(read.bytes(fields.id, LEASE_ID_BYTES, 'its id')),
    request: read.bytes(fields.request, HASH_BYTES, 'the hash of the request'),
    borrower: read.bytes(fields.borrower, KEY_ID_BYTES, 'the borrower'),
    amount: read.whole(fields.amount, 1, Number.MAX_SAFE_INTEGER, 'its amount'),
    address: formatGlobalAddress(address),
    priceMicro: read.micro(fields.priceMicro, 'its price'),
    tickMs: read.whole(fields.tickMs, TICK_MS_MIN, TICK_MS_MAX, 'its tick'),
    startsAtMs,
    endsAtMs: read.whole(fields.endsAtMs, startsAtMs + 1, startsAtMs + LEASE_MS_MAX, 'its end'),
  };
};
