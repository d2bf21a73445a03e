import type { MetricsRegistry } from '../../base/index.ts';

const known = new WeakMap<MetricsRegistry, MetricsRegistry>();

/**
 * The same registry, where a name that was registered before gives the metric of then: the network stops and starts with the keys,
 * and its counters go on.
 */
export const reuseMetrics = (registry: MetricsRegistry): MetricsRegistry => {
  const before = known.get(registry);
  if (before !== undefined) return before;
  const metrics = new Map<string, unknown>();
  const once = <T>(name: string, make: () => T): T => {
    if (!metrics.has(name)) metrics.set(name, make());
    return metrics.get(name) as T;
  };
  const reusing: MetricsRegistry = {
    ...registry,
    counter: (name, help, labels) => once(name, () => registry.counter(name, help, labels)),
    gauge: (name, help, labels) => once(name, () => registry.gauge(name, help, labels)),
    histogram: (name, help, buckets, labels) => once(name, () => registry.histogram(name, help, buckets, labels)),
  };
  known.set(registry, reusing);
  return reusing;
};
