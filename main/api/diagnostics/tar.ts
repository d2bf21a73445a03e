/** POSIX.1-1988 "ustar" as in IEEE Std 1003.1, pax: 512-byte records, numbers as octal text. */
const RECORD_BYTES = 512;
const encoder = new TextEncoder();

const putText = (header: Uint8Array, offset: number, length: number, text: string): void => {
  const encoded = encoder.encode(text);
  if (encoded.length > length) throw new RangeError(`"${text}" does not fit the ${length} bytes that ustar has for it`);
  header.set(encoded, offset);
};
const putOctal = (header: Uint8Array, offset: number, length: number, value: number): void =>
  putText(header, offset, length, `${value.toString(8).padStart(length - 1, '0')}\0`);

/**
 * One uncompressed archive of ordinary files, mode 0600, owner 0.
 *
 * @param files - names of at most 100 bytes with `/` between folders
 * @param modifiedMs - stamp of every file
 */
export const packTar = (files: readonly { name: string; content: Uint8Array }[], modifiedMs: number): Uint8Array => {
  const parts: Uint8Array[] = [];
  for (const { name, content } of files) {
    const header = new Uint8Array(RECORD_BYTES);
    putText(header, 0, 100, name);
    putOctal(header, 100, 8, 0o600);
    putOctal(header, 108, 8, 0);
    putOctal(header, 116, 8, 0);
    putOctal(header, 124, 12, content.length);
    putOctal(header, 136, 12, Math.floor(modifiedMs / 1000));
    putText(header, 148, 8, '        ');
    putText(header, 156, 1, '0');
    putText(header, 257, 8, 'ustar\x0000');
    const sum = header.reduce((total, byte) => total + byte, 0);
    putText(header, 148, 8, `${sum.toString(8).padStart(6, '0')}\0 `);
    const padding = (RECORD_BYTES - (content.length % RECORD_BYTES)) % RECORD_BYTES;
    parts.push(header, content, new Uint8Array(padding));
  }
  // Two empty records end the archive.
  parts.push(new Uint8Array(2 * RECORD_BYTES));
  return Buffer.concat(parts);
};
