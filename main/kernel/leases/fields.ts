import { decodeCbor, messageOf } from '../../base/index.ts';
import { LeaseFormatError } from './errors.ts';

/** Reads canonical dag-cbor field by field and refuses whatever is not exactly as its format page says. */
export interface FieldReader {
  malformed(problem: string): LeaseFormatError;
  /** What stands in its `v`, whatever the rest is; undefined where there is none. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` */
  version(encoded: Uint8Array): unknown;
  /** A map of exactly these fields, out of bytes; its `v` is told first. @throws {LeaseFormatError} `LEASE_RECORD_MALFORMED` | `LEASE_RECORD_VERSION` */
  map<const N extends string>(encoded: Uint8Array, version: number, names: readonly N[]): Record<N, unknown>;
  /** The same of a value within. */
  fields<const N extends string>(value: unknown, names: readonly N[], where: string): Record<N, unknown>;
  bytes(value: unknown, length: number, where: string): Uint8Array;
  bytesUpTo(value: unknown, min: number, max: number, where: string): Uint8Array;
  /** A whole number, both ends allowed. */
  whole(value: unknown, min: number, max: number, where: string): number;
  flag(value: unknown, where: string): boolean;
  oneOf<const L extends string>(value: unknown, allowed: readonly L[], where: string): L;
  text(value: unknown, pattern: RegExp, where: string): string;
  list(value: unknown, max: number, where: string): readonly unknown[];
  /** Micro-CAES: CBOR has 64 bits and money here has more, so it is decimal text without leading zeros. */
  micro(value: unknown, where: string): bigint;
}

const MICRO = /^(0|[1-9]\d{0,29})$/;
const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/**
 * @param what - what is read, for sentences: `The offer`
 * @param itemsMax - values in it at most, so that a stranger cannot fill the memory with empty lists
 */
export const createFieldReader = (what: string, itemsMax: number): FieldReader => {
  const malformed = (problem: string): LeaseFormatError =>
    new LeaseFormatError(
      { code: 'LEASE_RECORD_MALFORMED', what, problem, verdict: 'reject' },
      `${what} is not as its format has it (${problem}); its sender made it up or speaks another version.`,
    );
  const fields: FieldReader['fields'] = (value, names, where) => {
    if (!isMap(value)) throw malformed(`${where} is not a map`);
    if (Object.keys(value).length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
      throw malformed(`${where} does not have exactly the fields ${names.join(', ')}`);
    return value;
  };
  const decode = (encoded: Uint8Array): unknown => {
    try {
      return decodeCbor(encoded, itemsMax);
    } catch (error) {
      throw malformed(messageOf(error));
    }
  };
  return {
    malformed,
    fields,
    version: (encoded) => {
      const value = decode(encoded);
      return isMap(value) ? value['v'] : undefined;
    },
    map: (encoded, version, names) => {
      const value = decode(encoded);
      // A later version may have other fields, so it is told before they are looked at.
      const found = isMap(value) ? value['v'] : undefined;
      if (typeof found === 'number' && found > version)
        throw new LeaseFormatError(
          { code: 'LEASE_RECORD_VERSION', what, found, verdict: 'ignore' },
          `${what} has version ${found}, and this program knows ${version}; a newer version of HyperMesh may read it.`,
        );
      if (isMap(value) && found !== version) throw malformed(`its version is not ${version}`);
      return fields(value, names, 'it');
    },
    bytes: (value, length, where) => {
      if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(`${where} is not ${length} bytes`);
      return value;
    },
    bytesUpTo: (value, min, max, where) => {
      if (!(value instanceof Uint8Array) || value.length < min || value.length > max)
        throw malformed(`${where} is not ${min} to ${max} bytes`);
      return value;
    },
    whole: (value, min, max, where) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
        throw malformed(`${where} is no whole number from ${min} to ${max}`);
      return value;
    },
    flag: (value, where) => {
      if (typeof value !== 'boolean') throw malformed(`${where} is neither true nor false`);
      return value;
    },
    oneOf: (value, allowed, where) => {
      const found = allowed.find((one) => one === value);
      if (found === undefined) throw malformed(`${where} is none of ${allowed.join(', ')}`);
      return found;
    },
    text: (value, pattern, where) => {
      if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`${where} is not as it must be`);
      return value;
    },
    list: (value, max, where) => {
      if (!Array.isArray(value) || value.length > max) throw malformed(`${where} is no list of at most ${max}`);
      return value;
    },
    micro: (value, where) => {
      if (typeof value !== 'string' || !MICRO.test(value)) throw malformed(`${where} is no amount of micro-CAES`);
      return BigInt(value);
    },
  };
};
