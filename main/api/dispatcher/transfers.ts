import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ResponseOf } from '../../../preload/contract/index.ts';

/** Files that are listed; a folder that holds more is no place to choose from. */
const FILES_MAX = 1_000;
/** Names that the contract lets through in `chain:import`. Anything else in the folder is not ours to open. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Where files come in and go out. A face names a file in it, never a path: no call reaches the rest of the disk. */
export const listTransfers = async (folder: string): Promise<ResponseOf<'chain:transfers'>> => {
  const names = await readdir(folder).catch(() => []);
  const files: ResponseOf<'chain:transfers'>['files'] = [];
  for (const name of names.filter((one) => NAME.test(one)).slice(0, FILES_MAX)) {
    const found = await lstat(join(folder, name)).catch(() => null);
    if (found?.isFile() !== true) continue;
    files.push({ name, sizeBytes: found.size, modifiedAtMs: Math.max(0, Math.floor(found.mtimeMs)) });
  }
  return { folder, files: files.sort((one, other) => other.modifiedAtMs - one.modifiedAtMs) };
};

/** A name that says what is in the file and sorts by the day it was made. */
export const exportName = (
  range: { from: number; to?: number | undefined; readable: boolean },
  nowMs: number,
): string => {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
  return `chain-${stamp}-${range.from}-${range.to ?? 'head'}${range.readable ? '' : '-sealed'}.hmchain`;
};

/** @returns the path of a file in the folder, which exists by then */
export const transferPath = async (folder: string, name: string): Promise<string> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return join(folder, name);
};
