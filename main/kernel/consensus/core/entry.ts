import { encodeCbor } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { LEDGER_VERSION, ROUND_MAX, VALIDATORS_MAX } from '../constants.ts';
import { createReader } from '../formats/reader.ts';
import { readProposalContent, readVote, readVoteContent, voteValue } from '../formats/vote.ts';
import type { ProposalContent, Vote, VoteContent } from '../interface.ts';

// docs/formats/consensus-vote.md, section "What a validator remembers"

export type OwnMessage = { kind: 'vote'; content: VoteContent } | { kind: 'proposal'; content: ProposalContent };
/** A block that more than two thirds prevoted for in a round. */
export interface Backed {
  round: number;
  block: Hash;
}
/** Written down before a signature is made. */
export interface Entry {
  /** Who signs. */
  self: KeyIdBytes;
  message: OwnMessage;
  /** As they are when the message is signed. */
  locked: Backed | null;
  valid: Backed | null;
  /**
   * Votes that led into this round and that `valid` rests on, where no entry before has them. Without them, and after a crash, a
   * lock or a round might stand on the vote of a liar that nobody can show any more: the others would never follow.
   */
  proof: readonly Vote[];
}

const read = createReader('The entry of the write-ahead log');
/** Two of each validator for a lock, and two for a round. */
const PROOF_MAX = 4 * VALIDATORS_MAX;
const LIMITS = { bytesMax: 2048 * (PROOF_MAX + 1), itemsMax: 16 * (PROOF_MAX + 2) };
const VOTE = ['network', 'kind', 'height', 'round', 'block'] as const;
const PROPOSAL = ['network', 'height', 'round', 'validRound', 'block'] as const;

const backedValue = (backed: Backed | null): unknown =>
  backed === null ? null : { round: backed.round, block: backed.block };
const readBacked = (value: unknown): Backed | null => {
  if (value === null) return null;
  const fields = read.fields(value, ['round', 'block'], 'a lock');
  return {
    round: read.whole(fields.round, 0, ROUND_MAX, 'the round of a lock'),
    block: read.hash(fields.block, 'its block'),
  };
};

export const encodeEntry = ({ self, message, locked, valid, proof }: Entry): Uint8Array =>
  encodeCbor({
    v: LEDGER_VERSION,
    self,
    kind: message.kind,
    content: message.content,
    locked: backedValue(locked),
    valid: backedValue(valid),
    proof: proof.map(voteValue),
  });

/** @throws {ConsensusFormatError} the disk has other bytes than were written: this validator must not sign */
export const decodeEntry = (encoded: Uint8Array): Entry => {
  const fields = read.map(encoded, ['v', 'self', 'kind', 'content', 'locked', 'valid', 'proof'], LIMITS);
  const kind = read.oneOf(fields.kind, ['vote', 'proposal'], 'its kind');
  return {
    self: read.hash(fields.self, 'its signer'),
    message:
      kind === 'vote'
        ? { kind, content: readVoteContent(read.fields(fields.content, VOTE, 'a vote'), read) }
        : { kind, content: readProposalContent(read.fields(fields.content, PROPOSAL, 'a proposal'), read) },
    locked: readBacked(fields.locked),
    valid: readBacked(fields.valid),
    proof: read.list(fields.proof, PROOF_MAX, 'its proof').map((one) => readVote(one, read)),
  };
};
