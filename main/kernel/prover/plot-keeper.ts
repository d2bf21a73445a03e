import { isNodeError, messageOf, type Logger } from '../../base/index.ts';
import type { KeyIdBytes } from '../../base/crypto/index.ts';
import type { Pace } from '../proof/index.ts';
import { SMALL_WINDOW_LABELS, WINDOW_LABELS_DEFAULT, type Plots } from '../proof/space/index.ts';
import type { PlotKeeper } from './interface.ts';

export interface PlotKeeperComponents {
  logger: Logger;
  /** Opened. */
  plots: Plots;
}
export interface PlotKeeperInit {
  /** As the plots were given it. @default 2^18 */
  windowLabels?: number | undefined;
}

/** A label is a SHA-256. */
const LABEL_BYTES = 32;

/** Thrown where plotting would begin: only what is too much is deleted then. */
class NothingPlotted extends Error {
  override readonly name = 'NothingPlotted';
}
const PACE_OF_NOTHING: Pace = {
  slice: () => Promise.reject(new NothingPlotted('Plots are only deleted here.')),
};

/** Plots as the prover drives them: one change at a time, and what is too much is deleted without a pace or a key. */
export const createPlotKeeper = (
  { logger, plots }: PlotKeeperComponents,
  { windowLabels = WINDOW_LABELS_DEFAULT }: PlotKeeperInit = {},
): PlotKeeper => {
  const never = new AbortController().signal;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
  /** Bytes of each owner. */
  const byOwner = (): { owner: KeyIdBytes; bytes: number }[] => {
    const found: { owner: KeyIdBytes; bytes: number }[] = [];
    for (const { owner, bytes } of plots.list()) {
      const known = found.find((one) => same(one.owner, owner));
      if (known === undefined) found.push({ owner, bytes });
      else known.bytes += bytes;
    }
    return found;
  };

  return {
    fitting: (bytes) => {
      const labels = 2 ** Math.floor(Math.log2(Math.max(1, bytes / LABEL_BYTES)));
      const window = labels >= windowLabels ? windowLabels : labels >= SMALL_WINDOW_LABELS ? labels : 0;
      return window === 0 ? 0 : Math.floor(bytes / (window * LABEL_BYTES)) * window * LABEL_BYTES;
    },
    plottedBytes: () => plots.list().reduce((sum, { bytes }) => sum + bytes, 0),
    usableBytes: (owner) =>
      plots
        .list()
        .filter((plot) => same(plot.owner, owner) && plot.badWindows.length === 0)
        .reduce((sum, { bytes }) => sum + bytes, 0),
    plots: async (owner) =>
      (await plots.commitments())
        .filter((plot) => same(plot.owner, owner))
        .map(({ root, bytes, opening }) => ({ root, bytes, opening })),
    grow: (bytes, owner, pace, progress, signal) =>
      inTurn(async () => {
        signal.throwIfAborted();
        await plots.setSize(bytes, owner, pace, progress, signal);
      }),
    shrink: (bytes) =>
      inTurn(async () => {
        let left = bytes;
        for (const { owner, bytes: own } of byOwner()) {
          const kept = Math.min(own, left);
          if (kept < own) {
            try {
              await plots.setSize(kept, owner, PACE_OF_NOTHING, () => undefined, never);
            } catch (error) {
              // A plot is deleted as a whole; what is left below the size is plotted again later, at a pace.
              if (!(error instanceof NothingPlotted)) throw error;
            }
          }
          left -= kept;
        }
      }),
    keepOnly: (owner) =>
      inTurn(async () => {
        for (const other of byOwner()) {
          if (same(other.owner, owner)) continue;
          logger.info('Plots of another identity are deleted: only its keys could answer with them', {
            bytes: other.bytes,
          });
          await plots.remove(other.owner).catch((error: unknown) => {
            if (!isNodeError(error)) throw error;
            logger.warn('Plots of another identity could not be deleted', { reason: messageOf(error) });
          });
        }
      }),
  };
};
