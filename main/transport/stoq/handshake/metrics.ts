import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../../base/index.ts';

export interface HandshakeMetrics {
  /** By `role` and `result`. */
  handshakes: Counter;
  /** By `kind`: full or resumed. */
  seconds: Histogram;
  tickets: Gauge;
}

export const createHandshakeMetrics = (registry: MetricsRegistry): HandshakeMetrics => ({
  handshakes: registry.counter('hypermesh_stoq_handshakes_total', 'Handshakes that came to an end', ['role', 'result']),
  seconds: registry.histogram(
    'hypermesh_stoq_handshake_seconds',
    'Time of a handshake that succeeded',
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    ['kind'],
  ),
  tickets: registry.gauge('hypermesh_stoq_tickets', 'Tickets with which sessions can be resumed'),
});
