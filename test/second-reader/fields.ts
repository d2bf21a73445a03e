/**
 * Maps of exactly the fields that a page lists, each of the type that it says. Written from the tables of all pages in docs/formats.
 */
import { createHash } from 'node:crypto';
import { type Fields, type Value, decode } from './cbor.ts';
import { demand } from './refusal.ts';

/** SHA-256 of all parts, one after the other. */
export function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Whether two byte strings are the same. */
export function same(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === null || right === null) return left === right;
  return Buffer.compare(left, right) === 0;
}

/** Bytes in lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Reads the fields of one map; every method refuses a value of another type. */
export class Reader {
  readonly #map: Fields;
  readonly #code: string;

  /** A map of exactly these fields. */
  constructor(value: Value, names: string, code: string) {
    const expected = names.split(' ').sort();
    demand(isMap(value), code, `no map of ${names}`);
    demand(Object.keys(value).sort().join(' ') === expected.join(' '), code, `other fields than ${names}`);
    this.#map = value;
    this.#code = code;
  }

  /** A field as it is. */
  value(name: string): Value {
    return this.#map[name]!;
  }

  /** Bytes, of an exact length or of at most one. */
  bytes(name: string, length?: number, atMost?: number): Uint8Array {
    const value = this.#map[name];
    demand(value instanceof Uint8Array, this.#code, `${name} is not bytes`);
    demand(length === undefined || value.length === length, this.#code, `${name} has another length than ${length}`);
    demand(atMost === undefined || value.length <= atMost, this.#code, `${name} is longer than ${atMost}`);
    return value;
  }

  /** Bytes or null. */
  bytesOrNull(name: string, length?: number): Uint8Array | null {
    return this.#map[name] === null ? null : this.bytes(name, length);
  }

  /** A whole number of 53 bits within bounds. */
  whole(name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#map[name];
    demand(typeof value === 'number' && Number.isSafeInteger(value), this.#code, `${name} is no whole number`);
    demand(value >= least && value <= most, this.#code, `${name} is ${value}`);
    return value;
  }

  /** A text, of a pattern. */
  text(name: string, pattern = /^/): string {
    const value = this.#map[name];
    demand(typeof value === 'string' && pattern.test(value), this.#code, `${name} is no text as it must be`);
    return value;
  }

  /** A list of at most so many. */
  list(name: string, atMost = Number.POSITIVE_INFINITY): Value[] {
    const value = this.#map[name];
    demand(Array.isArray(value) && value.length <= atMost, this.#code, `${name} is no list of at most ${atMost}`);
    return value;
  }
}

/** Read bytes as a map of exactly these fields, of which `v` must be 1 (codes: malformed, another version). */
export function readMap(bytes: Uint8Array, names: string, malformed: string, version: string, most?: number): Reader {
  const value = decode(bytes, malformed, most);
  const given = isMap(value) ? value['v'] : null;
  const later = typeof given === 'bigint' ? given > 1n : Number.isInteger(given) && (given as number) > 1;
  demand(!later, version, 'a later version');
  demand(given === 1, malformed, 'no map with a version, or another');
  return new Reader(value, names, malformed);
}

/** Read the map of a proof, which holds at most 32 768 values. */
export function readProof(bytes: Uint8Array, names: string): Reader {
  return readMap(bytes, names, 'PROOF_MALFORMED', 'PROOF_VERSION', 32_768);
}

/** Whether a value is a map. */
export function isMap(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}
