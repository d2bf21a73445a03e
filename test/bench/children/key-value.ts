import { createConnection, type Socket } from 'node:net';

/** Sets and gets values, many at once over one connection, answers in order. */
export interface KeyValue {
  set(key: string, value: Uint8Array): Promise<unknown>;
  get(key: string): Promise<Uint8Array | null>;
  close(): void;
}
interface Waiting {
  resolve(value: Uint8Array | null): void;
  reject(error: Error): void;
}
/** How a server's answers look: a line, and for values so many bytes and a tail behind it. */
interface Dialect {
  set(key: string, value: Uint8Array): readonly Uint8Array[];
  get(key: string): Uint8Array;
  /** @returns bytes of the value that follows, and of what comes behind it; null for no value */
  answer(line: string): { bytes: number; tail: number } | null;
}
const REDIS: Dialect = {
  set: (key, value) => [
    Buffer.from(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n`),
    value,
    Buffer.from('\r\n'),
  ],
  get: (key) => Buffer.from(`*2\r\n$3\r\nGET\r\n$${key.length}\r\n${key}\r\n`),
  answer: (line) => {
    if (line === '+OK' || line === '$-1') return null;
    const length = /^\$(\d+)$/.exec(line)?.[1];
    if (length === undefined) throw new Error(`redis: ${line}`);
    return { bytes: Number(length), tail: 2 };
  },
};
const MEMCACHED: Dialect = {
  set: (key, value) => [Buffer.from(`set ${key} 0 0 ${value.length}\r\n`), value, Buffer.from('\r\n')],
  get: (key) => Buffer.from(`get ${key}\r\n`),
  answer: (line) => {
    if (line === 'STORED' || line === 'END') return null;
    const length = /^VALUE \S+ 0 (\d+)$/.exec(line)?.[1];
    if (length === undefined) throw new Error(`memcached: ${line}`);
    return { bytes: Number(length), tail: '\r\nEND\r\n'.length };
  },
};
/** Joined up to here: two writes cost more than a copy. */
const JOINED_MAX = 20 * 1024;
const LINE = Buffer.from('\r\n');

const connected = async (port: number): Promise<Socket> => {
  const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
};
/** A client of no more than is measured. */
export const connectKeyValue = async (kind: 'redis' | 'memcached', port: number): Promise<KeyValue> => {
  const dialect = kind === 'redis' ? REDIS : MEMCACHED;
  const socket = await connected(port);
  const waiting: Waiting[] = [];
  let head = 0;
  let rest: Buffer = Buffer.alloc(0);
  let value: Uint8Array | null = null;
  let at = 0;
  let tail = 0;
  const done = (result: Uint8Array | null): void => {
    (waiting[head] as Waiting).resolve(result);
    head += 1;
    if (head === waiting.length) {
      waiting.length = 0;
      head = 0;
    }
  };
  const take = (chunk: Buffer): void => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    rest = Buffer.alloc(0);
    for (;;) {
      if (value !== null) {
        const piece = bytes.subarray(0, value.length - at);
        value.set(piece, at);
        at += piece.length;
        bytes = bytes.subarray(piece.length);
        if (at < value.length || bytes.length < tail) break;
        bytes = bytes.subarray(tail);
        const whole = value;
        value = null;
        done(whole);
        continue;
      }
      const end = bytes.indexOf(LINE);
      if (end < 0) break;
      const next = dialect.answer(bytes.toString('latin1', 0, end));
      bytes = bytes.subarray(end + LINE.length);
      if (next === null) {
        done(null);
        continue;
      }
      value = new Uint8Array(next.bytes);
      at = 0;
      tail = next.tail;
    }
    rest = bytes;
  };
  socket.on('data', take);
  socket.on('error', (error) => {
    for (const { reject } of waiting.slice(head)) reject(error);
  });
  const ask = (pieces: readonly Uint8Array[]): Promise<Uint8Array | null> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
      if (bytes <= JOINED_MAX) socket.write(Buffer.concat(pieces, bytes));
      else for (const piece of pieces) socket.write(piece);
    });
  return {
    set: (key, bytes) => ask(dialect.set(key, bytes)),
    get: (key) => ask([dialect.get(key)]),
    close: () => socket.destroy(),
  };
};
