import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createSystemOutside, createWorkerPool, type Outside, type WorkerPool } from '../../../../main/base/index.ts';
import { createMonitor, createTerminalPresence, type Monitor } from '../../../../main/kernel/monitor/index.ts';
import { type Adapters, createAdapters } from '../../../../main/kernel/assets/adapters/index.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';

/** The real machine with real threads, without a window. `stop` ends all of it. */
export interface Machine {
  outside: Outside;
  monitor: Monitor;
  workers: WorkerPool;
  createAdapters(change?: Partial<Parameters<typeof createAdapters>[0]>): Adapters;
  stop(): Promise<void>;
}

export const startMachine = async (): Promise<Machine> => {
  const outside = createSystemOutside();
  const logger = createSilentLogger();
  const storagePath = tmpdir();
  const monitor = createMonitor({
    outside,
    logger,
    metrics: null,
    presence: createTerminalPresence({ outside }),
    storagePath,
  });
  const workers = createWorkerPool(
    { logger, metrics: null, clock: outside.clock },
    { workerPath: fileURLToPath(new URL('hardware-worker.ts', import.meta.url)) },
  );
  await monitor.start();
  return {
    outside,
    monitor,
    workers,
    createAdapters: (change = {}) =>
      createAdapters({
        outside,
        logger,
        monitor,
        gpuProbe: null,
        workers,
        containerEndpoint: () => null,
        env: {},
        storagePath,
        ...change,
      }),
    stop: async () => {
      await monitor.stop();
      await workers.close();
    },
  };
};
