import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface RuntimeMetrics {
  started: Counter;
  ended: Counter;
  running: Gauge;
  startSeconds: Histogram;
  outputBytes: Counter;
}

export const createRuntimeMetrics = (registry: MetricsRegistry | null): RuntimeMetrics | null =>
  registry && {
    started: registry.counter('hypermesh_jobs_started_total', 'Jobs whose process was started.', ['kind']),
    ended: registry.counter('hypermesh_jobs_ended_total', 'Jobs that ended, by reason.', ['why']),
    running: registry.gauge('hypermesh_jobs_running', 'Jobs that have not ended.'),
    startSeconds: registry.histogram(
      'hypermesh_job_start_seconds',
      'From the request to the first instruction.',
      [0.025, 0.05, 0.1, 0.2, 0.5, 1, 5],
    ),
    outputBytes: registry.counter('hypermesh_job_output_bytes_total', 'Output of jobs that was stored.'),
  };
