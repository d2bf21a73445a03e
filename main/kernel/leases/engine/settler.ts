import { messageOf, type Clock, type Logger } from '../../../base/index.ts';
import type { Terms } from '../interface.ts';
import type { Journal } from './journal.ts';
import type { LeaseEntry } from './lease-entry.ts';
import type { LeaseRows } from './lease-rows.ts';

/** Between two tries to settle what could not be settled: a ledger that is away comes back. */
const AGAIN_MS = 60_000;

/** Settles leases that are over, each until it is done; whoever dies on the way does it again after the next start. */
export interface Settler {
  settle(entry: LeaseEntry): Promise<void>;
  stop(): void;
}
export const createSettler = ({
  clock,
  logger,
  terms,
  rows,
  journal,
}: {
  clock: Clock;
  logger: Logger;
  terms: Terms;
  rows: LeaseRows;
  journal: Journal;
}): Settler => {
  const later = new Map<LeaseEntry, () => void>();
  const settler: Settler = {
    settle: async (entry) => {
      later.get(entry)?.();
      later.delete(entry);
      if (entry.settled) return;
      try {
        const kept = await rows.records(entry.id);
        await terms.settle(entry.id, kept?.countersigned ?? null);
        await journal.settled(entry);
      } catch (error) {
        logger.warn('A lease could not be settled; it is tried again', { leaseId: entry.id, error: messageOf(error) });
        later.set(
          entry,
          clock.after(AGAIN_MS, () => void settler.settle(entry)),
        );
      }
    },
    stop: () => {
      for (const cancel of later.values()) cancel();
      later.clear();
    },
  };
  return settler;
};
