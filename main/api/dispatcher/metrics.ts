import type { Counter, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface DispatcherMetrics {
  /** Labels: `call`, and `outcome` = `ok`, `refused` (an error with a code) or `failed` (a bug). */
  callsTotal: Counter;
  callSeconds: Histogram;
}

/** A call should be over in milliseconds; detection and doctor take seconds. */
const CALL_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10];

export const createDispatcherMetrics = (registry: MetricsRegistry): DispatcherMetrics => ({
  callsTotal: registry.counter('hypermesh_api_calls_total', 'Calls by name and outcome', ['call', 'outcome']),
  callSeconds: registry.histogram('hypermesh_api_call_seconds', 'Time from a call to its reply', CALL_SECONDS),
});
