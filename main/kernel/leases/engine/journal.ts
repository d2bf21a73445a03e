import type { Outside } from '../../../base/index.ts';
import type { LeaseReceipt, LeaseState } from '../interface.ts';
import { checkArrow, isOver, type LeaseEntry, type LeaseFacts, type Totals } from './lease-entry.ts';
import type { LeaseChange, LeaseRows } from './lease-rows.ts';
import type { LeaseTable } from './lease-table.ts';

/** Moves leases along their arrows: first the row, then the lease, then whoever listens. */
export interface Journal {
  /** One arrow. */
  move(
    entry: LeaseEntry,
    to: LeaseState,
    facts?: Partial<LeaseFacts>,
    more?: Pick<LeaseChange, 'grant' | 'made' | 'signed'> & { totals?: Totals },
  ): Promise<void>;
  /** Something but the state is different. */
  note(
    entry: LeaseEntry,
    facts: Partial<LeaseFacts>,
    more?: Pick<LeaseChange, 'made' | 'signed'> & { totals?: Totals },
  ): Promise<void>;
  /** Pays and gives back are done; of a lease to somebody unknown only sums are left. */
  settled(entry: LeaseEntry): Promise<void>;
  changed(entry: LeaseEntry): void;
}
export interface JournalComponents {
  outside: Outside;
  rows: LeaseRows;
  table: LeaseTable;
  onChanged: (entry: LeaseEntry) => void;
  onOver: (entry: LeaseEntry) => void;
}

export const totalsOf = ({ sequence, unitSeconds, sentBytes, receivedBytes, owedMicro }: LeaseReceipt): Totals => ({
  sequence,
  unitSeconds,
  sentBytes,
  receivedBytes,
  owedMicro,
});
/** What is left of a lease that was lent to nobody in particular. */
const withoutNames = (facts: LeaseFacts): LeaseFacts => ({
  ...facts,
  purpose: '',
  peerId: null,
  far: null,
  farKeys: null,
  requestHash: null,
  grantHash: null,
  terms: null,
});

export const createJournal = ({ outside, rows, table, onChanged, onOver }: JournalComponents): Journal => {
  const write = async (
    entry: LeaseEntry,
    state: LeaseState,
    facts: Partial<LeaseFacts>,
    more: Pick<LeaseChange, 'grant' | 'made' | 'signed'> & { totals?: Totals },
  ): Promise<void> => {
    const { totals, ...change } = more;
    const next = { ...entry.facts, ...facts };
    const endedAtMs = isOver(state) && !isOver(entry.state) ? outside.clock.nowMs() : null;
    await rows.update(entry.id, { state, facts: next, ...change, ...(endedAtMs !== null && { endedAtMs }) });
    entry.state = state;
    entry.facts = next;
    if (totals !== undefined) entry.totals = totals;
    if (endedAtMs !== null) {
      entry.endedAtMs = endedAtMs;
      table.moved(entry);
    }
    onChanged(entry);
    if (endedAtMs !== null) onOver(entry);
  };
  return {
    move: async (entry, to, facts = {}, more = {}) => {
      checkArrow(entry.state, to);
      await write(entry, to, facts, more);
    },
    note: (entry, facts, more = {}) => write(entry, entry.state, facts, more),
    settled: async (entry) => {
      if (entry.side === 'lent' && entry.facts.anonymous) {
        const facts = withoutNames(entry.facts);
        await rows.shred(entry.id, facts);
        entry.facts = facts;
      }
      await rows.settled(entry.id);
      entry.settled = true;
      // What takes room and is of no use any more.
      entry.facts = { ...entry.facts, farKeys: null, terms: null };
      onChanged(entry);
    },
    changed: onChanged,
  };
};
