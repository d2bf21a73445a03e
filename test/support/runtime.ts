import { join } from 'node:path';
import {
  createSystemOutside,
  createWorkerPool,
  type Logger,
  type Store,
  type WorkerPool,
} from '../../main/base/index.ts';
import { createAllocationBook, type DrivenAllocationBook } from '../../main/kernel/assets/allocation-book.ts';
import {
  createRuntime,
  createSandboxDriver,
  type HostProgram,
  type Runtime,
  type RuntimeComponents,
  type RuntimeDriver,
  type RuntimeInit,
  type SandboxDriverInit,
} from '../../main/kernel/runtime/index.ts';
import type { JobOutputChunk, JobSpec, JobView, SandboxSpec } from '../../preload/contract/index.ts';
import { bookedOf, insertAsset } from './booked.ts';
import { createMemoryStore } from './memory-store.ts';
import { createSilentLogger } from './silent-logger.ts';

/** Job hosts run from source, by the Node that runs the tests. */
export const testHost: HostProgram = {
  execPath: process.execPath,
  script: join(import.meta.dirname, '..', '..', 'main', 'kernel', 'runtime', 'host', 'main.ts'),
  env: {},
};

/** The real runtime with its real neighbours: processes, clock, book of allocations, database in memory. */
export interface RuntimeBench {
  runtime: Runtime;
  book: DrivenAllocationBook;
  store: Store;
  workers: WorkerPool;
  /** Process ids that the monitor was told of and not told to forget. */
  pids: Set<number>;
  /** Sets the level of the processor; capacity is 64 cores, so that no test waits for another's jobs. */
  setCpuPercent(percent: number): void;
  setMemoryPercent(percent: number): void;
  close(): Promise<void>;
}

const CPU_MILLICORES = 64_000;
const MEMORY_BYTES = 64 * 1024 ** 3;
const CONTAINERS = 256;

export const createRuntimeBench = async (
  init: RuntimeInit &
    SandboxDriverInit & {
      host?: HostProgram;
      store?: Store;
      logger?: Logger;
      /** Beside the sandboxes. */
      drivers?: readonly RuntimeDriver[];
    } & Partial<Pick<RuntimeComponents, 'content' | 'settings' | 'signer' | 'networkOf'>> = {},
): Promise<RuntimeBench> => {
  const outside = createSystemOutside();
  const logger = init.logger ?? createSilentLogger();
  const store = init.store ?? (await createMemoryStore(outside.clock));
  const cpu = await insertAsset(store, 'cpu');
  const memory = await insertAsset(store, 'memory');
  const container = await insertAsset(store, 'container');
  const book = createAllocationBook({ outside, logger, metrics: null, store, onChange: () => undefined });
  await book.open();
  let cpuPercent = 100;
  let memoryPercent = 100;
  const apply = (): void =>
    book.apply([
      bookedOf(cpu, 'cpu', cpuPercent, { capacity: { known: true, value: CPU_MILLICORES } }),
      bookedOf(memory, 'memory', memoryPercent, { capacity: { known: true, value: MEMORY_BYTES }, unit: 'bytes' }),
      bookedOf(container, 'container', 100, { capacity: { known: true, value: CONTAINERS }, unit: 'containers' }),
    ]);
  apply();
  const workers = createWorkerPool(
    { logger, metrics: null, clock: outside.clock },
    { workerPath: join(import.meta.dirname, 'runtime-worker.ts'), size: 1 },
  );
  const pids = new Set<number>();
  const runtime = createRuntime(
    {
      outside,
      logger,
      metrics: null,
      store,
      settings: init.settings ?? null,
      content: init.content ?? null,
      signer: init.signer ?? null,
      networkOf: init.networkOf ?? null,
      allocations: book,
      drivers: [
        createSandboxDriver(
          {
            clock: outside.clock,
            logger,
            workers,
            host: init.host ?? testHost,
            monitor: {
              countProcess: (pid) => {
                pids.add(pid);
                return () => pids.delete(pid);
              },
            },
          },
          init,
        ),
        ...(init.drivers ?? []),
      ],
    },
    init,
  );
  await runtime.start();
  return {
    runtime,
    book,
    store,
    workers,
    pids,
    setCpuPercent: (percent) => {
      cpuPercent = percent;
      apply();
    },
    setMemoryPercent: (percent) => {
      memoryPercent = percent;
      apply();
    },
    close: async () => {
      await runtime.stop();
      await book.close();
      await workers.close();
      await store.close();
    },
  };
};

/** A request with small limits, for a program given as bytes (WebAssembly) or text (JavaScript). */
export const specOf = (program: Uint8Array | string, given: Partial<SandboxSpec> = {}): SandboxSpec => ({
  name: 'test',
  kind: typeof program === 'string' ? 'javascript' : 'wasm',
  module: Buffer.from(program).toString('base64'),
  args: [],
  stdin: '',
  cpuPercent: 100,
  memoryBytes: 16 * 1024 * 1024,
  timeMsMax: 60_000,
  outputBytesMax: 1024 * 1024,
  scratchBytesMax: 1024 * 1024,
  env: {},
  files: [],
  outputs: [],
  priority: 'normal',
  queue: false,
  restarts: 0,
  ...given,
});

/** Resolves with the first view of a job that `wanted` accepts, now or later. */
export const viewWhen = (runtime: Runtime, id: string, wanted: (view: JobView) => boolean): Promise<JobView> =>
  new Promise((resolve, reject) => {
    const stop = runtime.on('jobChanged', (view) => {
      if (view.id !== id || !wanted(view)) return;
      stop();
      resolve(view);
    });
    runtime.get(id as never).then((view) => {
      if (!wanted(view)) return;
      stop();
      resolve(view);
    }, reject);
  });

/** Runs a program to its end. */
export const runToEnd = async (
  runtime: Runtime,
  spec: JobSpec,
): Promise<{ view: JobView; stdout: Buffer; stderr: Buffer }> => {
  const { id } = await runtime.submit(spec);
  const view = await viewWhen(runtime, id, ({ state }) => state === 'ended');
  await runtime.idle();
  const chunks: JobOutputChunk[] = [];
  for (let offset = 0; ; ) {
    const answer = await runtime.output(id as never, offset);
    chunks.push(...answer.chunks);
    offset = answer.nextOffset;
    if (answer.ended) break;
  }
  const all = (stream: 'stdout' | 'stderr'): Buffer =>
    Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map(({ data }) => Buffer.from(data, 'base64')));
  return { view, stdout: all('stdout'), stderr: all('stderr') };
};
