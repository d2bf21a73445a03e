import { availableParallelism, freemem } from 'node:os';
import { AssertionError, type Logger, messageOf, type Outside, type WorkerPool } from '../../../base/index.ts';
import type { BenchmarkPart, BenchmarkResult, Reading } from '../../../../preload/contract/index.ts';
import { known, knownNumber, unknown } from '../../monitor/index.ts';
import type { GpuProbe } from '../adapters/gpu-probe.ts';
import {
  CPU_DURATION_MS,
  DISK_BYTES_MAX,
  GPU_DURATION_MS_MAX,
  MEMORY_ARRAY_BYTES,
  MEMORY_ARRAY_BYTES_MIN,
  MEMORY_DURATION_MS,
  MEMORY_SHARE_OF_FREE,
} from './constants.ts';
import { createDiskBenchmark, type DiskMeasure } from './disk.ts';
import type { HashInput, MemoryInput, Throughput } from './tasks.ts';

export interface BenchmarkComponents {
  /** Its tasks must hold `benchmarkTasks`. */
  workers: WorkerPool;
  /** Null where no face has a window. */
  gpuProbe: GpuProbe | null;
  outside: Outside;
  /** The data folder; its `tmp` takes the file that is written. */
  storagePath: string;
  logger: Logger;
}

export interface BenchmarkInit {
  /** How long each processor part runs. @default 2000 */
  cpuDurationMs?: number;
  /** @default 2000 */
  memoryDurationMs?: number;
  /** Most that is written to disk. @default 256 MiB */
  diskBytesMax?: number;
}

/** Measures processor, memory, disk and graphics in under 20 s. */
export interface Benchmark {
  /**
   * A part that cannot be measured comes back unknown with the reason, and the others go on.
   *
   * @param signal - ends it at any moment; it then rejects with `signal.reason`, and nothing is left on disk
   * @param onProgress - the part that runs, percent of the whole from 0 to 100, and results so far
   */
  run(
    signal: AbortSignal,
    onProgress: (part: BenchmarkPart, progressPercent: number, partial: readonly BenchmarkResult[]) => void,
  ): Promise<BenchmarkResult[]>;
}

/** Parts in order, with their share of the time. */
const PLAN = { cpuSingle: 2, cpuAll: 2.2, memory: 2.5, diskWrite: 3, diskRead: 2, gpu: 3.3 } as const satisfies Record<
  BenchmarkPart,
  number
>;
const WHOLE = Object.values(PLAN).reduce((sum, share) => sum + share, 0);

type Measured = Omit<BenchmarkResult, 'part'>;

