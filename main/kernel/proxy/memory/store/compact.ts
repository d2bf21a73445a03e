import type { Clock } from '../../../../base/index.ts';
import type { FarMemory } from '../../interface.ts';
import { MemoryError } from '../errors.ts';
import { encodeRecordHeader, RECORD_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './layout.ts';
import type { Entry, Place, Segment, Segments } from './segments.ts';

/** Makes room: copies what counts out of the segments that have least of it, and frees them. */
export interface Compactor {
  /** Frees segments in which nothing counts, as a run that broke off leaves them. */
  freeDead(): Promise<void>;
  /**
   * Resolves when so many bytes of records fit.
   *
   * @param grows - false for deletions alone, which may use what is kept for them
   * @throws {MemoryError} `MEMORY_FULL` and what the memory throws
   */
  makeRoom(bytes: number, grows: boolean): Promise<void>;
  /** From now on an entry's records are these. */
  replace(entry: Entry, places: Place[]): void;
}

export interface CompactorComponents {
  clock: Clock;
  memory: FarMemory;
  segments: Segments;
  index: Map<string, Entry>;
  newVersion: () => number;
}
/** Kept free: one that compaction writes to, and one more for deletions of a store that is full. */
const RESERVE_GROWS = 2;
const RESERVE = 1;
/** Unused at the end of a segment at most, where a value goes on in the next one. */
const WASTE_BYTES = 512;
/** Copying a segment that is fuller than this frees too little. */
const LIVE_RATIO_MAX = 0.9;

export const createCompactor = (components: CompactorComponents): Compactor => {
  const { clock, memory, segments, index, newVersion } = components;
  const { segmentBytes } = segments;

  const segmentOf = ({ segment }: Place): Segment => segments.all[segment] as Segment;
  const replace = (entry: Entry, places: Place[]): void => {
    for (const place of entry.places) segmentOf(place).live -= place.bytes;
    entry.stale += entry.places.length;
    entry.places = places;
    for (const place of places) segmentOf(place).live += place.bytes;
  };
  const dropIfGone = (entry: Entry): void => {
    if (!entry.dead || entry.stale > 0 || index.get(entry.key) !== entry) return;
    index.delete(entry.key);
    for (const place of entry.places) segmentOf(place).live -= place.bytes;
    entry.places = [];
  };
  const free = async (segment: Segment): Promise<void> => {
    const { records } = segment;
    await segments.release(segment);
    for (const entry of records) {
      entry.stale -= 1;
      dropIfGone(entry);
    }
  };
  const append = (pieces: readonly Uint8Array[], bytes: number): Place => {
    if (segments.room < bytes) segments.begin();
    return segments.append(pieces);
  };
  const tombstone = (entry: Entry): { version: number; place: Place } => {
    const version = newVersion();
    const key = Buffer.from(entry.key, 'utf8');
    const bytes = RECORD_HEADER_BYTES + key.length;
    if (segments.room < bytes) segments.begin();
    const header = encodeRecordHeader(segments.open?.generation as Uint8Array, {
      version,
      tombstone: true,
      keyBytes: key.length,
      partBytes: 0,
      totalBytes: 0,
      partAt: 0,
      expiresAtMs: 0,
    });
    return { version, place: segments.append([header, key]) };
  };
  /** Copies what counts and frees the rest. Nothing is freed before its copy is at the lender. */
  const compact = async (victim: Segment): Promise<void> => {
    const bytes = victim.live > 0 ? await memory.read(victim.number * segmentBytes, victim.used) : null;
    const nowMs = clock.nowMs();
    const moves: { entry: Entry; from: Place; to: Place }[] = [];
    const ends: { entry: Entry; version: number; place: Place }[] = [];
    for (const entry of new Set(victim.records)) {
      if (index.get(entry.key) !== entry || entry.places.every(({ segment }) => segment !== victim.number)) continue;
      if (!entry.dead && entry.expiresAtMs !== 0 && entry.expiresAtMs <= nowMs) {
        // Older records may lie elsewhere, and must not come back when this one is gone.
        if (entry.stale > 0) ends.push({ entry, ...tombstone(entry) });
        else {
          entry.dead = true;
          replace(entry, []);
        }
        continue;
      }
      for (const from of entry.places) {
        if (from.segment !== victim.number || bytes === null) continue;
        const record = bytes.slice(from.at, from.at + from.bytes);
        if (segments.room < from.bytes) segments.begin();
        record.set(segments.open?.generation as Uint8Array, 0);
        moves.push({ entry, from, to: append([record], from.bytes) });
      }
    }
    try {
      await segments.flush();
    } catch (error) {
      // The copies may be there, and lie beneath whatever comes later.
      for (const { entry, place } of [...moves.map(({ entry: moved, to }) => ({ entry: moved, place: to })), ...ends]) {
        segmentOf(place).records.push(entry);
        entry.stale += 1;
      }
      throw error;
    }
    for (const { entry, from, to } of moves) {
      replace(
        entry,
        entry.places.map((place) => (place === from ? to : place)),
      );
      // Those that stayed where they are did not become stale.
      entry.stale -= entry.places.length - 1;
      segmentOf(to).records.push(entry);
    }
    for (const { entry, version, place } of ends) {
      replace(entry, [place]);
      entry.version = version;
      entry.dead = true;
      segmentOf(place).records.push(entry);
    }
    await free(victim);
  };
  const victimOf = (): Segment | null => {
    let best: Segment | null = null;
    for (const segment of segments.all) {
      if (segment.generation === null || segment === segments.open) continue;
      if (best === null || segment.live < best.live) best = segment;
    }
    return best !== null && best.live <= (segmentBytes - SEGMENT_HEADER_BYTES) * LIVE_RATIO_MAX ? best : null;
  };
  const fits = (bytes: number, reserve: number): boolean => {
    const room = segments.room;
    if (bytes <= room - WASTE_BYTES) return true;
    const each = segmentBytes - SEGMENT_HEADER_BYTES - WASTE_BYTES;
    return segments.free.length - reserve >= Math.ceil((bytes - Math.max(0, room - WASTE_BYTES)) / each);
  };
  return {
    replace,
    freeDead: async () => {
      for (const segment of segments.all) if (segment.generation !== null && segment.live === 0) await free(segment);
    },
    makeRoom: async (bytes, grows) => {
      const reserve = grows ? RESERVE_GROWS : RESERVE;
      for (let tries = 2 * segments.all.length; !fits(bytes, reserve); tries--) {
        const victim = tries > 0 ? victimOf() : null;
        if (victim === null)
          throw new MemoryError(
            { code: 'MEMORY_FULL', neededBytes: bytes },
            `The borrowed memory is full: ${bytes} more bytes do not fit. Delete what is not needed, or borrow more.`,
          );
        await compact(victim);
      }
    },
  };
};
