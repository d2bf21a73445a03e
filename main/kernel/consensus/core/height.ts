import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { evidenceOfVotes } from '../formats/evidence.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import type { Commit, ConsensusParams, Evidence, Validator, Vote } from '../interface.ts';
import type { Backed, OwnMessage } from './entry.ts';
import { createVoteBook, type VoteBook } from './vote-book.ts';

export type Step = 'waiting' | 'propose' | 'prevote' | 'precommit' | 'commit';

/** What one height is about. Changed by the core alone. */
export interface HeightState {
  readonly height: number;
  readonly validators: readonly Validator[];
  readonly params: ConsensusParams;
  readonly book: VoteBook;
  /** Null: follows and signs nothing. */
  self: KeyIdBytes | null;
  round: number;
  step: Step;
  /** Precommits of the block before are still waited for. */
  isGathering: boolean;
  hasWork: boolean;
  locked: Backed | null;
  valid: Backed | null;
  /** Blocks that may follow the last one. One that may not is asked for again in the next round. */
  readonly sound: Set<string>;
  unsound: Set<string>;
  /** Blocks whose check was asked for in this round. */
  asked: Set<string>;
  /** What this node has signed, or is about to: never twice another. By round and kind. */
  readonly mine: Map<string, OwnMessage>;
  /** Blocks that were said to be kept. */
  readonly kept: Set<string>;
  /** Round whose prevotes the log has; -1: none. */
  provedRound: number;
  /** Votes that led into this round, until the log has them. */
  entered: readonly Vote[];
  /** Time-outs of this round that run. */
  timeouts: Set<'prevote' | 'precommit'>;
  /** Round that a block is built for. */
  building: number | null;
}

export const beginHeight = (
  input: {
    height: number;
    validators: readonly Validator[];
    params: ConsensusParams;
    self: KeyIdBytes | null;
    hasWork: boolean;
  },
  futureVotesMax: number,
): HeightState => ({
  height: input.height,
  validators: input.validators,
  params: input.params,
  book: createVoteBook(input.validators, futureVotesMax),
  self: input.self,
  round: 0,
  step: 'waiting',
  isGathering: false,
  hasWork: input.hasWork,
  locked: null,
  valid: null,
  sound: new Set(),
  unsound: new Set(),
  asked: new Set(),
  mine: new Map(),
  kept: new Set(),
  provedRound: -1,
  entered: [],
  timeouts: new Set(),
  building: null,
});

/** The decision before, while precommits of it still come in. */
export interface PastDecision {
  commit(): Commit;
  readonly height: number;
  readonly isComplete: boolean;
  /** @returns evidence where the vote contradicts one that is in the commit */
  add(vote: Vote): Evidence | null;
}

export const createPastDecision = (
  network: Hash,
  height: number,
  validators: readonly Validator[],
  { round, block }: Backed,
  book: VoteBook,
): PastDecision => {
  const signatures = book.signatures(round, block);
  const places = new Map(validators.map(({ id }, place) => [hexOf(id), place]));
  /** Who contradicted the commit already: told once. */
  const told = new Set<number>();
  return {
    height,
    commit: () => ({ height, round, block, signatures: [...signatures] }),
    get isComplete() {
      return signatures.every((one) => one !== null);
    },
    add: (vote) => {
      const place = places.get(hexOf(vote.validator));
      if (place === undefined || vote.height !== height || vote.kind !== 'precommit' || vote.round !== round)
        return null;
      const known = signatures[place] ?? null;
      if (vote.block !== null && sameBytes(vote.block, block)) {
        signatures[place] ??= vote.signature;
        return null;
      }
      if (known === null || told.has(place)) return null;
      told.add(place);
      return evidenceOfVotes(
        { network, kind: 'precommit', height, round, block, validator: vote.validator, signature: known },
        vote,
      );
    },
  };
};
