import type { Counter, Gauge, MetricsRegistry } from '../../../base/index.ts';

/** Figures of the peer book. */
export interface StandingMetrics {
  /** Peers in the book, by table. */
  peers: Gauge;
  /** What peers did that costs standing, by kind. */
  offences: Counter;
  /** Bans, by points and by the owner. */
  bans: Counter;
  /** Peers that made room for others. */
  evicted: Counter;
}

/** @returns null when metrics are off */
export const createStandingMetrics = (registry: MetricsRegistry | null): StandingMetrics | null =>
  registry === null
    ? null
    : {
        peers: registry.gauge('hypermesh_stoq_book_peers', 'Peers in the book.', ['table']),
        offences: registry.counter(
          'hypermesh_stoq_book_offences_total',
          'Things that peers did and that cost standing.',
          ['offence'],
        ),
        bans: registry.counter('hypermesh_stoq_bans_total', 'Peers banned.'),
        evicted: registry.counter('hypermesh_stoq_book_evicted_total', 'Peers that made room for others in the book.'),
      };
