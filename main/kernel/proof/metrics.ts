import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

/** Figures that show proofs being made and checked, and the clock being watched. */
export interface ProofMetrics {
  /** Time to make each proof, waiting for the owner's level included. Label `proof`: space, stake, work, time, combined. */
  makeSeconds: Histogram;
  /** Bytes of the newest proof of each kind. */
  sizeBytes: Gauge;
  /** Combined proofs that were made. */
  made: Counter;
}
export interface ClockWatchMetrics {
  /** Jumps of the wall clock, by kind: forward, backward, slept, behind. */
  events: Counter;
  /** Difference of the wall clock to the monotonic one since the watch began. */
  offsetSeconds: Gauge;
}

/** @returns null when metrics are off */
export const createProofMetrics = (registry: MetricsRegistry | null): ProofMetrics | null =>
  registry === null
    ? null
    : {
        makeSeconds: registry.histogram(
          'hypermesh_proof_make_seconds',
          'Time to make a proof, waiting for the level included.',
          [0.1, 0.5, 1, 5, 15, 60, 300, 1800],
          ['proof'],
        ),
        sizeBytes: registry.gauge('hypermesh_proof_size_bytes', 'Bytes of the newest proof.', ['proof']),
        made: registry.counter('hypermesh_proof_made_total', 'Combined proofs that were made.'),
      };

/** @returns null when metrics are off */
export const createClockWatchMetrics = (registry: MetricsRegistry | null): ClockWatchMetrics | null =>
  registry === null
    ? null
    : {
        events: registry.counter('hypermesh_clock_events_total', 'Times that the wall clock jumped, by kind.', [
          'kind',
        ]),
        offsetSeconds: registry.gauge(
          'hypermesh_clock_offset_seconds',
          'Wall clock against the monotonic clock since the start.',
        ),
      };
