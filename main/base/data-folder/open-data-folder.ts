import { constants, type Stats } from 'node:fs';
import { access, chmod, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf } from '../errors.ts';
import { writeFileAtomically } from '../files/index.ts';
import type { Logger } from '../logging/index.ts';
import { FORMAT_FILE, FORMAT_VERSION, FREE_BYTES_NEEDED, LEFT_OVER_NAMES, LOCK_FILE, NODE_FILE } from './constants.ts';
import { DataFolderError } from './errors.ts';
import type { DataFolder, RunningNode } from './interface.ts';
import { type FolderLock, takeLock } from './lock.ts';
import { readRunningNode } from './running-node.ts';

export interface DataFolderComponents {
  logger?: Logger;
}
export interface DataFolderInit {
  /** A relative one counts from the working folder. */
  path: string;
  /** Only look: create nothing, lock nothing, empty nothing. For clients of a node that runs. @default false */
  clientOnly?: boolean;
}

/**
 * Opens the folder, creating it if need be, and holds its lock until `release` or the end of the process.
 *
 * Everything is looked at before anything is changed. A first start that was cut short is taken up where it ended,
 * since the format file is the last thing written.
 *
 * @throws {DataFolderError} `DATA_FOLDER_FOREIGN` | `DATA_FOLDER_NEWER` | `DATA_FOLDER_NOT_OURS` |
 *   `DATA_FOLDER_READ_ONLY` | `DATA_FOLDER_IN_USE` | `DISK_FULL`; for clients also `DATA_FOLDER_MISSING`
 */
export const openDataFolder = async (components: DataFolderComponents, init: DataFolderInit): Promise<DataFolder> => {
  const path = resolve(init.path);
  let lock: FolderLock | null = null;
  try {
    const found = await statOrNull(path);
    if (found === null) {
      if (init.clientOnly === true)
        throw new DataFolderError(
          { code: 'DATA_FOLDER_MISSING', path },
          `There is no data folder ${path}; start a node first, or name its folder with HYPERMESH_DATA.`,
        );
      // Asked first, since Node's mkdir reports a read-only disk as a missing folder.
      await access(await nearestExisting(path), constants.W_OK);
      await mkdir(path, { recursive: true, mode: 0o700 });
    } else checkOwner(path, found);
    const hasFormat = await checkFormat(path);
    if (init.clientOnly === true) {
      if (!hasFormat)
        throw new DataFolderError(
          { code: 'DATA_FOLDER_MISSING', path },
          `There is no data in the folder ${path} yet; start a node first, or name its folder with HYPERMESH_DATA.`,
        );
      return new OpenFolder(path, null);
    }
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    if (process.platform !== 'win32' && ((await stat(path)).mode & 0o077) !== 0) {
      components.logger?.warn('Data folder was open to other users; closed it to them', { path });
      await chmod(path, 0o700);
    }
    lock = takeLock(join(path, LOCK_FILE));
    if (lock === null) throw await inUse(path);
    // Looked at again, as another process may have created it in between.
    if (!(await checkFormat(path)))
      await writeFileAtomically(join(path, FORMAT_FILE), `hypermesh-data ${FORMAT_VERSION}\n`);
    const folder = new OpenFolder(path, lock);
    await rm(join(path, NODE_FILE), { force: true });
    await mkdir(folder.logsPath, { recursive: true, mode: 0o700 });
    await rm(folder.temporaryPath, { recursive: true, force: true });
    await mkdir(folder.temporaryPath, { mode: 0o700 });
    await probeSpace(folder.temporaryPath);
    return folder;
  } catch (error) {
    lock?.release();
    throw toDataFolderError(error, path);
  }
};

class OpenFolder implements DataFolder {
  readonly path: string;
  readonly databasePath: string;
  readonly logsPath: string;
  readonly configPath: string;
  readonly identityPath: string;
  readonly plotsPath: string;
  readonly transferPath: string;
  readonly contentPath: string;
  readonly temporaryPath: string;
  #lock: FolderLock | null;

  constructor(path: string, lock: FolderLock | null) {
    this.path = path;
    this.databasePath = join(path, 'hypermesh.db');
    this.logsPath = join(path, 'logs');
    this.configPath = join(path, 'config.json');
    this.identityPath = join(path, 'identity');
    this.plotsPath = join(path, 'plots');
    this.transferPath = join(path, 'transfer');
    this.contentPath = join(path, 'content');
    this.temporaryPath = join(path, 'tmp');
    this.#lock = lock;
  }

