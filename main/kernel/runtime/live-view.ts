import type { JobEnd, JobView } from '../../../preload/contract/index.ts';
import type { HeldBy } from './drivers/interface.ts';
import { percentOf } from './job-spec.ts';
import type { JobRun } from './job-run.ts';
import { unmeasured, viewOf, type ViewParts } from './job-view.ts';

/** How far a job is, as its view needs it. */
export interface LiveJob {
  status: 'queued' | 'preparing' | 'paused' | 'starting' | 'running' | 'ended';
  /** What it waits for. */
  reason: string;
  ended: { atMs: number; end: JobEnd } | null;
  run: JobRun | null;
  heldBy: HeldBy;
  health: JobView['health'];
  outputBytes: number;
  position(): number | null;
  estimate(): JobView['estimate'];
}

const frozenReason = (run: JobRun): string =>
  run.suspended
    ? 'Stands still while a job of higher priority runs.'
    : 'Stands still: nothing of the processor is lent now.';

/** A job that this life of the node has in its hands. */
export const liveView = (
  parts: ViewParts,
  { status, reason, ended, run, heldBy, health, outputBytes, position, estimate }: LiveJob,
): JobView => {
  const frozen = status === 'running' && run?.effectiveMillicores === 0;
  return viewOf(parts, {
    state: frozen ? 'frozen' : status === 'paused' ? 'starting' : status,
    stateReason: frozen ? frozenReason(run) : reason,
    queuePosition: status === 'queued' ? position() : null,
    estimate: ended === null ? estimate() : null,
    endedAtMs: ended?.atMs ?? null,
    end: ended?.end ?? null,
    health: ended === null ? health : 'none',
    effectiveCpuPercent: ended === null && run !== null ? percentOf(run.effectiveMillicores) : 0,
    governor: run?.heldBy ?? heldBy,
    measured:
      run === null
        ? unmeasured(outputBytes)
        : run.usage.view(outputBytes, ended === null ? (frozen ? 'frozen' : 'running') : 'ended'),
  });
};
