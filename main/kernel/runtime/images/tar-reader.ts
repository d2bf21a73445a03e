import { Buffer } from 'node:buffer';
import { PATH_BYTES_MAX, PAX_BYTES_MAX } from './constants.ts';

// Tar as POSIX.1-2001 (pax) and GNU write it, read strictly: where two readers could come to different ends, it is refused. What is
// read here is later read by an engine, and both must see the same.

const BLOCK = 512;

export type TarKind = 'file' | 'hardlink' | 'symlink' | 'folder' | 'device' | 'fifo';
export interface TarEntry {
  readonly kind: TarKind;
  /** As written, without a trailing slash. */
  readonly path: string;
  readonly linkPath: string;
  readonly bytes: number;
  /** What is in it. What is not read is skipped by the next entry. */
  body(): AsyncGenerator<Uint8Array>;
}
/** An archive that is cut short, or not to be read in one way only. */
export class TarError extends Error {
  override readonly name = 'TarError';
}
const refuse = (why: string): never => {
  throw new TarError(why);
};

/** Bytes out of pieces of any length. */
const createTaker = (source: AsyncIterable<Uint8Array>) => {
  const iterator = source[Symbol.asyncIterator]();
  let piece: Uint8Array = new Uint8Array(0);
  const fill = async (): Promise<boolean> => {
    while (piece.length === 0) {
      const next = await iterator.next();
      if (next.done === true) return false;
      piece = next.value;
    }
    return true;
  };
  return {
    /** @returns 1 to `max` bytes, null at the end */
    some: async (max: number): Promise<Uint8Array | null> => {
      if (piece.length === 0 && !(await fill())) return null;
      const taken = piece.subarray(0, max);
      piece = piece.subarray(taken.length);
      return taken;
    },
    close: async (): Promise<void> => {
      await iterator.return?.();
    },
  };
};

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const textOf = (bytes: Uint8Array, where: string): string => {
  if (bytes[0] === 0) return '';
  const end = bytes.indexOf(0);
  const used = end === -1 ? bytes : bytes.subarray(0, end);
  if (used.length > PATH_BYTES_MAX) refuse(`${where} is too long`);
  // Names of files are bytes. What is no UTF-8 is kept apart from all that is, as latin-1 behind a mark that no name can have.
  try {
    return utf8.decode(used);
  } catch {
    return `\uFFFF${Buffer.from(used).toString('latin1')}`;
  }
};
const numberOf = (field: Uint8Array, where: string): number => {
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    if (first !== 0x80) refuse(`${where} is negative or too large`);
    let value = 0;
    for (const byte of field.subarray(1)) {
      value = value * 256 + byte;
      if (value > Number.MAX_SAFE_INTEGER) refuse(`${where} is too large`);
    }
    return value;
  }
  // Spaces, octal digits, then spaces and zeros. Byte by byte, as a layer may have a million entries.
  let at = 0;
  while (field[at] === 0x20) at += 1;
  let value = 0;
  for (let byte = field[at] ?? 0; byte >= 0x30 && byte <= 0x37; byte = field[at] ?? 0) {
    value = value * 8 + byte - 0x30;
    at += 1;
  }
  for (; at < field.length; at++) if (field[at] !== 0 && field[at] !== 0x20) return refuse(`${where} is no number`);
  return Number.isSafeInteger(value) ? value : refuse(`${where} is too large`);
};
const ZERO = Buffer.alloc(64 * 1024);
const isZero = (bytes: Uint8Array): boolean => ZERO.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;
/** Of a header, with spaces in the place of the checksum. By index, as a layer may have a million of them. */
const sumOf = (header: Uint8Array): number => {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  return sum;
};

/** Records of a pax header: `<length> <key>=<value>\n`. */
const readPax = (bytes: Uint8Array): Map<string, Uint8Array> => {
  const records = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const digits = space === -1 ? '' : Buffer.from(bytes.subarray(at, space)).toString('latin1');
    if (!/^[1-9]\d{0,9}$/.test(digits)) refuse('a pax record has no length');
    const end = at + Number(digits);
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) refuse('a pax record is cut short');
    const record = bytes.subarray(space + 1, end - 1);
    const equals = record.indexOf(0x3d);
    if (equals < 1) refuse('a pax record has no key');
    const key = Buffer.from(record.subarray(0, equals)).toString('latin1');
    if (records.has(key)) refuse('a pax key stands twice');
    records.set(key, record.subarray(equals + 1));
    at = end;
  }
  return records;
};

const KINDS: Readonly<Record<string, TarKind>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'folder',
  '6': 'fifo',
};

