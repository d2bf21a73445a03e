import type { Counter, Gauge, MetricsRegistry } from '../../../base/index.ts';

export interface MemoryMetrics {
  /** Lent now, whole pools. */
  lentBytes: Gauge;
  /** Label `operation`: `read`, `write`, `swap`. Of this node as lender. */
  served: Counter;
  servedBytes: Counter;
  /** Label `cause`: `opening`, `range`, `malformed`, `paused`. */
  refused: Counter;
  /** Label `operation`. Of this node as borrower. */
  asked: Counter;
  /** Streams that were opened again. */
  reconnected: Counter;
  /** Pages that came back otherwise than they were written. */
  damaged: Counter;
  /** Label `outcome`: `here` or `far`. */
  storeReads: Counter;
}

export const createMemoryMetrics = (registry: MetricsRegistry | null): MemoryMetrics | null =>
  registry && {
    lentBytes: registry.gauge('hypermesh_memory_lent_bytes', 'Memory that is reserved for borrowers.'),
    served: registry.counter('hypermesh_memory_served_total', 'Operations done for borrowers.', ['operation']),
    servedBytes: registry.counter('hypermesh_memory_served_bytes_total', 'Bytes read and written for borrowers.'),
    refused: registry.counter('hypermesh_memory_refused_total', 'Openings and operations refused, by cause.', [
      'cause',
    ]),
    asked: registry.counter('hypermesh_memory_asked_total', 'Operations asked of lenders.', ['operation']),
    reconnected: registry.counter('hypermesh_memory_reconnected_total', 'Streams to lenders that were opened again.'),
    damaged: registry.counter(
      'hypermesh_memory_damaged_pages_total',
      'Pages that lenders gave back otherwise than written.',
    ),
    storeReads: registry.counter('hypermesh_memory_store_reads_total', 'Values asked for, by where they were found.', [
      'outcome',
    ]),
  };
