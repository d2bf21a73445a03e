/**
 * The one encoding of dag-cbor values, written from docs/formats/signed-record.md ("Terms") and docs/formats/transaction.md.
 * Whole numbers come out as numbers where they are safe, else as bigint.
 */
import { demand, Refusal } from './refusal.ts';

export type Value = null | boolean | number | bigint | string | Uint8Array | Value[] | { [key: string]: Value };
export type Fields = { [key: string]: Value };

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const deepest = 64;
const mostValues = 1_048_576;

/** Read bytes that must be the one encoding of one value. */
export function decode(bytes: Uint8Array, code = 'MALFORMED', most = mostValues): Value {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  let values = 0;

  const take = (length: number): number => {
    demand(at + length <= bytes.length, code, 'ends early');
    at += length;
    return at - length;
  };

  /** The argument of a head: shortest length or nothing. */
  const argument = (low: number): bigint => {
    if (low < 24) return BigInt(low);
    demand(low <= 27, code, 'a length that is not told');
    const size = 2 ** (low - 24);
    const start = take(size);
    let argumentValue = 0n;
    for (let place = start; place < start + size; place += 1)
      argumentValue = (argumentValue << 8n) | BigInt(bytes[place]!);
    const least = size === 1 ? 24n : 1n << BigInt(4 * size);
    demand(argumentValue >= least, code, 'not the shortest length');
    return argumentValue;
  };

  const text = (length: number): string => {
    const start = take(length);
    try {
      return utf8.decode(bytes.subarray(start, at));
    } catch {
      throw new Refusal(code, 'text that is not UTF-8');
    }
  };

  const float = (): number => {
    const number = view.getFloat64(take(8));
    demand(Number.isFinite(number) && !Number.isSafeInteger(number), code, 'a float that is whole or not finite');
    return number;
  };

  const one = (depth: number): Value => {
    values += 1;
    demand(values <= most, code, 'too many values');
    const head = bytes[take(1)]!;
    if (head === 0xf4 || head === 0xf5) return head === 0xf5;
    if (head === 0xf6) return null;
    if (head === 0xfb) return float();
    const major = head >> 5;
    demand(major <= 5, code, 'a tag or a simple value');
    demand(major < 4 || depth < deepest, code, 'too deep');
    const count = argument(head & 31);
    if (major === 0) return narrow(count);
    if (major === 1) return narrow(-1n - count);
    demand(count <= BigInt(bytes.length), code, 'longer than there are bytes');
    const length = Number(count);
    if (major === 2) {
      const start = take(length);
      return bytes.slice(start, at);
    }
    if (major === 3) return text(length);
    if (major === 4) return Array.from({ length }, () => one(depth + 1));
    const map: Fields = Object.create(null) as Fields;
    let before: string | undefined;
    for (let index = 0; index < length; index += 1) {
      const keyHead = bytes[take(1)]!;
      demand(keyHead >> 5 === 3, code, 'a key that is not text');
      const key = text(Number(argument(keyHead & 31)));
      demand(before === undefined || compareKeys(before, key) < 0, code, 'keys out of order');
      map[key] = one(depth + 1);
      before = key;
    }
    return map;
  };

  const value = one(0);
  demand(at === bytes.length, code, 'bytes behind the value');
  return value;
}

/** Encode a value in its one encoding. */
export function encode(value: Value): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6);
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const float = Buffer.alloc(9, 0xfb);
    float.writeDoubleBE(value, 1);
    return float;
  }
  if (typeof value === 'number' || typeof value === 'bigint') {
    const whole = BigInt(value);
    return whole < 0n ? headOf(1, -1n - whole) : headOf(0, whole);
  }
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([headOf(3, BigInt(bytes.length)), bytes]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([headOf(2, BigInt(value.length)), value]);
  if (Array.isArray(value)) return Buffer.concat([headOf(4, BigInt(value.length)), ...value.map(encode)]);
  const keys = Object.keys(value).sort(compareKeys);
  const entries = keys.flatMap((key) => [encode(key), encode(value[key]!)]);
  return Buffer.concat([headOf(5, BigInt(keys.length)), ...entries]);
}

/** By length in UTF-8, then bytewise. */
function compareKeys(left: string, right: string): number {
  const [a, b] = [Buffer.from(left, 'utf8'), Buffer.from(right, 'utf8')];
  return a.length - b.length || Buffer.compare(a, b);
}

function narrow(whole: bigint): number | bigint {
  return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
}

function headOf(major: number, count: bigint): Uint8Array {
  if (count < 24n) return Uint8Array.of((major << 5) | Number(count));
  const size = [1, 2, 4, 8].find((bytes) => count < 1n << BigInt(8 * bytes))!;
  const head = Buffer.alloc(1 + size);
  head[0] = (major << 5) | (24 + Math.log2(size));
  for (let place = size, rest = count; place > 0; place -= 1, rest >>= 8n) head[place] = Number(rest & 255n);
  return head;
}
