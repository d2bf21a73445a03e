import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

/** Figures of the endpoint. `tier` is one of `TIERS`, `direction` `in` or `out`. */
export interface EndpointMetrics {
  connections: Gauge;
  paths: Gauge;
  /** By `direction` and `result`: open, unknown, refused or tooMany. */
  streams: Counter;
  sentBytes: Counter;
  receivedBytes: Counter;
  /** By `result`: connected, unreachable or refused. */
  dials: Counter;
  dialSeconds: Histogram;
  pathChanges: Counter;
  /** By `reason`, one of `CLOSE_REASONS`. */
  closed: Counter;
  /** By `offence`, one of `OFFENCES`. */
  offences: Counter;
  /** By `reason`: full, banned, busy or failed. */
  incomingRefused: Counter;
}

/** @returns null when metrics are off */
export const createEndpointMetrics = (registry: MetricsRegistry | null): EndpointMetrics | null =>
  registry && {
    connections: registry.gauge('hypermesh_stoq_connections', 'Peers connected', ['direction']),
    paths: registry.gauge('hypermesh_stoq_paths', 'Paths to peers', ['tier']),
    streams: registry.counter('hypermesh_stoq_streams_total', 'Streams opened or refused', ['direction', 'result']),
    sentBytes: registry.counter('hypermesh_stoq_sent_bytes_total', 'Bytes sent on the wire, headers reckoned in'),
    receivedBytes: registry.counter(
      'hypermesh_stoq_received_bytes_total',
      'Bytes received on the wire, headers reckoned in',
    ),
    dials: registry.counter('hypermesh_stoq_dials_total', 'Peers dialled', ['result']),
    dialSeconds: registry.histogram(
      'hypermesh_stoq_dial_seconds',
      'Time from the wish for a connection to the connection, handshake included',
      [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    ),
    pathChanges: registry.counter('hypermesh_stoq_path_changes_total', 'Connections that moved to another path'),
    closed: registry.counter('hypermesh_stoq_closed_total', 'Connections that ended', ['reason']),
    offences: registry.counter('hypermesh_stoq_offences_total', 'Rules that peers broke', ['offence']),
    incomingRefused: registry.counter('hypermesh_stoq_incoming_refused_total', 'Incoming channels turned away', [
      'reason',
    ]),
  };
