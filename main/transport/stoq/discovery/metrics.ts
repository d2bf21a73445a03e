import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../base/index.ts';

/** Figures that show peers being found. */
export interface DiscoveryMetrics {
  /** Peers told of, by way: mdns, bootstrap, seeds, rendezvous. */
  found: Counter;
  /** Lookups in the DHT. Label `ask`: find, get, providers. */
  lookupSeconds: Histogram;
  /** Writes of others. Label `outcome`: stored, older, full, busy, far, late. */
  writes: Counter;
  /** Peers in the routing table. Label `network`: public, private. */
  tablePeers: Gauge;
  /** Bytes of records kept for others. Label `network`: public, private. */
  storedBytes: Gauge;
  /** Proofs of networks on running sessions. Labels `role`: asker, answerer; `result`: proved (a network more), none, failed. */
  memberships: Counter;
  /** Packets of the local network that were dropped: other than ours, too many, broken. */
  mdnsDropped: Counter;
}

/** @returns null when metrics are off */
export const createDiscoveryMetrics = (registry: MetricsRegistry | null): DiscoveryMetrics | null =>
  registry === null
    ? null
    : {
        found: registry.counter('hypermesh_stoq_found_peers_total', 'Peers that were told of, by way.', ['by']),
        lookupSeconds: registry.histogram(
          'hypermesh_stoq_dht_lookup_seconds',
          'Time of a lookup in the DHT.',
          [0.005, 0.01, 0.05, 0.2, 1, 5, 30],
          ['ask'],
        ),
        writes: registry.counter('hypermesh_stoq_dht_writes_total', 'Writes of others to this node of the DHT.', [
          'outcome',
        ]),
        tablePeers: registry.gauge('hypermesh_stoq_dht_table_peers', 'Peers in the routing table.', ['network']),
        storedBytes: registry.gauge('hypermesh_stoq_dht_stored_bytes', 'Bytes of records kept for others.', [
          'network',
        ]),
        memberships: registry.counter(
          'hypermesh_stoq_membership_proofs_total',
          'Proofs of private networks on sessions that were open already.',
          ['role', 'result'],
        ),
        mdnsDropped: registry.counter('hypermesh_stoq_mdns_dropped_total', 'Packets of the link that were dropped.'),
      };
