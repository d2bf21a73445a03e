import { ConsensusProofError } from '../errors.ts';
import { verifyCommit, verifyEvidence } from '../light/index.ts';
import type { Commit, Evidence, SignatureCheck, Validator, VoteContent } from '../interface.ts';
import type { Turns } from '../turns.ts';
import { OPENED_AT_ONCE } from './constants.ts';

/** Signatures of those who agree. */
export interface Verify {
  votes: SignatureCheck['votes'];
  /** @returns what is wrong with it, null where it makes its block final */
  commit(commit: Commit, validators: readonly Validator[]): Promise<string | null>;
  /** @param validators - the set at its height @returns what is wrong with it */
  evidence(evidence: Evidence, validators: readonly Validator[]): Promise<string | null>;
  /**
   * Begins to check transactions that will be asked about soon: threads go through them while blocks before theirs are carried out
   * and written down. Says nothing of the outcome; whoever asks then is told.
   */
  ahead(transactions: readonly Uint8Array[]): void;
}

export const contentOf = ({ network, kind, height, round, block }: VoteContent): VoteContent => ({
  network,
  kind,
  height,
  round,
  block,
});

export const createVerify = (check: SignatureCheck, turns: Turns, network: Uint8Array): Verify => {
  /** What is wrong, as a sentence. */
  const problemOf = async (work: Promise<unknown>): Promise<string | null> => {
    try {
      await work;
      return null;
    } catch (error) {
      if (error instanceof ConsensusProofError) return error.message;
      throw error;
    }
  };
  const askAhead = async (transactions: readonly Uint8Array[]): Promise<void> => {
    for (let from = 0; from < transactions.length; from += OPENED_AT_ONCE) {
      if (from > 0) await turns.pause();
      check.transactions(transactions.slice(from, from + OPENED_AT_ONCE)).catch(() => undefined);
    }
  };
  return {
    votes: async (items) => (items.length === 0 ? [] : await check.votes(items)),
    commit: (commit, validators) =>
      problemOf(verifyCommit({ check }, commit, { network, height: commit.height, block: commit.block, validators })),
    evidence: (evidence, validators) =>
      problemOf(verifyEvidence({ check, network, setAt: () => Promise.resolve(validators) }, evidence)),
    ahead: (transactions) => {
      void askAhead(transactions);
    },
  };
};
