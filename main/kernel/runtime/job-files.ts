import type { JobId } from '../../base/index.ts';
import type { JobFile, JobSpec } from '../../../preload/contract/index.ts';
import { OUTPUT_FILES_MAX } from './protocol.ts';
import { contentHolderOf, type ContentStore } from './content/index.ts';
import type { StartedJob, WorkFolder } from './drivers/interface.ts';
import { contentMissing, scratchFull } from './errors.ts';
import { isBeneathAny, isWorkPath } from './work-path.ts';

/** Bytes of a file that are read at once. */
const PIECE_BYTES = 256 * 1024;
/** Smallest work folder that there is, whatever was asked for. */
const WORK_BYTES_MIN = 64 * 1024;

/** Takes care that the files that a job names are here and stay. @throws {RuntimeError} `CONTENT_MISSING` */
export const holdFiles = async (content: ContentStore | null, id: JobId, files: readonly JobFile[]): Promise<void> => {
  if (files.length === 0) return;
  for (const { path, sha256, bytes } of files)
    if (content === null || (await content.sizeOf(sha256)) !== bytes) throw contentMissing(sha256, path);
  await content!.hold(contentHolderOf(id), [...new Set(files.map(({ sha256 }) => sha256))]);
};

/** @throws {RuntimeError} `CONTENT_MISSING` */
export const locateFiles = async (
  content: ContentStore | null,
  files: readonly JobFile[],
): Promise<StartedJob['files']> => {
  const found = [];
  for (const file of files) {
    if (content === null) throw contentMissing(file.sha256, file.path);
    found.push({ ...file, diskPath: await content.diskPath(file.sha256) });
  }
  return found;
};

async function* piecesOf(work: WorkFolder, path: string, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes; ) {
    const piece = await work.read(path, at, Math.min(PIECE_BYTES, bytes - at));
    if (piece.length === 0) return;
    at += piece.length;
    yield piece;
  }
}

/**
 * Puts the files that a job was to leave into the content store, where they stay until the job is removed.
 *
 * @param bytesMax - what its work folder holds: a file with holes says that it is as large as it likes, and would be written out whole
 * @throws {RuntimeError} `SCRATCH_FULL` {ContentError} `CONTENT_FULL`
 */
export const keepOutputs = async (
  content: ContentStore,
  id: JobId,
  work: WorkFolder,
  outputs: readonly string[],
  bytesMax: number,
): Promise<JobFile[]> => {
  if (outputs.length === 0) return [];
  const left = (await work.list())
    .filter(({ kind, path }) => kind === 'file' && isWorkPath(path) && isBeneathAny(path, outputs))
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
    .slice(0, OUTPUT_FILES_MAX);
  let bytesLeft = Math.max(WORK_BYTES_MIN, bytesMax);
  for (const { path, bytes } of left) if ((bytesLeft -= bytes) < 0) throw scratchFull(path);
  const kept: JobFile[] = [];
  for (const { path, bytes, executable } of left) {
    // Held at once: the next one may need its room.
    const { sha256, bytes: stored } = await content.put(piecesOf(work, path, bytes), {
      expected: null,
      bytesMax: bytes,
    });
    await content.hold(contentHolderOf(id), [sha256]);
    kept.push({ path, sha256, bytes: stored, executable });
  }
  return kept;
};

/** The program of a job that may be needed again: after waiting, or for another start. */
export interface Program {
  /** Base64. @throws {ContentError} `CONTENT_MISSING` */
  read(): Promise<string>;
}

/** Of a container, which has its image. */
export const NO_PROGRAM: Program = { read: async () => '' };

/** Keeps a module in the content store, held by the job. Without a store it stays in memory. */
export const keepProgram = async (
  content: ContentStore | null,
  id: JobId,
  spec: JobSpec,
  sha256: string,
): Promise<{ program: Program; stored: boolean }> => {
  const module = spec.kind === 'container' ? '' : spec.module;
  if (content === null || module === '') return { program: { read: async () => module }, stored: module === '' };
  const bytes = Buffer.from(module, 'base64');
  async function* source(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  await content.put(source(), { expected: sha256, bytesMax: bytes.length });
  await content.hold(contentHolderOf(id), [sha256]);
  return { program: storedProgram(content, sha256), stored: true };
};

export const storedProgram = (content: ContentStore | null, sha256: string): Program => ({
  read: async () => {
    if (content === null) throw contentMissing(sha256, 'its program');
    const pieces: Buffer[] = [];
    for await (const piece of (await content.open(sha256)) as AsyncIterable<Buffer>) pieces.push(piece);
    return Buffer.concat(pieces).toString('base64');
  },
});
