/** Lists and maps inside each other. What we write has a handful; a stranger's could otherwise exhaust the stack. */
const DEPTH_MAX = 64;
/**
 * Values of one piece of data, keys aside. The largest that we write, a block of 65 536 state updates, has some 200 000. An
 * empty list is one byte and takes a hundred in memory: sixteen MiB of them, which compress to nothing, would take 1.6 GiB.
 */
const ITEMS_MAX = 2 ** 20;

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTES = 2;
const TEXT = 3;
const LIST = 4;
const MAP = 5;
const SIMPLE = 7;

/** Bytes of the number behind the first byte, by its low five bits; smaller ones are the number themselves. */
const SIZES: Readonly<Record<number, number>> = { 24: 1, 25: 2, 26: 4, 27: 8 };
/** The smallest number that needs so many bytes. */
const SMALLEST: Readonly<Record<number, bigint>> = { 1: 24n, 2: 256n, 4: 65_536n, 8: 4_294_967_296n };

const refuse = (why: string): never => {
  throw new Error(`the bytes are not dag-cbor in its one encoding: ${why}`);
};

/** Text begins with a byte order mark where its writer put one: it stays, or the text would be another. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const textOf = (bytes: Uint8Array): string => {
  // Most texts are keys and names: letter by letter they take a quarter of the time.
  if (bytes.length <= 24) {
    let text = '';
    for (const byte of bytes) {
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (text.length === bytes.length) return text;
  }
  try {
    return utf8.decode(bytes);
  } catch {
    return refuse('text is not UTF-8');
  }
};

/** Shorter first, then bytewise: the order of keys in dag-cbor. */
const isAfter = (key: Uint8Array, before: Uint8Array): boolean =>
  key.length === before.length ? Buffer.compare(key, before) > 0 : key.length > before.length;

/**
 * Reads dag-cbor (https://ipld.io/specs/codecs/dag-cbor/spec/) without links, and refuses whatever `encodeCbor` would have
 * written in another way: numbers and lengths in more bytes than they need, keys twice or out of order, lengths that are not
 * told, short floats, floats that are integers, `undefined`, broken text, anything behind the value. The library's own decoder
 * lets half of these through and drops the byte order mark of a text.
 *
 * @param itemsMax - lists, maps and what is in them, keys aside. @default 1048576
 * @returns integers as numbers, or as bigint where a number is not exact; bytes as copies
 * @throws {Error} with what is wrong
 */
export const readCbor = (data: Uint8Array, itemsMax = ITEMS_MAX): unknown => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let place = 0;
  let items = 0;
  const take = (length: number): number => {
    if (length > data.length - place) refuse('it is cut short');
    const start = place;
    place += length;
    return start;
  };

  /** The number behind the first byte of an item. */
  const argument = (low: number): bigint | number => {
    if (low < 24) return low;
    const size = SIZES[low];
    if (size === undefined) return refuse('a length is not told, or reserved');
    const start = take(size);
    const value =
      size === 8
        ? view.getBigUint64(start)
        : size === 4
          ? view.getUint32(start)
          : size === 2
            ? view.getUint16(start)
            : view.getUint8(start);
    if (value < (SMALLEST[size] ?? 0n)) return refuse('a number takes more bytes than it needs');
    return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  };
  /** Never more than there are bytes left, so that nothing large is made for a number that only claims to be. */
  const lengthOf = (low: number): number => {
    const length = argument(low);
    return length <= data.length - place ? Number(length) : refuse('it is cut short');
  };
  const span = (length: number): Uint8Array => {
    const start = take(length);
    return data.subarray(start, start + length);
  };

  const item = (depth: number): unknown => {
    if (depth > DEPTH_MAX) refuse('lists and maps lie too deep inside each other');
    items += 1;
    if (items > itemsMax) refuse('it has too many values');
    const first = view.getUint8(take(1));
    const low = first & 31;
    switch (first >> 5) {
      case UNSIGNED:
        return argument(low);
      case NEGATIVE: {
        const value = -1n - BigInt(argument(low));
        return value >= Number.MIN_SAFE_INTEGER ? Number(value) : value;
      }
      case BYTES:
        return new Uint8Array(span(lengthOf(low)));
      case TEXT:
        return textOf(span(lengthOf(low)));
      case LIST: {
        const list: unknown[] = [];
        for (let left = lengthOf(low); left > 0; left--) list.push(item(depth + 1));
        return list;
      }
      case MAP:
        return map(lengthOf(low), depth);
      case SIMPLE:
        return simple(low);
      default:
        return refuse('it has a tag');
    }
  };

  const map = (count: number, depth: number): Record<string, unknown> => {
    const found: Record<string, unknown> = {};
    let before: Uint8Array | null = null;
    for (let left = count; left > 0; left--) {
      const first = view.getUint8(take(1));
      if (first >> 5 !== TEXT) refuse('a key is not text');
      const key = span(lengthOf(first & 31));
      if (before !== null && !isAfter(key, before)) refuse('keys are out of order');
      before = key;
      const name = textOf(key);
      const value = item(depth + 1);
      // A key like any other, but assigning to it would change what the map inherits.
      if (name === '__proto__')
        Object.defineProperty(found, name, { value, writable: true, enumerable: true, configurable: true });
      else found[name] = value;
    }
    return found;
  };

  const simple = (low: number): unknown => {
    if (low === 20) return false;
    if (low === 21) return true;
    if (low === 22) return null;
    if (low !== 27) return refuse('it has a value that is none of ours');
    const value = view.getFloat64(take(8));
    return Number.isFinite(value) && !Number.isSafeInteger(value)
      ? value
      : refuse('a float is an integer or no number');
  };

  const value = item(0);
  if (place !== data.length) refuse('there are bytes behind it');
  return value;
};
