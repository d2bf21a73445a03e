import type { Clock, JobId, Store } from '../../base/index.ts';
import type { JobOutputChunk } from '../../../preload/contract/index.ts';
import {
  OUTPUT_CHUNK_BYTES_MAX,
  OUTPUT_EVENTS_PER_SECOND_MAX,
  OUTPUT_GATHER_MS,
  OUTPUT_PENDING_BYTES_MAX,
} from './constants.ts';

/** Changes of stream that are kept apart while they wait; more than this means that the host is held back. */
const SEGMENTS_MAX = 256;

interface Segment {
  stream: 'stdout' | 'stderr';
  parts: Buffer[];
  bytes: number;
}

export interface OutputLogParts {
  id: JobId;
  bytesMax: number;
  /** What is stored of it already: it goes on behind that. @default 0 */
  bytes?: number;
  store: Store;
  clock: Clock;
  /** A chunk is in the store. */
  written(chunk: JobOutputChunk, bytes: number): void;
  /** There is room again after `push` said `full`. */
  drained(): void;
  /** The store refused a chunk; the log takes no more. */
  failed(error: unknown): void;
}

/**
 * Takes what a job writes, gathers it for a moment, stores it and tells of it, at most so often per second. Keeps the
 * order in which the streams were written to, except when they alternate faster than may be told: then one moment's
 * stdout comes before its stderr.
 */
export class OutputLog {
  readonly #parts: OutputLogParts;
  #segments: Segment[] = [];
  #pendingBytes = 0;
  /** Bytes taken, and offset of the next chunk. */
  #taken = 0;
  #stored = 0;
  #tokens = OUTPUT_EVENTS_PER_SECOND_MAX;
  #tokensAtMs: number;
  #cancelTimer: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  #full = false;
  #closed = false;

  constructor(parts: OutputLogParts) {
    this.#parts = parts;
    this.#taken = parts.bytes ?? 0;
    this.#stored = this.#taken;
    this.#tokensAtMs = parts.clock.monotonicMs();
  }

  get bytes(): number {
    return this.#taken;
  }

  /** @returns `full`: hold the host back until `drained`; `exceeded`: the job has written more than it may, and what fits is kept */
  push(stream: 'stdout' | 'stderr', data: Buffer): 'ok' | 'full' | 'exceeded' {
    if (this.#closed) return 'ok';
    const room = this.#parts.bytesMax - this.#taken;
    const kept = data.subarray(0, room);
    if (kept.length > 0) {
      const last = this.#segments.at(-1);
      // Copied, since a piece of a pipe would keep the whole read alive.
      if (last !== undefined && last.stream === stream) {
        last.parts.push(Buffer.from(kept));
        last.bytes += kept.length;
      } else this.#segments.push({ stream, parts: [Buffer.from(kept)], bytes: kept.length });
      this.#taken += kept.length;
      this.#pendingBytes += kept.length;
      this.#arm();
    }
    if (data.length > room) return 'exceeded';
    this.#full ||= this.#pendingBytes >= OUTPUT_PENDING_BYTES_MAX || this.#segments.length >= SEGMENTS_MAX;
    return this.#full ? 'full' : 'ok';
  }

  /** Stores what is left. Resolves when everything is in the store. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    while (this.#segments.length > 0 || this.#writing !== null) {
      if (this.#writing !== null) await this.#writing;
      else await this.#write(Number.POSITIVE_INFINITY, Math.max(0, Math.floor(this.#tokens)));
      if (this.#closed) break;
    }
    this.#closed = true;
  }

  #arm(): void {
    if (this.#cancelTimer !== null || this.#writing !== null || this.#closed) return;
    this.#cancelTimer = this.#parts.clock.after(OUTPUT_GATHER_MS, () => {
      this.#cancelTimer = null;
      const nowMs = this.#parts.clock.monotonicMs();
      this.#tokens = Math.min(
        OUTPUT_EVENTS_PER_SECOND_MAX,
        this.#tokens + ((nowMs - this.#tokensAtMs) * OUTPUT_EVENTS_PER_SECOND_MAX) / 1000,
      );
      this.#tokensAtMs = nowMs;
      if (this.#tokens >= 1) void this.#write(Math.floor(this.#tokens));
      else this.#arm();
    });
  }

  /** Stores up to so many chunks, each stream in one piece when there would be more than `apartMax`. One write at a time. */
  #write(chunksMax: number, apartMax: number = chunksMax): Promise<void> {
    const all = this.#segments;
    const chunks = cut(cut(all).length <= apartMax ? all : merge(all));
    const now = chunks.slice(0, chunksMax);
    this.#segments = chunks.slice(chunksMax);
    this.#tokens -= now.length;
    this.#writing = this.#put(now).finally(() => {
      this.#writing = null;
      if (this.#segments.length > 0) this.#arm();
    });
    return this.#writing;
  }

  async #put(chunks: readonly Segment[]): Promise<void> {
    const { id, store, written, drained, failed } = this.#parts;
    const rows = chunks.map(({ stream, parts, bytes }) => {
      const row = { offset: this.#stored, stream, data: parts.length === 1 ? parts[0]! : Buffer.concat(parts), bytes };
      this.#stored += bytes;
      return row;
    });
    try {
      await store.transaction(
        'jobs.output',
        rows.map(({ offset, stream, data }) => ({
          sql: 'INSERT INTO job_output (job_id, start, stream, data) VALUES (?, ?, ?, ?)',
          params: [id, offset, stream, data],
        })),
      );
    } catch (error) {
      this.#closed = true;
      this.#segments = [];
      failed(error);
      return;
    }
    for (const { offset, stream, data, bytes } of rows) {
      this.#pendingBytes -= bytes;
      written({ id, stream, offset, data: data.toString('base64') }, bytes);
    }
    if (this.#full && this.#pendingBytes < OUTPUT_PENDING_BYTES_MAX / 2 && this.#segments.length < SEGMENTS_MAX / 2) {
      this.#full = false;
      drained();
    }
  }
}

/** Cuts segments so that none is larger than a chunk may be. */
const cut = (segments: readonly Segment[]): Segment[] =>
  segments.flatMap((segment) => {
    if (segment.bytes <= OUTPUT_CHUNK_BYTES_MAX) return [segment];
    const whole = Buffer.concat(segment.parts);
    return Array.from({ length: Math.ceil(whole.length / OUTPUT_CHUNK_BYTES_MAX) }, (_, index) => {
      const data = whole.subarray(index * OUTPUT_CHUNK_BYTES_MAX, (index + 1) * OUTPUT_CHUNK_BYTES_MAX);
      return { stream: segment.stream, parts: [data], bytes: data.length };
    });
  });

const merge = (segments: readonly Segment[]): Segment[] =>
  (['stdout', 'stderr'] as const).flatMap((stream) => {
    const same = segments.filter((segment) => segment.stream === stream);
    return same.length === 0
      ? []
      : [{ stream, parts: same.flatMap(({ parts }) => parts), bytes: same.reduce((sum, { bytes }) => sum + bytes, 0) }];
  });
