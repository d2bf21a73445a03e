import type { Counter, Gauge, Histogram, MetricsRegistry } from '../../base/index.ts';

/** Figures that show limits and allocations at work. */
export interface AssetsMetrics {
  /** Level in force per resource, in percent. */
  level: Gauge;
  /** Live allocations. */
  allocations: Gauge;
  /** From the request to the row on disk. */
  allocateSeconds: Histogram;
  /** Refused requests by error code. */
  refusals: Counter;
  /** Allocations that a fallen level or the owner ended. */
  evictions: Counter;
  /** Times that levels were worked out. */
  evaluations: Counter;
}

/** @returns null when metrics are off */
export const createAssetsMetrics = (registry: MetricsRegistry | null): AssetsMetrics | null =>
  registry === null
    ? null
    : {
        level: registry.gauge('hypermesh_assets_level_percent', 'Level in force per resource.', ['resource']),
        allocations: registry.gauge('hypermesh_assets_allocations', 'Live allocations.'),
        allocateSeconds: registry.histogram(
          'hypermesh_assets_allocate_seconds',
          'Time from a request to its row on disk.',
          // The promise is 1 ms; the buckets below show how far under it we are, those above how far a slow disk throws us.
          [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25],
        ),
        refusals: registry.counter('hypermesh_assets_allocation_refusals_total', 'Refused allocations by code.', [
          'code',
        ]),
        evictions: registry.counter('hypermesh_assets_evictions_total', 'Allocations ended by a level or the owner.', [
          'resource',
        ]),
        evaluations: registry.counter('hypermesh_assets_evaluations_total', 'Times that levels were worked out.'),
      };
