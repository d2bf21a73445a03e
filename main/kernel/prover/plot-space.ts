import { isNodeError, messageOf, type AllocationId, type Logger } from '../../base/index.ts';
import type { Assets, Holder } from '../assets/index.ts';
import type { PlotKeeper } from './interface.ts';
import type { ProverMetrics } from './metrics.ts';

export interface PlotSpaceComponents {
  logger: Logger;
  metrics: ProverMetrics | null;
  assets: Pick<Assets, 'allocations' | 'levels'>;
  plots: PlotKeeper;
}
export interface PlotSpaceInit {
  /** The amount changed without being asked: the level fell below it. What is being plotted has to stop first. */
  onEvicted: () => void;
}

/** Space of proofs, on the books like any lease's. */
export interface PlotSpace {
  /** Bytes that may be plotted now; what lies on disk beyond them is being deleted. */
  readonly allowedBytes: number;
  /** Why it is less than was wanted; null when it is not. */
  readonly reason: string | null;
  /** Asks the book for as much of what is wanted as it gives, and deletes plots that it does not. */
  settle(wantedBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** What lists of allocations show. */
const PURPOSE = 'proofs of space';

/**
 * Holds one allocation of storage for plots. When the owner's level no longer covers it, plots are deleted until the rest
 * fits: space cannot be squeezed. It is asked for anew with each {@link PlotSpace.settle}, so that a level that rises again
 * is used.
 */
export const openPlotSpace = (components: PlotSpaceComponents, { onEvicted }: PlotSpaceInit): PlotSpace => {
  const { logger, metrics, assets, plots } = components;
  const { allocations } = assets;
  let id: AllocationId | null = null;
  let allowedBytes = 0;
  let reason: string | null = null;
  let wanted = 0;
  let closed = false;
  /** The book no longer counts the amount as given. */
  let evicted = false;
  let last: Promise<void> = Promise.resolve();

  const wholeWindows = (bytes: number): number => plots.fitting(bytes);
  const levelReason = (): string =>
    assets.levels().find(({ resource }) => resource === 'storage')?.reason ?? 'the size of the disk is not known';
  const freeNow = (): number => {
    const promise = allocations.promises().find(({ resource }) => resource === 'storage');
    return promise === undefined ? 0 : Math.max(0, (promise.lendable ?? 0) - promise.promised);
  };
  const giveBack = async (): Promise<void> => {
    if (id === null) return;
    const gone = id;
    id = null;
    await allocations.release([gone]);
  };
  const holder: Holder = {
    setEffective: () => undefined,
    evict: (why) => {
      logger.info('Plots go back to the owner', { reason: why });
      evicted = true;
      onEvicted();
      void space.settle(wanted);
    },
  };
  const allocate = async (amount: number): Promise<boolean> => {
    if (amount === 0) return false;
    try {
      const present = Math.min(amount, plots.plottedBytes());
      const [taken] = await allocations.allocate([{ resource: 'storage', amount, purpose: PURPOSE, present, holder }]);
      id = taken ?? null;
      reason = null;
      return true;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      reason = messageOf(error);
      return false;
    }
  };
  const run = async (wantedBytes: number): Promise<void> => {
    const target = wholeWindows(wantedBytes);
    if (id !== null && allowedBytes === target && !evicted && plots.plottedBytes() <= target) return;
    evicted = false;
    // With its old amount back on the books, what is free is all that it may have. Nothing is deleted meanwhile.
    await giveBack();
    const fits = wholeWindows(Math.min(target, freeNow()));
    // A disk that has less free than the level allows: what is there may stay.
    const taken = (await allocate(fits))
      ? fits
      : (await allocate(Math.min(fits, wholeWindows(plots.plottedBytes()))))
        ? Math.min(fits, wholeWindows(plots.plottedBytes()))
        : 0;
    allowedBytes = taken;
    if (taken < target)
      reason ??= `${levelReason()}; that leaves ${Math.floor(taken / 1048576)} MiB for proofs of space`;
    if (plots.plottedBytes() > taken) await plots.shrink(taken);
    metrics?.plottedBytes.set(plots.plottedBytes());
  };

  const space: PlotSpace = {
    get allowedBytes() {
      return allowedBytes;
    },
    get reason() {
      return reason;
    },
    settle: (wantedBytes) => {
      wanted = wantedBytes;
      // One after the other; the last one that was asked for stands.
      const done = last.then(() => (closed ? undefined : run(wanted)));
      last = done.catch((error: unknown) => {
        logger.error('Space for proofs could not be settled', { reason: messageOf(error) });
      });
      return done;
    },
    close: async () => {
      closed = true;
      await last;
      await giveBack();
    },
  };
  return space;
};
