import type Docker from 'dockerode';
import type { Clock, Logger } from '../../../../base/index.ts';
import { quotaOf } from './container-options.ts';
import { answered, engineWords, isGone, statusOf } from './engine-call.ts';
import { SHARE_RETRY_MS } from './constants.ts';

/** Holds a container to its share. One request to the engine at a time: what is asked for meanwhile is set after it, the newest only. */
export interface Share {
  set(millicores: number): void;
  /** Whether it is frozen now. */
  readonly frozen: boolean;
  /** Lets it run for as long as it takes to end: what is frozen hears no signal. */
  thaw(): void;
  /** What was set last is in force, or cannot be any more. */
  settled(): Promise<void>;
  close(): void;
}

export interface ShareParts {
  clock: Clock;
  logger: Logger;
  container: () => Docker.Container;
  /** As it was made or found. */
  now: { millicores: number; frozen: boolean };
}

export const createShare = ({ clock, logger, container, now }: ShareParts): Share => {
  let wanted = now.frozen ? 0 : now.millicores;
  let quota = now.millicores;
  let frozen = now.frozen;
  let thawed = false;
  let closed = false;
  let working: Promise<void> | null = null;
  let cancelRetry: (() => void) | null = null;

  const isFreeze = (): boolean => wanted === 0 && !thawed;
  const step = async (): Promise<boolean> => {
    if (isFreeze()) {
      if (frozen) return false;
      await answered(clock, container().pause());
      frozen = true;
      return true;
    }
    if (wanted !== 0 && quota !== wanted) {
      const setting = wanted;
      await answered(clock, container().update(quotaOf(setting)));
      quota = setting;
      return true;
    }
    if (!frozen) return false;
    await answered(clock, container().unpause());
    frozen = false;
    return true;
  };
  const work = async (): Promise<void> => {
    try {
      while (!closed && (await step()));
    } catch (error) {
      if (closed || isGone(error)) return;
      // Paused or running already, as the engine says: what we believed was wrong.
      const words = engineWords(error);
      if (statusOf(error) === 409 || /already paused|not paused/i.test(words)) frozen = /already paused/i.test(words);
      logger.debug('A share could not be set', { words });
      cancelRetry?.();
      cancelRetry = clock.after(SHARE_RETRY_MS, kick);
    }
  };
  const kick = (): void => {
    if (closed) return;
    working ??= work().finally(() => {
      working = null;
      // Set while the last answer was on its way.
      if (!closed && cancelRetry === null && (isFreeze() !== frozen || (wanted !== 0 && quota !== wanted))) kick();
    });
  };
  return {
    set: (millicores) => {
      wanted = millicores;
      cancelRetry?.();
      cancelRetry = null;
      kick();
    },
    get frozen() {
      return frozen;
    },
    thaw: () => {
      thawed = true;
      kick();
    },
    settled: async () => {
      while (working !== null) await working;
    },
    close: () => {
      closed = true;
      cancelRetry?.();
    },
  };
};