  async announce(running: RunningNode): Promise<void> {
    if (this.#lock === null)
      throw new DataFolderError(
        { code: 'DATA_FOLDER_READ_ONLY', path: this.path, reason: 'not locked' },
        `The data folder ${this.path} is not held by this process, so nothing can be announced in it; open it first.`,
      );
    try {
      await writeFileAtomically(join(this.path, NODE_FILE), `${JSON.stringify(running)}\n`, 0o600);
    } catch (error) {
      throw toDataFolderError(error, this.path);
    }
  }

  async release(): Promise<void> {
    const lock = this.#lock;
    if (lock === null) return;
    this.#lock = null;
    // A file that stays behind is not believed once the lock is gone.
    await rm(join(this.path, NODE_FILE), { force: true }).catch(() => undefined);
    lock.release();
  }
}

const statOrNull = async (path: string): Promise<Stats | null> => {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
};

/** A drive that is not there has no existing part at all, and is given back as it is. */
const nearestExisting = async (path: string): Promise<string> => {
  const above = dirname(path);
  return above === path || (await statOrNull(path)) !== null ? path : nearestExisting(above);
};

const checkOwner = (path: string, found: Stats): void => {
  if (!found.isDirectory()) throw foreign(path, 'it is a file and not a folder');
  const userId = process.getuid?.();
  // Root is refused as well: what it writes here, the owner could not change afterwards.
  if (userId !== undefined && found.uid !== userId) {
    throw new DataFolderError(
      { code: 'DATA_FOLDER_NOT_OURS', path, ownerId: found.uid, userId },
      `The data folder ${path} belongs to another user (${found.uid}, you are ${userId}); run HyperMesh as that user, or choose another folder with HYPERMESH_DATA.`,
    );
  }
};

/** @returns whether there is a format file. Without one the folder must be empty but for what a cut-short start leaves. */
const checkFormat = async (path: string): Promise<boolean> => {
  let text: string;
  try {
    text = await readFile(join(path, FORMAT_FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const names = await readdir(path);
    // Another start made it between the two looks. It is never taken away again, so the next look finds it.
    if (names.includes(FORMAT_FILE)) return checkFormat(path);
    const others = names.filter((name) => !LEFT_OVER_NAMES.has(name));
    if (others.length > 0)
      throw foreign(
        path,
        `it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ' and more' : ''}, but no file named format`,
      );
    return false;
  }
  const version = /^hypermesh-data (\d{1,9})\n$/.exec(text)?.[1];
  if (version === undefined) throw foreign(path, 'its format file is not one of HyperMesh');
  const foundVersion = Number(version);
  if (foundVersion > FORMAT_VERSION) {
    throw new DataFolderError(
      { code: 'DATA_FOLDER_NEWER', path, foundVersion, knownVersion: FORMAT_VERSION },
      `The data folder ${path} was written by a newer version of HyperMesh (layout ${foundVersion}, this version knows ${FORMAT_VERSION}), so it was left alone; install the newer version again.`,
    );
  }
  return true;
};

const foreign = (path: string, reason: string): DataFolderError =>
  new DataFolderError(
    { code: 'DATA_FOLDER_FOREIGN', path, reason },
    `${path} is not a data folder of HyperMesh (${reason}), so it was left alone; choose an empty or a new folder with HYPERMESH_DATA.`,
  );

const inUse = async (path: string): Promise<DataFolderError> => {
  const running = await readRunningNode(path);
  const where =
    running === null
      ? 'it is just starting or ending'
      : `process ${running.pid}${running.url === null ? '' : `, at ${running.url}`}`;
  return new DataFolderError(
    {
      code: 'DATA_FOLDER_IN_USE',
      path,
      pid: running?.pid ?? null,
      url: running?.url ?? null,
      mode: running?.mode ?? null,
    },
    `A node runs in the data folder ${path} already (${where}); use that one, or end it with \`hypermesh stop\`.`,
  );
};

/** Reserves what a start needs, for real: a file system's own figure may promise room that a quota does not give. */
const probeSpace = async (folder: string): Promise<void> => {
  const path = join(folder, 'space');
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(new Uint8Array(FREE_BYTES_NEEDED));
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    await rm(path, { force: true });
  }
};

const toDataFolderError = (error: unknown, path: string): unknown => {
  if (error instanceof DataFolderError) return error;
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return error;
  if (['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE'].includes(code)) {
    return new DataFolderError(
      { code: 'DISK_FULL', path },
      `The disk that holds the data folder ${path} is full; make room on it and start again.`,
      { cause: error },
    );
  }
  if (code === 'ENOTDIR') return foreign(path, 'a part of its path is a file');
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT')
    return foreign(path, `its file ${LOCK_FILE} is not one of HyperMesh`);
  if (
    [
      'EACCES',
      'EPERM',
      'EROFS',
      'ENOENT',
      'ENAMETOOLONG',
      'ELOOP',
      'SQLITE_CANTOPEN',
      'SQLITE_READONLY',
      'SQLITE_PERM',
    ].some((name) => code === name || code.startsWith(`${name}_`))
  ) {
    return new DataFolderError(
      { code: 'DATA_FOLDER_READ_ONLY', path, reason: code },
      `The data folder ${path} cannot be created or written to (${messageOf(error)}); make it writable for your user, or choose another with HYPERMESH_DATA.`,
      { cause: error },
    );
  }
  return error;
};
