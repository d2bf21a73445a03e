import type { Signer } from '../../../base/crypto/index.ts';
import type { Clock, WorkerPool } from '../../../base/index.ts';
import { challengeHashOf, isFresh } from '../challenge.ts';
import type { ClockWatch } from '../clock-watch/interface.ts';
import { ProofError } from '../errors.ts';
import type { Attachments, Challenge, CombinedProof, Pace, Progress } from '../interface.ts';
import type { ProofMetrics } from '../metrics.ts';
import { proveStake } from '../stake/generate.ts';
import type { Stake } from '../stake/format.ts';
import { type ProveTimeInit, closingOf, proveTime } from '../time/generate.ts';
import { type ProveWorkInit, proveWork } from '../work/index.ts';

/** Where space answers challenges: the plots of this node. */
export interface SpaceProver {
  prove(
    challenge: Challenge,
    challengeHash: Uint8Array,
    pace: Pace,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<{ proof: Uint8Array; attachments: Attachments }>;
}

export interface CombinedComponents {
  workers: WorkerPool;
  clock: Clock;
  clockWatch: ClockWatch | null;
  /** Null: there is no plotted space. */
  plots: SpaceProver | null;
  signer: Signer;
  /** The node's certificate. */
  certificate: Uint8Array;
  /** Null: no metrics. */
  metrics: ProofMetrics | null;
}
export interface CombinedRequest {
  challenge: Challenge;
  work?: ProveWorkInit;
  time?: ProveTimeInit;
  /** @default no stake, as a home network keeps none */
  stake?: Omit<Stake, 'network'>;
}
export type CombinedStep = 'space' | 'work' | 'time' | 'stake';
/** Measured while the proof was made; what of it others can check stands in the findings of a check. */
export interface CombinedFacts {
  tookMs: Record<CombinedStep | 'all', number>;
  sizeBytes: Record<CombinedStep, number>;
  multiplications: number;
  multiplicationsPerSecond: number;
  steps: number;
  startedAtMs: number;
  finishedAtMs: number;
}

/**
 * Makes all four proofs, one after another: space and work answer the challenge, the chain of time closes over both, and
 * the node signs over all three.
 *
 * @throws {ProofError} `NO_SPACE_PLOTTED` | `CHALLENGE_UNFIT` | `CLOCK_JUMPED`
 * @throws {RecordError} `LOCKED` when the keys were locked meanwhile
 * @throws `signal.reason` when cancelled
 */
export const makeCombinedProof = async (
  components: CombinedComponents,
  request: CombinedRequest,
  pace: Pace,
  progress: (step: CombinedStep, percent: number) => void,
  signal: AbortSignal,
): Promise<{ proof: CombinedProof; attachments: Attachments; facts: CombinedFacts }> => {
  const { workers, clock, clockWatch, plots, signer, certificate, metrics } = components;
  const { challenge } = request;
  const unfit = (problem: string): ProofError =>
    new ProofError(
      { code: 'CHALLENGE_UNFIT', problem },
      `This challenge cannot be answered: ${problem}; ask for another one.`,
    );
  if (plots === null)
    throw new ProofError(
      { code: 'NO_SPACE_PLOTTED' },
      'No space is plotted on this machine yet, and every proof needs some; let the plotting finish first.',
    );
  if (!Buffer.from(signer.keyIdBytes).equals(challenge.node)) throw unfit('it is for another node');
  if (!isFresh(challenge, clock.nowMs())) throw unfit('its time is over or has not come');
  const challengeHash = challengeHashOf(challenge);
  const tookMs = { space: 0, work: 0, time: 0, stake: 0, all: 0 };
  const beganMs = clock.monotonicMs();
  const timed = async <T>(step: CombinedStep, make: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    progress(step, 0);
    const startMs = clock.monotonicMs();
    const made = await make();
    tookMs[step] = clock.monotonicMs() - startMs;
    metrics?.makeSeconds.observe(tookMs[step] / 1000, { proof: step });
    progress(step, 100);
    return made;
  };
  const tell = (step: CombinedStep) => (percent: number) => {
    progress(step, percent);
  };
  const space = await timed('space', () => plots.prove(challenge, challengeHash, pace, tell('space'), signal));
  const work = await timed('work', () =>
    proveWork({ workers, clock }, challenge, challengeHash, request.work ?? {}, pace, tell('work'), signal),
  );
  const time = await timed('time', () =>
    proveTime(
      { workers, clock, clockWatch },
      challenge,
      challengeHash,
      request.time ?? {},
      () => closingOf(space.proof, work.proof),
      pace,
      tell('time'),
      signal,
    ),
  );
  if (time.finishedAtMs > challenge.expiresAtMs) throw unfit('its time was over before the proof was finished');
  const stake = await timed('stake', () =>
    proveStake(
      { signer, certificate },
      challengeHash,
      { space: space.proof, work: work.proof, time: time.proof },
      { micro: 0n, height: null, ...request.stake, network: challenge.network },
    ),
  );
  tookMs.all = clock.monotonicMs() - beganMs;
  const proof: CombinedProof = {
    version: 1,
    challenge,
    space: space.proof,
    stake,
    work: work.proof,
    time: time.proof,
  };
  const sizeBytes = {
    space: space.proof.length,
    work: work.proof.length,
    time: time.proof.length,
    stake: stake.length,
  };
  metrics?.makeSeconds.observe(tookMs.all / 1000, { proof: 'combined' });
  for (const [kind, bytes] of Object.entries(sizeBytes)) metrics?.sizeBytes.set(bytes, { proof: kind });
  metrics?.made.inc();
  return {
    proof,
    attachments: space.attachments,
    facts: {
      tookMs,
      sizeBytes,
      multiplications: work.multiplications,
      multiplicationsPerSecond: work.multiplicationsPerSecond,
      steps: time.steps,
      startedAtMs: time.startedAtMs,
      finishedAtMs: time.finishedAtMs,
    },
  };
};
