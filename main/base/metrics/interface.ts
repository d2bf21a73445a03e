/** Prometheus names, base units, unit last. Labels take a small known set of values, never an id of a peer or a job. */
export interface Counter {
  inc(by?: number, labels?: Record<string, string>): void;
}
export interface Gauge {
  set(value: number, labels?: Record<string, string>): void;
}
export interface Histogram {
  observe(value: number, labels?: Record<string, string>): void;
}
export interface MetricsRegistry {
  counter(name: `hypermesh_${string}_total`, help: string, labels?: readonly string[]): Counter;
  gauge(name: `hypermesh_${string}`, help: string, labels?: readonly string[]): Gauge;
  /** @param buckets - upper bounds in the metric's unit, ascending */
  histogram(
    name: `hypermesh_${string}`,
    help: string,
    buckets: readonly number[],
    labels?: readonly string[],
  ): Histogram;
  /** Prometheus text format 0.0.4. */
  text(): Promise<string>;
}
