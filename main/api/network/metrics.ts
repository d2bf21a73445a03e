import type { Gauge, MetricsRegistry } from '../../base/index.ts';

export interface NetworkMetrics {
  /** 1 while the node talks to others, 0 while it does not. */
  running: Gauge;
}

export const createNetworkMetrics = (registry: MetricsRegistry): NetworkMetrics => ({
  running: registry.gauge('hypermesh_network_running_bool', 'Whether the node talks to others now'),
});
