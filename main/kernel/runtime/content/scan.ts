import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FILES_MAX } from './constants.ts';

/** Looked at at once: a disk answers many questions faster than one after another. */
const LOOKS_MAX = 32;

/**
 * Reads what is in the folder. What is not named and made as the store does it is not ours: it is counted and left alone.
 *
 * @returns files, used longest ago first
 */
export const scanContent = async (
  folder: string,
): Promise<{
  found: { sha256: string; bytes: number; usedAtMs: number }[];
  foreign: number;
  examples: string[];
}> => {
  const found: { sha256: string; bytes: number; usedAtMs: number }[] = [];
  const examples: string[] = [];
  let foreign = 0;
  const refuse = (name: string): void => {
    foreign += 1;
    if (examples.length < 3) examples.push(name);
  };
  for (const { name, ...entry } of await readdir(folder, { withFileTypes: true }).then((entries) =>
    entries.map((one) => ({ name: one.name, isFolder: one.isDirectory() })),
  )) {
    if (name === 'tmp') continue;
    if (!entry.isFolder || !/^[0-9a-f]{2}$/.test(name)) {
      refuse(name);
      continue;
    }
    const files = await readdir(join(folder, name));
    for (let done = 0; done < files.length; done += LOOKS_MAX)
      await Promise.all(
        files.slice(done, done + LOOKS_MAX).map(async (file) => {
          const at = await lstat(join(folder, name, file)).catch(() => null);
          if (at === null) return;
          const ours = /^[0-9a-f]{64}$/.test(file) && file.startsWith(name) && at.isFile();
          if (!ours || found.length >= FILES_MAX) return refuse(`${name}/${file}`);
          found.push({ sha256: file, bytes: at.size, usedAtMs: at.mtimeMs });
        }),
      );
  }
  found.sort((a, b) => a.usedAtMs - b.usedAtMs || (a.sha256 < b.sha256 ? -1 : 1));
  return { found, foreign, examples };
};
