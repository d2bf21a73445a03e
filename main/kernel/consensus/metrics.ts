import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

export interface ConsensusMetrics {
  height: Gauge;
  validators: Gauge;
  waiting: Gauge;
  waitingBytes: Gauge;
  blocks: Counter;
  transactions: Counter;
  blockBytes: Histogram;
  blockSeconds: Histogram;
  executeSeconds: Histogram;
  rounds: Counter;
  messages: Counter;
  dropped: Counter;
  offences: Counter;
  synced: Counter;
}

export const createConsensusMetrics = (registry: MetricsRegistry | null): ConsensusMetrics | null =>
  registry && {
    height: registry.gauge('hypermesh_consensus_height', 'Newest final block of the network that is looked at.'),
    validators: registry.gauge('hypermesh_consensus_validators', 'Validators that sign the next block.'),
    waiting: registry.gauge('hypermesh_consensus_waiting_transactions', 'Transactions that wait for a block.'),
    waitingBytes: registry.gauge('hypermesh_consensus_waiting_bytes', 'Bytes of transactions that wait for a block.'),
    blocks: registry.counter('hypermesh_consensus_blocks_total', 'Blocks that became final here, by way.', ['way']),
    transactions: registry.counter(
      'hypermesh_consensus_transactions_total',
      'Transactions by what became of them here.',
      ['outcome'],
    ),
    blockBytes: registry.histogram(
      'hypermesh_consensus_block_bytes',
      'Size of final blocks.',
      [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6],
    ),
    blockSeconds: registry.histogram(
      'hypermesh_consensus_block_seconds',
      'From the first proposal of a height until its block was on disk.',
      [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    ),
    executeSeconds: registry.histogram(
      'hypermesh_consensus_execute_seconds',
      'Carrying out a block.',
      [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    ),
    rounds: registry.counter(
      'hypermesh_consensus_missed_rounds_total',
      'Rounds in which nothing was proposed in time.',
    ),
    messages: registry.counter('hypermesh_consensus_messages_total', 'Messages from peers, by kind.', ['kind']),
    dropped: registry.counter('hypermesh_consensus_dropped_total', 'What did not fit or came too fast, by kind.', [
      'kind',
    ]),
    offences: registry.counter('hypermesh_consensus_offences_total', 'Rules that peers broke, by kind.', ['kind']),
    synced: registry.counter(
      'hypermesh_consensus_synced_total',
      'Blocks and chunks that catching up brought, by kind.',
      ['kind'],
    ),
  };
