import type { Counter, Gauge, MetricsRegistry } from '../../../base/index.ts';

export interface ContentMetrics {
  bytes: Gauge;
  files: Gauge;
  evictedBytes: Counter;
  transfers: Counter;
  transferredBytes: Counter;
}

export const createContentMetrics = (registry: MetricsRegistry | null): ContentMetrics | null =>
  registry && {
    bytes: registry.gauge('hypermesh_content_bytes', 'Bytes in the content store.'),
    files: registry.gauge('hypermesh_content_files', 'Files in the content store.'),
    evictedBytes: registry.counter(
      'hypermesh_content_evicted_bytes_total',
      'Bytes that were thrown away to make room for others.',
    ),
    transfers: registry.counter('hypermesh_content_transfers_total', 'Files over the mesh, by way and outcome.', [
      'way',
      'outcome',
    ]),
    transferredBytes: registry.counter('hypermesh_content_transferred_bytes_total', 'Content over the mesh, by way.', [
      'way',
    ]),
  };
