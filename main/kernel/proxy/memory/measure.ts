import type { Clock, Random } from '../../../base/index.ts';
import type { MemoryBench } from '../../../../preload/contract/index.ts';
import type { FarStore } from '../interface.ts';

/** Operations of each size: half a second or so over a home's line. */
const PLAN = [
  { sizeBytes: 64, count: 200 },
  { sizeBytes: 4096, count: 200 },
  { sizeBytes: 2 ** 20, count: 8 },
] as const;
/** Operations under way at once while throughput is measured. */
const AT_ONCE = 16;

const rankOf = (samples: readonly number[], share: number): number =>
  samples.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(share * samples.length) - 1)] ?? 0;

/**
 * Measures a store with values of its own, which it deletes again. A key is drawn for each run, so that nothing of anybody is touched.
 *
 * @param readFar - reads past what is kept here
 * @throws {MemoryError} `MEMORY_FULL` and what the store throws; rejects with `signal.reason` when aborted
 */
export const measureStore = async (
  { clock, random }: { clock: Clock; random: Random },
  store: FarStore & { readFar(key: string): Promise<Uint8Array | null> },
  signal?: AbortSignal,
): Promise<MemoryBench> => {
  const prefix = `bench/${Buffer.from(random.bytes(8)).toString('hex')}/`;
  const rows: MemoryBench['rows'] = [];
  for (const { sizeBytes, count } of PLAN) {
    const value = random.bytes(sizeBytes);
    const keys = Array.from({ length: Math.min(count, AT_ONCE) }, (_, i) => `${prefix}${i}`);
    const keyOf = (i: number): string => keys[i % keys.length] as string;
    const operations = {
      write: (i: number): Promise<unknown> => store.set(keyOf(i), value),
      read: (i: number): Promise<unknown> => store.readFar(keyOf(i)),
    };
    try {
      for (const operation of ['write', 'read'] as const) {
        const samples: number[] = [];
        for (let i = 0; i < count; i++) {
          signal?.throwIfAborted();
          const sinceMs = clock.monotonicMs();
          await operations[operation](i);
          samples.push(clock.monotonicMs() - sinceMs);
        }
        const sinceMs = clock.monotonicMs();
        let next = 0;
        await Promise.all(
          keys.map(async () => {
            while (next < count) await operations[operation](next++);
          }),
        );
        const tookMs = Math.max(clock.monotonicMs() - sinceMs, 1e-3);
        rows.push({
          operation,
          sizeBytes,
          count,
          p50Ms: rankOf(samples, 0.5),
          p99Ms: rankOf(samples, 0.99),
          bytesPerSecond: (count * sizeBytes * 1000) / tookMs,
        });
      }
    } finally {
      for (const key of keys) await store.delete(key).catch(() => undefined);
    }
  }
  return { rows };
};
