import { Buffer } from 'node:buffer';

/** POSIX.1-1988 "ustar" as in IEEE Std 1003.1, pax: everything stands in blocks of so many bytes, numbers as octal text. */
const BLOCK_BYTES = 512;
/** Octal digits that the length of a file has room for. */
const LENGTH_DIGITS = 11;

export interface TarHeaderInit {
  /** A folder has no bytes, and a name that ends in a slash. @default 'file' */
  kind?: 'file' | 'folder';
  /** Permission bits. @default 0o644 */
  mode?: number;
  /** Number of the user and of the group. @default 0 */
  owner?: number;
  /** Ms since 1970, kept as whole seconds; the beginning of time makes the same content the same archive. @default 0 */
  modifiedMs?: number;
}

/**
 * What stands before a file in an archive.
 *
 * @param name - at most 100 bytes of UTF-8, with `/` between folders
 * @param bytes - length of the file
 * @throws {RangeError} for a name that does not fit
 */
export const tarHeader = (name: string, bytes: number, init: TarHeaderInit = {}): Buffer => {
  const { kind = 'file', mode = 0o644, owner = 0, modifiedMs = 0 } = init;
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, offset: number, digits: number): void =>
    void header.write(`${value.toString(8).padStart(digits, '0')}\0`, offset, 'latin1');
  if (Buffer.byteLength(name) > 100)
    throw new RangeError(`"${name}" does not fit the 100 bytes that ustar has for a name; shorten it`);
  header.write(name, 0, 'utf8');
  octal(mode, 100, 7);
  octal(owner, 108, 7);
  octal(owner, 116, 7);
  if (bytes < 8 ** LENGTH_DIGITS) octal(bytes, 124, LENGTH_DIGITS);
  else {
    // What octal digits cannot hold, as GNU writes it.
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(bytes), 128);
  }
  octal(Math.floor(modifiedMs / 1000), 136, 11);
  // The sum counts its own field as spaces.
  header.write('        ', 148, 'latin1');
  header.write(kind === 'file' ? '0' : '5', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
};
/** What fills the last block of a file of so many bytes. */
export const tarPadding = (bytes: number): Buffer => Buffer.alloc(-bytes & (BLOCK_BYTES - 1));
/** Two empty blocks end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK_BYTES);
