import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface BlocksMetrics {
  appended: Counter;
  appendSeconds: Histogram;
  refused: Counter;
  height: Gauge;
  storedBytes: Gauge;
  verifiedBlocks: Counter;
  problems: Counter;
}

/** @returns null when metrics are off */
export const createBlocksMetrics = (registry: MetricsRegistry | null): BlocksMetrics | null =>
  registry && {
    appended: registry.counter('hypermesh_blocks_appended_total', 'Blocks that this node made and stored.'),
    appendSeconds: registry.histogram(
      'hypermesh_blocks_append_seconds',
      'From the request to the block on disk: check of its proof, signatures, seal and commit.',
      [0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    ),
    refused: registry.counter('hypermesh_blocks_refused_total', 'Blocks that were not made, by reason.', ['code']),
    height: registry.gauge('hypermesh_blocks_height', 'Height of the newest block.'),
    storedBytes: registry.gauge('hypermesh_blocks_stored_bytes', 'Headers and sealed bodies on disk.'),
    verifiedBlocks: registry.counter('hypermesh_blocks_verified_total', 'Blocks that verifications looked at.'),
    problems: registry.counter('hypermesh_blocks_problems_total', 'Problems that verifications found.'),
  };
