import { Buffer } from 'node:buffer';
import { sha256 } from '../../../base/index.ts';
import { StreamError } from '../errors.ts';
import type { Connection, Stream } from '../interface.ts';

/** Length of a message, big-endian, in front of it. */
const LENGTH_BYTES = 4;
/** SHA-256 of the message, behind the length, where a request or its answer is one message and nothing else. */
const DIGEST_BYTES = 32;
/** Messages up to here leave in one write with their header; for larger ones a second write is cheaper than a copy. */
const COPY_BYTES_MAX = 16 * 1024;
/** Asked for at once while a message is read. */
const READ_BYTES = 64 * 1024;

/** Messages that are read where nobody says otherwise: 64 KiB. */
export const MESSAGE_BYTES_MAX = 64 * 1024;
/** Ms that one request and its answer may take where nobody says otherwise. */
export const REQUEST_DEADLINE_MS = 10_000;

type Readable = Pick<Stream, 'read'>;
type Writable = Pick<Stream, 'write'>;

const malformed = (problem: string): StreamError =>
  new StreamError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `The peer sent what this protocol does not allow: ${problem}.`,
  );

/** @returns exactly `length` bytes, or null where the stream ends before the first one @throws {StreamError} `MALFORMED` where it ends between */
const readExactly = async (stream: Readable, length: number): Promise<Uint8Array | null> => {
  if (length === 0) return new Uint8Array(0);
  const first = await stream.read(Math.min(length, READ_BYTES));
  if (first === null) return null;
  if (first.length === length) return first;
  // Copied as it comes: a chunk of one byte may hold a whole packet in memory, and room for a length that a peer only claims is never
  // made.
  let whole = Buffer.allocUnsafeSlow(Math.min(length, READ_BYTES));
  let place = first.length;
  whole.set(first);
  while (place < length) {
    const chunk = await stream.read(Math.min(length - place, READ_BYTES));
    if (chunk === null) throw malformed('a message is cut short');
    if (place + chunk.length > whole.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(length, Math.max(2 * whole.length, place + chunk.length)));
      larger.set(whole.subarray(0, place));
      whole = larger;
    }
    whole.set(chunk, place);
    place += chunk.length;
  }
  return whole;
};

const headerOf = (bytes: Uint8Array, digest: Uint8Array | null): Buffer => {
  const header = Buffer.alloc(LENGTH_BYTES + (digest?.length ?? 0));
  header.writeUInt32BE(bytes.length);
  if (digest !== null) header.set(digest, LENGTH_BYTES);
  return header;
};
const writeFramed = async (stream: Writable, bytes: Uint8Array, digest: Uint8Array | null): Promise<void> => {
  const header = headerOf(bytes, digest);
  if (bytes.length <= COPY_BYTES_MAX) {
    await stream.write(Buffer.concat([header, bytes]));
    return;
  }
  await stream.write(header);
  await stream.write(bytes);
};
const readLength = (header: Uint8Array, bytesMax: number): number => {
  const length = Buffer.from(header.buffer, header.byteOffset, LENGTH_BYTES).readUInt32BE();
  if (length > bytesMax)
    throw new StreamError(
      { code: 'TOO_LARGE', limitBytes: bytesMax, verdict: 'reject' },
      `The peer announced a message of ${length} bytes where ${bytesMax} are allowed.`,
    );
  return length;
};

/** Writes one message with its length in front. @throws {StreamError} */
export const writeMessage = (stream: Writable, bytes: Uint8Array): Promise<void> => writeFramed(stream, bytes, null);

/**
 * Reads one message that {@link writeMessage} wrote.
 *
 * @param options.bytesMax - largest that is taken. @default 64 KiB
 * @returns null where the peer finished before another message
 * @throws {StreamError} `TOO_LARGE` | `MALFORMED` where it is cut short, and what reading throws
 */
export const readMessage = async (
  stream: Readable,
  options: { bytesMax?: number } = {},
): Promise<Uint8Array | null> => {
  const header = await readExactly(stream, LENGTH_BYTES);
  if (header === null) return null;
  const length = readLength(header, options.bytesMax ?? MESSAGE_BYTES_MAX);
  const message = await readExactly(stream, length);
  if (message === null) throw malformed('a message is cut short');
  return message;
};

/** The one message of a direction: length, SHA-256, bytes, end. */
const readSole = async (stream: Readable, bytesMax: number): Promise<Uint8Array> => {
  const header = await readExactly(stream, LENGTH_BYTES + DIGEST_BYTES);
  if (header === null) throw malformed('no message came');
  const message = await readExactly(stream, readLength(header, bytesMax));
  if (message === null) throw malformed('a message is cut short');
  if (!Buffer.from(sha256(message)).equals(header.subarray(LENGTH_BYTES)))
    throw malformed('a message is not the one that was hashed');
  if ((await stream.read(1)) !== null) throw malformed('there are bytes behind the message');
  return message;
};

export interface RequestOptions {
  /** Ms until the whole exchange is given up. @default 10 000 */
  deadlineMs?: number;
  /** Largest answer that is taken, bytes. @default 64 KiB */
  bytesMax?: number;
  signal?: AbortSignal;
  /** Travel with the opening, see `StreamOptions`. */
  extensions?: Readonly<Record<string, Uint8Array>>;
}

/**
 * Asks once: opens a stream, sends `bytes` with length and SHA-256, reads the one answer, which must be whole and intact.
 *
 * @returns the answer
 * @throws {StreamError} `PROTOCOL_UNKNOWN` | `REFUSED` | `TOO_MANY` | `DEADLINE` | `TOO_LARGE` | `MALFORMED` | `CLOSED` | `RESET`;
 *   rejects with `signal.reason` when aborted
 */
export const request = async (
  connection: Pick<Connection, 'openStream'>,
  protocol: string,
  bytes: Uint8Array,
  options: RequestOptions = {},
): Promise<Uint8Array> => {
  const { signal, extensions } = options;
  const stream = await connection.openStream(protocol, {
    deadlineMs: options.deadlineMs ?? REQUEST_DEADLINE_MS,
    ...(signal !== undefined && { signal }),
    ...(extensions !== undefined && { extensions }),
  });
  try {
    await writeFramed(stream, bytes, sha256(bytes));
    await stream.finish();
    return await readSole(stream, options.bytesMax ?? MESSAGE_BYTES_MAX);
  } catch (error) {
    stream.reset();
    throw error;
  }
};

/**
 * Answers once, as the handler of a protocol that {@link request} asks: reads the one request, writes the one answer and waits
 * until the peer has read it. Errors are for the endpoint, which resets the stream and, where the peer is at fault, counts it.
 *
 * @param options.bytesMax - largest request that is taken. @default 64 KiB
 * @param answer - makes the answer of the request
 * @throws {StreamError} `TOO_LARGE` | `MALFORMED` and what reading and writing throw; whatever `answer` throws
 */
export const respond = async (
  stream: Stream,
  options: { bytesMax?: number },
  answer: (request: Uint8Array) => Promise<Uint8Array> | Uint8Array,
): Promise<void> => {
  const reply = await answer(await readSole(stream, options.bytesMax ?? MESSAGE_BYTES_MAX));
  await writeFramed(stream, reply, sha256(reply));
  await stream.finish();
  await stream.acknowledged();
};
