import { encodeCbor, isNodeError } from '../../../base/index.ts';
import { type KeyId, keyIdText, type VerifiedRecord, verifyRecord } from '../../../base/crypto/index.ts';
import type { CapacityUnit, ResourceKind } from '../../../../preload/contract/index.ts';
import { LEASE_FILE_BYTES_MAX, LEASE_RECORD_BYTES_MAX } from '../constants.ts';
import { createFieldReader } from '../fields.ts';
import type { LeaseGrant, LeaseReceipt, LeaseRequest, Offer } from '../interface.ts';
import { decodeGrant } from './grant.ts';
import { decodeOffer } from './offer.ts';
import { sayPrice } from './price.ts';
import { decodeReceipt, problemOfReceipt } from './receipt.ts';
import { hashOfRecord, type LeaseDomain, sameBytes } from './record.ts';
import { decodeRequest } from './request.ts';

// docs/formats/lease-file.md

const LEASE_FILE_VERSION = 1;
const LEASE_FILE_KIND = 'hypermesh-lease';
const ITEMS_MAX = 16;

/** Signed records of one lease, as they were sent. */
export interface LeaseFile {
  offer: Uint8Array;
  request: Uint8Array;
  grant: Uint8Array;
  /** The last receipt that both signed: the same words, once by each. Null where there is none yet. */
  countersigned: { receipt: Uint8Array; countersign: Uint8Array } | null;
  /** A later one that the borrower has not signed; null without one. */
  latest: Uint8Array | null;
}

export const LEASE_CHECKS = ['offer', 'request', 'grant', 'countersigned', 'latest'] as const;
/** What one part of the file shows. */
export interface LeaseFileFinding {
  check: (typeof LEASE_CHECKS)[number];
  passed: boolean;
  /** Stable code of what is wrong, such as `FORGED`; null when it passed. */
  code: 'FORGED' | 'MALFORMED' | 'MISMATCH' | 'UNCHECKED' | null;
  /** One sentence: what was shown, or what is wrong. */
  sentence: string;
}
export interface LeaseFileVerdict {
  /** Every part that is there holds, and belongs to the others. */
  passed: boolean;
  /** One for each of {@link LEASE_CHECKS}, in their order; those of parts that are not there are left out. */
  findings: LeaseFileFinding[];
  /** What the file says where it passed; null otherwise. */
  lease: {
    id: string;
    lender: KeyId;
    borrower: KeyId;
    kind: ResourceKind;
    unit: CapacityUnit;
    amount: number;
    startsAtMs: number;
    endsAtMs: number;
    priceMicro: string;
    /** Of the last receipt that both signed; null where there is none. */
    used: { unitSeconds: number; sentBytes: number; receivedBytes: number; owedMicro: string; final: boolean } | null;
  } | null;
}

const read = createFieldReader('The lease file', ITEMS_MAX);

/** @throws {LeaseFormatError} when something breaks a limit of the format */
export const encodeLeaseFile = (file: LeaseFile): Uint8Array => {
  const { offer, request, grant, countersigned, latest } = file;
  const encoded = encodeCbor({
    v: LEASE_FILE_VERSION,
    kind: LEASE_FILE_KIND,
    offer,
    request,
    grant,
    countersigned: countersigned === null ? null : { ...countersigned },
    latest,
  });
  decodeLeaseFile(encoded);
  return encoded;
};

/** Takes the file apart; checks nothing that is in it. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` */
export const decodeLeaseFile = (encoded: Uint8Array): LeaseFile => {
  if (encoded.length > LEASE_FILE_BYTES_MAX) throw read.malformed(`it has more than ${LEASE_FILE_BYTES_MAX} bytes`);
  const fields = read.map(encoded, LEASE_FILE_VERSION, [
    'v',
    'kind',
    'offer',
    'request',
    'grant',
    'countersigned',
    'latest',
  ]);
  if (fields.kind !== LEASE_FILE_KIND) throw read.malformed('it is another kind of file');
  const record = (value: unknown, where: string): Uint8Array => read.bytesUpTo(value, 1, LEASE_RECORD_BYTES_MAX, where);
  const pair =
    fields.countersigned === null ? null : read.fields(fields.countersigned, ['receipt', 'countersign'], 'its receipt');
  return {
    offer: record(fields.offer, 'its offer'),
    request: record(fields.request, 'its request'),
    grant: record(fields.grant, 'its grant'),
    countersigned:
      pair === null
        ? null
        : {
            receipt: record(pair.receipt, 'its receipt'),
            countersign: record(pair.countersign, 'its countersigned receipt'),
          },
    latest: fields.latest === null ? null : record(fields.latest, 'its latest receipt'),
  };
};

