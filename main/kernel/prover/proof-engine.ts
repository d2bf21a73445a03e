import type { MetricsRegistry, Outside, WorkerPool } from '../../base/index.ts';
import {
  combinedId,
  createProofMetrics,
  DEFAULT_REQUIREMENTS,
  decodeCombined,
  encodeCombined,
  encodeProofFile,
  makeCombinedProof,
  notesFor,
  toProofVerdict,
  verifyCombinedInWorkers,
  verifyProofFileInWorkers,
  type ClockWatch,
  type CombinedContext,
  type ProofRequirements,
  type ProveTimeInit,
  type ProveWorkInit,
  type SpaceProver,
} from '../proof/index.ts';
import type { ProofEngine } from './interface.ts';

export interface ProofEngineComponents {
  outside: Outside;
  workers: WorkerPool;
  metrics: MetricsRegistry | null;
  clockWatch: ClockWatch | null;
  space: SpaceProver;
}
/** How much is proved, and how much is demanded of it. Tests make it small on both sides. */
export interface ProofEngineInit {
  work?: Omit<ProveWorkInit, 'gpu'> | undefined;
  time?: ProveTimeInit | undefined;
  /** @default {@link DEFAULT_REQUIREMENTS} */
  requirements?: ProofRequirements | undefined;
}

/** Proofs by the rooms of kernel/proof: made by their generators, checked by their verifiers, which share the format alone. */
export const createProofEngine = (components: ProofEngineComponents, init: ProofEngineInit = {}): ProofEngine => {
  const { outside, workers, clockWatch, space } = components;
  const { clock, random } = outside;
  const metrics = createProofMetrics(components.metrics);
  const requirements = init.requirements ?? DEFAULT_REQUIREMENTS;
  return {
    make: async ({ challenge, keys, card, pace, signal, progress }) =>
      makeCombinedProof(
        {
          workers,
          clock,
          clockWatch,
          plots: space,
          signer: keys.signer,
          certificate: keys.certificate,
          metrics,
        },
        { challenge, work: { ...init.work, gpu: card }, time: { ...init.time } },
        pace,
        progress,
        signal,
      ),
    check: async ({ proof, attachments, challenge, answeredAfterMs, anchorTimeMs, signal }) => {
      const nowMs = clock.nowMs();
      const checkSeed = random.bytes(32);
      const { network, node, asset, purpose, nonce, issuer, anchor } = challenge;
      const context: CombinedContext = {
        attachments,
        requirements,
        nowMs,
        checkSeed,
        answeredAfterMs,
        anchorTimeMs,
        expected: { network, node, asset, purpose, nonce, issuer, anchor },
      };
      // As it would be sent, so that what is checked is what is kept.
      const found = await verifyCombinedInWorkers({ workers }, encodeCombined(proof), context, { signal });
      const notes = notesFor(found, { nonce, nowMs, checkSeed, anchorTimeMs });
      return { verdict: toProofVerdict(found, notes), findings: found.checks };
    },
    idOf: combinedId,
    encode: encodeCombined,
    decode: decodeCombined,
    file: (proof, attachments) => encodeProofFile({ proof, attachments }),
    verifyFile: (file, nonce) =>
      verifyProofFileInWorkers(
        { workers },
        file,
        { nonce, nowMs: clock.nowMs(), checkSeed: random.bytes(32), requirements },
        { signal: new AbortController().signal },
      ),
  };
};
