import { decodeCbor, encodeCbor } from '../../base/codec.ts';
import { messageOf } from '../../base/errors.ts';
import { ProofFormatError } from './errors.ts';

/** Reads canonical dag-cbor field by field and refuses whatever is not exactly as its format page says. */

export const malformed = (problem: string): ProofFormatError =>
  new ProofFormatError(
    { code: 'PROOF_MALFORMED', problem, verdict: 'reject' },
    `These bytes are not in the one encoding that the format demands (${problem}); ask for them again.`,
  );

/**
 * The largest proof, one of work with 256 rows, has some 6000. A file of a megabyte may hold a million, which would hold up
 * the main thread for most of a second.
 */
const VALUES_MAX = 2 ** 15;

/**
 * Decodes, and refuses bytes that a lenient decoder lets through: whatever is encoded again must be the same.
 *
 * @param bytesMax - checked before anything is read
 * @throws {ProofFormatError} `PROOF_TOO_LARGE` | `PROOF_MALFORMED`
 */
export const decodeStrict = (encoded: Uint8Array, bytesMax: number, what: string): unknown => {
  if (encoded.length > bytesMax)
    throw new ProofFormatError(
      { code: 'PROOF_TOO_LARGE', bytes: encoded.length, limit: bytesMax, verdict: 'reject' },
      `${what} has ${encoded.length} bytes, and at most ${bytesMax} are read.`,
    );
  let value: unknown;
  try {
    value = decodeCbor(encoded, VALUES_MAX);
  } catch (error) {
    throw malformed(`${what}: ${messageOf(error)}`);
  }
  if (!Buffer.from(encodeCbor(value)).equals(encoded)) throw malformed(`${what} is not canonical dag-cbor`);
  return value;
};

/** Exactly these fields. @throws {ProofFormatError} `PROOF_MALFORMED` */
export const fieldsOf = <const N extends string>(
  value: unknown,
  names: readonly N[],
  what: string,
): Record<N, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed(`${what} is not a map`);
  const found = Object.keys(value);
  if (found.length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw malformed(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value as Record<N, unknown>;
};

/** @throws {ProofFormatError} `PROOF_VERSION` when it is a version that this program does not know */
export const versionOf = (value: unknown, known: number, what: string): void => {
  if (value === known) return;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw malformed(`the version of ${what} is not a number`);
  throw new ProofFormatError(
    { code: 'PROOF_VERSION', found: value, verdict: 'ignore' },
    `${what} has version ${value}, and this program knows ${known}; a newer version of HyperMesh may read it.`,
  );
};

export const bytesOf = (value: unknown, length: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(`${what} is not ${length} bytes`);
  return value;
};
export const bytesUpTo = (value: unknown, lengthMax: number, what: string): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length > lengthMax)
    throw malformed(`${what} is not at most ${lengthMax} bytes`);
  return value;
};
/** A whole number from `min` to `max`, both allowed. */
export const integerOf = (value: unknown, min: number, max: number, what: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw malformed(`${what} is not a whole number from ${min} to ${max}`);
  return value;
};
export const textOf = (value: unknown, pattern: RegExp, what: string): string => {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed(`${what} is not as it must be`);
  return value;
};
export const listOf = (value: unknown, lengthMax: number, what: string): readonly unknown[] => {
  if (!Array.isArray(value) || value.length > lengthMax)
    throw malformed(`${what} is not a list of at most ${lengthMax}`);
  return value;
};
export const literalOf = <const L>(value: unknown, literal: L, what: string): L => {
  if (value !== literal) throw malformed(`${what} is not ${JSON.stringify(literal)}`);
  return literal;
};
