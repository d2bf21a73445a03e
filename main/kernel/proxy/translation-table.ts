import { assert, type Clock, Emitter, type EventSource } from '../../base/index.ts';
import type { GlobalAddress, LeaseId } from '../leases/index.ts';
import { TABLE_MAX, TABLE_SWEEP_MS } from './constants.ts';
import { ProxyError } from './errors.ts';
import type { TableCounters, TableEntry, TranslationTable } from './interface.ts';

export interface TranslationTableEvents {
  /** A row is gone: whatever runs over it must end. */
  removed: TableEntry;
}
/** {@link TranslationTable} as whoever has the leases and the clock drives it. */
export interface TranslationTableControl extends TranslationTable, EventSource<TranslationTableEvents> {
  /** Takes away all that lives with a lease. @returns how many */
  removeLease(lease: LeaseId): number;
  /** Takes away what has expired or lay idle for too long. Also happens by itself. */
  sweep(): void;
  readonly size: number;
  stop(): void;
}
export interface TranslationTableInit {
  /** @default 16384 */
  max?: number;
}

export const newCounters = (nowMs: number): TableCounters => ({
  connectionsNow: 0,
  connectionsTotal: 0,
  sentBytes: 0,
  receivedBytes: 0,
  refused: 0,
  usedAtMs: nowMs,
});

const keyOf = (address: GlobalAddress, protocol: TableEntry['protocol'], port: number): string =>
  `${address} ${protocol} ${port}`;

/** Rows in a map by address, protocol and port, and beside it by lease. */
export const createTranslationTable = (
  { clock }: { clock: Clock },
  init: TranslationTableInit = {},
): TranslationTableControl => {
  const max = init.max ?? TABLE_MAX;
  const emitter = new Emitter<TranslationTableEvents>();
  const rows = new Map<string, TableEntry>();
  const byLease = new Map<LeaseId, Set<string>>();

  const drop = (key: string, entry: TableEntry): void => {
    rows.delete(key);
    if (entry.lease !== null) {
      const keys = byLease.get(entry.lease);
      keys?.delete(key);
      if (keys?.size === 0) byLease.delete(entry.lease);
    }
    emitter.emit('removed', entry);
  };
  const isOver = (entry: TableEntry, nowMs: number): boolean =>
    (entry.expiresAtMs !== null && entry.expiresAtMs <= nowMs) ||
    (entry.idleMs !== null && entry.counters.connectionsNow === 0 && nowMs - entry.counters.usedAtMs >= entry.idleMs);
  const sweep = (): void => {
    const nowMs = clock.nowMs();
    for (const [key, entry] of rows) if (isOver(entry, nowMs)) drop(key, entry);
  };
  const cancel = clock.every(TABLE_SWEEP_MS, sweep);

  return {
    on: (name, listener) => emitter.on(name, listener),
    max,
    get size() {
      return rows.size;
    },
    add: (wanted) => {
      assert(Number.isSafeInteger(wanted.port) && wanted.port >= 0 && wanted.port <= 65_535, 'A port has 16 bits.');
      const key = keyOf(wanted.address, wanted.protocol, wanted.port);
      if (rows.has(key))
        throw new ProxyError(
          { code: 'ADDRESS_TAKEN', address: wanted.address, port: wanted.port },
          `Port ${wanted.port} of ${wanted.address} leads somewhere already; take another port.`,
        );
      if (rows.size >= max) sweep();
      if (rows.size >= max)
        throw new ProxyError(
          { code: 'TABLE_FULL', max },
          `The translation table has all of its ${max} rows in use; end a lease or take a service back first.`,
        );
      const entry: TableEntry = { ...wanted, counters: newCounters(clock.nowMs()) };
      rows.set(key, entry);
      if (entry.lease !== null) {
        const keys = byLease.get(entry.lease) ?? new Set();
        keys.add(key);
        byLease.set(entry.lease, keys);
      }
      return entry;
    },
    remove: (address, protocol, port) => {
      const key = keyOf(address, protocol, port);
      const entry = rows.get(key);
      if (entry === undefined) return false;
      drop(key, entry);
      return true;
    },
    find: (address, protocol, port) => {
      const key = keyOf(address, protocol, port);
      const entry = rows.get(key);
      if (entry === undefined) return null;
      if (!isOver(entry, clock.nowMs())) return entry;
      drop(key, entry);
      return null;
    },
    entries: () => [...rows.values()],
    removeLease: (lease) => {
      const keys = [...(byLease.get(lease) ?? [])];
      for (const key of keys) {
        const entry = rows.get(key);
        if (entry !== undefined) drop(key, entry);
      }
      return keys.length;
    },
    sweep,
    stop: cancel,
  };
};
