import type { Clock, Logger, Store } from '../../../base/index.ts';
import { messageOf } from '../../../base/index.ts';
import type { ResourceKey } from '../../../../preload/contract/index.ts';

const DAY_MS = 24 * 3_600_000;
/** Days that are kept. */
const KEPT_DAYS = 60;
/** Counts are written so often at most; what a crash takes with it are the last ones. */
const WRITE_MS = 10_000;
/** Different outcomes of a resource that are counted in a day; a code comes from this program, so there are few. */
const WAITING_MAX = 1_000;

/** How requests of others ended, by day: `granted`, or the code of the refusal. */
export interface AskedCounts {
  count(resource: ResourceKey, what: string): void;
  /** Of the last days, the most frequent first. */
  recent(resource: ResourceKey, days: number): Promise<{ what: string; count: number }[]>;
  stop(): Promise<void>;
}
export const createAskedCounts = ({
  clock,
  logger,
  store,
}: {
  clock: Clock;
  logger: Logger;
  store: Store;
}): AskedCounts => {
  const waiting = new Map<string, { day: number; resource: ResourceKey; what: string; count: number }>();
  let cancel: (() => void) | null = null;
  let writing: Promise<void> = Promise.resolve();
  const today = (): number => Math.floor(clock.nowMs() / DAY_MS);

  const write = (): Promise<void> => {
    cancel?.();
    cancel = null;
    const all = [...waiting.values()];
    waiting.clear();
    if (all.length === 0) return writing;
    writing = writing
      .then(() =>
        store.transaction('caesar.counts', [
          ...all.map(({ day, resource, what, count }) => ({
            sql: `INSERT INTO caesar_counts (day, resource, what, count) VALUES (?, ?, ?, ?)
                  ON CONFLICT (day, resource, what) DO UPDATE SET count = count + excluded.count`,
            params: [day, resource, what, count],
          })),
          { sql: 'DELETE FROM caesar_counts WHERE day < ?', params: [today() - KEPT_DAYS] },
        ]),
      )
      .catch((error: unknown) => {
        logger.warn('Requests could not be counted', { error: messageOf(error) });
      });
    return writing;
  };
  return {
    count: (resource, what) => {
      const day = today();
      const name = `${day}:${resource}:${what}`;
      const before = waiting.get(name);
      if (before !== undefined) before.count += 1;
      else if (waiting.size < WAITING_MAX) waiting.set(name, { day, resource, what, count: 1 });
      cancel ??= clock.after(WRITE_MS, () => void write());
    },
    recent: async (resource, days) => {
      await write();
      return await store.all<{ what: string; count: number }>(
        'caesar.asked',
        'SELECT what, sum(count) AS count FROM caesar_counts WHERE resource = ? AND day > ? GROUP BY what ORDER BY count DESC, what',
        [resource, today() - days],
      );
    },
    stop: async () => {
      await write();
    },
  };
};
