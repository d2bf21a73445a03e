import { hash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
// Not through the front door: a thread loads what its tasks need and no more.
import { assert } from '../../../base/errors.ts';
import type { Task, TaskContext } from '../../../base/index.ts';
import { createSystemOutside } from '../../../base/system-outside.ts';
import { HASH_BLOCK_BYTES } from './constants.ts';

export interface HashInput {
  /** Threads that hash at once. */
  threads: number;
  durationMs: number;
}
export interface MemoryInput {
  /** Size of each of the two arrays. */
  arrayBytes: number;
  durationMs: number;
}
/** What a task answers. Rates are made of these, so that a thread that started late does not count less. */
export interface Throughput {
  bytesPerSecond: number;
}

/** Blocks between two looks at the clock: about 1 ms at 1 GB/s. */
const BLOCKS_PER_LOOK = 16;

/** Hashes until the time is over. */
const hashHere = (durationMs: number, context: TaskContext): Throughput => {
  // A thread is a world of its own: no Outside is handed into it.
  const { clock, random } = createSystemOutside();
  const block = random.bytes(HASH_BLOCK_BYTES);
  const startMs = clock.monotonicMs();
  let bytes = 0;
  let elapsedMs = 0;
  let reportedMs = 0;
  while (elapsedMs < durationMs) {
    for (let count = 0; count < BLOCKS_PER_LOOK; count += 1) hash('sha256', block, 'buffer');
    bytes += BLOCKS_PER_LOOK * HASH_BLOCK_BYTES;
    elapsedMs = clock.monotonicMs() - startMs;
    if (elapsedMs - reportedMs < 100) continue;
    reportedMs = elapsedMs;
    context.report({ percent: Math.min(100, (elapsedMs / durationMs) * 100) });
  }
  return { bytesPerSecond: (bytes * 1000) / elapsedMs };
};

/**
 * The same loop for the threads below a task's thread. As text, because a bundler moves files and this needs nothing but
 * Node; they are started together by a message, once all of them are up, and end with the thread that started them.
 */
const HASH_THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { hash, randomBytes } = require('node:crypto');
const block = randomBytes(workerData.blockBytes);
parentPort.once('message', () => {
  const start = process.hrtime.bigint();
  let bytes = 0;
  let elapsedMs = 0;
  while (elapsedMs < workerData.durationMs) {
    for (let count = 0; count < workerData.blocksPerLook; count += 1) hash('sha256', block, 'buffer');
    bytes += workerData.blocksPerLook * block.length;
    elapsedMs = Number(process.hrtime.bigint() - start) / 1e6;
  }
  parentPort.postMessage({ bytesPerSecond: (bytes * 1000) / elapsedMs });
});
parentPort.postMessage('ready');
`;

/** More threads than this are not started: the largest machines have fewer. */
const THREADS_MAX = 1024;

const hashInThreads = async (input: HashInput, context: TaskContext): Promise<Throughput> => {
  const { clock } = createSystemOutside();
  const workerData = { blockBytes: HASH_BLOCK_BYTES, blocksPerLook: BLOCKS_PER_LOOK, durationMs: input.durationMs };
  const threads = Array.from({ length: input.threads }, () => new Worker(HASH_THREAD, { eval: true, workerData }));
  const next = (thread: Worker): Promise<unknown> =>
    new Promise((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error('A thread of the benchmark ended early.')));
    });
  try {
    await Promise.all(threads.map(next));
    const answers = threads.map(next);
    const startMs = clock.monotonicMs();
    const stop = clock.every(100, () =>
      context.report({ percent: Math.min(100, ((clock.monotonicMs() - startMs) / input.durationMs) * 100) }),
    );
    for (const thread of threads) thread.postMessage('go');
    const results = (await Promise.all(answers).finally(stop)) as Throughput[];
    return { bytesPerSecond: results.reduce((sum, result) => sum + result.bytesPerSecond, 0) };
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
};

/** SHA-256 over blocks of 64 KiB, as in hashing content. */
const hashTask: Task = (input, context) => {
  const { threads, durationMs } = input as HashInput;
  assert(
    Number.isInteger(threads) && threads >= 1 && threads <= THREADS_MAX && durationMs > 0,
    'A hash benchmark has threads and a time.',
  );
  return threads === 1 ? hashHere(durationMs, context) : hashInThreads({ threads, durationMs }, context);
};

/** Copies one large array into another; bytes read and written both count, as in STREAM (McCalpin, 1995). */
const memoryTask: Task = (input, context): Throughput => {
  const { arrayBytes, durationMs } = input as MemoryInput;
  assert(
    Number.isInteger(arrayBytes) && arrayBytes > 0 && arrayBytes % 8 === 0 && durationMs > 0,
    'A memory benchmark has a size and a time.',
  );
  const { clock } = createSystemOutside();
  const source = new Float64Array(arrayBytes / 8).fill(1.5);
  const target = new Float64Array(arrayBytes / 8).fill(0.5); // Touched, so that no page is given out while measuring.
  const startMs = clock.monotonicMs();
  let bytes = 0;
  let elapsedMs = 0;
  while (elapsedMs < durationMs) {
    target.set(source);
    bytes += 2 * arrayBytes;
    elapsedMs = clock.monotonicMs() - startMs;
    context.report({ percent: Math.min(100, (elapsedMs / durationMs) * 100) });
  }
  assert(target[target.length - 1] === 1.5, 'A copy holds what was copied.');
  return { bytesPerSecond: (bytes * 1000) / elapsedMs };
};

/** Names are what `WorkerPool.run` is asked for. */
export const benchmarkTasks: Record<string, Task> = { 'benchmark.sha256': hashTask, 'benchmark.memory': memoryTask };
