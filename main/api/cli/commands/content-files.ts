import { open, mkdir, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { JobFile } from '../../../../preload/contract/index.ts';
import { messageOf } from '../../../base/errors.ts';
import { CliError } from '../errors.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';

// Files between this terminal and the node's content store, a piece at a time: neither end holds a whole one in memory.

/** Below what one call may carry. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** As many as a job takes. */
const FILES_MAX = 256;

const unreadable = (path: string, error: unknown): CliError =>
  new CliError(
    { code: 'FILE_UNREADABLE', path },
    `${printable(path)} cannot be read (${messageOf(error)}); check the name.`,
  );

/** Puts one file into the content store. @throws {CliError} `FILE_UNREADABLE` {AnswerError} `CONTENT_FULL` */
const upload = async (session: Session, source: string, path: string): Promise<JobFile> => {
  const file = await open(source, 'r').catch((error: unknown) => {
    throw unreadable(source, error);
  });
  try {
    const { size, mode } = await file.stat();
    const buffer = Buffer.alloc(Math.min(PIECE_BYTES, Math.max(1, size)));
    let id: string | undefined;
    let sent = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, sent);
      sent += bytesRead;
      const done = bytesRead === 0 || sent >= size;
      const answer = await session.call('content:upload', {
        ...(id !== undefined && { upload: id }),
        data: buffer.subarray(0, bytesRead).toString('base64'),
        done,
      });
      id = answer.upload;
      if (answer.sha256 !== null)
        return { path, sha256: answer.sha256, bytes: answer.bytes, executable: (mode & 0o100) !== 0 };
    }
  } finally {
    await file.close();
  }
};

/** `data.csv`, `data.csv:in/data.csv`, or a folder with all that is in it. */
const filesOf = async (given: string): Promise<{ source: string; path: string }[]> => {
  const colon = given.lastIndexOf(':');
  const [source, path] =
    colon > 0 ? [given.slice(0, colon), given.slice(colon + 1)] : [given, basename(resolve(given))];
  const found = await stat(source).catch((error: unknown) => {
    throw unreadable(source, error);
  });
  if (!found.isDirectory()) return [{ source, path }];
  const entries = await readdir(source, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return { source: file, path: `${path}/${relative(source, file).split(sep).join('/')}` };
    });
};

/** Puts what was named on the command line into the content store. @throws {CliError} `FILE_UNREADABLE` | `TOO_MANY_FILES` */
export const uploadFiles = async (session: Session, given: readonly string[]): Promise<JobFile[]> => {
  const all = (await Promise.all(given.map(filesOf))).flat();
  if (all.length > FILES_MAX)
    throw new CliError(
      { code: 'TOO_MANY_FILES', files: all.length, filesMax: FILES_MAX },
      `${all.length} files are more than the ${FILES_MAX} that a job takes; put them into one archive.`,
    );
  const files: JobFile[] = [];
  for (const { source, path } of all) files.push(await upload(session, source, path));
  return files;
};

/** Writes what a job left beneath a folder. Never outside of it: paths come from the job. @returns the paths written */
export const downloadFiles = async (
  session: Session,
  files: readonly JobFile[],
  folder: string,
  force: boolean,
): Promise<string[]> => {
  const root = resolve(folder);
  const written: string[] = [];
  for (const { path, sha256, bytes, executable } of files) {
    const target = resolve(root, path);
    if (!target.startsWith(root + sep))
      throw new CliError(
        { code: 'PATH_OUTSIDE', path },
        `${printable(path)} leads out of ${printable(root)}; nothing was written there.`,
      );
    await mkdir(dirname(target), { recursive: true });
    const file = await open(target, force ? 'w' : 'wx', executable ? 0o755 : 0o644).catch((error: unknown) => {
      throw new CliError(
        { code: 'FILE_NOT_WRITTEN', path: target },
        `${printable(target)} cannot be written (${messageOf(error)}); name another folder, or use --force.`,
      );
    });
    try {
      for (let offset = 0; offset < bytes; ) {
        const { data, nextOffset } = await session.call('content:read', { sha256, offset });
        if (nextOffset <= offset) break;
        await file.write(Buffer.from(data, 'base64'));
        offset = nextOffset;
      }
    } finally {
      await file.close();
    }
    written.push(target);
  }
  return written;
};
