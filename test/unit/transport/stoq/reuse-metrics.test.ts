import { expect, it } from 'vitest';
import { createMetricsRegistry } from '../../../../main/base/index.ts';
import { reuseMetrics } from '../../../../main/transport/stoq/reuse-metrics.ts';
import { createManualClock } from '../../../support/manual-clock.ts';

it('goes on with the figures of before when a room is built again', async () => {
  const registry = createMetricsRegistry({ clock: createManualClock() });
  for (let run = 0; run < 2; run += 1) {
    const metrics = reuseMetrics(registry);
    metrics.counter('hypermesh_stoq_test_total', 'A test.').inc(2);
    metrics.gauge('hypermesh_stoq_test_open', 'A test.').set(run);
    metrics.histogram('hypermesh_stoq_test_seconds', 'A test.', [1]).observe(0.5);
  }
  const text = await registry.text();
  expect(text).toMatch(/^hypermesh_stoq_test_total 4$/m);
  expect(text).toMatch(/^hypermesh_stoq_test_open 1$/m);
  expect(text).toMatch(/^hypermesh_stoq_test_seconds_count 2$/m);
});
