import { assert, isNodeError, messageOf, type Clock, type Logger, type Store } from '../../base/index.ts';
import { NETWORK_FLUSH_MS } from './constants.ts';
import { utcMonthOf } from './limits/index.ts';

/** Counts bytes per calendar month in UTC, over restarts. */
export interface NetworkMeter {
  /** Reads what the present month has so far. */
  load(): Promise<void>;
  /** Counts at once; the row follows within {@link NETWORK_FLUSH_MS}, or at `flush`. */
  count(bytes: number): void;
  /** Bytes of the month that `atMs` lies in; 0 for months that nothing is known of, such as those to come. */
  bytesOf(atMs: number): number;
  /** Writes if that is due. Keeps what could not be written and tries again the next time. */
  tick(): Promise<void>;
  /** Writes what is not written yet. Logs a failure and resolves. */
  flush(): Promise<void>;
}

export const createNetworkMeter = (components: { clock: Clock; logger: Logger; store: Store }): NetworkMeter => {
  const { clock, logger, store } = components;
  /** Months looked at: one, or two around the turn of a month or a jump of the clock. */
  const months = new Map<string, { bytes: number; unwritten: number }>();
  let flushedAtMs = -Infinity;
  let flushing: Promise<void> | null = null;

  const monthNow = (): { bytes: number; unwritten: number } => {
    const key = utcMonthOf(clock.nowMs());
    let month = months.get(key);
    if (month === undefined) {
      months.set(key, (month = { bytes: 0, unwritten: 0 }));
      const fresh = month;
      // A month that is new to this run may have a row, when the clock was set back. The read is asked for before any
      // write of ours, so nothing is counted twice.
      void read(key).then(
        (stored) => {
          fresh.bytes += stored;
        },
        (error: unknown) => {
          if (!isNodeError(error)) throw error;
          logger.warn('The network use of a month could not be read, so only what comes from now on counts', {
            month: key,
            reason: messageOf(error),
          });
        },
      );
    }
    return month;
  };
  const read = async (key: string): Promise<number> => {
    const row = await store.get<{ bytes: number }>('network_use.get', 'SELECT bytes FROM network_use WHERE month = ?', [
      key,
    ]);
    return row?.bytes ?? 0;
  };
  const write = async (): Promise<void> => {
    flushedAtMs = clock.monotonicMs();
    for (const [key, month] of months) {
      const { unwritten } = month;
      if (unwritten > 0) {
        month.unwritten = 0;
        try {
          await store.run(
            'network_use.add',
            'INSERT INTO network_use (month, bytes) VALUES (?, ?) ON CONFLICT (month) DO UPDATE SET bytes = bytes + excluded.bytes',
            [key, unwritten],
          );
        } catch (error) {
          if (!isNodeError(error)) throw error;
          month.unwritten += unwritten;
          logger.warn('Network use could not be written yet', { month: key, reason: messageOf(error) });
        }
      }
      if (month.unwritten === 0 && key !== utcMonthOf(clock.nowMs())) months.delete(key);
    }
  };
  const flush = async (): Promise<void> => {
    // One at a time: what is being written now is not written twice.
    while (flushing !== null) await flushing;
    flushing = write();
    try {
      await flushing;
    } finally {
      flushing = null;
    }
  };
  return {
    load: async () => {
      const key = utcMonthOf(clock.nowMs());
      months.set(key, { bytes: await read(key), unwritten: 0 });
    },
    count: (bytes) => {
      assert(Number.isSafeInteger(bytes) && bytes >= 0, 'Bytes are counted in whole numbers.');
      const month = monthNow();
      month.bytes += bytes;
      month.unwritten += bytes;
    },
    bytesOf: (atMs) => {
      const key = utcMonthOf(atMs);
      if (key === utcMonthOf(clock.nowMs())) return monthNow().bytes;
      return months.get(key)?.bytes ?? 0;
    },
    tick: async () => {
      if (flushing === null && clock.monotonicMs() - flushedAtMs >= NETWORK_FLUSH_MS) await flush();
    },
    flush,
  };
};
