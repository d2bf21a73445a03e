import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Clock } from '../outside.ts';
import type { MetricsRegistry } from './interface.ts';

export interface MetricsComponents {
  clock: Clock;
}

/** The loop is looked at this often, in ms, while somebody reads the metrics. */
const LOOP_RESOLUTION_MS = 10;
/**
 * Watching the loop wakes the processor 100 times a second, so it ends this long after the last reading. Prometheus
 * reads every 15 to 60 s.
 */
const LOOP_WATCH_MS = 150_000;

/** A registry of its own with the figures of this process. prom-client's global one is not touched. */
export const createMetricsRegistry = (components: MetricsComponents): MetricsRegistry => {
  const registry = new Registry();
  const registers = [registry];
  const loop = createLoopWatch(components.clock);

  const cpu = new Counter({
    name: 'hypermesh_process_cpu_seconds_total',
    help: 'Processor time of the node process, user and system',
    registers,
    collect: () => {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc((user + system) / 1e6);
    },
  });
  const resident = new Gauge({
    name: 'hypermesh_process_resident_bytes',
    help: 'Memory of the node process that is in RAM',
    registers,
    collect: () => {
      resident.set(process.memoryUsage.rss());
    },
  });
  const delay = new Gauge({
    name: 'hypermesh_event_loop_delay_p99_seconds',
    help: 'Delay of the event loop since the reading before, 99th percentile; NaN in the first reading, as it is measured only while somebody reads',
    registers,
    collect: () => {
      delay.set(loop.takeP99Seconds());
    },
  });

  return {
    counter: (name, help, labels = []) => {
      const counter = new Counter({ name, help, labelNames: [...labels], registers });
      return { inc: (by = 1, given = {}) => counter.inc(given, by) };
    },
    gauge: (name, help, labels = []) => {
      const gauge = new Gauge({ name, help, labelNames: [...labels], registers });
      return { set: (value, given = {}) => gauge.set(given, value) };
    },
    histogram: (name, help, buckets, labels = []) => {
      const histogram = new Histogram({ name, help, buckets: [...buckets], labelNames: [...labels], registers });
      return { observe: (value, given = {}) => histogram.observe(given, value) };
    },
    text: () => registry.metrics(),
  };
};

const createLoopWatch = (clock: Clock): { takeP99Seconds(): number } => {
  let watched: ReturnType<typeof monitorEventLoopDelay> | null = null;
  let cancelEnd = (): void => undefined;
  return {
    takeP99Seconds: () => {
      cancelEnd();
      cancelEnd = clock.after(LOOP_WATCH_MS, () => {
        watched?.disable();
        watched = null;
      });
      if (watched === null) {
        watched = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
        watched.enable();
        return Number.NaN;
      }
      // Each value is the time between two looks, so the interval itself is taken off.
      const p99Seconds =
        watched.count === 0 ? Number.NaN : Math.max(0, watched.percentile(99) / 1e9 - LOOP_RESOLUTION_MS / 1000);
      watched.reset();
      return p99Seconds;
    },
  };
};
