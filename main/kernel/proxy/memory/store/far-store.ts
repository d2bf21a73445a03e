import type { Outside } from '../../../../base/index.ts';
import type { FarMemory, FarStore } from '../../interface.ts';
import { CACHE_BYTES_MAX, KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../constants.ts';
import { damaged, MemoryError } from '../errors.ts';
import type { MemoryMetrics } from '../metrics.ts';
import { createCompactor } from './compact.ts';
import {
  decodeRecordHeader,
  encodeRecordHeader,
  GENERATION_BYTES,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
} from './layout.ts';
import { rebuildIndex } from './rebuild.ts';
import { createSegments, type Entry, type Place, segmentBytesFor } from './segments.ts';
import { createValueCache } from './value-cache.ts';

export interface FarStoreComponents {
  outside: Outside;
  memory: FarMemory;
  metrics: MemoryMetrics | null;
}
/** A store whose way to the lender can be measured. */
export interface MeasuredStore extends FarStore {
  /** As `get`, past what is kept here. */
  readFar(key: string): Promise<Uint8Array | null>;
}
export interface FarStoreInit {
  /** Bytes of values that are kept here. @default 16 MiB */
  cacheBytes?: number;
}

interface Change {
  key: string;
  keyBytes: Uint8Array;
  /** Null deletes. */
  value: Uint8Array | null;
  expiresAtMs: number;
  resolve: (had: boolean) => void;
  reject: (error: unknown) => void;
}
/** Changes that leave together; those that come meanwhile leave with the next. */
const BATCH_BYTES = 4 * 2 ** 20;
const BATCH_MAX = 1024;
/** A part of a value is worth a record of its own from here on. */
const PART_BYTES_MIN = 64;
/** A time in a record has six bytes. */
const STAMP_MAX = 2 ** 48 - 1;
/** Times that a value is looked for again because its place changed while it was on its way. */
const TRIES_MAX = 16;

/**
 * A key–value store in far memory: a log in segments, docs/formats/far-memory.md. A change has happened once its record is at the
 * lender, whole pages at a time, so that a borrower that ends at any moment finds every change that was acknowledged. The index is
 * here, and is made again from the records.
 *
 * @throws {MemoryError} `TOO_SMALL` | `PAGE_DAMAGED` | `LENDER_AWAY` | `LEASE_OVER`
 */
export const createFarStore = async (
  components: FarStoreComponents,
  init: FarStoreInit = {},
): Promise<MeasuredStore> => {
  const { outside, memory, metrics } = components;
  const { clock } = outside;
  const segmentBytes = segmentBytesFor(memory.sizeBytes, memory.pageBytes);
  if (segmentBytes === 0)
    throw new MemoryError(
      { code: 'TOO_SMALL', sizeBytes: memory.sizeBytes },
      `A store needs more than ${memory.sizeBytes} bytes of memory; borrow ${8 * memory.pageBytes} or more.`,
    );
  const segments = createSegments(memory, {
    segmentBytes,
    newGeneration: () => outside.random.bytes(GENERATION_BYTES),
  });
  const rebuilt = await rebuildIndex(memory, segments);
  const { index } = rebuilt;
  let { nextVersion } = rebuilt;
  const cache = createValueCache(init.cacheBytes ?? CACHE_BYTES_MAX);
  const compactor = createCompactor({ clock, memory, segments, index, newVersion: () => nextVersion++ });
  await compactor.freeDead();

  let changes: Change[] = [];
  let draining = false;

  const isLive = (entry: Entry): boolean =>
    !entry.dead && (entry.expiresAtMs === 0 || entry.expiresAtMs > clock.nowMs());
  const sizeOf = ({ keyBytes, value }: Change): number => RECORD_HEADER_BYTES + keyBytes.length + (value?.length ?? 0);

  /** Puts a change into segments, in as many parts as it takes. */
  const place = ({ keyBytes, value, expiresAtMs }: Change, version: number): Place[] => {
    const places: Place[] = [];
    const totalBytes = value?.length ?? 0;
    let partAt = 0;
    do {
      const fixed = RECORD_HEADER_BYTES + keyBytes.length;
      if (segments.room < fixed + Math.min(PART_BYTES_MIN, totalBytes - partAt)) segments.begin();
      const partBytes = Math.min(totalBytes - partAt, segments.room - fixed);
      const header = encodeRecordHeader(segments.open?.generation as Uint8Array, {
        version,
        tombstone: value === null,
        keyBytes: keyBytes.length,
        partBytes,
        totalBytes,
        partAt,
        expiresAtMs,
      });
      places.push(
        segments.append(
          value === null || partBytes === 0
            ? [header, keyBytes]
            : [header, keyBytes, value.subarray(partAt, partAt + partBytes)],
        ),
      );
      partAt += partBytes;
    } while (partAt < totalBytes);
    return places;
  };
  const entryOf = (key: string): Entry => {
    const known = index.get(key);
    if (known !== undefined) return known;
    const entry: Entry = {
      key,
      version: 0,
      places: [],
      dead: true,
      totalBytes: 0,
      expiresAtMs: 0,
      stale: 0,
      doubtful: false,
    };
    index.set(key, entry);
    return entry;
  };
  const note = (entry: Entry, places: readonly Place[]): void => {
    for (const { segment } of places) segments.all[segment]?.records.push(entry);
  };
  const apply = (change: Change, version: number, places: Place[]): void => {
    const entry = entryOf(change.key);
    compactor.replace(entry, places);
    note(entry, places);
    entry.version = version;
    entry.dead = change.value === null;
    entry.totalBytes = change.value?.length ?? 0;
    entry.expiresAtMs = change.expiresAtMs;
    entry.doubtful = false;
    if (change.value === null) cache.delete(change.key);
    else cache.set(change.key, change.value);
  };

  const write = async (batch: readonly Change[]): Promise<void> => {
    const bytes = batch.reduce((sum, change) => sum + sizeOf(change), 0);
    await compactor.makeRoom(
      bytes,
      batch.some(({ value }) => value !== null),
    );
    const placed = batch.map((change) => {
      const version = nextVersion;
      nextVersion += 1;
      return { change, version, places: place(change, version) };
    });
    try {
      await segments.flush();
    } catch (error) {
      for (const { change, places } of placed) {
        const entry = entryOf(change.key);
        note(entry, places);
        entry.stale += places.length;
        entry.doubtful = true;
        cache.delete(change.key);
      }
      throw error;
    }
    for (const { change, version, places } of placed) {
      const before = index.get(change.key);
      const had = before !== undefined && isLive(before);
      apply(change, version, places);
      change.resolve(had);
    }
  };
  /** Those that change nothing are told at once. */
  const isNeeded = (change: Change, batch: readonly Change[]): boolean => {
    if (change.value !== null || batch.some(({ key }) => key === change.key)) return true;
    const entry = index.get(change.key);
    return entry !== undefined && (isLive(entry) || entry.doubtful);
  };
  const takeBatch = (): Change[] => {
    const batch: Change[] = [];
    let bytes = 0;
    let taken = 0;
    for (const change of changes) {
      if (batch.length > 0 && (bytes + sizeOf(change) > BATCH_BYTES || batch.length >= BATCH_MAX)) break;
      taken += 1;
      if (!isNeeded(change, batch)) {
        change.resolve(false);
        continue;
      }
      batch.push(change);
      bytes += sizeOf(change);
    }
    changes = changes.slice(taken);
    return batch;
  };
  const drain = async (): Promise<void> => {
    draining = true;
    while (changes.length > 0) {
      const batch = takeBatch();
      if (batch.length === 0) continue;
      try {
        await write(batch);
      } catch (error) {
        const full = error instanceof MemoryError && error.code === 'MEMORY_FULL';
        // Where all of them do not fit, one or the other may.
        if (full && batch.length > 1)
          for (const change of batch) await write([change]).catch((problem: unknown) => change.reject(problem));
        else for (const change of batch) change.reject(error);
      }
    }
    draining = false;
  };
  const change = (key: string, value: Uint8Array | null, expiresAtMs: number): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const keyBytes = keyBytesOf(key);
      if (value !== null && value.length > VALUE_BYTES_MAX)
        throw new MemoryError(
          { code: 'VALUE_TOO_LARGE', limitBytes: VALUE_BYTES_MAX },
          `A value has ${VALUE_BYTES_MAX} bytes at most, this one ${value.length}; keep it in parts.`,
        );
      changes.push({ key, keyBytes, value, expiresAtMs, resolve, reject });
      // What is changed in the same turn leaves together.
      if (!draining) {
        draining = true;
        queueMicrotask(() => void drain());
      }
    });
  /** @returns the value, or null where its place has changed meanwhile */
  const load = async (entry: Entry): Promise<Uint8Array | null> => {
    const { places, version, totalBytes } = entry;
    const parts = await Promise.all(
      places.map(async (one) => {
        const generation = segments.all[one.segment]?.generation ?? null;
        const bytes = await memory.read(segments.offsetOf(one), one.bytes);
        const header = generation === null ? null : decodeRecordHeader(generation, bytes, 0);
        if (header?.version !== version) return null;
        return { at: header.partAt, bytes: bytes.subarray(RECORD_HEADER_BYTES + header.keyBytes) };
      }),
    );
    if (parts.some((part) => part === null)) return null;
    const [first] = parts;
    if (parts.length === 1 && first !== null && first !== undefined) return first.bytes;
    const whole = new Uint8Array(totalBytes);
    for (const part of parts) if (part !== null) whole.set(part.bytes, part.at);
    return whole;
  };

  const get = async (key: string, far: boolean): Promise<Uint8Array | null> => {
    keyBytesOf(key);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const entry = index.get(key);
      if (entry === undefined || !isLive(entry)) return null;
      const kept = far ? null : cache.get(key);
      metrics?.storeReads.inc(1, { outcome: kept === null ? 'far' : 'here' });
      if (kept !== null) return kept.slice();
      const { places, version } = entry;
      const value = await load(entry);
      const same = entry.places === places && index.get(key) === entry && entry.version === version;
      if (value !== null) {
        if (same) cache.set(key, value);
        return value;
      }
      // It lies where it lay, and is not what it was: only memory that is not sealed can do that unnoticed.
      if (same) throw damaged(Math.floor(segments.offsetOf(places[0] as Place) / memory.pageBytes));
    }
    throw damaged(0);
  };

  return {
    get: (key) => get(key, false),
    readFar: (key) => get(key, true),
    set: async (key, value, { ttlMs = null } = {}) => {
      await change(key, value, ttlMs === null ? 0 : Math.min(STAMP_MAX, Math.floor(clock.nowMs() + ttlMs)));
    },
    delete: (key) => change(key, null, 0),
    stats: () => {
      let keys = 0;
      let usedBytes = 0;
      for (const entry of index.values()) if (isLive(entry)) keys += 1;
      for (const { live } of segments.all) usedBytes += live;
      return { keys, usedBytes, sizeBytes: segments.all.length * (segmentBytes - SEGMENT_HEADER_BYTES) };
    },
  };
};

const keyBytesOf = (key: string): Uint8Array => {
  const bytes = Buffer.from(key, 'utf8');
  if (bytes.length === 0 || bytes.length > KEY_BYTES_MAX || !key.isWellFormed())
    throw new MemoryError(
      { code: 'KEY_INVALID', limitBytes: KEY_BYTES_MAX },
      `A key has 1 to ${KEY_BYTES_MAX} bytes of UTF-8; this one does not.`,
    );
  return bytes;
};
