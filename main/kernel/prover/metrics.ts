import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface ProverMetrics {
  /** Labels: `cause`, and `outcome` = `passed`, `refused` (by the verifier), `failed` or `cancelled`. */
  proofs: Counter;
  proofSeconds: Histogram;
  /** Processor time that slices of proofs took. */
  busySeconds: Counter;
  waiting: Gauge;
  plottedBytes: Gauge;
}

export const createProverMetrics = (registry: MetricsRegistry | null): ProverMetrics | null =>
  registry && {
    proofs: registry.counter('hypermesh_prover_proofs_total', 'Combined proofs begun, by cause and outcome.', [
      'cause',
      'outcome',
    ]),
    proofSeconds: registry.histogram(
      'hypermesh_prover_proof_seconds',
      'From the challenge to the stored proof, waiting for the level included.',
      [1, 3, 10, 30, 100, 300, 1000, 3600],
    ),
    busySeconds: registry.counter('hypermesh_prover_busy_seconds_total', 'Time that proofs kept a thread busy.'),
    waiting: registry.gauge('hypermesh_prover_waiting', 'Assets whose proofs wait.'),
    plottedBytes: registry.gauge('hypermesh_prover_plotted_bytes', 'Space that is plotted.'),
  };