/** Why one part does not hold. */
class Flaw extends Error {
  readonly code: NonNullable<LeaseFileFinding['code']>;
  constructor(code: NonNullable<LeaseFileFinding['code']>, message: string) {
    super(message);
    this.code = code;
  }
}
const mismatch = (sentence: string): Flaw => new Flaw('MISMATCH', sentence);

const open = (domain: LeaseDomain, encoded: Uint8Array): VerifiedRecord => {
  try {
    return verifyRecord(encoded, { domain });
  } catch (error) {
    if (isNodeError(error)) throw new Flaw('FORGED', error.message);
    throw error;
  }
};
const parse = <T>(work: () => T): T => {
  try {
    return work();
  } catch (error) {
    if (isNodeError(error)) throw new Flaw('MALFORMED', error.message);
    throw error;
  }
};

/** Parts that were found to hold, each relying on those before it. */
interface Parts {
  offer?: { offer: Offer; record: VerifiedRecord };
  request?: { request: LeaseRequest; record: VerifiedRecord };
  grant?: LeaseGrant;
  countersigned?: LeaseReceipt;
}

const sayMs = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');

const checkOffer = (file: LeaseFile, parts: Parts): string => {
  const record = open('lease-offer', file.offer);
  const offer = parse(() => decodeOffer(record.payload, record.signer));
  parts.offer = { offer, record };
  return `${record.keyId} offered at most ${offer.amountMax} ${offer.unit} of ${offer.asset}, and its address ${offer.address} is its own.`;
};

const checkRequest = (file: LeaseFile, parts: Parts): string => {
  if (parts.offer === undefined)
    throw new Flaw('UNCHECKED', 'The offer does not hold, so nothing can be said of a request for it.');
  const { offer, record: lender } = parts.offer;
  const record = open('lease-request', file.request);
  const request = parse(() => decodeRequest(record.payload));
  if (!sameBytes(request.offer, hashOfRecord(file.offer))) throw mismatch('The request is for another offer.');
  if (!sameBytes(request.lender, lender.keyIdBytes)) throw mismatch('The request is to another lender.');
  if (request.kind !== offer.kind) throw mismatch('The request is for another kind of thing than was offered.');
  parts.request = { request, record };
  return `${record.keyId} asked for ${request.amount} ${offer.unit} at no more than ${sayPrice(request.priceMicroMax, offer.unit)}.`;
};

const checkGrant = (file: LeaseFile, parts: Parts): string => {
  if (parts.offer === undefined || parts.request === undefined)
    throw new Flaw('UNCHECKED', 'The request does not hold, so nothing can be said of its grant.');
  const { request, record: borrower } = parts.request;
  const record = open('lease-grant', file.grant);
  const grant = parse(() => decodeGrant(record.payload));
  if (!sameBytes(record.keyIdBytes, parts.offer.record.keyIdBytes))
    throw mismatch('The grant was signed by another than whoever offered.');
  if (grant.id !== request.id || !sameBytes(grant.request, hashOfRecord(file.request)))
    throw mismatch('The grant answers another request.');
  if (!sameBytes(grant.borrower, borrower.keyIdBytes)) throw mismatch('The grant names another borrower.');
  if (grant.address !== parts.offer.offer.address) throw mismatch('The grant is for another address than was offered.');
  if (grant.amount > request.amount) throw mismatch('The grant is for more than was asked for.');
  if (grant.endsAtMs - grant.startsAtMs > request.durationMs)
    throw mismatch('The grant is for longer than was asked for.');
  if (grant.priceMicro > request.priceMicroMax) throw mismatch('The grant costs more than the borrower would pay.');
  parts.grant = grant;
  return `The lender granted ${grant.amount} ${parts.offer.offer.unit} from ${sayMs(grant.startsAtMs)} to ${sayMs(grant.endsAtMs)} by its clock, at ${sayPrice(grant.priceMicro, parts.offer.offer.unit)}.`;
};