/**
 * Entries of an archive, one after another.
 *
 * @throws {TarError} for what is no tar, is cut short, or could be read in two ways; whatever the source throws
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const taker = createTaker(source);
  /** @returns null where it ends before the first byte */
  const exactly = async (length: number, what: string): Promise<Uint8Array | null> => {
    const first = await taker.some(length);
    if (first === null) return length === 0 ? new Uint8Array(0) : null;
    if (first.length === length) return first;
    const whole = Buffer.alloc(length);
    whole.set(first);
    for (let at = first.length; at < length; ) {
      const more = await taker.some(length - at);
      if (more === null) return refuse(`it is cut short in ${what}`);
      whole.set(more, at);
      at += more.length;
    }
    return whole;
  };
  const skip = async (length: number): Promise<void> => {
    for (let left = length; left > 0; ) {
      const piece = await taker.some(left);
      if (piece === null) return refuse('it is cut short in a file');
      left -= piece.length;
    }
  };
  const whole = async (length: number, what: string): Promise<Uint8Array> => {
    if (length > PAX_BYTES_MAX) refuse(`${what} is too long`);
    const bytes = (await exactly(length, what)) ?? refuse(`it is cut short in ${what}`);
    // Kept while further blocks are read, so it must not be a view of what is read from.
    const copy = new Uint8Array(bytes);
    await skip(-length & (BLOCK - 1));
    return copy;
  };

  try {
    let pax: Map<string, Uint8Array> | null = null;
    let longPath: Uint8Array | null = null;
    let longLink: Uint8Array | null = null;
    for (;;) {
      const header = await exactly(BLOCK, 'a header');
      if (header === null) {
        if (pax !== null || longPath !== null || longLink !== null) refuse('it is cut short behind a header');
        return;
      }
      if (isZero(header)) {
        if (pax !== null || longPath !== null || longLink !== null) refuse('it ends behind a header');
        for (let more = await taker.some(64 * 1024); more !== null; more = await taker.some(64 * 1024))
          if (!isZero(more)) refuse('there is something behind its end');
        return;
      }
      const sum = sumOf(header);
      if (numberOf(header.subarray(148, 156), 'a checksum') !== sum) refuse('the checksum of a header is wrong');
      const head = Buffer.from(header.buffer, header.byteOffset, BLOCK);
      const magic = head.toString('latin1', 257, 265);
      const isUstar = magic === 'ustar\x0000';
      // Others split names in ways of their own.
      if (!isUstar && magic !== 'ustar  \0' && !isZero(header.subarray(257)))
        refuse('it is of a kind that is not known');
      if (isUstar && head.toString('latin1', 508, 512) === 'tar\0') refuse('it is of a kind that is not known');
      const flag = String.fromCharCode(header[156] ?? 0);
      const size = numberOf(header.subarray(124, 136), 'a length');

      if (flag === 'x' || flag === 'g') {
        const records = readPax(await whole(size, 'a pax header'));
        if (flag === 'g') {
          // A comment of whoever made it is well; what would change every entry behind it is not.
          if (['path', 'linkpath', 'size'].some((key) => records.has(key))) refuse('a pax header is for all files');
          continue;
        }
        if (pax !== null) refuse('an entry has two pax headers');
        if ([...records.keys()].some((key) => key.startsWith('GNU.sparse'))) refuse('a file is sparse');
        pax = records;
        continue;
      }
      if (flag === 'L' || flag === 'K') {
        const text = await whole(size, 'a long name');
        if ((flag === 'L' ? longPath : longLink) !== null) refuse('an entry has two long names');
        if (flag === 'L') longPath = text;
        else longLink = text;
        continue;
      }
      const kind = KINDS[flag] ?? refuse(`an entry is of kind ${JSON.stringify(flag)}`);
      if (pax !== null && (longPath !== null || longLink !== null)) refuse('an entry has names of two kinds');

      const prefix = isUstar ? textOf(header.subarray(345, 500), 'a name') : '';
      const short = textOf(header.subarray(0, 100), 'a name');
      const given = pax?.get('path') ?? longPath;
      const path =
        given === undefined || given === null
          ? prefix === ''
            ? short
            : `${prefix}/${short}`
          : textOf(given, 'a name');
      const givenLink = pax?.get('linkpath') ?? longLink;
      const linkPath = textOf(givenLink ?? header.subarray(157, 257), 'a link');
      for (const one of [pax?.get('path'), pax?.get('linkpath')])
        if (one?.includes(0) === true || one?.length === 0) refuse('a name in a pax header is none');
      const sizeText = pax?.get('size');
      let bytes = size;
      if (sizeText !== undefined) {
        const digits = Buffer.from(sizeText).toString('latin1');
        if (!/^(0|[1-9]\d{0,15})$/.test(digits) || !Number.isSafeInteger(Number(digits)))
          refuse('a length is no number');
        bytes = Number(digits);
      }
      if (kind !== 'file' && bytes !== 0) refuse('something that is no file has a length');
      pax = longPath = longLink = null;

      let left = bytes;
      yield {
        // Old archives have folders as files whose names end in a slash.
        kind: kind === 'file' && path.endsWith('/') ? 'folder' : kind,
        path: path.replace(/\/+$/, ''),
        linkPath,
        bytes,
        body: async function* () {
          while (left > 0) {
            const piece = await taker.some(left);
            if (piece === null) return refuse('it is cut short in a file');
            left -= piece.length;
            yield piece;
          }
        },
      };
      await skip(left + (-bytes & (BLOCK - 1)));
    }
  } finally {
    await taker.close();
  }
}
