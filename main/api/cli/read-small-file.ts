import { readFile, stat } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { CliError } from './errors.ts';
import { printable } from './table.ts';
import { formatBytes } from './units.ts';

/** Reads a file that can only be small; a larger one is none of them, and is not read into memory. @throws {CliError} `FILE_UNREADABLE` */
export const readSmallFile = async (path: string, bytesMax: number): Promise<Uint8Array> => {
  const unreadable = (reason: string): CliError =>
    new CliError({ code: 'FILE_UNREADABLE', path }, `The file ${printable(path)} cannot be read (${reason}).`);
  try {
    const { size } = await stat(path);
    if (size > bytesMax) throw unreadable(`it has ${formatBytes(size)}, more than any of them`);
    return await readFile(path);
  } catch (error) {
    throw error instanceof CliError ? error : unreadable(messageOf(error));
  }
};
