import type { WorkEntry } from '../../interface.ts';
import { checkWorkPath } from '../../work-path.ts';
import { holderLost, tooManyFiles, workRefused } from '../../../errors.ts';
import {
  ENTRIES_MAX,
  FRAME_BYTES_MAX,
  HEADER_BYTES,
  HOLDER_VERSION,
  KEY_BYTES,
  PAYLOAD_BYTES_MAX,
  SYNC_BYTES,
  TRAILER_BYTES,
} from './constants.ts';

// docs/formats/holder-frames.md

export const FRAME = {
  ping: 0x01,
  files: 0x02,
  connect: 0x03,
  data: 0x05,
  credit: 0x06,
  finish: 0x07,
  reset: 0x08,
  pong: 0x81,
  reply: 0x82,
  connected: 0x83,
  opened: 0x84,
  lost: 0x89,
} as const;
export const FILES = { list: 1, read: 2, write: 3, size: 4, folder: 5, remove: 6, blocks: 7, block: 8 } as const;
export const STATUS = { done: 0, more: 1, missing: 2, refused: 3, full: 4, tooMany: 5, failed: 6 } as const;
export const DOOR = { socks: 1, http: 2 } as const;

export interface Frame {
  type: number;
  channel: number;
  /** A copy of its own. */
  payload: Uint8Array;
}

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

export const encodeFrame = (session: number, type: number, channel: number, payload: Uint8Array): Uint8Array => {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length + TRAILER_BYTES);
  bytes.writeUInt32LE(payload.length, 0);
  bytes.writeUInt8(type, 4);
  bytes.writeUInt32LE(channel, 5);
  bytes.set(payload, HEADER_BYTES);
  bytes.writeUInt32LE(session, HEADER_BYTES + payload.length);
  return bytes;
};

/** What begins a session. Zeros before it end whatever frame an earlier node left unfinished; no frame fits them. */
export const encodeSync = (key: Uint8Array, session: number, doors: boolean): Uint8Array => {
  const bytes = Buffer.alloc(FRAME_BYTES_MAX + SYNC_BYTES);
  bytes.set(key, FRAME_BYTES_MAX);
  bytes.writeUInt32LE(session, FRAME_BYTES_MAX + KEY_BYTES);
  bytes.writeUInt8(HOLDER_VERSION, FRAME_BYTES_MAX + KEY_BYTES + 4);
  bytes.writeUInt8(doors ? 1 : 0, FRAME_BYTES_MAX + KEY_BYTES + 5);
  return bytes;
};

/** Cuts the bytes of a holder into frames; everything before the answer to {@link encodeSync} is left out. */
export class FrameReader {
  readonly #buffer = Buffer.alloc(2 * FRAME_BYTES_MAX);
  readonly #onSynced: () => void;
  readonly #onFrame: (frame: Frame) => void;
  #sync: Buffer | null = null;
  #session = 0;
  #length = 0;

  constructor(listener: { synced: () => void; frame: (frame: Frame) => void }) {
    this.#onSynced = listener.synced;
    this.#onFrame = listener.frame;
  }

  /** From here on only what follows this answer counts. */
  expect(key: Uint8Array, session: number, doors: boolean): void {
    this.#sync = Buffer.from(encodeSync(key, session, doors).subarray(FRAME_BYTES_MAX));
    this.#session = session;
  }

