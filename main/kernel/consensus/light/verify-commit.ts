import { keyIdText } from '../../../base/crypto/index.ts';
import type { Hash } from '../../blocks/index.ts';
import { ConsensusProofError } from '../errors.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import { isMoreThanTwoThirds, powerOf } from '../formats/validators.ts';
import type { Commit, SignatureCheck, Validator, VoteContent } from '../interface.ts';

/** What a commit has to be about. */
export interface CommitExpectation {
  network: Hash;
  height: number;
  block: Hash;
  /** The set that signs that height, in the order of the ids. */
  validators: readonly Validator[];
}

const wrong = (problem: string): ConsensusProofError =>
  new ConsensusProofError(
    { code: 'COMMIT_WRONG', problem, verdict: 'reject' },
    `The commit does not belong to that block (${problem}); ask somebody else for it.`,
  );

/** Power of those of a set whose signature is there; none of them is checked. */
export const signedPower = (commit: Commit, validators: readonly Validator[]): number =>
  validators.reduce((sum, { power }, place) => sum + (commit.signatures[place] == null ? 0 : power), 0);

/** Form and power alone, which cost nothing. @throws {ConsensusProofError} `COMMIT_WRONG` | `SIGNATURES_TOO_FEW` */
export const checkCommitForm = (commit: Commit, expected: Omit<CommitExpectation, 'network'>): void => {
  if (commit.height !== expected.height) throw wrong('it is of another height');
  if (!sameBytes(commit.block, expected.block)) throw wrong('it is for another block');
  // A place for each of the set: so nobody can sign twice, nor anybody from outside.
  if (commit.signatures.length !== expected.validators.length) throw wrong('it is of another set of validators');
  const power = signedPower(commit, expected.validators);
  const total = powerOf(expected.validators);
  if (!isMoreThanTwoThirds(power, total))
    throw new ConsensusProofError(
      { code: 'SIGNATURES_TOO_FEW', power, total, verdict: 'reject' },
      `Validators with ${power} of ${total} votes signed the block, and it takes more than two thirds; it is not final.`,
    );
};

/**
 * Whether a block is final: signatures of more than two thirds of the power of its set, every one of which holds. One that does not
 * spoils the whole: whoever put it there lies, and the next block counts who signed.
 *
 * @throws {ConsensusProofError} `COMMIT_WRONG` | `SIGNATURES_TOO_FEW` | `SIGNATURE_FORGED`
 */
export const verifyCommit = async (
  { check }: { check: SignatureCheck },
  commit: Commit,
  expected: CommitExpectation,
): Promise<void> => {
  checkCommitForm(commit, expected);
  const content: VoteContent = {
    network: expected.network,
    kind: 'precommit',
    height: commit.height,
    round: commit.round,
    block: commit.block,
  };
  const items = expected.validators.flatMap(({ id, keys }, place) => {
    const signature = commit.signatures[place] ?? null;
    return signature === null ? [] : [{ id, keys, content, signature }];
  });
  const holds = await check.votes(items);
  items.forEach(({ id }, i) => {
    if (holds[i] !== true)
      throw new ConsensusProofError(
        { code: 'SIGNATURE_FORGED', validator: hexOf(id), verdict: 'reject' },
        `The signature of validator ${keyIdText(id)} in the commit does not hold; ask somebody else for the block.`,
      );
  });
};
