import { Buffer } from 'node:buffer';

const BLOCK = 512;

/**
 * Header of a file of ours: a short name, root's, readable, at the beginning of time, so that the same image is always the same archive.
 *
 * @param name - at most 99 bytes of ASCII
 */
export const tarHeader = (name: string, bytes: number): Buffer => {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 99, 'latin1');
  header.write('0000644\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  if (bytes < 8 ** 11) header.write(`${bytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  else {
    // What octal digits cannot hold, as GNU writes it.
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(bytes), 128);
  }
  header.write('00000000000\0', 136, 'latin1');
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
};
/** What fills the last block of a file. */
export const tarPadding = (bytes: number): Buffer => Buffer.alloc(-bytes & (BLOCK - 1));
export const TAR_END = Buffer.alloc(2 * BLOCK);
