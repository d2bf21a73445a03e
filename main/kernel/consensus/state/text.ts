import { STATE_VALUE_BYTES_MAX } from '../../blocks/index.ts';

// A text of one byte per character is the smallest thing that V8 has for bytes that never change: 16 bytes more than what is in
// it, and given back with everything else. A `Uint8Array` of 32 bytes takes over 150, and longer ones a piece of other memory
// each. Two million hashes and a million values are kept so.

/** Up to here a loop is faster than a call. */
const SHORT_BYTES = 128;

/** A view into an array is an object as large as what it shows: one buffer for all leaves less for the collector. */
const scratch = Buffer.alloc(STATE_VALUE_BYTES_MAX);

/** @param bytes - no longer than a value may be */
export const toText = (bytes: Uint8Array): string => {
  scratch.set(bytes);
  return scratch.toString('latin1', 0, bytes.length);
};

/** A fresh array: whoever changes it changes nothing else. */
export const toBytes = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  if (text.length <= SHORT_BYTES) for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  else Buffer.from(bytes.buffer).write(text, 'latin1');
  return bytes;
};
