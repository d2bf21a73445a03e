import { decodeCbor, messageOf } from '../../../base/index.ts';
import { ADDRESS_LENGTH_MAX, parsePeerId, readAddress } from '../address.ts';
import type { Address, PeerId } from '../interface.ts';

/** Makes the error of one format; readers throw what it returns. */
export type Malformed = (problem: string) => Error;

/** @returns the value of bytes that a peer sent @throws what `malformed` makes */
export const readCborOf = (bytes: Uint8Array, itemsMax: number, malformed: Malformed): unknown => {
  try {
    return decodeCbor(bytes, itemsMax);
  } catch (error) {
    throw malformed(messageOf(error));
  }
};

/** A map of exactly these fields. */
export const exactFields = (
  value: unknown,
  names: readonly string[],
  malformed: Malformed,
): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed('it is not a map');
  if (Object.keys(value).length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw malformed(`it does not have exactly the fields ${names.join(', ')}`);
  return value as Record<string, unknown>;
};

export const readBytes = (
  value: unknown,
  limits: { min: number; max: number },
  what: string,
  malformed: Malformed,
): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length < limits.min || value.length > limits.max)
    throw malformed(`${what} is not ${limits.min} to ${limits.max} bytes`);
  return value;
};

export const readCount = (value: unknown, max: number, what: string, malformed: Malformed): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
    throw malformed(`${what} is no number from 0 to ${max}`);
  return value;
};

/** Ms since 1970. */
export const readTime = (value: unknown, what: string, malformed: Malformed): number =>
  readCount(value, Number.MAX_SAFE_INTEGER, what, malformed);

export const readList = (value: unknown, max: number, what: string, malformed: Malformed): readonly unknown[] => {
  if (!Array.isArray(value) || value.length > max) throw malformed(`${what} is no list of at most ${max}`);
  return value;
};

export const readPeerId = (value: unknown, malformed: Malformed): PeerId => {
  const peer = parsePeerId(value);
  if (peer === null) throw malformed('a peer id is none');
  return peer;
};

/** Addresses in their one form, none twice. */
export const readAddresses = (value: unknown, max: number, malformed: Malformed): readonly Address[] => {
  const found = new Set<Address>();
  for (const text of readList(value, max, 'its addresses', malformed)) {
    const address = readAddress(text);
    if (address === null || found.has(address)) throw malformed('an address is none, or there twice');
    found.add(address);
  }
  return [...found];
};

/**
 * Texts that claim to be addresses. Taking them apart costs more than all else in an answer of twenty contacts, of which few are
 * ever dialled: they are read when that happens.
 */
export const readAddressClaims = (value: unknown, max: number, malformed: Malformed): readonly string[] => {
  const list = readList(value, max, 'its addresses', malformed);
  if (list.some((text) => typeof text !== 'string' || text.length === 0 || text.length > ADDRESS_LENGTH_MAX))
    throw malformed('an address is none');
  return list as readonly string[];
};
