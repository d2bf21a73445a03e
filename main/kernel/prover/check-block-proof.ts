import type { Random, WorkerPool } from '../../base/index.ts';
import type { VerifyProof } from '../blocks/index.ts';
import {
  combinedId,
  DEFAULT_REQUIREMENTS,
  notesFor,
  PROOF_KINDS,
  ProofFormatError,
  toProofVerdict,
  verifyCombinedInWorkers,
  type CombinedProof,
  type CombinedVerdict,
  type ProofRequirements,
} from '../proof/index.ts';

export interface BlockProofComponents {
  workers: WorkerPool;
  random: Random;
}
export interface BlockProofInit {
  /** @default {@link DEFAULT_REQUIREMENTS} */
  requirements?: ProofRequirements | undefined;
}

/** What a proof in a block must keep to beside what every proof must: the block's own time. */
const atBlockTime = (found: CombinedVerdict, blockTimeMs: number): CombinedVerdict => {
  const { expiresAtMs } = found.challenge;
  if (blockTimeMs <= expiresAtMs && blockTimeMs >= found.finishedAtMs) return found;
  const [code, reason] =
    blockTimeMs > expiresAtMs
      ? ['EXPIRED', 'The block was made after the challenge of its proof had expired.']
      : ['FROM_THE_FUTURE', 'The proof was finished after the time of the block that holds it.'];
  return {
    ...found,
    passed: false,
    checks: found.checks.map((check) => (check.passed ? { ...check, passed: false, code, reason, shown: {} } : check)),
  };
};

/** What is no combined proof at all is one block's fault: the rest of the chain is looked at all the same. */
const unreadable = (proof: CombinedProof, { code, message }: ProofFormatError): CombinedVerdict => ({
  passed: false,
  combined: combinedId(proof),
  challenge: proof.challenge,
  checks: PROOF_KINDS.map((kind) => ({ kind, passed: false, code, reason: message, shown: {} })),
  sizes: PROOF_KINDS.map((kind) => proof[kind].length),
  startedAtMs: proof.challenge.issuedAtMs,
  finishedAtMs: proof.challenge.issuedAtMs,
  witnesses: 0,
});

/**
 * Checks the proof of a block as it was at the block's time: whoever reads the chain years later finds the same. The node
 * asked itself, so nobody timed its answer; the time of the block before, and the chain over it, bound when it was made.
 */
export const createBlockProofCheck = (
  { workers, random }: BlockProofComponents,
  { requirements = DEFAULT_REQUIREMENTS }: BlockProofInit = {},
): VerifyProof => {
  const never = new AbortController().signal;
  return async (proof, attachments, { network, node, purpose, anchor, anchorTimeMs, blockTimeMs }, options = {}) => {
    const checkSeed = random.bytes(32);
    const found = atBlockTime(
      await verifyCombinedInWorkers(
        { workers },
        proof,
        {
          attachments,
          requirements,
          nowMs: blockTimeMs,
          checkSeed,
          answeredAfterMs: null,
          anchorTimeMs,
          expected: { network, node, issuer: node, purpose, anchor },
        },
        { signal: options.signal ?? never },
      ).catch((error: unknown) => {
        if (error instanceof ProofFormatError) return unreadable(proof, error);
        throw error;
      }),
      blockTimeMs,
    );
    const notes = notesFor(found, { nonce: null, nowMs: blockTimeMs, checkSeed, anchorTimeMs });
    const shown = (kind: string, figure: string): bigint =>
      BigInt(Math.floor(found.checks.find((check) => check.kind === kind)?.shown[figure] ?? 0));
    return {
      verdict: toProofVerdict(found, notes),
      difficulty: shown('work', 'multiplications') + shown('time', 'steps'),
    };
  };
};
