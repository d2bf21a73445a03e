import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../base/index.ts';

export interface SpaceMetrics {
  plottedBytes: Gauge;
  windows: Counter;
  damaged: Counter;
  answerSeconds: Histogram;
}

/** @returns null when metrics are off */
export const createSpaceMetrics = (registry: MetricsRegistry | null): SpaceMetrics | null =>
  registry === null
    ? null
    : {
        plottedBytes: registry.gauge('hypermesh_space_plotted_bytes', 'Space in whole plots.'),
        windows: registry.counter('hypermesh_space_windows_total', 'Windows that were plotted.'),
        damaged: registry.counter('hypermesh_space_windows_damaged_total', 'Windows found to be damaged on disk.'),
        answerSeconds: registry.histogram(
          'hypermesh_space_answer_seconds',
          'Time to answer a challenge from disk.',
          [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
        ),
      };
