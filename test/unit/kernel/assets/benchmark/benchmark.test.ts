import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BenchmarkResult, benchmarkParts, benchmarkResult } from '../../../../../preload/contract/index.ts';
import { createBenchmark } from '../../../../../main/kernel/assets/benchmark/index.ts';
import { diskBytesFor } from '../../../../../main/kernel/assets/benchmark/disk.ts';
import type { GpuProbe } from '../../../../../main/kernel/assets/adapters/index.ts';
import { known, unknown } from '../../../../../main/kernel/monitor/index.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { type Machine, startMachine } from '../machine.ts';

let machine: Machine;
beforeAll(async () => {
  machine = await startMachine();
});
afterAll(() => machine.stop());

const build = async (gpuProbe: GpuProbe | null = null, change: { storagePath?: string } = {}) => {
  const storagePath = await mkdtemp(join(tmpdir(), 'hypermesh-benchmark-'));
  const benchmark = createBenchmark(
    {
      workers: machine.workers,
      gpuProbe,
      outside: machine.outside,
      storagePath,
      logger: createSilentLogger(),
      ...change,
    },
    { cpuDurationMs: 50, memoryDurationMs: 50, diskBytesMax: 16 * 1024 ** 2 },
  );
  return { benchmark, leftOver: () => readdir(join(storagePath, 'tmp')).catch(() => []) };
};
const probeWith = (benchmark: GpuProbe['benchmark']): GpuProbe => ({
  probe: () => Promise.resolve(known([])),
  benchmark,
});

describe('benchmark', () => {
  it('measures every part, moves on steadily and leaves nothing behind', async () => {
    const { benchmark, leftOver } = await build(
      probeWith(async (_signal, onProgress) => {
        onProgress(50);
        return known(2.5e9);
      }),
    );
    const seen: { part: string; percent: number; count: number }[] = [];
    const results = await benchmark.run(new AbortController().signal, (part, percent, partial) =>
      seen.push({ part, percent, count: partial.length }),
    );
    expect(results.map((result) => result.part)).toEqual([...benchmarkParts]);
    for (const result of results) {
      expect(benchmarkResult.safeParse(result).error).toBeUndefined();
      expect(result.value).toEqual({ known: true, value: expect.any(Number) });
    }
    const value = (part: string): number => {
      const found = results.find((result) => result.part === part)?.value;
      return found?.known === true ? found.value : 0;
    };
    // Any processor of the last twenty years hashes more than 10 MB/s, and none 100 GB/s.
    for (const part of ['cpuSingle', 'cpuAll', 'memory']) expect(value(part)).toBeGreaterThan(1e7);
    expect(value('cpuSingle')).toBeLessThan(1e11);
    expect(value('gpu')).toBe(2.5e9);
    expect(
      seen.every((step, index) => step.percent >= (seen[index - 1]?.percent ?? 0) - 1e-9 && step.percent <= 100 + 1e-9),
    ).toBe(true);
    expect([...new Set(seen.map((step) => step.part))]).toEqual([...benchmarkParts]);
    expect(seen.at(-1)).toMatchObject({ count: 6 });
    expect(await leftOver()).toEqual([]);
  });

  it.each(benchmarkParts)('ends at once and leaves nothing behind when cancelled during %s', async (during) => {
    const { benchmark, leftOver } = await build(probeWith(() => new Promise(() => undefined)));
    const abort = new AbortController();
    let last: readonly BenchmarkResult[] = [];
    let calledAfter = false;
    const ran = benchmark.run(abort.signal, (part, _percent, partial) => {
      if (abort.signal.aborted) calledAfter = true;
      last = partial;
      if (part === during) abort.abort(new Error('cancelled by the owner'));
    });
    await expect(ran).rejects.toThrow('cancelled by the owner');
    expect(last).toHaveLength(benchmarkParts.indexOf(during));
    expect(calledAfter).toBe(false);
    expect(await leftOver()).toEqual([]);
  });

  it('does not begin when it was cancelled before', async () => {
    const { benchmark } = await build();
    await expect(benchmark.run(AbortSignal.abort(new Error('never')), () => expect.fail())).rejects.toThrow('never');
  });

  it('gives reasons for parts that cannot be measured, and goes on', async () => {
    const { benchmark } = await build(
      probeWith(() => Promise.resolve(unknown('the driver crashed'))),
      { storagePath: '/proc/hypermesh-no-such-folder' },
    );
    const results = await benchmark.run(new AbortController().signal, () => undefined);
    expect(results.map((result) => result.value.known)).toEqual([true, true, true, false, false, false]);
    expect(results.at(-1)?.value).toEqual(unknown('the driver crashed'));
  });
});

it('writes no more than a quarter of what is free', () => {
  expect(diskBytesFor(0)).toBe(0);
  expect(diskBytesFor(40 * 1024 ** 2)).toBe(0);
  expect(diskBytesFor(400 * 1024 ** 2)).toBe(100 * 1024 ** 2);
  expect(diskBytesFor(10 ** 13)).toBe(256 * 1024 ** 2);
});
