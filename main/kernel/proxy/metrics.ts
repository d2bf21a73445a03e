import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface ProxyMetrics {
  /** Labels: `direction` sent or received. */
  forwardBytes: Counter;
  forwardConnections: Gauge;
  /** Labels: `code`, of the refusals of the forward protocol. */
  forwardRefusals: Counter;
  tableRows: Gauge;
  /** Labels: `source` own, cache, network, peers or none. */
  resolved: Counter;
  resolveSeconds: Histogram;
}
export const createProxyMetrics = (registry: MetricsRegistry): ProxyMetrics => ({
  forwardBytes: registry.counter(
    'hypermesh_proxy_forward_bytes_total',
    'Bytes carried to and from services and destinations of this machine for others',
    ['direction'],
  ),
  forwardConnections: registry.gauge('hypermesh_proxy_forward_connections', 'Connections of others that are open'),
  forwardRefusals: registry.counter(
    'hypermesh_proxy_forward_refused_total',
    'Openings of others that were refused, by reason',
    ['code'],
  ),
  tableRows: registry.gauge('hypermesh_proxy_table_rows', 'Rows of the translation table in use'),
  resolved: registry.counter('hypermesh_proxy_resolved_total', 'Global addresses that were looked for, by where', [
    'source',
  ]),
  resolveSeconds: registry.histogram(
    'hypermesh_proxy_resolve_seconds',
    'Time until it was known who answers for a global address',
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 8],
  ),
});
