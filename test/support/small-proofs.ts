import type { ProvingInit } from '../../main/node.ts';
import { type ProofRequirements, requirementsFor } from '../../main/kernel/proof/index.ts';

/** What the proofs of {@link smallProving} are held to: the real checks, of less. */
export const smallRequirements: ProofRequirements = requirementsFor('Verified', [], {
  maxAgeMs: null,
  space: { bytesMin: 256 * 1024, windowLabelsMin: 2 ** 13, openingsMin: 32, answersMin: 32 },
  work: { multiplicationsMin: 2 ** 24 },
  time: { stepsMin: 2 ** 14 },
});

/** A node that proves for real and in a moment: 1 MiB of space, an eighth of a second of work and of time. */
export const smallProving: ProvingInit = {
  plots: { windowLabels: 2 ** 13, layers: 8, openings: 32, answers: 32, reserveBytes: 0 },
  engine: {
    work: { rows: 1024 },
    time: { steps: 2 ** 15, checkpointSteps: 256 },
    requirements: smallRequirements,
  },
  prover: { plan: { spaceBytes: 1024 * 1024 } },
};
