import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import type {
  Commit,
  ConsensusParams,
  Evidence,
  Proposal,
  ProposalContent,
  Validator,
  Vote,
  VoteContent,
} from '../interface.ts';

// The algorithm alone: no clock, no network, no disk, no signatures. Whoever drives it does what its effects say, in order,
// and tells what came of it. Same inputs, same effects.

export type TimeoutStep = 'propose' | 'prevote' | 'precommit' | 'commit' | 'heartbeat';

export type CoreInput =
  /** Signature checked against the set, block fits its hash; `valid` is not known yet. */
  | { kind: 'proposal'; proposal: Proposal; from: string }
  /** Signature checked, signer in the set. Of this height, precommits of the one before, or of one to come. */
  | { kind: 'vote'; vote: Vote; from: string }
  /** The block with that hash is at hand, and whether it may follow the last one. */
  | { kind: 'checked'; height: number; block: Hash; valid: boolean }
  /** Answers `build`; null: none could be built, so nothing is proposed. */
  | { kind: 'built'; height: number; round: number; block: Hash | null }
  /** Answers `sign`. */
  | { kind: 'signed'; message: Vote | Proposal }
  | { kind: 'timeout'; height: number; round: number; step: TimeoutStep }
  /** There is something to agree on. */
  | { kind: 'work' }
  /**
   * The decided block is on disk and applied: the next height begins. The same height again where nothing but `self` is another:
   * the keys were locked, or unlocked.
   */
  | {
      kind: 'next';
      height: number;
      validators: readonly Validator[];
      params: ConsensusParams;
      self: KeyIdBytes | null;
      hasWork: boolean;
    };

export type CoreEffect =
  /**
   * First write `entry` where it survives (`ReplicaStore.remember`), then sign, then feed it back as `signed`, then send it to all.
   * An entry holds everything that the lock of this node rests on.
   */
  | {
      kind: 'sign';
      message: { kind: 'vote'; content: VoteContent } | { kind: 'proposal'; content: ProposalContent };
      entry: Uint8Array;
      /**
       * Blocks that have to be where they survive before `entry` is: what this node is locked on, or proposes. Where every
       * node fell at once, nobody else has them. Each once a height is enough.
       */
      keep: readonly Hash[];
    }
  | { kind: 'timeout'; height: number; round: number; step: TimeoutStep; afterMs: number }
  /** Build a block to follow the last one. */
  | { kind: 'build'; height: number; round: number }
  /**
   * Find the block, if need be at peers (`from` has it), check it and answer `checked`. Asked again in each round in which it
   * matters, as a block that was too far ahead of the clock may hold by then.
   */
  | {
      kind: 'check';
      height: number;
      round: number;
      block: Hash;
      from: string | null;
      /** Who has to have made it; null where more than two thirds have voted for it. */
      proposer: KeyIdBytes | null;
    }
  /** Final. Write it down, apply it, and answer `next`. `block` may still have to be fetched. */
  | { kind: 'decide'; block: Hash; commit: Commit }
  /** For the next block of whoever proposes. */
  | { kind: 'evidence'; evidence: Evidence }
  /** Somebody whose power counts is at a later height: catch up. */
  | { kind: 'behind'; height: number }
  /** Nothing was proposed in time. */
  | { kind: 'missed'; height: number; round: number; proposer: KeyIdBytes };

export interface ConsensusCore {
  /** @throws {AssertionError} for what only a bug of the driver can bring about; never for what peers sent */
  step(input: CoreInput): CoreEffect[];
  /** What was remembered before a crash, of the height that begins next. Call before `next`. It never contradicts any of it. */
  recover(entries: readonly Uint8Array[]): void;
  position(): { height: number; round: number; step: 'waiting' | 'propose' | 'prevote' | 'precommit' | 'commit' };
  /**
   * Votes and proposals of this height that a peer may lack, what it needs most first; at most `limit` of each. Nothing here is
   * sent twice by itself, so whoever drives it hands these to its peers from time to time.
   *
   * @param round - where the peer is. @default the round of this node
   */
  known(limit: number, round?: number): { proposals: readonly Proposal[]; votes: readonly Vote[] };
  /**
   * What made the block before final, with all precommits that have come in since: for the next block. Null where this core
   * did not see that decision; what the store has does then.
   */
  lastCommit(): Commit | null;
}
export interface CoreInit {
  network: Hash;
  /** Votes of later rounds that are kept at most, per validator; the same again of the next height. @default 8 */
  futureVotesMax?: number;
}
