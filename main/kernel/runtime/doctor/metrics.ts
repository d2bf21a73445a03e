import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../base/index.ts';

export interface DoctorMetrics {
  runs: Counter;
  problems: Gauge;
  seconds: Histogram;
  fixed: Counter;
}

export const createDoctorMetrics = (registry: MetricsRegistry | null): DoctorMetrics | null =>
  registry && {
    runs: registry.counter('hypermesh_container_doctor_runs_total', 'Examinations, by verdict.', ['verdict']),
    problems: registry.gauge('hypermesh_container_doctor_problems', 'Checks that were bad or a warning last.'),
    seconds: registry.histogram(
      'hypermesh_container_doctor_run_seconds',
      'How long an examination took.',
      [0.1, 0.5, 1, 2, 5, 10, 30, 60],
    ),
    fixed: registry.counter('hypermesh_container_doctor_fixed_total', 'Problems that it put right, by check.', [
      'check',
    ]),
  };
