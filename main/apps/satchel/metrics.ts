import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface SatchelMetrics {
  /** 1 while the keys are unlocked. */
  unlocked: Gauge;
  /** Labels: `outcome` = `ok`, `wrong` (passphrase), `refused` (anything else). */
  unlocks: Counter;
  signSeconds: Histogram;
  deriveSeconds: Histogram;
}

export const createSatchelMetrics = (registry: MetricsRegistry | null): SatchelMetrics | null =>
  registry && {
    unlocked: registry.gauge('hypermesh_identity_unlocked', 'Whether the keys are unlocked.'),
    unlocks: registry.counter('hypermesh_identity_unlocks_total', 'Attempts to unlock, by outcome.', ['outcome']),
    signSeconds: registry.histogram(
      'hypermesh_identity_sign_seconds',
      'From the request for a signed record to the record.',
      [0.01, 0.025, 0.05, 0.1, 0.25, 1],
    ),
    deriveSeconds: registry.histogram(
      'hypermesh_identity_derive_seconds',
      'Derivation of all keys from a phrase.',
      [0.5, 1, 2, 4, 8],
    ),
  };
