import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCK_FILE, NODE_FILE, NODE_FILE_BYTES_MAX } from './constants.ts';
import type { RunningNode } from './interface.ts';
import { isLocked } from './lock.ts';

/**
 * How to reach the node that runs in a data folder. Changes nothing.
 *
 * The file is believed only if it belongs to this user and nobody else may read or write it, since whoever writes it
 * would be sent the token; and only while its process lives and the folder is locked, since a pid is used again.
 *
 * @param path - data folder
 * @returns null when no node runs there, or it has not told yet where it is
 */
export const readRunningNode = async (path: string): Promise<RunningNode | null> => {
  const running = await readNodeFile(join(path, NODE_FILE));
  return running !== null && isAlive(running.pid) && isLocked(join(path, LOCK_FILE)) ? running : null;
};

const readNodeFile = async (path: string): Promise<RunningNode | null> => {
  let text: string;
  try {
    const file = await open(path, 'r');
    try {
      // Looked at through the handle, so that it is the file that is read.
      const { size, mode, uid } = await file.stat();
      const isPrivate = process.platform === 'win32' || ((mode & 0o077) === 0 && uid === process.getuid?.());
      if (!isPrivate || size > NODE_FILE_BYTES_MAX) return null;
      text = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
  try {
    return parseRunningNode(JSON.parse(text));
  } catch {
    return null;
  }
};

/** Fields that a newer version may have added are left out. */
const parseRunningNode = (value: unknown): RunningNode | null => {
  if (typeof value !== 'object' || value === null) return null;
  const { pid, url, token, mode, startedAtMs, version } = value as Record<keyof RunningNode, unknown>;
  // A pid of 0 or below would be a whole group of processes.
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (url !== null && typeof url !== 'string') return null;
  if (typeof token !== 'string' || typeof version !== 'string') return null;
  if (mode !== 'desktop' && mode !== 'headless') return null;
  if (typeof startedAtMs !== 'number' || !Number.isSafeInteger(startedAtMs) || startedAtMs < 0) return null;
  return { pid, url, token, mode, startedAtMs, version };
};

/** Signal 0 only asks. A process of another user answers EPERM: it is not our node. */
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
