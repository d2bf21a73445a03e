import type { Counter, Gauge, MetricsRegistry } from '../../../base/index.ts';

/** Figures of the carriers; the label `tier` is one of `TIERS`. */
export interface CarrierMetrics {
  channels: Gauge;
  opened: Counter;
  dialsFailed: Counter;
  /** Strangers whose handshake of the carrier failed. */
  refused: Counter;
}

/** Made once and handed to every carrier. @returns null when metrics are off */
export const createCarrierMetrics = (registry: MetricsRegistry | null): CarrierMetrics | null =>
  registry && {
    channels: registry.gauge('hypermesh_stoq_carrier_channels', 'Channels open.', ['tier']),
    opened: registry.counter('hypermesh_stoq_carrier_channels_opened_total', 'Channels opened.', ['tier', 'direction']),
    dialsFailed: registry.counter('hypermesh_stoq_carrier_dials_failed_total', 'Dials that gave no channel.', ['tier']),
    refused: registry.counter(
      'hypermesh_stoq_carrier_handshakes_refused_total',
      'Strangers whose handshake failed below the STOQ handshake.',
      ['tier'],
    ),
  };
