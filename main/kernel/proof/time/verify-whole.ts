import { isNodeError } from '../../../base/errors.ts';
import type { WorkerPool } from '../../../base/index.ts';
import { refused } from '../finding.ts';
import type { Progress, ProofFinding, VerifyContext } from '../interface.ts';
import { CHECK_TASK_STEPS } from './constants.ts';
import { type TimeSegment, concludeTimeCheck, planTimeCheck } from './verify.ts';
import { type CheckSegmentsInput, packSegments } from './verify-tasks.ts';

/**
 * Computes the whole chain again, its segments spread over the threads of the pool: with n of them on n cores it takes an
 * n-th of the time, which making it never can.
 *
 * @param closing - as `verifyTime` takes it
 * @param threads - tasks that are under way at once. @default as many as the pool has threads
 * @throws `signal.reason` when aborted
 * @throws {WorkerError}
 */
export const verifyTimeWhole = async (
  { workers }: { workers: WorkerPool },
  encoded: Uint8Array,
  context: VerifyContext,
  closing: Uint8Array | null,
  { threads = workers.size, progress, signal }: { threads?: number; progress?: Progress; signal: AbortSignal },
): Promise<ProofFinding> => {
  let plan: ReturnType<typeof planTimeCheck>;
  try {
    const requirements = {
      ...context.requirements,
      time: { ...context.requirements.time, segments: 'whole' as const },
    };
    plan = planTimeCheck(encoded, { ...context, requirements }, closing);
  } catch (error) {
    if (isNodeError(error)) return refused('time', error.code, error.message);
    throw error;
  }
  if (plan.done) return plan.finding;
  const { segments, proof } = plan;
  const perTask = Math.max(1, Math.floor(CHECK_TASK_STEPS / proof.checkpointSteps));
  const parts: TimeSegment[][] = [];
  for (let from = 0; from < segments.length; from += perTask) parts.push(segments.slice(from, from + perTask));
  let next = 0;
  let done = 0;
  let broken: number | null = null;
  const lane = async (): Promise<void> => {
    for (;;) {
      const part = parts[next];
      next += 1;
      if (part === undefined || broken !== null) return;
      const found: number | null = await workers.run<CheckSegmentsInput, number | null>(
        'proof.time.check',
        packSegments(part, proof.checkpointSteps),
        { signal },
      );
      if (found !== null) broken = broken === null ? found : Math.min(broken, found);
      done += part.length;
      progress?.((done / segments.length) * 100);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, threads) }, lane));
  return concludeTimeCheck(plan, broken);
};
