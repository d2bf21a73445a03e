import { sameBytes } from '../formats/reader.ts';
import { isMoreThanTwoThirds, placeOf, powerOf } from '../formats/validators.ts';
import type { Commit, Evidence, SignatureCheck, Validator, Vote, VoteContent, VoteSignature } from '../interface.ts';
import type { SignerKeys } from '../../../base/crypto/index.ts';

interface VoteItem {
  keys: SignerKeys;
  content: VoteContent;
  signature: VoteSignature;
}
/** Signatures of those who agree. */
export interface Verify {
  votes(items: readonly VoteItem[]): Promise<boolean[]>;
  /** @returns what is wrong with it, null where it makes its block final */
  commit(commit: Commit, validators: readonly Validator[]): Promise<string | null>;
  /** @param validators - the set at its height @returns what is wrong with it */
  evidence(evidence: Evidence, validators: readonly Validator[]): Promise<string | null>;
}
export const contentOf = ({ network, kind, height, round, block }: VoteContent): VoteContent => ({
  network,
  kind,
  height,
  round,
  block,
});
export const precommitOf = (network: Uint8Array, commit: Commit): VoteContent => ({
  network,
  kind: 'precommit',
  height: commit.height,
  round: commit.round,
  block: commit.block,
});

export const createVerify = (check: SignatureCheck, network: Uint8Array): Verify => {
  const votes = async (items: readonly VoteItem[]): Promise<boolean[]> =>
    items.length === 0 ? [] : await check.votes(items);
  return {
    votes,
    commit: async (commit, validators) => {
      if (commit.signatures.length !== validators.length) return 'its commit is of another set';
      const content = precommitOf(network, commit);
      const signed = validators.filter((_, place) => commit.signatures[place] !== null);
      if (!isMoreThanTwoThirds(powerOf(signed), powerOf(validators)))
        return 'too few of the validators signed its commit';
      const items = validators.flatMap(({ keys }, place) => {
        const signature = commit.signatures[place] ?? null;
        return signature === null ? [] : [{ keys, content, signature }];
      });
      return (await votes(items)).every(Boolean) ? null : 'a signature of its commit does not hold';
    },
    evidence: async (evidence, validators) => {
      const validator = validators[placeOf(validators, evidence.validator)];
      if (validator === undefined) return 'it accuses somebody who was no validator';
      if (!sameBytes(evidence.first.network, network)) return 'it is of another network';
      const { keys } = validator;
      if (evidence.kind === 'votes') {
        const both = [evidence.first, evidence.second].map((vote: Vote) => ({
          keys,
          content: contentOf(vote),
          signature: vote.signature,
        }));
        return (await votes(both)).every(Boolean) ? null : 'a signature of it does not hold';
      }
      for (const { signature, network: at, height, round, validRound, block } of [evidence.first, evidence.second])
        if (!(await check.proposal(keys, { network: at, height, round, validRound, block }, signature)))
          return 'a signature of it does not hold';
      return null;
    },
  };
};
