import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a file as a whole: after a crash or on a full disk it is either as before or as given, and once this
 * resolves it stays so after a power cut. There must be one writer at a time, which the lock of the data folder sees to.
 *
 * @param mode - permissions; set before the first byte is written
 * @throws the error of the system; the file is then as before, and nothing is left beside it
 */
export const writeFileAtomically = async (path: string, content: string | Uint8Array, mode = 0o600): Promise<void> => {
  const temporary = `${path}.new`;
  try {
    // Left over by a crash, perhaps with other permissions, or put there as a link to somewhere else.
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', mode);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncFolder(dirname(path));
};

/** Makes names in a folder (a rename, a removal) outlast a power cut. Windows knows no such thing and needs none. */
export const syncFolder = async (path: string): Promise<void> => {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
};