  /** @throws {RuntimeError} `HOLDER_LOST` when it says what no holder says */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, this.#buffer.length - this.#length);
      this.#buffer.set(bytes.subarray(at, at + count), this.#length);
      this.#length += count;
      at += count;
      this.#drop(this.#cut());
    }
  }

  #drop(count: number): void {
    this.#buffer.copyWithin(0, count, this.#length);
    this.#length -= count;
  }

  /** @returns bytes that are done with */
  #cut(): number {
    let at = 0;
    if (this.#sync !== null) {
      const found = this.#buffer.subarray(0, this.#length).indexOf(this.#sync);
      if (found < 0) return Math.max(0, this.#length - SYNC_BYTES + 1);
      this.#sync = null;
      at = found + SYNC_BYTES;
      this.#onSynced();
    }
    while (this.#sync === null && this.#length - at >= HEADER_BYTES) {
      const length = this.#buffer.readUInt32LE(at);
      if (length > PAYLOAD_BYTES_MAX) throw holderLost('it sent a frame that is too long');
      const end = at + HEADER_BYTES + length;
      if (this.#length < end + TRAILER_BYTES) break;
      if (this.#buffer.readUInt32LE(end) !== this.#session) throw holderLost('it sent a frame of another session');
      this.#onFrame({
        type: this.#buffer.readUInt8(at + 4),
        channel: this.#buffer.readUInt32LE(at + 5),
        payload: Uint8Array.prototype.slice.call(this.#buffer, at + HEADER_BYTES, end),
      });
      at = end + TRAILER_BYTES;
    }
    return at;
  }
}

/** @throws {RuntimeError} `WORK_REFUSED` for what the holder would refuse as well */
export const encodePath = (path: string): Uint8Array => {
  checkWorkPath(path);
  return utf8.encode(path);
};

/** A request about files: its kind, numbers of fixed width, then a path and bytes. */
export const encodeRequest = (
  kind: number,
  numbers: readonly { bits: 8 | 16 | 32 | 64; value: number }[],
  path: Uint8Array = new Uint8Array(0),
  data: Uint8Array = new Uint8Array(0),
): Uint8Array => {
  const width = numbers.reduce((sum, { bits }) => sum + bits / 8, 0);
  const bytes = Buffer.allocUnsafe(1 + width + path.length + data.length);
  bytes.writeUInt8(kind, 0);
  let at = 1;
  for (const { bits, value } of numbers) {
    if (bits === 64) bytes.writeBigUInt64LE(BigInt(value), at);
    else bytes.writeUIntLE(value, at, bits / 8);
    at += bits / 8;
  }
  bytes.set(path, at);
  bytes.set(data, at + path.length);
  return bytes;
};

const ENTRY_BYTES = 24;

/**
 * Reads one part of a listing.
 *
 * @param entries - gets what it holds
 * @throws {RuntimeError} `HOLDER_LOST` when it is no listing, `WORK_REFUSED` for names that are no UTF-8, `TOO_MANY_FILES`
 */
export const readEntries = (part: Uint8Array, entries: WorkEntry[]): void => {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < ENTRY_BYTES) throw holderLost('it sent a listing that is cut');
    const kind = bytes.readUInt8(at);
    const size = bytes.readBigUInt64LE(at + 2);
    const pathEnd = at + ENTRY_BYTES + bytes.readUInt16LE(at + 22);
    if ((kind !== 1 && kind !== 2) || bytes.readUInt8(at + 1) > 1) throw holderLost('it sent a listing that is none');
    if (pathEnd > bytes.length) throw holderLost('it sent a listing that is cut');
    if (entries.length >= ENTRIES_MAX) throw tooManyFiles(ENTRIES_MAX);
    const path = readPath(bytes.subarray(at + ENTRY_BYTES, pathEnd));
    // A hole can be as large as the job likes.
    if (size > Number.MAX_SAFE_INTEGER) throw workRefused(path, 'it is larger than any disk');
    entries.push({
      path,
      kind: kind === 1 ? 'file' : 'folder',
      bytes: Number(size),
      executable: bytes.readUInt8(at + 1) === 1,
      version: `${bytes.readBigUInt64LE(at + 10)}.${bytes.readUInt32LE(at + 18)}`,
    });
    at = pathEnd;
  }
};

const readPath = (name: Uint8Array): string => {
  try {
    return strictUtf8.decode(name);
  } catch {
    throw workRefused(Buffer.from(name).toString('latin1').slice(0, 80), 'its name is not UTF-8');
  }
};
