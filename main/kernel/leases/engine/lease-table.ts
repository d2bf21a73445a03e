import type { ResourceKey } from '../../../../preload/contract/index.ts';
import { LeaseError } from '../errors.ts';
import type { LeaseId } from '../interface.ts';
import { isOver, type LeaseEntry } from './lease-entry.ts';

/** As the contract says. */
const LIST_PAGE_SIZE = 100;

/** All leases that are known, both sides: those that live in the order of their requests, those that are over in the order of their ends. */
export interface LeaseTable {
  /** @returns false where there is one of that id already */
  add(entry: LeaseEntry): boolean;
  get(id: LeaseId): LeaseEntry | undefined;
  /** Tells that the state of an entry is another one. */
  moved(entry: LeaseEntry): void;
  remove(id: LeaseId): void;
  /** @param name - an id, or the beginning of one, with or without `lease-` @throws {LeaseError} `LEASE_UNKNOWN` | `LEASE_AMBIGUOUS` */
  find(name: string): LeaseEntry;
  /** Live ones first, newest first, 100 at a time. */
  list(query: { side: 'lent' | 'borrowed' | 'all'; live: boolean | null; after: string | null }): LeaseEntry[];
  live(): IterableIterator<LeaseEntry>;
  /** Live ones that were lent of a resource. */
  liveOf(resource: ResourceKey): number;
  readonly liveLent: number;
  readonly liveBorrowed: number;
  /** The oldest of those that are over, beyond so many. */
  beyond(kept: number): LeaseEntry[];
}
export const leaseUnknown = (lease: string): LeaseError =>
  new LeaseError(
    { code: 'LEASE_UNKNOWN', lease: lease.slice(0, 64) },
    'There is no such lease; `hypermesh lease list` shows those that there are.',
  );

export const createLeaseTable = (): LeaseTable => {
  const live = new Map<LeaseId, LeaseEntry>();
  const over = new Map<LeaseId, LeaseEntry>();
  const counts = { lent: 0, borrowed: 0 };
  const perResource = new Map<ResourceKey, number>();
  const count = (entry: LeaseEntry, by: 1 | -1): void => {
    counts[entry.side] += by;
    if (entry.side === 'borrowed') return;
    const { resource } = entry.facts;
    const left = (perResource.get(resource) ?? 0) + by;
    if (left === 0) perResource.delete(resource);
    else perResource.set(resource, left);
  };
  const get = (id: LeaseId): LeaseEntry | undefined => live.get(id) ?? over.get(id);

  return {
    add: (entry) => {
      if (get(entry.id) !== undefined) return false;
      if (isOver(entry.state)) over.set(entry.id, entry);
      else {
        live.set(entry.id, entry);
        count(entry, 1);
      }
      return true;
    },
    get,
    moved: (entry) => {
      if (!isOver(entry.state) || !live.delete(entry.id)) return;
      count(entry, -1);
      over.set(entry.id, entry);
    },
    remove: (id) => {
      const entry = live.get(id);
      if (entry !== undefined && live.delete(id)) count(entry, -1);
      over.delete(id);
    },
    find: (name) => {
      const prefix = name.startsWith('lease-') ? name : `lease-${name}`;
      const exact = get(prefix as LeaseId);
      if (exact !== undefined) return exact;
      const found: LeaseEntry[] = [];
      for (const entries of [live, over])
        for (const [id, entry] of entries) if (id.startsWith(prefix)) found.push(entry);
      const [only] = found;
      if (only === undefined) throw leaseUnknown(name);
      if (found.length > 1)
        throw new LeaseError(
          { code: 'LEASE_AMBIGUOUS', lease: name.slice(0, 64), matches: found.length },
          `${found.length} leases begin with these letters; give more of them.`,
        );
      return only;
    },
    list: ({ side, live: which, after }) => {
      const page: LeaseEntry[] = [];
      let passed = after === null;
      const groups = which === null ? [live, over] : which ? [live] : [over];
      for (const group of groups) {
        for (const entry of Array.from(group.values()).reverse()) {
          if (passed && (side === 'all' || entry.side === side)) page.push(entry);
          if (page.length === LIST_PAGE_SIZE) return page;
          passed ||= entry.id === after;
        }
      }
      return page;
    },
    live: () => live.values(),
    liveOf: (resource) => perResource.get(resource) ?? 0,
    get liveLent() {
      return counts.lent;
    },
    get liveBorrowed() {
      return counts.borrowed;
    },
    beyond: (kept) => Array.from(over.values()).slice(0, Math.max(0, over.size - kept)),
  };
};
