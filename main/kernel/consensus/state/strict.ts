import { decodeCbor, messageOf } from '../../../base/index.ts';
import { STATE_KEY, STATE_VALUE_BYTES_MAX } from '../../blocks/index.ts';
import { HASH_BYTES, STATE_VERSION } from './constants.ts';
import { StateError } from './errors.ts';

/** How a kind of bytes is refused. */
export type Refuse = (problem: string) => StateError;

/** Size first, then decoding, which lets one encoding of each value through. */
export const decode = (bytes: Uint8Array, bytesMax: number, itemsMax: number, refuse: Refuse): unknown => {
  if (bytes.length > bytesMax) throw refuse(`it has ${bytes.length} bytes, and at most ${bytesMax} are allowed`);
  try {
    return decodeCbor(bytes, itemsMax);
  } catch (error) {
    throw refuse(messageOf(error));
  }
};

/** A map whose `v` is ours and whose other fields are exactly one of the lists. */
export const readFields = (
  value: unknown,
  forms: readonly (readonly string[])[],
  what: string,
  refuse: Refuse,
): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw refuse('it is not a map');
  const fields = value as Record<string, unknown>;
  const version = fields['v'];
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1)
    throw refuse('its version is no number');
  if (version !== STATE_VERSION)
    throw new StateError(
      { code: 'VERSION_UNKNOWN', what, found: version, verdict: 'ignore' },
      `This ${what} has version ${version}, and this program knows ${STATE_VERSION}; a newer HyperMesh may read it.`,
    );
  const count = Object.keys(fields).length;
  if (!forms.some((form) => form.length + 1 === count && form.every((name) => Object.hasOwn(fields, name))))
    throw refuse('it does not have exactly its fields');
  return fields;
};

export const readBytes = (value: unknown, bytesMax: number, what: string, refuse: Refuse): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length > bytesMax)
    throw refuse(`${what} is not at most ${bytesMax} bytes`);
  return value;
};
export const readHash = (value: unknown, what: string, refuse: Refuse): Uint8Array => {
  if (!(value instanceof Uint8Array) || value.length !== HASH_BYTES) throw refuse(`${what} is no hash`);
  return value;
};
export const readKey = (value: unknown, refuse: Refuse): string => {
  if (typeof value !== 'string' || !STATE_KEY.test(value)) throw refuse('a key is none of the state');
  return value;
};
export const readValue = (value: unknown, refuse: Refuse): Uint8Array =>
  readBytes(value, STATE_VALUE_BYTES_MAX, 'a value', refuse);
export const readList = (value: unknown, what: string, refuse: Refuse): readonly unknown[] => {
  if (!Array.isArray(value)) throw refuse(`${what} is no list`);
  return value;
};
/** A whole number from `min` to `max`. */
export const readNumber = (value: unknown, min: number, max: number, what: string, refuse: Refuse): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max || Object.is(value, -0))
    throw refuse(`${what} is not a whole number from ${min} to ${max}`);
  return value;
};
