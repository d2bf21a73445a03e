import { isNodeError, messageOf, type AllocationId, type Clock, type Logger } from '../../base/index.ts';
import type { Level } from '../../../preload/contract/index.ts';
import type { Assets, Holder } from '../assets/index.ts';
import { ALLOCATE_AGAIN_MS, THREAD_MILLICORES, USE_REPORT_MS } from './constants.ts';
import type { ProverMetrics } from './metrics.ts';
import type { GovernedPace } from './pace.ts';

export interface CpuShareComponents {
  clock: Clock;
  logger: Logger;
  metrics: ProverMetrics | null;
  assets: Pick<Assets, 'allocations' | 'levels' | 'on'>;
  pace: GovernedPace;
}
export interface CpuShareInit {
  /** Why nothing can be done now; null when it can again. */
  onBlocked: (reason: string | null) => void;
  /** What the allocation is for, as lists show it. */
  purpose: string;
}

/** What proofs take of the processor, on the books like any job's. */
export interface CpuShare {
  /** Gives everything back. */
  close(): Promise<void>;
}

/** A level as a sentence that says what proofs wait for, and until when where that is known. */
export const blockedBy = (level: Level | undefined): string => {
  if (level === undefined) return 'Proofs wait: this machine does not tell what it has of the processor.';
  if (level.percent > 0) return `Proofs wait: all that the level leaves is promised to jobs (${level.reason}).`;
  const until = level.untilMs === null ? '' : ` It changes by itself at ${new Date(level.untilMs).toISOString()}.`;
  return `Proofs wait: nothing of the processor is lent now. ${level.reason}.${until}`;
};

/**
 * Takes up to one thread of what the level leaves free, and holds the pace to what the book says at each moment: less when
 * the level falls, nothing while lending is paused, more again when it rises. Nothing that is promised to others is touched,
 * and what jobs ask for is given back at once: proofs can wait.
 */
export const openCpuShare = (components: CpuShareComponents, { onBlocked, purpose }: CpuShareInit): CpuShare => {
  const { clock, logger, metrics, assets, pace } = components;
  const { allocations } = assets;
  let id: AllocationId | null = null;
  let granted = 0;
  let closed = false;
  let work: Promise<void> | null = null;
  let again = false;
  let busyMs = pace.busyMs();
  let reportedAtMs = clock.monotonicMs();

  const tell = (effective: number): void => {
    pace.setMillicores(effective);
    onBlocked(effective > 0 ? null : blockedBy(levelNow()));
  };
  const levelNow = (): Level | undefined => assets.levels().find(({ resource }) => resource === 'cpu');
  const freeNow = (): number => {
    const promise = allocations.promises().find(({ resource }) => resource === 'cpu');
    return promise === undefined ? 0 : Math.max(0, Math.floor((promise.lendable ?? 0) - promise.promised));
  };
  const drop = async (): Promise<void> => {
    if (id === null) return;
    const gone = id;
    id = null;
    granted = 0;
    pace.setMillicores(0);
    await allocations.release([gone]);
  };
  const holder: Holder = {
    setEffective: (amount) => {
      if (!closed) tell(amount);
    },
    yielded: (amount) => {
      granted = amount;
    },
    evict: () => {
      // Only "stop everything" evicts from the processor; what is left then is for the level to say.
      tell(0);
      void settle(drop);
    },
  };
  /** Takes what is free, beside what it has. */
  const take = async (): Promise<void> => {
    if (closed || granted >= THREAD_MILLICORES) return;
    const amount = Math.min(THREAD_MILLICORES, granted + freeNow());
    if (amount <= granted) {
      if (id === null) tell(0);
      return;
    }
    await drop();
    try {
      const [taken] = await allocations.allocate([{ resource: 'cpu', amount, purpose, yields: true, holder }]);
      if (taken === undefined) return;
      id = taken;
      granted = amount;
      if (closed) await drop();
    } catch (error) {
      if (!isNodeError(error)) throw error;
      // The level fell between the two looks: the next one finds what is left.
      logger.debug('Proofs got no share of the processor', { reason: messageOf(error) });
      tell(0);
    }
  };
  /** One change at a time; what comes meanwhile is looked at once more at the end. */
  const settle = (first: () => Promise<void> = take): Promise<void> => {
    if (work !== null) {
      again = true;
      return work;
    }
    work = (async () => {
      await first();
      while (again) {
        again = false;
        await take();
      }
    })().finally(() => {
      work = null;
    });
    work.catch((error: unknown) => {
      logger.error('The share of the processor could not be settled', { reason: messageOf(error) });
    });
    return work;
  };
  const report = (): void => {
    const nowMs = clock.monotonicMs();
    const taken = pace.busyMs() - busyMs;
    busyMs += taken;
    metrics?.busySeconds.inc(taken / 1000);
    if (id !== null) allocations.reportUse(id, (taken / Math.max(1, nowMs - reportedAtMs)) * THREAD_MILLICORES);
    reportedAtMs = nowMs;
  };

  const ends = [
    assets.on('levelsChanged', () => void settle()),
    clock.every(ALLOCATE_AGAIN_MS, () => void settle()),
    clock.every(USE_REPORT_MS, report),
  ];
  void settle();
  return {
    close: async () => {
      closed = true;
      for (const end of ends) end();
      report();
      await work?.catch(() => undefined);
      await drop();
    },
  };
};
