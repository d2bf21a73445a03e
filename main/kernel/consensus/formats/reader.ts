import { decodeCbor, messageOf } from '../../../base/index.ts';
import { HASH_BYTES, HEIGHT_MAX, LEDGER_VERSION, ROUND_MAX } from '../constants.ts';
import { ConsensusFormatError } from '../errors.ts';

/** Reads canonical dag-cbor field by field and refuses whatever is not exactly as its format page says. */
export interface Reader {
  malformed(problem: string): ConsensusFormatError;
  /** One value in its one encoding. @param itemsMax - values in it at most, so that nobody fills the memory with empty lists */
  decode(encoded: Uint8Array, bytesMax: number, itemsMax: number): unknown;
  /** A map of exactly these fields. */
  fields<const N extends string>(value: unknown, names: readonly N[], where: string): Record<N, unknown>;
  /** The same out of bytes, with a `v` that is told before all else. */
  map<const N extends string>(
    encoded: Uint8Array,
    names: readonly N[],
    limits: { bytesMax: number; itemsMax: number },
  ): Record<N, unknown>;
  bytes(value: unknown, length: number, where: string): Uint8Array;
  bytesUpTo(value: unknown, max: number, where: string): Uint8Array;
  hash(value: unknown, where: string): Uint8Array;
  hashOrNull(value: unknown, where: string): Uint8Array | null;
  /** A whole number, both ends allowed. */
  whole(value: unknown, min: number, max: number, where: string): number;
  height(value: unknown): number;
  round(value: unknown): number;
  text(value: unknown, pattern: RegExp, where: string): string;
  oneOf<const L extends string>(value: unknown, allowed: readonly L[], where: string): L;
  list(value: unknown, max: number, where: string): readonly unknown[];
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** @param what - what is read, for sentences: `The vote` */
export const createReader = (what: string): Reader => {
  const malformed = (problem: string): ConsensusFormatError =>
    new ConsensusFormatError(
      { code: 'CONSENSUS_MALFORMED', what, problem, verdict: 'reject' },
      `${what} is not as its format has it (${problem}); its sender made it up or speaks another version.`,
    );
  const reader: Reader = {
    malformed,
    decode: (encoded, bytesMax, itemsMax) => {
      if (encoded.length > bytesMax)
        throw malformed(`it has ${encoded.length} bytes, and at most ${bytesMax} are allowed`);
      try {
        return decodeCbor(encoded, itemsMax);
      } catch (error) {
        throw malformed(messageOf(error));
      }
    },
    fields: (value, names, where) => {
      if (!isMap(value)) throw malformed(`${where} is not a map`);
      if (Object.keys(value).length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
        throw malformed(`${where} does not have exactly the fields ${names.join(', ')}`);
      return value;
    },
    map: (encoded, names, { bytesMax, itemsMax }) => {
      const value = reader.decode(encoded, bytesMax, itemsMax);
      // A later version may have other fields, so it is told before they are looked at.
      const found = isMap(value) ? value['v'] : undefined;
      if (typeof found === 'number' && Number.isSafeInteger(found) && found > LEDGER_VERSION)
        throw new ConsensusFormatError(
          { code: 'CONSENSUS_VERSION', what, found, verdict: 'ignore' },
          `${what} has version ${found}, and this program knows ${LEDGER_VERSION}; a newer version of HyperMesh may read it.`,
        );
      if (isMap(value) && found !== LEDGER_VERSION) throw malformed(`its version is not ${LEDGER_VERSION}`);
      return reader.fields(value, names, 'it');
    },
    bytes: (value, length, where) => {
      if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(`${where} is not ${length} bytes`);
      return value;
    },
    bytesUpTo: (value, max, where) => {
      if (!(value instanceof Uint8Array) || value.length > max) throw malformed(`${where} is not at most ${max} bytes`);
      return value;
    },
    hash: (value, where) => reader.bytes(value, HASH_BYTES, where),
    hashOrNull: (value, where) => (value === null ? null : reader.hash(value, where)),
    whole: (value, min, max, where) => {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
        throw malformed(`${where} is no whole number from ${min} to ${max}`);
      return value;
    },
    height: (value) => reader.whole(value, 1, HEIGHT_MAX, 'its height'),
    round: (value) => reader.whole(value, 0, ROUND_MAX, 'its round'),
    text: (value, pattern, where) => {
      if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`${where} is not as it must be`);
      return value;
    },
    oneOf: (value, allowed, where) => {
      const found = allowed.find((one) => one === value);
      if (found === undefined) throw malformed(`${where} is none of ${allowed.join(', ')}`);
      return found;
    },
    list: (value, max, where) => {
      if (!Array.isArray(value) || value.length > max) throw malformed(`${where} is no list of at most ${max}`);
      return value;
    },
  };
  return reader;
};

/** Whether two byte strings are the same. Nothing here is secret. */
export const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
/** For keys of maps. */
export const hexOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