const openReceipt = (
  file: LeaseFile,
  parts: Parts,
  encoded: Uint8Array,
): { receipt: LeaseReceipt; record: VerifiedRecord } => {
  if (parts.offer === undefined || parts.grant === undefined)
    throw new Flaw('UNCHECKED', 'The grant does not hold, so nothing can be said of its receipts.');
  const record = open('lease-receipt', encoded);
  const receipt = parse(() => decodeReceipt(record.payload));
  if (!sameBytes(record.keyIdBytes, parts.offer.record.keyIdBytes))
    throw mismatch('The receipt was signed by another than the lender.');
  if (!sameBytes(receipt.grant, hashOfRecord(file.grant))) throw mismatch('The receipt is for another grant.');
  const problem = problemOfReceipt(receipt, parts.offer.offer.kind, parts.grant, parts.countersigned ?? null, null);
  if (problem !== null) throw mismatch(`The receipt cannot be right: ${problem}.`);
  return { receipt, record };
};
const sayUse = ({ unitSeconds, sentBytes, receivedBytes, owedMicro }: LeaseReceipt): string =>
  `${unitSeconds} unit-seconds, ${sentBytes} bytes sent, ${receivedBytes} bytes received, ${owedMicro} micro-CAES owed`;

const checkCountersigned = (file: LeaseFile, parts: Parts): string => {
  if (file.countersigned === null) throw new Error('only asked where there is one');
  const { receipt, record } = openReceipt(file, parts, file.countersigned.receipt);
  const countersign = open('lease-countersign', file.countersigned.countersign);
  if (!sameBytes(countersign.keyIdBytes, parts.request?.record.keyIdBytes ?? new Uint8Array(0)))
    throw mismatch('The receipt was countersigned by another than the borrower.');
  if (!sameBytes(countersign.payload, record.payload)) throw mismatch('The two signed different receipts.');
  parts.countersigned = receipt;
  return `Both signed receipt ${receipt.sequence}: ${sayUse(receipt)}${receipt.final ? '; it is the last' : ''}.`;
};
const checkLatest = (file: LeaseFile, parts: Parts): string => {
  if (file.latest === null) throw new Error('only asked where there is one');
  const { receipt } = openReceipt(file, parts, file.latest);
  return `The lender alone signed receipt ${receipt.sequence}: ${sayUse(receipt)}. It binds nobody.`;
};

/**
 * Checks everything that can be checked without either side: signatures, and that each record answers the one before it. That a clock
 * was right, or that the memory was there, no file can show. Some twelve milliseconds: in a worker only.
 *
 * @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` when it is no lease file
 */
export const verifyLeaseFile = (encoded: Uint8Array): LeaseFileVerdict => {
  const file = decodeLeaseFile(encoded);
  const parts: Parts = {};
  const findings: LeaseFileFinding[] = [];
  const check = (name: LeaseFileFinding['check'], work: (file: LeaseFile, parts: Parts) => string): void => {
    try {
      findings.push({ check: name, passed: true, code: null, sentence: work(file, parts) });
    } catch (error) {
      if (!(error instanceof Flaw)) throw error;
      findings.push({ check: name, passed: false, code: error.code, sentence: error.message });
    }
  };
  check('offer', checkOffer);
  check('request', checkRequest);
  check('grant', checkGrant);
  if (file.countersigned !== null) check('countersigned', checkCountersigned);
  if (file.latest !== null) check('latest', checkLatest);
  const passed = findings.every((finding) => finding.passed);
  return { passed, findings, lease: passed ? summaryOf(parts) : null };
};

const summaryOf = ({ offer, request, grant, countersigned }: Parts): LeaseFileVerdict['lease'] => {
  if (offer === undefined || request === undefined || grant === undefined) return null;
  return {
    id: grant.id,
    lender: offer.record.keyId,
    borrower: keyIdText(grant.borrower),
    kind: offer.offer.kind,
    unit: offer.offer.unit,
    amount: grant.amount,
    startsAtMs: grant.startsAtMs,
    endsAtMs: grant.endsAtMs,
    priceMicro: grant.priceMicro.toString(),
    used:
      countersigned === undefined
        ? null
        : {
            unitSeconds: countersigned.unitSeconds,
            sentBytes: countersigned.sentBytes,
            receivedBytes: countersigned.receivedBytes,
            owedMicro: countersigned.owedMicro.toString(),
            final: countersigned.final,
          },
  };
};
