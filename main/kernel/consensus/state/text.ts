// A text of one byte per character is the smallest thing that V8 has for bytes that never change: 16 bytes more than what is in
// it, and given back with everything else. A `Uint8Array` of 32 bytes takes over 150, and longer ones a piece of other memory
// each. Two million hashes and a million values are kept so.

/** Up to here a loop is faster than a call. */
const SHORT_BYTES = 128;

export const toText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');

/** A fresh array: whoever changes it changes nothing else. */
export const toBytes = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  if (text.length <= SHORT_BYTES) for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  else Buffer.from(bytes.buffer).write(text, 'latin1');
  return bytes;
};
