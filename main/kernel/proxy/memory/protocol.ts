import { decodeCbor, encodeCbor } from '../../../base/index.ts';
import type { LeaseId } from '../../leases/index.ts';
import { MEMORY_VERSION, OPENING_ITEMS_MAX } from './constants.ts';
import { malformed } from './errors.ts';

/** Layout as docs/formats/far-memory.md has it. */
export const REQUEST_BYTES = 24;
export const ANSWER_BYTES = 16;
const SESSION_BYTES = 16;

export const OPERATIONS = { read: 1, write: 2, swap: 3 } as const;
export type Operation = (typeof OPERATIONS)[keyof typeof OPERATIONS];
/** `differs`: a swap found other bytes, which follow. `paused`: the lease has stopped for now. `over`: it has ended. */
export const STATUSES = { done: 0, differs: 1, outOfRange: 2, paused: 3, over: 4 } as const;
export type Status = (typeof STATUSES)[keyof typeof STATUSES];

/** First message of a stream, borrower to lender. */
export interface Opening {
  lease: LeaseId;
  /** 16 random bytes of one run of a borrower: swaps count once per session and number. */
  session: Uint8Array;
  /** All operations up to this number have been answered. */
  answered: number;
}
/** The lender's answer to it. */
export type OpeningAnswer = { ok: true; sizeBytes: number } | { ok: false; code: string; sentence: string };

