import { readdir, readFile, readlink, realpath } from 'node:fs/promises';

/** @returns the file's text, or null when it cannot be read for whatever reason: in /proc and /sys files come and go */
export const readFileText = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
};

/** @returns the decimal integer that the file holds, or null */
export const readFileNumber = async (path: string): Promise<number | null> => {
  const text = (await readFileText(path))?.trim();
  return text !== undefined && /^-?\d{1,20}$/.test(text) ? Number(text) : null;
};

/** @returns names in the folder, sorted with numbers in order, or null when it cannot be read */
export const listFolder = async (path: string): Promise<string[] | null> => {
  try {
    return (await readdir(path)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  } catch {
    return null;
  }
};

/** @returns where a link of /sys ends, in full, or null */
export const linkTarget = async (path: string): Promise<string | null> => {
  try {
    await readlink(path);
    return await realpath(path);
  } catch {
    return null;
  }
};
