import { assert } from '../../../../base/index.ts';
import type { FarMemory } from '../../interface.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './layout.ts';

/** Where a record lies. */
export interface Place {
  segment: number;
  /** From the beginning of the segment on. */
  at: number;
  bytes: number;
}
/** What is known of a key. */
export interface Entry {
  readonly key: string;
  version: number;
  /** Records that count: parts of the value, or the one that says that there is none. */
  places: Place[];
  dead: boolean;
  totalBytes: number;
  /** 0: never. */
  expiresAtMs: number;
  /** Records of this key that do not count any more, and still lie somewhere. */
  stale: number;
  /** A change of it failed, and may have been done. */
  doubtful: boolean;
}
export interface Segment {
  readonly number: number;
  /** Null while it is free. */
  generation: Uint8Array | null;
  order: number;
  /** Bytes from its beginning on that are in use, dead records with them. */
  used: number;
  /** Bytes of records that count. */
  live: number;
  /** One for each record that lies in it. */
  records: Entry[];
}

/** A memory in equal pieces, each written from its beginning to its end and freed as a whole. */
export interface Segments {
  readonly segmentBytes: number;
  readonly all: readonly Segment[];
  readonly free: readonly Segment[];
  readonly open: Segment | null;
  /** Bytes that the open one has room for. */
  readonly room: number;
  /** Closes the open one and begins a free one, of which there must be one. */
  begin(): void;
  /** Puts pieces behind each other into the open one, which must have room. @returns where they will be once `flush` resolves */
  append(pieces: readonly Uint8Array[]): Place;
  /** Writes what was appended. When it rejects, the open one is closed and what was appended may or may not be there. */
  flush(): Promise<void>;
  /** Forgets everything in a segment, first there, then here. */
  release(segment: Segment): Promise<void>;
  /** Where a record begins in the memory. */
  offsetOf(place: Place): number;
}

const SEGMENTS_WANTED = 64;
const SEGMENT_BYTES_MAX = 16 * 2 ** 20;
/** Two to keep free, one to write and one to read. */
export const SEGMENTS_MIN = 4;

/** @returns bytes of one segment, whole pages; 0 where the memory is too small for a store */
export const segmentBytesFor = (sizeBytes: number, pageBytes: number): number => {
  const wanted = Math.min(SEGMENT_BYTES_MAX, Math.max(2 * pageBytes, Math.floor(sizeBytes / SEGMENTS_WANTED)));
  const bytes = Math.floor(wanted / pageBytes) * pageBytes;
  return sizeBytes / bytes >= SEGMENTS_MIN ? bytes : 0;
};

interface Run {
  /** Whole pages from here on. */
  from: number;
  pieces: Uint8Array[];
  bytes: number;
}

export const createSegments = (
  memory: FarMemory,
  init: { segmentBytes: number; newGeneration: () => Uint8Array },
): Segments => {
  const { pageBytes } = memory;
  const { segmentBytes, newGeneration } = init;
  const all: Segment[] = Array.from({ length: Math.floor(memory.sizeBytes / segmentBytes) }, (_, number) => ({
    number,
    generation: null,
    order: 0,
    used: 0,
    live: 0,
    records: [],
  }));
  let open: Segment | null = null;
  /** Of the open segment: its last page as far as it is full, and what comes behind. */
  let run: Run = { from: 0, pieces: [], bytes: 0 };
  /** Runs of segments that were closed since the last flush. */
  let closedRuns: { offset: number; bytes: Uint8Array }[] = [];

  const pagesOf = ({ pieces, bytes }: Run): Buffer => {
    const whole = Buffer.concat(pieces, Math.ceil(bytes / pageBytes) * pageBytes);
    return whole;
  };
  /** @returns the write that brings the open segment up to date, and leaves its last page as beginning of the next run */
  const takeRun = (segment: Segment): { offset: number; bytes: Uint8Array } => {
    const bytes = pagesOf(run);
    const offset = segment.number * segmentBytes + run.from;
    const rest = run.bytes % pageBytes;
    const kept = bytes.slice(run.bytes - rest, run.bytes);
    run = { from: run.from + run.bytes - rest, pieces: rest === 0 ? [] : [kept], bytes: rest };
    return { offset, bytes };
  };
  let flushedTo = 0;
  const isWritten = (): boolean => open === null || open.used === flushedTo;

  return {
    segmentBytes,
    all,
    get free() {
      return all.filter(({ generation }) => generation === null);
    },
    get open() {
      return open;
    },
    get room() {
      return open === null ? 0 : segmentBytes - open.used;
    },
    begin: () => {
      if (open !== null && !isWritten()) closedRuns.push(takeRun(open));
      const next = all.find(({ generation }) => generation === null);
      assert(next !== undefined, 'A segment must be free when one is begun.');
      const order = 1 + all.reduce((most, segment) => Math.max(most, segment.order), 0);
      const header = encodeSegmentHeader({ generation: (next.generation = newGeneration()), order });
      next.order = order;
      next.used = SEGMENT_HEADER_BYTES;
      next.live = 0;
      next.records = [];
      open = next;
      flushedTo = 0;
      run = { from: 0, pieces: [header], bytes: SEGMENT_HEADER_BYTES };
    },
    append: (pieces) => {
      assert(open !== null, 'A segment must be open.');
      const at = open.used;
      for (const piece of pieces) {
        run.pieces.push(piece);
        run.bytes += piece.length;
        open.used += piece.length;
      }
      assert(open.used <= segmentBytes, 'A record must fit into its segment.');
      return { segment: open.number, at, bytes: open.used - at };
    },
    flush: async () => {
      const writes = closedRuns;
      closedRuns = [];
      if (open !== null && !isWritten()) {
        writes.push(takeRun(open));
        flushedTo = open.used;
      }
      const outcomes = await Promise.allSettled(writes.map(({ offset, bytes }) => memory.write(offset, bytes)));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed === undefined) return;
      open = null;
      throw failed.reason;
    },
    release: async (segment) => {
      assert(segment !== open, 'The open segment must not be freed.');
      await memory.write(segment.number * segmentBytes, new Uint8Array(pageBytes));
      segment.generation = null;
      segment.used = 0;
      segment.live = 0;
      segment.records = [];
    },
    offsetOf: ({ segment, at }) => segment * segmentBytes + at,
  };
};
