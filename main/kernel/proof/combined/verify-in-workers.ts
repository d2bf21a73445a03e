import type { WorkerPool } from '../../../base/index.ts';
import { challengeHashOf } from '../challenge.ts';
import { malformed } from '../strict.ts';
import type { CombinedProof, Progress, ProofFinding } from '../interface.ts';
import { verifyTimeWhole } from '../time/verify-whole.ts';
import type { VerifyInput, VerifyOutput } from '../verify-tasks.ts';
import { decodeCombined } from './format.ts';
import { type CombinedContext, type CombinedVerdict, closingOfProof } from './verify.ts';

export interface VerifyOptions {
  signal: AbortSignal;
  /** Tells how far the check of a whole chain is; a spot check is over at once. */
  progress?: Progress;
}

/**
 * Checks a combined proof in threads of the pool. Where the requirements ask for the whole chain of time, its segments are
 * spread over all threads.
 *
 * @throws {ProofFormatError} when the bytes are no combined proof at all
 * @throws `signal.reason` when aborted
 */
export const verifyCombinedInWorkers = async (
  { workers }: { workers: WorkerPool },
  encoded: CombinedProof | Uint8Array,
  context: CombinedContext,
  { signal, progress }: VerifyOptions,
): Promise<CombinedVerdict> => {
  const { requirements } = context;
  const isWhole = requirements.time.segments === 'whole';
  // The rest of the proof of time is checked with one segment; all of them follow below.
  const quick: CombinedContext = isWhole
    ? { ...context, requirements: { ...requirements, time: { ...requirements.time, segments: 1 } } }
    : context;
  const output = await workers.run<VerifyInput, VerifyOutput>(
    'proof.verify',
    { proof: encoded, context: quick },
    { signal },
  );
  if (!output.readable) throw malformed(output.problem);
  const { verdict } = output;
  const place = verdict.checks.findIndex(({ kind }) => kind === 'time');
  if (!isWhole || verdict.checks[place]?.passed !== true) return verdict;
  const proof = encoded instanceof Uint8Array ? decodeCombined(encoded) : encoded;
  const { challenge } = proof;
  const { attachments, nowMs, checkSeed, answeredAfterMs, anchorTimeMs } = context;
  const time: ProofFinding = await verifyTimeWhole(
    { workers },
    proof.time,
    {
      challenge,
      challengeHash: challengeHashOf(challenge),
      attachments,
      requirements,
      nowMs,
      checkSeed,
      answeredAfterMs,
      anchorTimeMs,
    },
    closingOfProof(proof),
    progress === undefined ? { signal } : { signal, progress },
  );
  const checks = verdict.checks.with(place, time);
  return {
    ...verdict,
    checks,
    passed: verdict.passed && (time.passed || !requirements.kinds.includes('time')),
  };
};
