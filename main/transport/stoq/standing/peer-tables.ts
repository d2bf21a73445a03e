import type { Random } from '../../../base/index.ts';
import type { PeerId } from '../interface.ts';
import {
  BANNED_MAX,
  HEARD_MAX,
  KEPT_MAX,
  NEAR_MAX,
  PER_GROUP_MAX,
  PER_PROVIDER_MAX,
  PER_SOURCE_MAX,
  PER_TELLER_MAX,
  RECENT_MS,
  TRIED_MAX,
  TRIED_SAFE_MS,
} from './constants.ts';
import { isBannedAt, isOwners, mainPlace, NEAR, type PeerEntry } from './peer-entry.ts';

/**
 * Where an entry has its place. `kept`: the owner's. `banned`: until the ban ends. `tried`: proved itself where we dialled it.
 * `heard`: all others. Bitcoin's `addrman` bounds its two tables by hashing into buckets; a few thousand entries can be counted
 * exactly instead, so that no two honest peers collide by chance.
 */
export const TABLES = ['kept', 'banned', 'tried', 'heard'] as const;
export type TableName = (typeof TABLES)[number];
const SIZES: Readonly<Record<TableName, number>> = {
  kept: KEPT_MAX,
  banned: BANNED_MAX,
  tried: TRIED_MAX,
  heard: HEARD_MAX,
};

export interface PeerTables {
  get(peer: PeerId): PeerEntry | undefined;
  entries(): IterableIterator<PeerEntry>;
  readonly size: number;
  sizeOf(table: TableName): number;
  tableOf(peer: PeerId): TableName | undefined;
  /**
   * Gives an entry, new or changed, the place that is due to it.
   *
   * @param nowMs - the book's time
   * @returns whether it is in the book, and who had to leave it
   */
  place(entry: PeerEntry, nowMs: number): { placed: boolean; evicted: PeerId[] };
  remove(peer: PeerId): boolean;
}

interface Placed {
  entry: PeerEntry;
  table: TableName;
  keys: readonly string[];
}

/** Shares of a table that an entry counts in, with how many may. */
const keysOf = (entry: PeerEntry, table: TableName): string[] => {
  if (table === 'kept' || table === 'banned') return [];
  // One without an address, such as one that dialled us and said none, counts where it was heard of.
  const { group, provider } = mainPlace(entry) ?? { group: entry.teller, provider: entry.teller };
  const keys = [`provider ${provider}`, `group ${group}`];
  if (table === 'heard') keys.push(`teller ${entry.teller}`);
  return keys;
};
const shareOf = (key: string): number => {
  const [kind, name = ''] = key.split(' ');
  if (name === NEAR) return NEAR_MAX;
  if (kind === 'teller') return name.includes(':') ? PER_TELLER_MAX : PER_SOURCE_MAX;
  // Peers without an address, of a source that nobody in particular is.
  if (!name.includes(':')) return PER_TELLER_MAX;
  return kind === 'group' ? PER_GROUP_MAX : PER_PROVIDER_MAX;
};

