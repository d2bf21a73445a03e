import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../base/index.ts';

export interface CircuitMetrics {
  circuits: Gauge;
  bytes: Counter;
  /** By `result`: ok, or a refusal. */
  steps: Counter;
  /** By `code` of what ended circuits of others early. */
  ended: Counter;
  sessions: Gauge;
  /** By `result`: ok or failed. */
  built: Counter;
  buildSeconds: Histogram;
  replaced: Counter;
}
export const createCircuitMetrics = (registry: MetricsRegistry): CircuitMetrics => ({
  circuits: registry.gauge('hypermesh_circuits_relayed', 'Circuits of others that are led on here'),
  bytes: registry.counter('hypermesh_circuits_relayed_bytes_total', 'Bytes of circuits of others, both ways'),
  steps: registry.counter('hypermesh_circuits_steps_total', 'Circuits of others that were to be led on', ['result']),
  ended: registry.counter('hypermesh_circuits_ended_total', 'Circuits of others that ended early', ['code']),
  sessions: registry.gauge('hypermesh_circuits_sessions', 'Anonymous links that begin or end here', ['side']),
  built: registry.counter('hypermesh_circuits_built_total', 'Own circuits that were tried', ['result']),
  buildSeconds: registry.histogram(
    'hypermesh_circuits_build_seconds',
    'Time until an own circuit reached its end',
    [0.05, 0.1, 0.2, 0.5, 1, 2, 5],
  ),
  replaced: registry.counter('hypermesh_circuits_replaced_total', 'Own circuits that failed and were replaced'),
});
