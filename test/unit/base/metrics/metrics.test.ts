import { register } from 'prom-client';
import { expect, it } from 'vitest';
import { createMetricsRegistry } from '../../../../main/base/index.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

const valueOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1]?.replace('Nan', 'NaN'));

it('writes counters, gauges and histograms as Prometheus reads them', async () => {
  const registry = createMetricsRegistry({ clock: createManualClock() });
  const jobs = registry.counter('hypermesh_jobs_ended_total', 'Jobs that ended', ['why']);
  jobs.inc(1, { why: 'exited' });
  jobs.inc(2, { why: 'exited' });
  const level = registry.gauge('hypermesh_level_ratio', 'Level in force');
  level.set(0.5);
  registry.histogram('hypermesh_start_seconds', 'Start', [0.1, 1]).observe(0.2);
  const text = await registry.text();
  expect(text).toContain('# TYPE hypermesh_jobs_ended_total counter\nhypermesh_jobs_ended_total{why="exited"} 3');
  expect(text).toContain('hypermesh_level_ratio 0.5');
  expect(text).toContain('hypermesh_start_seconds_bucket{le="0.1"} 0\nhypermesh_start_seconds_bucket{le="1"} 1');
});

it('tells what the process takes, and leaves the global registry alone', async () => {
  const clock = createManualClock();
  const registry = createMetricsRegistry({ clock });
  const first = await registry.text();
  expect(valueOf(first, 'hypermesh_process_cpu_seconds_total')).toBeGreaterThan(0);
  expect(valueOf(first, 'hypermesh_process_resident_bytes')).toBeGreaterThan(10e6);
  expect(valueOf(first, 'hypermesh_event_loop_delay_p99_seconds')).toBeNaN();
  expect(await register.metrics()).toBe('\n');
});

it('watches the loop only while somebody reads', async () => {
  const clock = createManualClock();
  const registry = createMetricsRegistry({ clock });
  await registry.text();
  const endMs = performance.now() + 100;
  while (performance.now() < endMs) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(valueOf(await registry.text(), 'hypermesh_event_loop_delay_p99_seconds')).toBeGreaterThanOrEqual(0);
  await clock.advance(10 * 60_000);
  expect(clock.pendingCount).toBe(0);
  expect(valueOf(await registry.text(), 'hypermesh_event_loop_delay_p99_seconds')).toBeNaN();
});

it('refuses a name twice and a label that was not announced', () => {
  const registry = createMetricsRegistry({ clock: createManualClock() });
  const counter = registry.counter('hypermesh_x_total', 'X', ['a']);
  expect(() => registry.counter('hypermesh_x_total', 'X')).toThrow('already been registered');
  expect(() => {
    counter.inc(1, { b: '1' });
  }).toThrow('label');
});
