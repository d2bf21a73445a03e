import type { Counter, Gauge, MetricsRegistry } from '../../base/index.ts';

export interface CaesarMetrics {
  sent: Counter;
  waiting: Gauge;
  escrows: Counter;
  settlements: Counter;
  earned: Counter;
}

export const createCaesarMetrics = (registry: MetricsRegistry | null): CaesarMetrics | null =>
  registry && {
    sent: registry.counter(
      'hypermesh_caesar_transactions_total',
      'Transactions sent from here, by what became of them.',
      ['outcome'],
    ),
    waiting: registry.gauge('hypermesh_caesar_transactions_waiting', 'Transactions sent from here that are not final.'),
    escrows: registry.counter(
      'hypermesh_caesar_escrows_total',
      'Leases whose price was set aside, by side and outcome.',
      ['side', 'outcome'],
    ),
    settlements: registry.counter(
      'hypermesh_caesar_settlements_total',
      'Leases that were settled, by side and outcome.',
      ['side', 'outcome'],
    ),
    earned: registry.counter(
      'hypermesh_caesar_earned_micro_total',
      'What final blocks brought this node, in micro-CAES.',
      ['kind'],
    ),
  };
