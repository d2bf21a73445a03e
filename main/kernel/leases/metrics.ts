import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface LeaseMetrics {
  live: Gauge;
  requests: Counter;
  ended: Counter;
  receipts: Counter;
  grantSeconds: Histogram;
  offers: Gauge;
  told: Counter;
  searchSeconds: Histogram;
}

export const createLeaseMetrics = (registry: MetricsRegistry | null): LeaseMetrics | null =>
  registry && {
    live: registry.gauge('hypermesh_leases_live', 'Leases that have not ended, by side.', ['side']),
    requests: registry.counter('hypermesh_leases_requests_total', 'Requests of borrowers, by outcome.', ['outcome']),
    ended: registry.counter('hypermesh_leases_ended_total', 'Leases that ended, by side and cause.', ['side', 'cause']),
    receipts: registry.counter('hypermesh_leases_receipts_total', 'Receipts, by side and outcome.', [
      'side',
      'outcome',
    ]),
    grantSeconds: registry.histogram(
      'hypermesh_leases_grant_seconds',
      'From the request that came in to the grant, without the time that proofs take.',
      [0.02, 0.05, 0.1, 0.2, 0.5, 1, 5],
    ),
    offers: registry.gauge('hypermesh_leases_offers', 'Own offers in force.'),
    told: registry.counter(
      'hypermesh_leases_offers_told_total',
      'Questions for own offers, by whether there were any to tell.',
      ['outcome'],
    ),
    searchSeconds: registry.histogram(
      'hypermesh_leases_search_seconds',
      'One search for offers, from the question to the last answer.',
      [0.02, 0.1, 0.5, 1, 2, 5, 10],
    ),
  };
