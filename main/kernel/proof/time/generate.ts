import { createHash } from 'node:crypto';
import { encodeCbor, sha256 } from '../../../base/codec.ts';
import { assert } from '../../../base/errors.ts';
import type { Clock, WorkerPool } from '../../../base/index.ts';
import type { ClockWatch } from '../clock-watch/interface.ts';
import { ProofError } from '../errors.ts';
import { type Challenge, type Pace, type Progress, SLICE_MS_MAX } from '../interface.ts';
import { CHECKPOINT_STEPS_DEFAULT, FIRST_SLICE_STEPS, SLICE_MS_WANTED, TIME_STEPS_DEFAULT } from './constants.ts';
import {
  CHECKPOINTS_MAX,
  CHECKPOINTS_MIN,
  CHECKPOINT_BYTES,
  CHECKPOINT_STEPS_MAX,
  CHECKPOINT_STEPS_MIN,
  CLOCK_EVENTS_MAX,
  type TimeClockEvent,
  TIME_START_LABEL,
  TIME_VERSION,
  encodeTimeProof,
} from './format.ts';
import type { AdvanceInput, AdvanceOutput } from './generate-tasks.ts';

export interface ProveTimeComponents {
  workers: WorkerPool;
  clock: Clock;
  /** What it has seen while the chain ran goes into the proof; null where nothing watches. */
  clockWatch: ClockWatch | null;
}
export interface ProveTimeInit {
  /** Hashes of the chain, a multiple of `checkpointSteps`. @default 8388608 */
  steps?: number | undefined;
  /** @default 1024 */
  checkpointSteps?: number | undefined;
}
export interface MadeTimeProof {
  proof: Uint8Array;
  steps: number;
  startedAtMs: number;
  finishedAtMs: number;
  /** By the monotonic clock, waiting for the level included. */
  durationMs: number;
  /** Time that a thread was busy. */
  busyMs: number;
  /** SHA-256 that peers may stamp: the chain's start and its end. */
  start: Uint8Array;
  end: Uint8Array;
}

/**
 * Runs the chain of docs/formats/proof-time.md. It cannot be done on several threads: each segment starts from a hash over
 * all checkpoints before it.
 *
 * @param closing - asked for once, just before the last segment: SHA-256 of what the chain is to close over
 * @throws {ProofError} `CLOCK_JUMPED` when the wall clock was set meanwhile; make it again
 */
export const proveTime = async (
  { workers, clock, clockWatch }: ProveTimeComponents,
  challenge: Challenge,
  challengeHash: Uint8Array,
  init: ProveTimeInit,
  closing: () => Promise<Uint8Array> | Uint8Array,
  pace: Pace,
  progress: Progress,
  signal: AbortSignal,
): Promise<MadeTimeProof> => {
  const { steps = TIME_STEPS_DEFAULT, checkpointSteps = CHECKPOINT_STEPS_DEFAULT } = init;
  const count = steps / checkpointSteps;
  assert(
    Number.isInteger(count) &&
      count >= CHECKPOINTS_MIN &&
      count <= CHECKPOINTS_MAX &&
      checkpointSteps >= CHECKPOINT_STEPS_MIN &&
      checkpointSteps <= CHECKPOINT_STEPS_MAX,
    'A chain has whole segments, within the limits of its format.',
  );
  const startedAtMs = clock.nowMs();
  const startedMonotonicMs = clock.monotonicMs();
  const start = sha256(
    encodeCbor([TIME_START_LABEL, TIME_VERSION, challengeHash, challenge.anchor?.hash ?? null, steps, checkpointSteps]),
  );
  const checkpoints = new Uint8Array(count * CHECKPOINT_BYTES);
  let transcript: Uint8Array = start;
  let done = 0;
  let busyMs = 0;
  let segmentsPerSlice = Math.max(1, Math.floor(FIRST_SLICE_STEPS / checkpointSteps));
  let closed: Uint8Array | null = null;
  while (done < count) {
    signal.throwIfAborted();
    const isLast = done === count - 1;
    if (isLast) closed = await closing();
    const segments = isLast ? 1 : Math.min(segmentsPerSlice, count - 1 - done);
    const input: AdvanceInput = { transcript, segments, checkpointSteps, closing: closed };
    const made: AdvanceOutput = await pace.slice(() =>
      workers.run<AdvanceInput, AdvanceOutput>('proof.time.advance', input, { signal }),
    );
    checkpoints.set(made.checkpoints, done * CHECKPOINT_BYTES);
    transcript = made.transcript;
    done += segments;
    busyMs += made.busyMs;
    // A machine that others use too may be slow all at once, so the size of a slice follows what the last one took.
    const wanted = Math.floor((segments * SLICE_MS_WANTED) / Math.max(made.busyMs, 1));
    if (!isLast)
      segmentsPerSlice = made.busyMs > SLICE_MS_MAX ? Math.max(1, wanted) : Math.max(1, Math.min(wanted, segments * 4));
    progress((done / count) * 100);
  }
  assert(closed?.length === 32, 'The closing is a SHA-256.');
  const finishedAtMs = clock.nowMs();
  const durationMs = Math.round(clock.monotonicMs() - startedMonotonicMs);
  const clockEvents = eventsBetween(clockWatch, startedMonotonicMs);
  const jump = clockEvents.find(({ kind }) => kind !== 'slept');
  if (jump !== undefined || finishedAtMs < startedAtMs)
    throw new ProofError(
      { code: 'CLOCK_JUMPED', byMs: jump?.byMs ?? startedAtMs - finishedAtMs },
      'The clock of this machine was set while the proof of time was being made, so that its stamps would mean nothing; it has to be made again.',
    );
  const proof = encodeTimeProof({
    challenge: challengeHash,
    closing: closed,
    checkpointSteps,
    checkpoints,
    startedAtMs,
    finishedAtMs,
    durationMs,
    clockEvents,
    witnesses: [],
  });
  return { proof, steps, startedAtMs, finishedAtMs, durationMs, busyMs, start, end: transcript };
};

/** What the watch saw since then; it looks once more, since its last look may lie some seconds back. */
const eventsBetween = (watch: ClockWatch | null, sinceMonotonicMs: number): TimeClockEvent[] => {
  if (watch === null) return [];
  watch.look();
  return watch
    .events()
    .filter(({ monotonicMs }) => monotonicMs >= sinceMonotonicMs)
    .flatMap(({ kind, atMs, byMs }) =>
      kind === 'behind' ? [] : [{ kind, atMs: Math.max(0, Math.round(atMs)), byMs: Math.round(byMs) }],
    )
    .slice(-CLOCK_EVENTS_MAX);
};

/** For callers that make the closing of docs/formats/proof.md: SHA-256(dag-cbor([SHA-256(space), SHA-256(work)])). */
export const closingOf = (space: Uint8Array, work: Uint8Array): Uint8Array =>
  createHash('sha256')
    .update(encodeCbor([sha256(space), sha256(work)]))
    .digest();
