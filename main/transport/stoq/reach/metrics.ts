import type { Counter, Gauge, MetricsRegistry } from '../../../base/index.ts';

export interface SideMetrics {
  /** `stunAnswered`, `datagramsSent` and the other counts of the thread. */
  packets: Counter;
  shimBytes: Counter;
  restarts: Counter;
  holes: Counter;
  sessions: Gauge;
}
/** @returns null when metrics are off */
export const createSideMetrics = (registry: MetricsRegistry | null): SideMetrics | null =>
  registry && {
    packets: registry.counter('hypermesh_stoq_side_packets_total', 'Packets of the side socket by what they were', [
      'kind',
    ]),
    shimBytes: registry.counter('hypermesh_stoq_side_quic_bytes_total', 'QUIC through holes in NATs', ['direction']),
    restarts: registry.counter('hypermesh_stoq_side_restarts_total', 'Starts of the side socket after it had crashed'),
    holes: registry.counter('hypermesh_stoq_side_holes_total', 'Holes in NATs by how it went', ['result']),
    sessions: registry.gauge('hypermesh_stoq_side_sessions', 'Sessions that datagrams are open for'),
  };

export interface RelayMetrics {
  bytes: Counter;
  circuits: Gauge;
  requests: Counter;
}
/** @returns null when metrics are off */
export const createRelayMetrics = (registry: MetricsRegistry | null): RelayMetrics | null =>
  registry && {
    bytes: registry.counter('hypermesh_stoq_relay_bytes_total', 'Bytes carried between two others'),
    circuits: registry.gauge('hypermesh_stoq_relay_circuits', 'Circuits between two others that are open'),
    requests: registry.counter('hypermesh_stoq_relay_requests_total', 'Requests to relay by what was answered', [
      'result',
    ]),
  };

export interface ReachMetrics {
  dialBacks: Counter;
  punches: Counter;
  mappings: Gauge;
}
/** @returns null when metrics are off */
export const createReachMetrics = (registry: MetricsRegistry | null): ReachMetrics | null =>
  registry && {
    dialBacks: registry.counter('hypermesh_stoq_reach_dial_backs_total', 'Dial-backs that we made for others', [
      'result',
    ]),
    punches: registry.counter('hypermesh_stoq_reach_punches_total', 'Connections that left a relay, or did not', [
      'result',
    ]),
    mappings: registry.gauge('hypermesh_stoq_reach_mappings', 'Ports that a router opened for us'),
  };