export interface Request {
  operation: Operation;
  length: number;
  sequence: number;
  /** Null: not a number that any memory has. */
  offset: number | null;
}
export interface Answer {
  status: Status;
  length: number;
  sequence: number;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const mapOf = (bytes: Uint8Array, what: string, fields: readonly string[]): Record<string, unknown> => {
  let value: unknown;
  try {
    value = decodeCbor(bytes, OPENING_ITEMS_MAX);
  } catch {
    throw malformed(`${what} is not dag-cbor`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed(`${what} is not a map`);
  const map = value as Record<string, unknown>;
  if (Object.keys(map).length !== fields.length || fields.some((field) => !Object.hasOwn(map, field)))
    throw malformed(`${what} has other fields`);
  return map;
};

export const encodeOpening = ({ lease, session, answered }: Opening): Uint8Array =>
  encodeCbor({ v: MEMORY_VERSION, lease, session, answered });
/** @throws {MemoryError} `MALFORMED` */
export const decodeOpening = (bytes: Uint8Array): Opening => {
  const { v, lease, session, answered } = mapOf(bytes, 'the opening', ['v', 'lease', 'session', 'answered']);
  if (v !== MEMORY_VERSION) throw malformed('the opening has another version');
  if (typeof lease !== 'string' || !/^lease-[0-9a-f]{32}$/.test(lease)) throw malformed('it names no lease');
  if (!(session instanceof Uint8Array) || session.length !== SESSION_BYTES) throw malformed('it names no session');
  if (!isCount(answered)) throw malformed('it has no number of the last answer');
  return { lease: lease as LeaseId, session, answered };
};

export const encodeOpeningAnswer = (answer: OpeningAnswer): Uint8Array =>
  encodeCbor(
    answer.ok
      ? { v: MEMORY_VERSION, sizeBytes: answer.sizeBytes }
      : { v: MEMORY_VERSION, code: answer.code, sentence: answer.sentence },
  );
/** @throws {MemoryError} `MALFORMED` */
export const decodeOpeningAnswer = (bytes: Uint8Array): OpeningAnswer => {
  let value: unknown;
  try {
    value = decodeCbor(bytes, OPENING_ITEMS_MAX);
  } catch {
    throw malformed('the answer to the opening is not dag-cbor');
  }
  const refused = typeof value === 'object' && value !== null && 'code' in value;
  const map = mapOf(bytes, 'the answer to the opening', refused ? ['v', 'code', 'sentence'] : ['v', 'sizeBytes']);
  if (map['v'] !== MEMORY_VERSION) throw malformed('the answer to the opening has another version');
  if (!refused) {
    if (!isCount(map['sizeBytes'])) throw malformed('it names no size');
    return { ok: true, sizeBytes: map['sizeBytes'] };
  }
  const { code, sentence } = map;
  if (typeof code !== 'string' || !/^[A-Z_]{1,32}$/.test(code)) throw malformed('it names no code');
  if (typeof sentence !== 'string' || sentence.length > 400) throw malformed('it gives no reason');
  return { ok: false, code, sentence };
};

const WORD = 2 ** 32;
const putUint64 = (bytes: Buffer, value: number, at: number): void => {
  bytes.writeUInt32BE(Math.floor(value / WORD), at);
  bytes.writeUInt32BE(value % WORD, at + 4);
};
/** @returns null where it is more than numbers are exact for: negative ones of a careless writer, too */
const uint64At = (bytes: Buffer, at: number): number | null => {
  const value = bytes.readUInt32BE(at) * WORD + bytes.readUInt32BE(at + 4);
  return value <= Number.MAX_SAFE_INTEGER ? value : null;
};
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Writes the 24 bytes in front of an operation. */
export const putRequest = (into: Buffer, at: number, request: Request & { offset: number }): void => {
  into.writeUInt32BE(request.operation * 0x100_0000, at);
  into.writeUInt32BE(request.length, at + 4);
  putUint64(into, request.sequence, at + 8);
  putUint64(into, request.offset, at + 16);
};
/** @throws {MemoryError} `MALFORMED` */
export const readRequest = (bytes: Uint8Array): Request => {
  const header = asBuffer(bytes);
  const first = header.readUInt32BE(0);
  const operation = first / 0x100_0000;
  if (operation !== OPERATIONS.read && operation !== OPERATIONS.write && operation !== OPERATIONS.swap)
    throw malformed('it asks for an operation that there is not');
  const sequence = uint64At(header, 8);
  if (sequence === null) throw malformed('a number of an operation is too large');
  return { operation, length: header.readUInt32BE(4), sequence, offset: uint64At(header, 16) };
};

export const encodeAnswer = ({ status, length, sequence }: Answer): Buffer => {
  const header = Buffer.allocUnsafe(ANSWER_BYTES);
  header.writeUInt32BE(status * 0x100_0000, 0);
  header.writeUInt32BE(length, 4);
  putUint64(header, sequence, 8);
  return header;
};
/** @throws {MemoryError} `MALFORMED` */
export const readAnswer = (bytes: Uint8Array): Answer => {
  const header = asBuffer(bytes);
  const status = header.readUInt32BE(0) / 0x100_0000;
  const sequence = uint64At(header, 8);
  if (!Number.isInteger(status) || status > STATUSES.over || sequence === null) throw malformed('an answer is none');
  return { status: status as Status, length: header.readUInt32BE(4), sequence };
};

/** Bytes that come in pieces, read in pieces of other sizes without putting them together where they need not be. */
export interface Incoming {
  readonly bytes: number;
  push(chunk: Uint8Array): void;
  /** Exactly `length` bytes in one; a view where they came in one. There must be so many. */
  take(length: number): Uint8Array;
  /** Exactly `length` bytes, copied to `into`. There must be so many. */
  copy(into: Uint8Array, at: number, length: number): void;
}
/** A chunk below this is copied where others wait before it, into pieces of so many bytes. */
const PIECE_BYTES = 1024;
const TAIL_BYTES = 16 * 1024;
export const createIncoming = (): Incoming => {
  let chunks: Uint8Array[] = [];
  /** Where the last chunk lies with room behind it; null where it is as it came. */
  let tail: { room: Uint8Array; used: number } | null = null;
  let first = 0;
  let at = 0;
  let bytes = 0;
  const drain = (length: number, give: (piece: Uint8Array) => void): void => {
    bytes -= length;
    for (let left = length; left > 0; ) {
      const chunk = chunks[first] as Uint8Array;
      const piece = chunk.subarray(at, at + Math.min(left, chunk.length - at));
      give(piece);
      left -= piece.length;
      at += piece.length;
      if (at < chunk.length) return;
      at = 0;
      first += 1;
    }
    if (first === chunks.length) {
      chunks = [];
      first = 0;
      tail = null;
    } else if (first > 64) {
      chunks = chunks.slice(first);
      first = 0;
    }
  };
  return {
    get bytes() {
      return bytes;
    },
    push: (chunk) => {
      bytes += chunk.length;
      // One byte may hold the whole packet that it came in: what waits for more, piece by piece, is copied.
      if (chunk.length >= PIECE_BYTES || chunks.length === 0) {
        // Not as a Buffer, whose `slice` is no copy.
        chunks.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
        tail = null;
        return;
      }
      if (tail === null || tail.used + chunk.length > tail.room.length) {
        tail = { room: new Uint8Array(TAIL_BYTES), used: 0 };
        chunks.push(tail.room.subarray(0, 0));
      }
      tail.room.set(chunk, tail.used);
      tail.used += chunk.length;
      chunks[chunks.length - 1] = tail.room.subarray(0, tail.used);
    },
    take: (length) => {
      const chunk = chunks[first];
      if (chunk !== undefined && chunk.length - at >= length) {
        const view = chunk.subarray(at, at + length);
        drain(length, () => undefined);
        return view;
      }
      const joined = new Uint8Array(length);
      let place = 0;
      drain(length, (piece) => {
        joined.set(piece, place);
        place += piece.length;
      });
      return joined;
    },
    copy: (into, place, length) => {
      let to = place;
      drain(length, (piece) => {
        into.set(piece, to);
        to += piece.length;
      });
    },
  };
};
