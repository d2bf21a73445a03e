import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { countBuffer } from '../../../main/base/index.ts';

const BUFFER_BYTES = 64 * 1024;

test('buffers that are done with are given back without a look at the whole heap', async () => {
  const kinds: number[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries() as unknown as { detail: { kind: number } }[]) kinds.push(detail.kind);
  });
  observer.observe({ entryTypes: ['gc'] });
  const before = process.memoryUsage().arrayBuffers;
  let highest = 0;
  for (let count = 0; count < 4_096; count++) {
    const buffer = new Uint8Array(BUFFER_BYTES);
    countBuffer(buffer.length);
    if (count % 64 !== 0) continue;
    highest = Math.max(highest, process.memoryUsage().arrayBuffers - before);
    await turn();
  }
  await turn();
  observer.disconnect();
  // 256 MiB in parts of 8.
  expect(kinds.filter((kind) => kind === constants.NODE_PERFORMANCE_GC_MINOR).length).toBeGreaterThanOrEqual(16);
  expect(highest).toBeLessThan(64 * 2 ** 20);
});
