import { createHash } from 'node:crypto';

/** Of the test image; with a random rest also the name of a test container. */
export const PROBE_REPOSITORY = 'hypermesh-probe';
/** Name of the program within its image. */
export const PROBE_PATH = '/hypermesh-probe';

/** Bytes of a field of a tar header, ended by a zero. */
const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;

/**
 * A tar of exactly one executable file, which is all that the test image holds.
 *
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 (ustar)
 */
export const tarOfProgram = (program: Uint8Array): Uint8Array => {
  const padded = Math.ceil(program.length / 512) * 512;
  // Two empty blocks end it.
  const tar = Buffer.alloc(512 + padded + 1024);
  tar.write(PROBE_PATH.slice(1), 0, 'ascii');
  tar.write(octal(0o555, 8), 100, 'ascii');
  tar.write(octal(0, 8), 108, 'ascii');
  tar.write(octal(0, 8), 116, 'ascii');
  tar.write(octal(program.length, 12), 124, 'ascii');
  tar.write(octal(0, 12), 136, 'ascii');
  // The sum counts its own field as spaces.
  tar.write(' '.repeat(8), 148, 'ascii');
  tar.write('0', 156, 'ascii');
  tar.write('ustar\x0000', 257, 'latin1');
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  tar.set(program, 512);
  return tar;
};

/** @returns of the test image: one for each program and node, so that two nodes on an engine do not meet */
export const probeTag = (program: Uint8Array, mark: string): string =>
  createHash('sha256').update(mark).update(program).digest('hex').slice(0, 12);
