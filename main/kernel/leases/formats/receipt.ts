import { encodeCbor } from '../../../base/index.ts';
import type { ResourceKind } from '../../../../preload/contract/index.ts';
import { createFieldReader } from '../fields.ts';
import type { LeaseGrant, LeaseReceipt } from '../interface.ts';
import { LEASE_ID_BYTES, leaseIdBytes, leaseIdOf } from '../names.ts';
import { owedFor } from './price.ts';

// docs/formats/lease-receipt.md

const RECEIPT_VERSION = 1;
const ITEMS_MAX = 16;
const HASH_BYTES = 32;
/** A tebibyte for a year is 3 · 10^19 byte-seconds; this is a million times that. */
const UNIT_SECONDS_MAX = 1e26;

const read = createFieldReader('The receipt', ITEMS_MAX);

/**
 * @returns the payload that the lender signs in the domain `lease-receipt`, and the borrower, byte for byte the same, in
 *   `lease-countersign`
 */
export const encodeReceipt = (receipt: LeaseReceipt): Uint8Array => {
  const encoded = encodeCbor({
    ...receipt,
    v: RECEIPT_VERSION,
    id: leaseIdBytes(receipt.id),
    owedMicro: receipt.owedMicro.toString(),
  });
  decodeReceipt(encoded);
  return encoded;
};

/** Reads a payload whose signatures hold. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` */
export const decodeReceipt = (payload: Uint8Array): LeaseReceipt => {
  const fields = read.map(payload, RECEIPT_VERSION, [
    'v',
    'id',
    'grant',
    'sequence',
    'unitSeconds',
    'sentBytes',
    'receivedBytes',
    'owedMicro',
    'atMs',
    'final',
  ]);
  return {
    id: leaseIdOf(read.bytes(fields.id, LEASE_ID_BYTES, 'its id')),
    grant: read.bytes(fields.grant, HASH_BYTES, 'the hash of the grant'),
    sequence: read.whole(fields.sequence, 1, Number.MAX_SAFE_INTEGER, 'its sequence'),
    unitSeconds: unitSecondsOf(fields.unitSeconds),
    sentBytes: read.whole(fields.sentBytes, 0, Number.MAX_SAFE_INTEGER, 'what was sent'),
    receivedBytes: read.whole(fields.receivedBytes, 0, Number.MAX_SAFE_INTEGER, 'what was received'),
    owedMicro: read.micro(fields.owedMicro, 'what is owed'),
    atMs: read.whole(fields.atMs, 0, Number.MAX_SAFE_INTEGER, 'its time'),
    final: read.flag(fields.final, 'whether it is the last'),
  };
};

/** Whole; an integer of CBOR where a number is exact, a float of 64 bits above that. */
const unitSecondsOf = (value: unknown): number => {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > UNIT_SECONDS_MAX)
    throw read.malformed('its unit-seconds are no whole number');
  return value;
};

/**
 * What is wrong with a receipt for whoever is to countersign it: its numbers only grow, by no more than could be used since, and cost
 * no more than was agreed.
 *
 * @param kind - of what is lent: prices are for an amount of it
 * @param previous - the last one that was countersigned, null before the first
 * @param elapsedMs - since the lease began, by the reader's own monotonic clock; null where the reader was not there, as with a file
 * @returns null when it may be signed, or what is wrong, for a sentence
 */
export const problemOfReceipt = (
  receipt: LeaseReceipt,
  kind: ResourceKind,
  grant: Pick<LeaseGrant, 'id' | 'amount' | 'priceMicro' | 'tickMs' | 'startsAtMs' | 'endsAtMs'>,
  previous: LeaseReceipt | null,
  elapsedMs: number | null,
): string | null => {
  if (receipt.id !== grant.id) return 'it is for another lease';
  if (previous !== null) {
    if (previous.final) return 'it follows the last one';
    if (receipt.sequence <= previous.sequence) return 'it is older than one that was countersigned';
    if (
      receipt.unitSeconds < previous.unitSeconds ||
      receipt.sentBytes < previous.sentBytes ||
      receipt.receivedBytes < previous.receivedBytes ||
      receipt.owedMicro < previous.owedMicro
    )
      return 'a sum fell';
  }
  // A tick more than has gone by: both clocks begin when their side learns that the lease runs.
  const lengthMs = grant.endsAtMs - grant.startsAtMs;
  const usableMs = Math.min(elapsedMs ?? lengthMs, lengthMs) + grant.tickMs;
  if (receipt.unitSeconds > Math.ceil((grant.amount * usableMs) / 1000)) return 'it claims more than could be used';
  if (receipt.owedMicro > owedFor(kind, receipt.unitSeconds, grant.priceMicro)) return 'it costs more than was agreed';
  return null;
};
