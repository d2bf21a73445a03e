import { messageOf, type Clock, type Logger } from '../../../base/index.ts';
import type { Terms } from '../interface.ts';
import { settlementOf } from './deal.ts';
import type { Journal } from './journal.ts';
import type { LeaseEntry } from './lease-entry.ts';
import type { LeaseRows } from './lease-rows.ts';

/** Between two tries to settle what could not be settled: a ledger that is away comes back. */
const AGAIN_MS = 60_000;
/** What is sent is final within seconds where all is well; whoever waits for the other side asks less and less often. */
const LOOK_MS = 2_000;

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
  let stopped = false;
  const again = (entry: LeaseEntry, afterMs: number, nextMs: number): void => {
    if (stopped) return;
    later.set(
      entry,
      clock.after(afterMs, () => void settle(entry, nextMs)),
    );
  };
  const settle = async (entry: LeaseEntry, nextMs: number): Promise<void> => {
    later.get(entry)?.();
    later.delete(entry);
    if (entry.settled) return;
    try {
      const settlement = settlementOf(entry, await rows.records(entry.id));
      if (settlement === null || (await terms.settle(settlement))) await journal.settled(entry);
      else again(entry, nextMs, Math.min(AGAIN_MS, 2 * nextMs));
    } catch (error) {
      logger.warn('A lease could not be settled; it is tried again', { leaseId: entry.id, error: messageOf(error) });
      again(entry, AGAIN_MS, LOOK_MS);
    }
  };
  return {
    settle: (entry) => settle(entry, LOOK_MS),
    stop: () => {
      stopped = true;
      for (const cancel of later.values()) cancel();
      later.clear();
    },
  };
};
