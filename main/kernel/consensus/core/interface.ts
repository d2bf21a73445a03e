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
  /** Signature checked, signer in the set. Of this height, or precommits of the one before. */
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
  /** The decided block is on disk and applied: the next height begins. */
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
    }
  | { kind: 'timeout'; height: number; round: number; step: TimeoutStep; afterMs: number }
  /** Build a block to follow the last one. */
  | { kind: 'build'; height: number; round: number }
  /** Find the block, if need be at peers (`from` has it), check it and answer `checked`. */
  | { kind: 'check'; height: number; round: number; block: Hash; from: string | null }
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
  /** Votes and proposal of this height that a peer may lack; at most `limit`. For gossip after a break. */
  known(limit: number): { proposals: readonly Proposal[]; votes: readonly Vote[] };
}
export interface CoreInit {
  network: Hash;
  /** Votes of other rounds and heights that are kept at most, per validator. */
  futureVotesMax?: number;
}