export const createPeerTables = ({ random }: { random: Random }): PeerTables => {
  const all = new Map<PeerId, Placed>();
  const tables: Readonly<Record<TableName, Set<Placed>>> = {
    kept: new Set(),
    banned: new Set(),
    tried: new Set(),
    heard: new Set(),
  };
  /** Who is in a share of a table. */
  const shares: Readonly<Record<TableName, Map<string, Set<Placed>>>> = {
    kept: new Map(),
    banned: new Map(),
    tried: new Map(),
    heard: new Map(),
  };

  const count = (table: TableName, key: string): number => shares[table].get(key)?.size ?? 0;
  const put = (placed: Placed): void => {
    all.set(placed.entry.peerId, placed);
    tables[placed.table].add(placed);
    for (const key of placed.keys) {
      const share = shares[placed.table].get(key);
      if (share === undefined) shares[placed.table].set(key, new Set([placed]));
      else share.add(placed);
    }
  };
  const take = (placed: Placed): void => {
    all.delete(placed.entry.peerId);
    tables[placed.table].delete(placed);
    for (const key of placed.keys) {
      const share = shares[placed.table].get(key);
      share?.delete(placed);
      if (share?.size === 0) shares[placed.table].delete(key);
    }
  };
  const oneOf = <T>(list: readonly T[]): T | null =>
    list.length === 0 ? null : (list[random.below(list.length)] ?? null);
  const lowestOf = (list: readonly Placed[], value: (entry: PeerEntry) => number): Placed | null =>
    list.reduce<Placed | null>(
      (lowest, one) => (lowest === null || value(one.entry) < value(lowest.entry) ? one : lowest),
      null,
    );

  const due = (entry: PeerEntry, nowMs: number): TableName => {
    if (entry.trusted || entry.name !== '' || isOwners(entry.source) || entry.ban?.byOwner === true) return 'kept';
    if (isBannedAt(entry, nowMs)) return 'banned';
    return entry.addresses.some((one) => one.confirmedAtMs !== null) ? 'tried' : 'heard';
  };

  const seenAtMs = (entry: PeerEntry): number => entry.lastSeenAtMs ?? entry.firstSeenAtMs;
  /** Likely connected now: whoever shows a connection wants to name who it is. */
  const isRecent = (entry: PeerEntry, nowMs: number): boolean =>
    entry.lastSeenAtMs !== null && nowMs - entry.lastSeenAtMs < RECENT_MS;
  const isUseless = (entry: PeerEntry): boolean =>
    entry.points === 0 && entry.addresses.every((one) => one.failures > 0);
  /** Who of `crowd` makes room for `entry`, null when nobody does. */
  const victimFor = (crowd: readonly Placed[], entry: PeerEntry, table: TableName, nowMs: number): Placed | null => {
    switch (table) {
      case 'kept':
        // The owner's word is taken back in the order of its weight, and trust never.
        return (
          lowestOf(
            crowd.filter((one) => !one.entry.trusted && one.entry.name === '' && one.entry.ban === null),
            seenAtMs,
          ) ??
          lowestOf(
            crowd.filter((one) => !one.entry.trusted),
            seenAtMs,
          )
        );
      case 'banned':
        return lowestOf(crowd, (one) => one.ban?.untilMs ?? Infinity);
      case 'tried':
        // Who answered within a day stays: an attacker must wait until honest peers are gone, and cannot push them out.
        return lowestOf(
          crowd.filter((one) => nowMs - seenAtMs(one.entry) > TRIED_SAFE_MS),
          seenAtMs,
        );
      case 'heard': {
        const away = crowd.filter((one) => !isRecent(one.entry, nowMs));
        // Whoever tells of many pushes out what it told of, and nobody else's.
        const told = (of: readonly Placed[]): Placed[] => of.filter((one) => one.entry.teller === entry.teller);
        return oneOf(away.filter((one) => isUseless(one.entry))) ?? oneOf(told(away)) ?? oneOf(told(crowd));
      }
    }
  };
  /** The whole table is full: who has the most in it gives. */
  const crowdOfLargest = (table: TableName): Placed[] => {
    if (table === 'kept' || table === 'banned') return [...tables[table]];
    const kind = table === 'heard' ? 'teller ' : 'provider ';
    let largest = '';
    let most = 0;
    for (const [key, { size }] of shares[table]) if (size > most && key.startsWith(kind)) [largest, most] = [key, size];
    return [...(shares[table].get(largest) ?? [])];
  };

  /** @returns who must leave the table so that the entry fits into its shares; null when somebody would have to who may not */
  const roomFor = (entry: PeerEntry, table: TableName, keys: readonly string[], nowMs: number): Placed[] | null => {
    const leaving = new Set<Placed>();
    for (const key of keys) {
      const left = [...leaving].filter((one) => one.keys.includes(key)).length;
      if (count(table, key) - left < shareOf(key)) continue;
      const crowd = [...(shares[table].get(key) ?? [])].filter((one) => !leaving.has(one));
      const victim = victimFor(crowd, entry, table, nowMs);
      if (victim === null) return null;
      leaving.add(victim);
    }
    if (tables[table].size - leaving.size >= SIZES[table]) {
      const crowd = crowdOfLargest(table);
      const away = crowd.filter((one) => !isRecent(one.entry, nowMs));
      const victim = table === 'heard' ? (oneOf(away) ?? oneOf(crowd)) : victimFor(crowd, entry, table, nowMs);
      const older = victim ?? (table === 'tried' ? victimFor([...tables.tried], entry, table, nowMs) : null);
      if (older === null) return null;
      leaving.add(older);
    }
    return [...leaving];
  };

  const placeIn = (entry: PeerEntry, table: TableName, nowMs: number, evicted: PeerId[]): boolean => {
    const keys = keysOf(entry, table);
    const leaving = roomFor(entry, table, keys, nowMs);
    if (leaving === null) return false;
    for (const one of leaving) {
      take(one);
      // Out of the tried ones: still heard of, if there is room without pushing anybody out.
      const next = table === 'tried' ? roomFor(one.entry, 'heard', keysOf(one.entry, 'heard'), nowMs) : null;
      if (next !== null && next.length === 0)
        put({ entry: one.entry, table: 'heard', keys: keysOf(one.entry, 'heard') });
      else evicted.push(one.entry.peerId);
    }
    put({ entry, table, keys });
    return true;
  };

  return {
    get: (peer) => all.get(peer)?.entry,
    entries: function* () {
      for (const placed of all.values()) yield placed.entry;
    },
    get size() {
      return all.size;
    },
    sizeOf: (table) => tables[table].size,
    tableOf: (peer) => all.get(peer)?.table,
    place: (entry, nowMs) => {
      const table = due(entry, nowMs);
      const before = all.get(entry.peerId);
      const keys = keysOf(entry, table);
      if (before?.table === table && before.keys.join() === keys.join()) return { placed: true, evicted: [] };
      if (before !== undefined) take(before);
      const evicted: PeerId[] = [];
      if (placeIn(entry, table, nowMs, evicted)) return { placed: true, evicted };
      // It answered, but its share of the tried ones is taken by others that do.
      if (table === 'tried' && placeIn(entry, 'heard', nowMs, evicted)) return { placed: true, evicted };
      if (before !== undefined) evicted.push(entry.peerId);
      return { placed: false, evicted };
    },
    remove: (peer) => {
      const placed = all.get(peer);
      if (placed === undefined) return false;
      take(placed);
      return true;
    },
  };
};
