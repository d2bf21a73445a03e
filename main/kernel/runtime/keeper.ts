import type { JobId, Logger } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import { OUTPUT_STORED_BYTES_MAX } from './constants.ts';
import { contentHolderOf, type ContentStore } from './content/index.ts';
import type { JobRecords } from './job-records.ts';

/** Keeps the number of ended jobs, and the output of all, within bounds. */
export interface Keeper {
  load(): Promise<void>;
  /** So much more output is in the store. */
  wrote(bytes: number): void;
  /** Forgets ended jobs, with their output and files. */
  remove(ids: readonly JobId[]): Promise<void>;
  /** Forgets what is too much, soon. */
  clean(): void;
  /** Resolves when no removal is under way. */
  settled(): Promise<void>;
}

export const createKeeper = (parts: {
  logger: Logger;
  records: JobRecords;
  content: ContentStore | null;
  /** What else there is of it goes first. */
  removing(id: JobId): Promise<unknown>;
  removed(id: JobId): void;
}): Keeper => {
  const { logger, records, content, removing, removed } = parts;
  let storedBytes = 0;
  /** Removals under way, one after the other. */
  let cleaning: Promise<void> = Promise.resolve();
  const remove = async (ids: readonly JobId[]): Promise<void> => {
    let bytes = 0;
    for (const id of ids) {
      await removing(id);
      bytes += await records.outputBytes(id);
    }
    await records.delete(ids);
    storedBytes -= bytes;
    for (const id of ids) {
      await content?.release(contentHolderOf(id));
      removed(id);
    }
  };
  const clean = async (): Promise<void> => {
    const surplus = await records.surplus();
    if (surplus.length > 0) await remove(surplus as JobId[]);
    while (storedBytes > OUTPUT_STORED_BYTES_MAX) {
      const oldest = await records.oldestWithOutput();
      if (oldest === null) break;
      await remove([oldest as JobId]);
    }
  };
  return {
    load: async () => {
      storedBytes = await records.outputBytes();
    },
    wrote: (bytes) => {
      storedBytes += bytes;
    },
    remove,
    clean: () => {
      cleaning = cleaning.then(clean).catch((error: unknown) => {
        logger.warn('Old jobs could not be removed', { reason: messageOf(error) });
      });
    },
    settled: () => cleaning,
  };
};
