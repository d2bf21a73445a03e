import type { FarMemory } from '../../interface.ts';
import { KEY_BYTES_MAX } from '../constants.ts';
import {
  decodeRecordHeader,
  decodeSegmentHeader,
  RECORD_HEADER_BYTES,
  recordBytes,
  type RecordHeader,
  SEGMENT_HEADER_BYTES,
} from './layout.ts';
import type { Entry, Place, Segments } from './segments.ts';

interface Found {
  header: RecordHeader;
  place: Place;
  /** Of its segment. */
  order: number;
}
/** Read at once while records are looked for. */
const WINDOW_BYTES = 256 * 1024;

/** Gives every record of a segment, in order. Bytes are fetched in windows; those of large values are not fetched at all. */
const scan = async (
  memory: FarMemory,
  base: number,
  segmentBytes: number,
  generation: Uint8Array,
  give: (key: string, header: RecordHeader, at: number) => void,
): Promise<number> => {
  let window: Uint8Array = new Uint8Array(0);
  let windowAt = 0;
  /** Makes sure that the bytes are in the window. @returns where */
  const have = async (at: number, bytes: number): Promise<number> => {
    if (at < windowAt || at + bytes > windowAt + window.length) {
      windowAt = at;
      window = await memory.read(base + at, Math.min(Math.max(bytes, WINDOW_BYTES), segmentBytes - at));
    }
    return at - windowAt;
  };
  let at = SEGMENT_HEADER_BYTES;
  while (at + RECORD_HEADER_BYTES <= segmentBytes) {
    const headerAt = await have(at, RECORD_HEADER_BYTES);
    const header = decodeRecordHeader(generation, window, headerAt);
    if (header === null || header.keyBytes > KEY_BYTES_MAX || at + recordBytes(header) > segmentBytes) break;
    const keyAt = await have(at + RECORD_HEADER_BYTES, header.keyBytes);
    give(Buffer.from(window.subarray(keyAt, keyAt + header.keyBytes)).toString('utf8'), header, at);
    at += recordBytes(header);
  }
  return at;
};
/** @returns the records of one version that make it whole, or null. Of two copies the one in the older segment is taken. */
const wholeOf = (records: readonly Found[]): Found[] | null => {
  const byPart = new Map<number, Found>();
  for (const record of records) {
    const known = byPart.get(record.header.partAt);
    if (known === undefined || record.order < known.order) byPart.set(record.header.partAt, record);
  }
  const parts = [...byPart.values()].sort((a, b) => a.header.partAt - b.header.partAt);
  let at = 0;
  for (const { header } of parts) {
    if (header.partAt !== at) return null;
    at += header.partBytes;
  }
  return at === parts[0]?.header.totalBytes ? parts : null;
};

/**
 * Finds out what a store holds, after its borrower was started again: of every key the newest version that is whole. Segments without
 * any record that counts are freed.
 *
 * @returns the index, and a number that all versions are below
 * @throws {MemoryError} `PAGE_DAMAGED`: what was in the page cannot be told from what was never there, so nothing is guessed
 */
export const rebuildIndex = async (
  memory: FarMemory,
  segments: Segments,
): Promise<{ index: Map<string, Entry>; nextVersion: number }> => {
  const { segmentBytes } = segments;
  const found = new Map<string, Found[]>();
  let nextVersion = 1;
  for (const segment of segments.all) {
    const base = segment.number * segmentBytes;
    const header = decodeSegmentHeader(await memory.read(base, SEGMENT_HEADER_BYTES));
    if (header === null) continue;
    segment.generation = header.generation;
    segment.order = header.order;
    segment.used = await scan(memory, base, segmentBytes, header.generation, (key, record, at) => {
      const place = { segment: segment.number, at, bytes: recordBytes(record) };
      const list = found.get(key);
      const one = { header: record, place, order: header.order };
      if (list === undefined) found.set(key, [one]);
      else list.push(one);
      nextVersion = Math.max(nextVersion, record.version + 1);
    });
  }
  const index = new Map<string, Entry>();
  for (const [key, records] of found) {
    const versions = [...new Set(records.map(({ header }) => header.version))].sort((a, b) => b - a);
    let whole: Found[] | null = null;
    for (const version of versions) {
      whole = wholeOf(records.filter(({ header }) => header.version === version));
      if (whole !== null) break;
    }
    const newest = whole?.[0]?.header;
    const entry: Entry = {
      key,
      version: newest?.version ?? 0,
      places: whole?.map(({ place }) => place) ?? [],
      dead: newest?.tombstone ?? true,
      totalBytes: newest?.totalBytes ?? 0,
      expiresAtMs: newest?.expiresAtMs ?? 0,
      stale: records.length - (whole?.length ?? 0),
      // What is not whole may lie beneath a version that a failed change left.
      doubtful: whole === null,
    };
    for (const { place } of records) segments.all[place.segment]?.records.push(entry);
    for (const { segment, bytes } of entry.places) (segments.all[segment] as Segments['all'][number]).live += bytes;
    if (!entry.dead || entry.stale > 0) index.set(key, entry);
  }
  return { index, nextVersion };
};
