import { type Logger, newJobId, type Outside } from '../../../../base/index.ts';
import { READY_HOLDER_MS } from './constants.ts';
import { engineWords } from './engine-call.ts';
import type { Holder, Holders } from './holder/interface.ts';
import { type EngineNames, namesOf } from './names.ts';

/** A holder that runs and belongs to no job yet. */
export interface ReadyHolder {
  names: Pick<EngineNames, 'holder' | 'volume' | 'holderJob'>;
  holder: Holder;
}
/**
 * Keeps one holder ready while jobs come: the engine takes 280 ms to start one with a network namespace of its own and 115 ms for the
 * job beside it, so that a job that finds one starts sooner than a container of its own would. Only for jobs without a network, of
 * the size of work folder that was asked for last.
 */
export interface ReadyHolders {
  /** @returns null when none of that size is ready */
  take(workBytes: number): ReadyHolder | null;
  /** Makes one, unless it is there or on its way. Nobody waits for it. */
  refill(workBytes: number): void;
  /** Names of what is ready or on its way: nothing that a sweep may take. */
  names(): string[];
  stop(): Promise<void>;
}

export const createReadyHolders = (components: {
  outside: Outside;
  logger: Logger;
  holders: Holders;
}): ReadyHolders => {
  const { outside, logger, holders } = components;
  let ready: (ReadyHolder & { workBytes: number }) | null = null;
  let making: { names: EngineNames; done: Promise<void> } | null = null;
  let cancelExpiry: (() => void) | null = null;
  let stopped = false;
  const drop = async (): Promise<void> => {
    cancelExpiry?.();
    const dropped = ready;
    ready = null;
    await dropped?.holder.remove().catch((error: unknown) => {
      logger.debug('A ready holder could not be removed', { words: engineWords(error) });
    });
  };
  const make = async (names: EngineNames, job: ReturnType<typeof newJobId>, workBytes: number): Promise<void> => {
    try {
      await drop();
      const { holder: name, volume } = names;
      const holder = await holders.make({ name, volume, job, workBytes, network: null });
      if (stopped) {
        await holder.remove();
        return;
      }
      const { container: _, ...held } = names;
      const mine = { names: held, holder, workBytes };
      ready = mine;
      holder.on('lost', () => {
        if (ready === mine) void drop();
      });
      cancelExpiry = outside.clock.after(READY_HOLDER_MS, () => void drop());
    } catch (error) {
      logger.debug('No holder could be made ready', { words: engineWords(error) });
    }
  };
  return {
    take: (workBytes) => {
      if (ready === null || ready.workBytes !== workBytes) return null;
      const taken = ready;
      ready = null;
      cancelExpiry?.();
      return taken;
    },
    refill: (workBytes) => {
      if (stopped || making !== null || ready?.workBytes === workBytes) return;
      const job = newJobId(outside.random);
      const names = namesOf(job);
      making = { names, done: make(names, job, workBytes).finally(() => (making = null)) };
    },
    names: () =>
      [ready?.names, making?.names].flatMap((names) => (names === undefined ? [] : [names.holder, names.volume])),
    stop: async () => {
      stopped = true;
      await making?.done;
      await drop();
    },
  };
};
