import { decodeCbor, messageOf, type Verdict } from '../../base/index.ts';

/** Makes the error of one format; readers throw what it returns. */
export type Malformed = (problem: string, verdict?: Verdict) => Error;

/**
 * A map of exactly these fields out of bytes that somebody sent. Its `v` is told first: a later version may have other fields.
 *
 * @throws what `malformed` makes, with the verdict `ignore` for a version that is newer than this program
 */
export const readMap = (
  bytes: Uint8Array,
  version: number,
  itemsMax: number,
  malformed: Malformed,
): Record<string, unknown> => {
  let value: unknown;
  try {
    value = decodeCbor(bytes, itemsMax);
  } catch (error) {
    throw malformed(messageOf(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('it is not a map');
  const map = value as Record<string, unknown>;
  const found = map['v'];
  if (typeof found === 'number' && found > version)
    throw malformed(`it has version ${found}, and this program knows ${version}`, 'ignore');
  if (found !== version) throw malformed(`its version is not ${version}`);
  return map;
};
export const onlyFields = (map: Record<string, unknown>, names: readonly string[], malformed: Malformed): void => {
  if (Object.keys(map).length !== names.length || names.some((name) => !Object.hasOwn(map, name)))
    throw malformed(`it does not have exactly the fields ${names.join(', ')}`);
};
export const readWhole = (value: unknown, min: number, max: number, what: string, malformed: Malformed): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw malformed(`${what} is no whole number from ${min} to ${max}`);
  return value;
};
export const readFlag = (value: unknown, what: string, malformed: Malformed): boolean => {
  if (typeof value !== 'boolean') throw malformed(`${what} is neither true nor false`);
  return value;
};
export const readBytes = (value: unknown, length: number, what: string, malformed: Malformed): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(`${what} is not ${length} bytes`);
  return value;
};
/** @param max - characters */
export const readText = (value: unknown, max: number, what: string, malformed: Malformed): string => {
  if (typeof value !== 'string' || value.length > max)
    throw malformed(`${what} is no text of at most ${max} characters`);
  return value;
};
export const readOneOf = <const L extends string>(
  value: unknown,
  allowed: readonly L[],
  what: string,
  malformed: Malformed,
): L => {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw malformed(`${what} is none of ${allowed.join(', ')}`);
  return found;
};
export const readList = (value: unknown, max: number, what: string, malformed: Malformed): readonly unknown[] => {
  if (!Array.isArray(value) || value.length > max) throw malformed(`${what} is no list of at most ${max}`);
  return value;
};
