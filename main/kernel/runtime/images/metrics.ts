import type { Counter, MetricsRegistry } from '../../../base/index.ts';

export interface ImageMetrics {
  transfers: Counter;
  refused: Counter;
}

export const createImageMetrics = (registry: MetricsRegistry | null): ImageMetrics | null =>
  registry && {
    transfers: registry.counter('hypermesh_images_transfers_total', 'Images that came or went whole, by way.', [
      'what',
    ]),
    refused: registry.counter('hypermesh_images_refused_total', 'Images that were not taken or not run, by why.', [
      'why',
    ]),
  };
