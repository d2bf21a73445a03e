import type { Counter, MetricsRegistry } from '../../../../base/index.ts';

export interface ProgramMetrics {
  connections: Counter;
  refused: Counter;
  bytes: Counter;
}
/** @returns null when metrics are off */
export const createProgramMetrics = (registry: MetricsRegistry | null): ProgramMetrics | null =>
  registry && {
    connections: registry.counter(
      'hypermesh_proxy_program_connections_total',
      'Connections of programs to proxies of this machine',
      ['kind'],
    ),
    refused: registry.counter(
      'hypermesh_proxy_program_refused_total',
      'Connections and requests of programs that were not served',
      ['kind'],
    ),
    bytes: registry.counter('hypermesh_proxy_program_bytes_total', 'Bytes of programs that proxies carried', [
      'kind',
      'direction',
    ]),
  };
