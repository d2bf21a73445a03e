import { writeFile } from 'node:fs/promises';
import { messageOf } from '../../base/errors.ts';
import { CliError } from './errors.ts';

/** Writes what a command was asked for into a file, never over another unless told to. @throws {CliError} `USAGE` | `FILE_NOT_WRITTEN` */
export const writeResult = async (path: string, bytes: Uint8Array, force: boolean): Promise<void> => {
  try {
    await writeFile(path, bytes, { flag: force ? 'w' : 'wx', mode: 0o644 });
  } catch (error) {
    if ((error as { code?: string }).code === 'EEXIST')
      throw new CliError({ code: 'USAGE' }, `${path} is there already; add --force to write over it.`);
    throw new CliError({ code: 'FILE_NOT_WRITTEN', path }, `${path} could not be written (${messageOf(error)}).`);
  }
};
