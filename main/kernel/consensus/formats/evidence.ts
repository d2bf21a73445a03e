import { encodeCbor } from '../../../base/index.ts';
import { EVIDENCE_BYTES_MAX, LEDGER_VERSION } from '../constants.ts';
import type { Evidence, Proposal, Vote } from '../interface.ts';
import { createReader, sameBytes } from './reader.ts';
import {
  encodeProposal,
  encodeVote,
  proposalPayload,
  proposalValue,
  readProposal,
  readVote,
  votePayload,
  voteValue,
} from './vote.ts';

// docs/formats/consensus-evidence.md

const read = createReader('The evidence');
const ITEMS_MAX = 32;
const KINDS = ['votes', 'proposals'] as const;

/** What two votes of one validator contradict each other in; null where they do not. Signatures are not looked at. */
const areVotesContradicting = (one: Vote, other: Vote): boolean =>
  sameBytes(one.validator, other.validator) &&
  sameBytes(one.network, other.network) &&
  one.kind === other.kind &&
  one.height === other.height &&
  one.round === other.round &&
  !sameBytes(votePayload(one), votePayload(other));
const areProposalsContradicting = (one: Proposal, other: Proposal): boolean =>
  sameBytes(one.proposer, other.proposer) &&
  sameBytes(one.network, other.network) &&
  one.height === other.height &&
  one.round === other.round &&
  !sameBytes(proposalPayload(one), proposalPayload(other));

/** In the order of the encodings, so that two that are found in either order make one and the same evidence. */
const inOrder = <T>(one: T, other: T, encode: (value: T) => Uint8Array): [T, T] =>
  Buffer.compare(encode(one), encode(other)) < 0 ? [one, other] : [other, one];

/** Null where the two do not contradict each other. */
export const evidenceOfVotes = (one: Vote, other: Vote): Evidence | null => {
  if (!areVotesContradicting(one, other)) return null;
  const [first, second] = inOrder(one, other, encodeVote);
  return { kind: 'votes', validator: one.validator, height: one.height, first, second };
};
/** Null where the two do not contradict each other. */
export const evidenceOfProposals = (one: Proposal, other: Proposal): Evidence | null => {
  if (!areProposalsContradicting(one, other)) return null;
  const [first, second] = inOrder(one, other, encodeProposal);
  return { kind: 'proposals', validator: one.proposer, height: one.height, first, second };
};

export const encodeEvidence = (evidence: Evidence): Uint8Array =>
  encodeCbor({
    v: LEDGER_VERSION,
    kind: evidence.kind,
    first: evidence.kind === 'votes' ? voteValue(evidence.first) : proposalValue(evidence.first),
    second: evidence.kind === 'votes' ? voteValue(evidence.second) : proposalValue(evidence.second),
  });

/** That the two contradict each other is part of the form; that they are signed is not. @throws {ConsensusFormatError} */
export const decodeEvidence = (encoded: Uint8Array): Evidence => {
  const fields = read.map(encoded, ['v', 'kind', 'first', 'second'], {
    bytesMax: EVIDENCE_BYTES_MAX,
    itemsMax: ITEMS_MAX,
  });
  const kind = read.oneOf(fields.kind, KINDS, 'its kind');
  const evidence =
    kind === 'votes'
      ? evidenceOfVotes(readVote(fields.first, read), readVote(fields.second, read))
      : evidenceOfProposals(readProposal(fields.first, read), readProposal(fields.second, read));
  if (evidence === null) throw read.malformed('its two halves do not contradict each other');
  if (!sameBytes(encodeEvidence(evidence), encoded)) throw read.malformed('its two halves are the wrong way round');
  return evidence;
};