export const createBenchmark = (components: BenchmarkComponents, init: BenchmarkInit = {}): Benchmark => {
  const { workers, gpuProbe, outside, storagePath } = components;
  const logger = components.logger.child('benchmark');

  return {
    run: async (signal, onProgress) => {
      signal.throwIfAborted();
      const results: BenchmarkResult[] = [];
      const disk = createDiskBenchmark({ outside, storagePath }, { bytesMax: init.diskBytesMax ?? DISK_BYTES_MAX });
      let done = 0;

      const measure = async (
        part: BenchmarkPart,
        whenUnknown: Omit<Measured, 'value'>,
        work: (moved: (percent: number) => void) => Promise<Measured>,
      ): Promise<void> => {
        const moved = (percent: number): void => {
          if (!signal.aborted)
            onProgress(
              part,
              ((done + (PLAN[part] * Math.min(100, Math.max(0, percent))) / 100) / WHOLE) * 100,
              results,
            );
        };
        moved(0);
        signal.throwIfAborted();
        try {
          results.push({ part, ...(await work(moved)) });
        } catch (error) {
          if (signal.aborted) throw signal.reason;
          if (error instanceof AssertionError) throw error;
          logger.warn('Part of the benchmark failed', { part, error: messageOf(error) });
          results.push({ part, ...whenUnknown, value: unknown(`it could not be measured: ${messageOf(error)}`) });
        }
        signal.throwIfAborted();
        done += PLAN[part];
        moved(0);
      };
      const inThread = async <I>(
        task: string,
        input: I,
        moved: (percent: number) => void,
      ): Promise<Reading<number>> => {
        const answer = await workers.run<I, Throughput, { percent: number }>(task, input, {
          signal,
          onProgress: ({ percent }) => moved(percent),
        });
        return knownNumber(answer.bytesPerSecond, 'the clock of this machine did not move', 1);
      };
      const hashing =
        (threads: number, label: string) =>
        async (moved: (percent: number) => void): Promise<Measured> => ({
          label,
          unit: 'bytesPerSecond',
          value: await inThread<HashInput>(
            'benchmark.sha256',
            { threads, durationMs: init.cpuDurationMs ?? CPU_DURATION_MS },
            moved,
          ),
        });
      const onDisk = ({ bytesPerSecond, label }: DiskMeasure): Measured => ({
        label,
        unit: 'bytesPerSecond',
        value: known(bytesPerSecond),
      });

      try {
        const threads = availableParallelism();
        const single = 'SHA-256, one thread';
        const all = threads === 1 ? single : `SHA-256, ${threads} threads`;
        await measure('cpuSingle', { label: single, unit: 'bytesPerSecond' }, hashing(1, single));
        await measure('cpuAll', { label: all, unit: 'bytesPerSecond' }, hashing(threads, all));
        const copying = 'Copying, one thread, bytes read and written';
        await measure('memory', { label: copying, unit: 'bytesPerSecond' }, async (moved) => {
          const arrayBytes = Math.min(MEMORY_ARRAY_BYTES, Math.floor((freemem() * MEMORY_SHARE_OF_FREE) / 4096) * 4096);
          if (arrayBytes < MEMORY_ARRAY_BYTES_MIN)
            return {
              label: copying,
              unit: 'bytesPerSecond',
              value: unknown('too little memory is free to measure it without getting in the way'),
            };
          return {
            label: copying,
            unit: 'bytesPerSecond',
            value: await inThread<MemoryInput>(
              'benchmark.memory',
              { arrayBytes, durationMs: init.memoryDurationMs ?? MEMORY_DURATION_MS },
              moved,
            ),
          };
        });
        await measure('diskWrite', { label: 'Sequential writing', unit: 'bytesPerSecond' }, async (moved) =>
          onDisk(await disk.write(signal, moved)),
        );
        await measure('diskRead', { label: 'Sequential reading', unit: 'bytesPerSecond' }, async (moved) =>
          onDisk(await disk.read(signal, moved)),
        );
        await measure('gpu', { label: 'Matrix product, 32-bit floats', unit: 'flops' }, async (moved) => ({
          label: 'Matrix product, 32-bit floats',
          unit: 'flops',
          value: await onGpu(signal, moved),
        }));
        return results;
      } finally {
        await disk.remove();
      }
    },
  };

  /** Gives up on a card that hangs, so that the whole stays within its time. */
  async function onGpu(signal: AbortSignal, moved: (percent: number) => void): Promise<Reading<number>> {
    if (gpuProbe === null) return unknown('graphics are measured through the window, and this node has none');
    const late = new AbortController();
    const cancelTimer = outside.clock.after(GPU_DURATION_MS_MAX, () => late.abort());
    const ended = Promise.withResolvers<Reading<number>>();
    late.signal.addEventListener('abort', () =>
      ended.resolve(unknown(`the graphics card did not finish within ${GPU_DURATION_MS_MAX / 1000} s`)),
    );
    const onAbort = (): void => ended.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const asked = gpuProbe.benchmark(AbortSignal.any([signal, late.signal]), moved);
      // Whichever comes second is no longer waited for; its failure is no surprise then.
      asked.catch(() => undefined);
      const answer = await Promise.race([asked, ended.promise]);
      return answer.known ? knownNumber(answer.value, 'the graphics card answered with no figure', 1) : answer;
    } catch (error) {
      if (late.signal.aborted && !signal.aborted) return ended.promise;
      throw error;
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
    }
  }
};
