import { encodeCbor } from '../../base/index.ts';
import type { ProtocolSpec } from '../../transport/stoq/index.ts';
import type { ResourceKind } from '../../../preload/contract/index.ts';
import { LEASE_RECORD_BYTES_MAX, OFFERS_PER_PEER_MAX, RESOURCE_KINDS } from './constants.ts';
import { createFieldReader } from './fields.ts';

// Messages of `/hypermesh/offers/1`, docs/formats/lease-offer.md: one question, one answer.

export const OFFERS_PROTOCOL = '/hypermesh/offers/1';
const VERSION = 1;
export const OFFERS_QUESTION_BYTES_MAX = 64;
/** Sixteen records with what stands around them. */
export const OFFERS_ANSWER_BYTES_MAX = OFFERS_PER_PEER_MAX * (LEASE_RECORD_BYTES_MAX + 8) + 64;

export const offersSpec: ProtocolSpec = {
  name: OFFERS_PROTOCOL,
  streamsMax: 4,
  // Answers are kept for a minute by whoever asked.
  opensPerTenSeconds: 20,
  // Of either direction; a question has its own bound where it is read.
  bytesMax: OFFERS_ANSWER_BYTES_MAX + 64,
  deadlineMs: 10_000,
};

const question = createFieldReader('The question for offers', 4);
const answer = createFieldReader('The answer with offers', OFFERS_PER_PEER_MAX + 4);

/** @param kind - null for all kinds */
export const encodeOffersQuestion = (kind: ResourceKind | null): Uint8Array => encodeCbor({ v: VERSION, kind });
/** @throws {LeaseFormatError} */
export const decodeOffersQuestion = (encoded: Uint8Array): ResourceKind | null => {
  const { kind } = question.map(encoded, VERSION, ['v', 'kind']);
  return kind === null ? null : question.oneOf(kind, RESOURCE_KINDS, 'its kind');
};

/** @param records - signed offers, at most 16 */
export const encodeOffersAnswer = (records: readonly Uint8Array[]): Uint8Array =>
  encodeCbor({ v: VERSION, offers: records.slice(0, OFFERS_PER_PEER_MAX) });
/** @returns records that nobody has looked at yet @throws {LeaseFormatError} */
export const decodeOffersAnswer = (encoded: Uint8Array): readonly Uint8Array[] => {
  const { offers } = answer.map(encoded, VERSION, ['v', 'offers']);
  return answer
    .list(offers, OFFERS_PER_PEER_MAX, 'its offers')
    .map((record) => answer.bytesUpTo(record, 1, LEASE_RECORD_BYTES_MAX, 'an offer'));
};
