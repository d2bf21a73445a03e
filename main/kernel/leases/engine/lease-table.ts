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

/** Entries in the order in which they were added, walked from the newest without a copy of all. */
interface Place {
  entry: LeaseEntry;
  older: Place | null;
  newer: Place | null;
}
const createOrder = () => {
  const places = new Map<LeaseId, Place>();
  let newest: Place | null = null;
  return {
    places,
    add: (entry: LeaseEntry): void => {
      const place: Place = { entry, older: newest, newer: null };
      if (newest !== null) newest.newer = place;
      newest = place;
      places.set(entry.id, place);
    },
    delete: (id: LeaseId): boolean => {
      const place = places.get(id);
      if (place === undefined) return false;
      if (place.newer === null) newest = place.older;
      else place.newer.older = place.older;
      if (place.older !== null) place.older.newer = place.newer;
      return places.delete(id);
    },
    newest: (): Place | null => newest,
  };
};
const PREFIX = 'lease-';
/** Ids lie in drawers by their first digits, so that few are looked at for the beginning of one. */
const DRAWER_DIGITS = 3;
const drawerOf = (id: string): string => id.slice(PREFIX.length, PREFIX.length + DRAWER_DIGITS);

export const createLeaseTable = (): LeaseTable => {
  const live = createOrder();
  const over = createOrder();
  const drawers = new Map<string, Set<LeaseEntry>>();
  const counts = { lent: 0, borrowed: 0 };
  const get = (id: LeaseId): LeaseEntry | undefined => (live.places.get(id) ?? over.places.get(id))?.entry;
  const startingWith = (prefix: string): LeaseEntry[] => {
    const drawer = drawerOf(prefix);
    const looked = drawer.length === DRAWER_DIGITS ? [drawers.get(drawer) ?? []] : drawers.values();
    const found: LeaseEntry[] = [];
    for (const entries of looked) for (const entry of entries) if (entry.id.startsWith(prefix)) found.push(entry);
    return found;
  };

  return {
    add: (entry) => {
      if (get(entry.id) !== undefined) return false;
      if (isOver(entry.state)) over.add(entry);
      else {
        live.add(entry);
        counts[entry.side] += 1;
      }
      const drawer = drawerOf(entry.id);
      const beside = drawers.get(drawer);
      if (beside === undefined) drawers.set(drawer, new Set([entry]));
      else beside.add(entry);
      return true;
    },
    get,
    moved: (entry) => {
      if (!isOver(entry.state) || !live.delete(entry.id)) return;
      counts[entry.side] -= 1;
      over.add(entry);
    },
    remove: (id) => {
      const entry = get(id);
      if (entry === undefined) return;
      if (live.delete(id)) counts[entry.side] -= 1;
      over.delete(id);
      const drawer = drawerOf(id);
      const beside = drawers.get(drawer);
      beside?.delete(entry);
      if (beside?.size === 0) drawers.delete(drawer);
    },
    find: (name) => {
      const prefix = name.startsWith(PREFIX) ? name : `${PREFIX}${name}`;
      const found = startingWith(prefix);
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
      const groups = which === null ? [live, over] : which ? [live] : [over];
      const last = after as LeaseId | null;
      const from = last === null ? 0 : groups.findIndex(({ places }) => places.has(last));
      if (from === -1) return page;
      for (const [number, group] of groups.slice(from).entries()) {
        let place = last !== null && number === 0 ? (group.places.get(last)?.older ?? null) : group.newest();
        for (; place !== null && page.length < LIST_PAGE_SIZE; place = place.older)
          if (side === 'all' || place.entry.side === side) page.push(place.entry);
      }
      return page;
    },
    get liveLent() {
      return counts.lent;
    },
    get liveBorrowed() {
      return counts.borrowed;
    },
    beyond: (kept) => {
      const old: LeaseEntry[] = [];
      // A map keeps what was added first in front.
      for (const { entry } of over.places.values()) {
        if (old.length >= over.places.size - kept) break;
        old.push(entry);
      }
      return old;
    },
  };
};
