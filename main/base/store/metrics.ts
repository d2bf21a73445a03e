import type { Counter, Gauge, Histogram, MetricsRegistry } from '../metrics/index.ts';

export interface StoreMetrics {
  querySeconds: Histogram;
  commitSeconds: Histogram;
  batchRequests: Histogram;
  errors: Counter;
  waiting: Gauge;
}

/** @returns null when metrics are off */
export const createStoreMetrics = (registry: MetricsRegistry | null): StoreMetrics | null =>
  registry && {
    querySeconds: registry.histogram(
      'hypermesh_store_query_seconds',
      'Time that requests to the database took in its thread',
      [0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.02, 0.04, 0.2, 1],
      ['kind'],
    ),
    commitSeconds: registry.histogram(
      'hypermesh_store_commit_seconds',
      'Time that shared commits took, the flush to the disk included',
      [0.0001, 0.0005, 0.001, 0.005, 0.02, 0.1, 1],
    ),
    batchRequests: registry.histogram(
      'hypermesh_store_batch_requests',
      'Requests that went to the database together',
      [1, 2, 8, 32, 128, 512],
    ),
    errors: registry.counter('hypermesh_store_errors_total', 'Requests that the database refused', ['code']),
    waiting: registry.gauge('hypermesh_store_waiting_requests', 'Requests that wait for the database'),
  };
