import type { Clock, Logger } from '../../../../base/index.ts';
import { messageOf } from '../../../../base/index.ts';
import type { Monitor } from '../../../monitor/index.ts';
import type { Engines } from './engines.ts';
import type { JobProcess } from './job-process.ts';

/** Jobs come in rows: a host that waits longer than this takes memory for nothing. */
const WARM_MS = 120_000;
/** Time after a start before the next host is made ready, so that it does not take the processor from the job itself. */
const QUIET_MS = 300;

export interface WarmHosts {
  /** The host that waits, if it has this memory. It is the caller's from now on. */
  take(memoryBytes: number): JobProcess | null;
  /** A job of this memory has just started: another may come soon. */
  wanted(memoryBytes: number): void;
  close(): Promise<void>;
}

/** One host, at most, that has made Python ready and waits for a job: the next start takes some ms in place of half a second. */
export const createWarmHosts = (
  components: {
    clock: Clock;
    logger: Logger;
    engines: Engines;
    startHost: (memoryBytes: number) => Promise<JobProcess>;
    monitor: Pick<Monitor, 'countProcess'>;
  },
  init: { warmMs?: number | undefined },
): WarmHosts => {
  const { clock, logger, engines, startHost, monitor } = components;
  const warmMs = init.warmMs ?? WARM_MS;
  let waiting: { process: JobProcess; memoryBytes: number; uncount: () => void } | null = null;
  let making: Promise<void> | null = null;
  let cancelMake: () => void = () => undefined;
  let cancelEnd: () => void = () => undefined;
  let closed = false;

  const take = (): typeof waiting => {
    const found = waiting;
    waiting = null;
    cancelEnd();
    found?.uncount();
    return found;
  };
  const end = (): void => {
    cancelMake();
    take()?.process.kill();
    engines.forget('python');
  };
  const make = async (memoryBytes: number): Promise<void> => {
    try {
      const engine = await engines.read('python');
      if (closed) return;
      const process = await startHost(memoryBytes);
      const found = { process, memoryBytes, uncount: monitor.countProcess(process.pid) };
      process.listen({
        running: () => undefined,
        output: () => undefined,
        file: () => undefined,
        ended: () => undefined,
        refused: () => undefined,
        closed: () => {
          if (waiting === found) take();
        },
      });
      waiting = found;
      await process.order({
        header: {
          warm: true,
          kind: 'python',
          args: [],
          env: {},
          scratchBytesMax: 0,
          outputs: [],
        },
        module: new Uint8Array(),
        stdin: new Uint8Array(),
        engine,
        files: [],
      });
      if (closed) end();
    } catch (error) {
      logger.warn('No host could be made ready for Python', { reason: messageOf(error) });
    }
  };

  return {
    take: (memoryBytes) => (waiting?.memoryBytes === memoryBytes ? (take()?.process ?? null) : null),
    wanted: (memoryBytes) => {
      if (warmMs === 0 || closed) return;
      cancelEnd();
      cancelEnd = clock.after(warmMs, end);
      cancelMake();
      cancelMake = clock.after(QUIET_MS, () => {
        // One after the other: the newest wish is the one that counts.
        making = (making ?? Promise.resolve()).then(async () => {
          if (closed || waiting?.memoryBytes === memoryBytes) return;
          waiting?.process.kill();
          take();
          await make(memoryBytes);
          cancelEnd();
          cancelEnd = clock.after(warmMs, end);
        });
      });
    },
    close: async () => {
      closed = true;
      end();
      await making;
      end();
    },
  };
};
