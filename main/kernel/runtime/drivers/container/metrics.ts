import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../../base/index.ts';

export interface ContainerDriverMetrics {
  started: Counter;
  running: Gauge;
  startSeconds: Histogram;
  readyHolders: Counter;
  adopted: Counter;
  swept: Counter;
}

export const createContainerDriverMetrics = (registry: MetricsRegistry | null): ContainerDriverMetrics | null =>
  registry && {
    started: registry.counter('hypermesh_runtime_containers_started_total', 'Containers that were started for jobs.'),
    running: registry.gauge('hypermesh_runtime_containers', 'Containers of jobs that are not removed yet.'),
    startSeconds: registry.histogram(
      'hypermesh_runtime_container_start_seconds',
      'From making a container to its first instruction.',
      [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5],
    ),
    readyHolders: registry.counter(
      'hypermesh_runtime_holders_taken_total',
      'Holders that jobs took, by whether one was ready.',
      ['ready'],
    ),
    adopted: registry.counter(
      'hypermesh_runtime_containers_adopted_total',
      'Jobs that were found after the node went down, by what came of it.',
      ['found'],
    ),
    swept: registry.counter(
      'hypermesh_runtime_engine_things_swept_total',
      'Containers and volumes that belonged to no job and were removed.',
    ),
  };
