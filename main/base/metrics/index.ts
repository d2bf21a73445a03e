export { createMetricsRegistry, type MetricsComponents } from './create-metrics-registry.ts';
export type * from './interface.ts';
