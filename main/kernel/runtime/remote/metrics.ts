import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../base/index.ts';

export interface RemoteJobMetrics {
  /** Labels `side`: `sent` or `lent`. */
  live: Gauge;
  /** Labels `side`, `why` as the contract names ends. */
  ended: Counter;
  /** Label `outcome`: `moved`, `back` (it stayed or went on where it was), `failed`. */
  moves: Counter;
  /** How long nobody answered. */
  movePauseSeconds: Histogram;
  /** Label `cause`: `owner`, `malformed`, `bounds`. */
  refused: Counter;
  /** Results that were not signed by who ran it, or are of something else. */
  wrongResults: Counter;
}

export const createRemoteJobMetrics = (registry: MetricsRegistry | null): RemoteJobMetrics | null =>
  registry && {
    live: registry.gauge('hypermesh_remote_jobs_live', 'Jobs on other nodes, and of others here.', ['side']),
    ended: registry.counter('hypermesh_remote_jobs_ended_total', 'Jobs on other nodes that ended, by reason.', ['why']),
    moves: registry.counter('hypermesh_remote_moves_total', 'Moves of jobs between nodes, by outcome.', ['outcome']),
    movePauseSeconds: registry.histogram(
      'hypermesh_remote_move_pause_seconds',
      'How long nobody answered while a job moved.',
      [0.1, 0.25, 0.5, 1, 2, 5, 15, 60],
    ),
    refused: registry.counter('hypermesh_remote_refused_total', 'Messages about jobs that were refused, by cause.', [
      'cause',
    ]),
    wrongResults: registry.counter(
      'hypermesh_remote_wrong_results_total',
      'Results that do not hold, or differ from what others found.',
    ),
  };
