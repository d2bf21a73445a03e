import { decodeCbor, messageOf } from '../../../base/index.ts';
import { parsePeerId } from '../address.ts';
import type { PeerId } from '../interface.ts';

/** Reads the fields of one map strictly; `fail` makes the error. */
export interface FieldReader {
  bytes(name: string, length: number | { max: number }): Uint8Array;
  text(name: string, max: number): string;
  integer(name: string, min: number, max: number): number;
  peer(name: string): PeerId;
  list(name: string, max: number): readonly unknown[];
}

/**
 * @param data - dag-cbor of one map of exactly `names`
 * @param version - what its field `v` must be
 * @param itemsMax - values in it, the map included
 */
export const readFields = (
  data: Uint8Array,
  init: { names: readonly string[]; version: number; itemsMax: number },
  fail: (problem: string) => Error,
): FieldReader => {
  let value: unknown;
  try {
    value = decodeCbor(data, init.itemsMax);
  } catch (error) {
    throw fail(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw fail('it is not a map');
  const fields = value as Record<string, unknown>;
  if (fields['v'] !== init.version) throw fail(`its version is not ${init.version}`);
  if (Object.keys(fields).length !== init.names.length || init.names.some((name) => !Object.hasOwn(fields, name)))
    throw fail(`it does not have exactly the fields ${init.names.join(', ')}`);
  return {
    bytes: (name, length) => {
      const found = fields[name];
      const right =
        found instanceof Uint8Array &&
        (typeof length === 'number' ? found.length === length : found.length <= length.max);
      if (!right)
        throw fail(`${name} is not ${typeof length === 'number' ? length : `bytes, at most ${length.max}`} bytes`);
      return found;
    },
    text: (name, max) => {
      const found = fields[name];
      if (typeof found !== 'string' || found.length > max) throw fail(`${name} is not text of at most ${max}`);
      return found;
    },
    integer: (name, min, max) => {
      const found = fields[name];
      if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < min || found > max)
        throw fail(`${name} is not a whole number of ${min} to ${max}`);
      return found;
    },
    peer: (name) => {
      const found = parsePeerId(fields[name]);
      if (found === null) throw fail(`${name} is not a peer id`);
      return found;
    },
    list: (name, max) => {
      const found = fields[name];
      if (!Array.isArray(found) || found.length > max) throw fail(`${name} is not a list of at most ${max}`);
      return found as readonly unknown[];
    },
  };
};

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
