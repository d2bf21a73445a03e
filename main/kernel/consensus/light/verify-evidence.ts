import type { Hash } from '../../blocks/index.ts';
import { ConsensusProofError } from '../errors.ts';
import { decodeEvidence, encodeEvidence } from '../formats/evidence.ts';
import { hexOf, sameBytes } from '../formats/reader.ts';
import type { Evidence, SignatureCheck, Validator } from '../interface.ts';

export interface EvidenceComponents {
  check: SignatureCheck;
  network: Hash;
  /** The set that signed a height; null: not known here, because it is to come, or was too long ago. */
  setAt(height: number): Promise<readonly Validator[] | null>;
}

const wrong = (problem: string): ConsensusProofError =>
  new ConsensusProofError(
    { code: 'EVIDENCE_WRONG', problem, verdict: 'reject' },
    `The evidence accuses nobody (${problem}); whoever sent it made it up.`,
  );

/**
 * Whether a validator of that height signed both halves, which contradict each other. Whether it is too old, and whether the liar
 * has paid already, is for the application.
 *
 * @param evidence - read, or made here: its form is checked again, as both have to be one and the same
 * @returns the validator as it was at that height, with its power
 * @throws {ConsensusProofError} `NETWORK_WRONG` | `EVIDENCE_WRONG` | `SET_WRONG` | `SIGNATURE_FORGED`
 * @throws {ConsensusFormatError} its halves do not contradict each other
 */
export const verifyEvidence = async (
  { check, network, setAt }: EvidenceComponents,
  evidence: Evidence,
): Promise<Validator> => {
  const { kind, validator, height, first, second } = decodeEvidence(encodeEvidence(evidence));
  if (!sameBytes(validator, evidence.validator) || height !== evidence.height)
    throw wrong('it names another validator or height than its halves');
  if (!sameBytes(first.network, network))
    throw new ConsensusProofError(
      { code: 'NETWORK_WRONG', verdict: 'reject' },
      'The evidence is of another network, and nobody pays for it here.',
    );
  const set = await setAt(height);
  if (set === null)
    throw new ConsensusProofError(
      {
        code: 'SET_WRONG',
        problem: `the validators of height ${height} are not known here`,
        verdict: 'ignore',
      },
      `Who the validators of height ${height} were is not known here, so the evidence cannot be checked.`,
    );
  const liar = set.find(({ id }) => sameBytes(id, validator));
  if (liar === undefined) throw wrong('who it accuses was no validator at that height');
  const { keys } = liar;
  const holds =
    kind === 'votes'
      ? await check.votes([first, second].map((content) => ({ keys, content, signature: content.signature })))
      : await Promise.all([first, second].map((content) => check.proposal(keys, content, content.signature)));
  if (!holds.every(Boolean))
    throw new ConsensusProofError(
      { code: 'SIGNATURE_FORGED', validator: hexOf(validator), verdict: 'reject' },
      'A signature of the evidence does not hold: the accused did not sign that.',
    );
  return liar;
};
