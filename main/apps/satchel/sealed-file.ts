import { decodeCbor, encodeCbor, messageOf, sha256 } from '../../base/index.ts';
import { AEAD_NONCE_BYTES, ARGON2_SALT_BYTES, type Argon2Costs } from '../../base/crypto/index.ts';
import { ARGON2_BOUNDS } from './constants.ts';

/** Why bytes are not a file of ours. `newer`: another version wrote it, and it may be sound. */
export type FileProblem = { ok: false; newer: number } | { ok: false; newer: null; problem: string };
export const notOurs = (problem: string): FileProblem => ({ ok: false, newer: null, problem });

/** What is wrong with a value; caught by whoever reads a whole file. */
class Malformed extends Error {}
export const malformed = (problem: string): Error => new Malformed(problem);
export const problemOf = (thrown: unknown): string => {
  if (thrown instanceof Malformed) return thrown.message;
  throw thrown;
};

export type Fields = Record<string, unknown>;
export const isMap = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Exactly these fields. */
export const fieldsOf = (value: unknown, names: readonly string[], what: string): Fields => {
  if (!isMap(value)) throw malformed(`${what} is not a map`);
  if (Object.keys(value).length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw malformed(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value;
};
export const bytesOf = (value: unknown, length: number | { max: number }, what: string): Uint8Array => {
  const fits =
    value instanceof Uint8Array &&
    (typeof length === 'number' ? value.length === length : value.length > 0 && value.length <= length.max);
  if (!fits) throw malformed(`${what} does not have its size`);
  return value;
};
export const intOf = (value: unknown, min: number, max: number, what: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw malformed(`${what} is out of bounds`);
  return value;
};

export interface PassphraseHeader {
  kind: 'passphrase';
  salt: Uint8Array;
  costs: Argon2Costs;
  nonce: Uint8Array;
}
const PASSPHRASE_FIELDS = ['kind', 'salt', 'memoryKiB', 'passes', 'lanes', 'nonce'];

export const encodePassphraseHeader = ({ kind, salt, costs, nonce }: PassphraseHeader): Fields => ({
  kind,
  salt,
  memoryKiB: costs.memoryKiB,
  passes: costs.passes,
  lanes: costs.lanes,
  nonce,
});
export const readPassphraseHeader = (value: unknown): PassphraseHeader => {
  const { salt, memoryKiB, passes, lanes, nonce } = fieldsOf(value, PASSPHRASE_FIELDS, 'its sealing');
  const cost = (name: keyof Argon2Costs, given: unknown): number =>
    intOf(given, ARGON2_BOUNDS[name].min, ARGON2_BOUNDS[name].max, `the cost ${name}`);
  return {
    kind: 'passphrase',
    salt: bytesOf(salt, ARGON2_SALT_BYTES, 'the salt'),
    costs: { memoryKiB: cost('memoryKiB', memoryKiB), passes: cost('passes', passes), lanes: cost('lanes', lanes) },
    nonce: bytesOf(nonce, AEAD_NONCE_BYTES, 'the nonce'),
  };
};

/** SHA-256 over all other fields: tells a damaged file from a wrong passphrase. It protects nothing; the seal does. */
const checkOf = (fields: Fields): Uint8Array => sha256(encodeCbor(fields));
export const encodeChecked = (fields: Fields): Uint8Array => encodeCbor({ ...fields, check: checkOf(fields) });

/**
 * The fields of a file of this kind and version, its check found right and its encoding the only one.
 *
 * @throws what {@link malformed} makes; {@link newerVersion} tells whether it is from a newer version
 */
export const decodeChecked = (
  bytes: Uint8Array,
  kind: string,
  version: number,
  names: readonly string[],
  bytesMax: number,
): { newer: number } | { newer: null; fields: Fields } => {
  if (bytes.length > bytesMax) throw malformed('it is too large');
  let value: unknown;
  try {
    value = decodeCbor(bytes);
  } catch (error) {
    throw malformed(`it is not dag-cbor: ${messageOf(error)}`);
  }
  if (!isMap(value) || value['kind'] !== kind) throw malformed('it is not a file of this kind');
  const found = value['v'];
  if (typeof found !== 'number' || !Number.isSafeInteger(found) || found < 1) throw malformed('it has no version');
  if (found > version) return { newer: found };
  const fields = fieldsOf(value, [...names, 'v', 'kind', 'check'], 'it');
  if (!Buffer.from(encodeCbor(value)).equals(bytes)) throw malformed('it is not canonical dag-cbor');
  const { check, ...others } = fields;
  if (!Buffer.from(bytesOf(check, 32, 'the check')).equals(checkOf(others)))
    throw malformed('its check does not hold: bytes of it were changed');
  return { newer: null, fields: others };
};
