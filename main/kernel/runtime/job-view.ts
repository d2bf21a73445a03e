import type { ContainerSpec, JobEnd, JobView } from '../../../preload/contract/index.ts';
import type { JobFacts, KeptOrigin } from './job-facts.ts';
import type { KeptSandboxSpec, KeptSpec } from './job-spec.ts';

/** What a view is made from, whatever state a job is in. */
export interface ViewParts {
  id: string;
  spec: KeptSpec;
  module: { sha256: string; bytes: number };
  origin: KeptOrigin;
  facts: JobFacts;
  createdAtMs: number;
  startedAtMs: number | null;
}

/** Nothing was measured, as yet or any more. */
export const unmeasured = (outputBytes: number): JobView['measured'] => ({
  cpuMs: null,
  cpuPercentMean: null,
  cpuPercentNow: null,
  throttledPercentNow: null,
  memoryBytesNow: null,
  memoryBytesPeak: null,
  pids: null,
  readBytes: null,
  writtenBytes: null,
  sentBytes: 0,
  receivedBytes: 0,
  outputBytes,
  startMs: null,
});

/** @param cpuPercent - where the request names none; null: none is known yet */
export const promisedOf = (
  spec: Omit<KeptSandboxSpec, 'stdin'> | Omit<ContainerSpec, 'stdin'>,
  cpuPercent: number | null,
): JobView['promised'] => ({
  cpuPercent: spec.cpuPercent ?? cpuPercent ?? 0,
  memoryBytes: spec.memoryBytes,
  timeMsMax: spec.timeMsMax,
  outputBytesMax: spec.outputBytesMax,
  scratchBytesMax: spec.scratchBytesMax,
  pidsMax: spec.kind === 'container' ? spec.pidsMax : null,
});

/** What is the same in every state. */
export const viewOf = (
  { id, spec, module, origin, facts, createdAtMs, startedAtMs }: ViewParts,
  now: Pick<
    JobView,
    | 'state'
    | 'stateReason'
    | 'queuePosition'
    | 'estimate'
    | 'endedAtMs'
    | 'end'
    | 'health'
    | 'effectiveCpuPercent'
    | 'governor'
    | 'measured'
  >,
): JobView => ({
  id,
  name: spec.name,
  kind: spec.kind,
  side: origin.side,
  peerId: origin.peerId,
  peerName: '',
  lease: origin.lease,
  moduleBytes: module.bytes,
  moduleSha256: module.sha256,
  image: spec.kind === 'container' ? spec.image : '',
  args: spec.args,
  priority: spec.priority,
  createdAtMs,
  startedAtMs,
  restartsDone: facts.restartsDone,
  restartsMax: spec.restarts,
  promised: promisedOf(spec, facts.cpuPercent),
  network: spec.kind === 'container' ? spec.network : 'none',
  ports: spec.kind === 'container' ? spec.ports : [],
  outputs: facts.outputs,
  moves: facts.moves,
  copies: null,
  ...now,
});

export const endedView = (
  parts: ViewParts & {
    endedAtMs: number;
    end: JobEnd;
    measured: JobView['measured'];
    governor: JobView['governor'];
  },
): JobView =>
  viewOf(parts, {
    state: 'ended',
    stateReason: '',
    queuePosition: null,
    estimate: null,
    endedAtMs: parts.endedAtMs,
    end: parts.end,
    health: 'none',
    effectiveCpuPercent: 0,
    governor: parts.governor,
    measured: { ...parts.measured, cpuPercentNow: null, throttledPercentNow: null, memoryBytesNow: null, pids: null },
  });
