import { type Clock, isNodeError, type JobId } from '../../../base/index.ts';
import type { WorkFolder } from '../drivers/interface.ts';
import type { Runtime } from '../interface.ts';
import { notRunning } from './errors.ts';

const LOOK_MS = 20;

/**
 * The work folder of a job that was submitted with `held`, as soon as it is there: the runtime has a name for a job before the engine
 * has its container.
 *
 * @param waitMsMax - how long at most
 * @throws {RemoteJobError} `JOB_NOT_RUNNING` when it ended before that, or the time is up {RuntimeError} `NOT_MOVABLE` | `JOB_UNKNOWN`
 */
export const readyWork = async (
  { runtime, clock }: { runtime: Pick<Runtime, 'get' | 'work'>; clock: Clock },
  id: JobId,
  { waitMsMax, signal }: { waitMsMax: number; signal?: AbortSignal },
): Promise<WorkFolder> => {
  const untilMs = clock.monotonicMs() + waitMsMax;
  for (;;) {
    try {
      return await runtime.work(id);
    } catch (error) {
      if (!isNodeError(error) || error.code !== 'JOB_NOT_RUNNING') throw error;
    }
    const { state } = await runtime.get(id);
    if (state === 'ended' || clock.monotonicMs() >= untilMs) throw notRunning(id);
    await clock.sleep(LOOK_MS, signal);
  }
};
