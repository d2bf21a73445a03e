import type { MetricsRegistry } from '../../base/index.ts';
import type { MachineSample } from './interface.ts';

export interface MonitorMetrics {
  /** @param tookMs - how long the sample took to take */
  sampled(sample: MachineSample, tookMs: number): void;
}

/** What the machine and the app use, for the local metrics page. A figure that is unknown keeps its gauge unset. */
export const createMonitorMetrics = (registry: MetricsRegistry): MonitorMetrics => {
  const cpu = registry.gauge('hypermesh_monitor_cpu_ratio', 'Use of all processors by anything on the machine, 0 to 1');
  const memory = registry.gauge('hypermesh_monitor_memory_used_bytes', 'Memory in use by anything on the machine');
  const temperature = registry.gauge('hypermesh_monitor_cpu_temperature_celsius', 'Temperature of the processor');
  const appCpu = registry.gauge(
    'hypermesh_monitor_app_cpu_cores',
    'Processor cores that the app with its helpers and jobs uses',
  );
  const appMemory = registry.gauge('hypermesh_monitor_app_memory_bytes', 'Memory of the app with its helpers and jobs');
  const sampleSeconds = registry.histogram(
    'hypermesh_monitor_sample_seconds',
    'Time to take one sample',
    [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3],
  );
  return {
    sampled: (sample, tookMs) => {
      if (sample.cpuPercent.known) cpu.set(sample.cpuPercent.value / 100);
      if (sample.memoryUsedBytes.known) memory.set(sample.memoryUsedBytes.value);
      if (sample.cpuTemperatureCelsius.known) temperature.set(sample.cpuTemperatureCelsius.value);
      appCpu.set(sample.app.cpuPercentOfCore / 100);
      appMemory.set(sample.app.memoryBytes);
      sampleSeconds.observe(tookMs / 1000);
    },
  };
};
