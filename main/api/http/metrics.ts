import type { Counter, Gauge, MetricsRegistry } from '../../base/index.ts';

export interface HttpMetrics {
  /** Label `reason`: the code. */
  refusedTotal: Counter;
  sockets: Gauge;
  /** Pushes that a slow client never got, since a newer one took their place. */
  coalescedTotal: Counter;
}

export const createHttpMetrics = (registry: MetricsRegistry): HttpMetrics => ({
  refusedTotal: registry.counter('hypermesh_api_refused_total', 'Requests refused at the border', ['reason']),
  sockets: registry.gauge('hypermesh_api_sockets', 'Open WebSocket connections'),
  coalescedTotal: registry.counter(
    'hypermesh_api_pushes_coalesced_total',
    'Pushes that a newer one replaced for a slow client',
  ),
});
