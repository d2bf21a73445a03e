import { encodeCbor } from '../../../base/index.ts';
import { LEDGER_VERSION } from '../constants.ts';
import type { Proposal, ProposalContent, Vote, VoteContent, VoteKind } from '../interface.ts';
import { readSignature, signatureValue } from './commit.ts';
import { createReader, type Reader } from './reader.ts';

// docs/formats/consensus-vote.md

const KINDS = ['prevote', 'precommit'] as const satisfies readonly VoteKind[];
const VOTE = ['network', 'kind', 'height', 'round', 'block'] as const;
const PROPOSAL = ['network', 'height', 'round', 'validRound', 'block'] as const;
const VOTE_ENCODED_MAX = 2048;
const ITEMS_MAX = 16;
const readVoteOf = createReader('The vote');
const readProposalOf = createReader('The proposal');

const voteFields = ({ network, kind, height, round, block }: VoteContent): Record<string, unknown> => ({
  network,
  kind,
  height,
  round,
  block,
});
const proposalFields = ({ network, height, round, validRound, block }: ProposalContent): Record<string, unknown> => ({
  network,
  height,
  round,
  validRound,
  block,
});

/** What both signatures of a vote are over, in the domain `consensus-vote`. */
export const votePayload = (content: VoteContent): Uint8Array =>
  encodeCbor({ v: LEDGER_VERSION, ...voteFields(content) });
/** What both signatures of a proposal are over, in the domain `consensus-proposal`. */
export const proposalPayload = (content: ProposalContent): Uint8Array =>
  encodeCbor({ v: LEDGER_VERSION, ...proposalFields(content) });

export const readVoteContent = (fields: Record<(typeof VOTE)[number], unknown>, reader: Reader): VoteContent => ({
  network: reader.hash(fields.network, 'its network'),
  kind: reader.oneOf(fields.kind, KINDS, 'its kind'),
  height: reader.height(fields.height),
  round: reader.round(fields.round),
  block: reader.hashOrNull(fields.block, 'its block'),
});
export const readProposalContent = (
  fields: Record<(typeof PROPOSAL)[number], unknown>,
  reader: Reader,
): ProposalContent => {
  const round = reader.round(fields.round);
  return {
    network: reader.hash(fields.network, 'its network'),
    height: reader.height(fields.height),
    round,
    // A block that was prevoted for in a round was so before this one.
    validRound: reader.whole(fields.validRound, -1, round - 1, 'the round of its proof'),
    block: reader.hash(fields.block, 'its block'),
  };
};

/** A vote inside another value. */
export const voteValue = (vote: Vote): Record<string, unknown> => ({
  ...voteFields(vote),
  validator: vote.validator,
  signature: signatureValue(vote.signature),
});
export const proposalValue = (proposal: Proposal): Record<string, unknown> => ({
  ...proposalFields(proposal),
  proposer: proposal.proposer,
  signature: signatureValue(proposal.signature),
});
export const readVote = (value: unknown, reader: Reader): Vote => {
  const fields = reader.fields(value, [...VOTE, 'validator', 'signature'], 'a vote');
  return {
    ...readVoteContent(fields, reader),
    validator: reader.hash(fields.validator, 'its validator'),
    signature: readSignature(fields.signature, reader),
  };
};
export const readProposal = (value: unknown, reader: Reader): Proposal => {
  const fields = reader.fields(value, [...PROPOSAL, 'proposer', 'signature'], 'a proposal');
  return {
    ...readProposalContent(fields, reader),
    proposer: reader.hash(fields.proposer, 'its proposer'),
    signature: readSignature(fields.signature, reader),
  };
};

export const encodeVote = (vote: Vote): Uint8Array => encodeCbor(voteValue(vote));
/** Form alone: its signatures are checked elsewhere. @throws {ConsensusFormatError} */
export const decodeVote = (encoded: Uint8Array): Vote =>
  readVote(readVoteOf.decode(encoded, VOTE_ENCODED_MAX, ITEMS_MAX), readVoteOf);
export const encodeProposal = (proposal: Proposal): Uint8Array => encodeCbor(proposalValue(proposal));
/** @throws {ConsensusFormatError} */
export const decodeProposal = (encoded: Uint8Array): Proposal =>
  readProposal(readProposalOf.decode(encoded, VOTE_ENCODED_MAX, ITEMS_MAX), readProposalOf);
