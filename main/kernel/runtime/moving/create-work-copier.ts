import { createHash } from 'node:crypto';
import type { WorkEntry, WorkFolder } from '../drivers/interface.ts';
import { checkWorkPath } from '../drivers/work-path.ts';
import { RuntimeError, scratchFull, tooManyFiles, workRefused } from '../errors.ts';
import { BLOCK_BYTES, COPY_BYTES_MAX, ENTRIES_MAX, STEPS_MAX } from './constants.ts';
import type { WorkChange, WorkCopier, WorkCopierInit } from './interface.ts';
import { runSteps } from './run-steps.ts';

/** What the target has of one path. */
interface Copied {
  kind: WorkEntry['kind'];
  /** It is sure that the target has it, and holds nothing of it but what was sent. */
  made: boolean;
  bytes: number;
  executable: boolean;
  /** Of the listing that it was read after; null while it is not sure that all of it arrived. */
  version: string | null;
  /** By number, of what was sent; one that is missing was not sent, or is not sure. */
  hashes: (string | undefined)[];
}
/** How the files of one source are read. */
interface BlockSource {
  bytes: number;
  /** Null where comparing takes reading. */
  hashes: ((path: string) => Promise<string[]>) | null;
  read: (path: string, index: number) => Promise<{ bytes: Uint8Array; hash: string }>;
}

const zeros = new Uint8Array(BLOCK_BYTES);
const isZero = (bytes: Uint8Array): boolean =>
  bytes.length <= zeros.length && Buffer.compare(bytes, zeros.subarray(0, bytes.length)) === 0;

const blockSourceOf = (source: WorkFolder): BlockSource => {
  const unlessUnread = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw isRefused(error) ? new Unread('unread', { cause: error }) : error;
    }
  };
  const { blocks } = source;
  if (blocks !== undefined)
    return {
      bytes: blocks.bytes,
      hashes: (path) => unlessUnread(blocks.hashes(path)),
      read: (path, index) => unlessUnread(blocks.read(path, index)),
    };
  return {
    bytes: BLOCK_BYTES,
    hashes: null,
    read: async (path, index) => {
      const bytes = await unlessUnread(source.read(path, index * BLOCK_BYTES, BLOCK_BYTES));
      return { bytes, hash: createHash('sha256').update(bytes).digest('base64') };
    },
  };
};

const parentOf = (path: string): string | null => {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? null : path.slice(0, slash);
};

/**
 * A job may change its folder while it is listed: what then stands there twice counts as what it was last, and what lay in a folder
 * that is now a file is left out.
 *
 * @throws {RuntimeError} for a listing that no work folder has: it may come from another node
 */
const checkListing = (listing: readonly WorkEntry[], bytesMax: number): Map<string, WorkEntry> => {
  if (listing.length > ENTRIES_MAX) throw tooManyFiles(ENTRIES_MAX);
  const entries = new Map<string, WorkEntry>();
  for (const entry of listing) {
    checkWorkPath(entry.path);
    if (!Number.isSafeInteger(entry.bytes) || entry.bytes < 0) throw workRefused(entry.path, 'it has no size');
    entries.set(entry.path, entry);
  }
  let bytes = 0;
  for (const { path, kind, bytes: size } of entries.values()) {
    const parent = parentOf(path);
    if (parent !== null && entries.get(parent)?.kind === 'file') entries.delete(path);
    else if (kind === 'file') bytes += size;
    if (bytes > bytesMax) throw scratchFull(path);
  }
  return entries;
};

const isRefused = (error: unknown): boolean =>
  error instanceof RuntimeError && (error.code === 'WORK_REFUSED' || error.code === 'FILE_MISSING');
/** The source could not read a file that it had listed. */
class Unread extends Error {}

export const createWorkCopier = (source: WorkFolder, init: WorkCopierInit = {}): WorkCopier => {
  const { bytesMax = COPY_BYTES_MAX, there = [] } = init;
  const copied = new Map<string, Copied>(
    there.map(({ path, kind }) => [
      path,
      { kind, made: kind === 'folder', bytes: 0, executable: false, version: null, hashes: [] },
    ]),
  );
  let running = false;

  /** Whole files and folders that went, or are now the other kind; what lies in a folder that went goes with it. */
  const removals = (entries: ReadonlyMap<string, WorkEntry>): { gone: ReadonlySet<string>; topmost: string[] } => {
    const gone = new Set<string>();
    for (const [path, { kind }] of copied) if (entries.get(path)?.kind !== kind) gone.add(path);
    const beneathAnother = (path: string): boolean => {
      for (let parent = parentOf(path); parent !== null; parent = parentOf(parent)) if (gone.has(parent)) return true;
      return false;
    };
    // Until the step has resolved, they may be there or not.
    for (const path of gone)
      Object.assign(copied.get(path)!, { made: false, version: null, hashes: [] } satisfies Partial<Copied>);
    return { gone, topmost: [...gone].filter((path) => !beneathAnother(path)) };
  };
  /** A file that went since it was listed is removed in the next round; one that is there and cannot be read is told. */
  const checkUnread = async (unread: ReadonlyMap<string, { version: string; error: Unread }>): Promise<void> => {
    if (unread.size === 0) return;
    for (const { path, version } of await source.list()) {
      const found = unread.get(path);
      if (found !== undefined && found.version === version) throw found.error.cause;
    }
  };

  return {
    round: async ({ signal, sink }) => {
      if (running) throw new Error('One round at a time.');
      running = true;
      const sent = { changedBytes: 0, changes: 0 };
      const tell = async (change: WorkChange): Promise<void> => {
        sent.changes += 1;
        if (change.kind === 'block') sent.changedBytes += change.bytes.length;
        await sink(change);
      };
      const blocks = blockSourceOf(source);

      const sendBlock = async (entry: WorkEntry, copy: Copied, index: number): Promise<void> => {
        const offset = index * blocks.bytes;
        const { bytes, hash } = await blocks.read(entry.path, index);
        if (copy.hashes[index] === hash) return;
        // What the file grew by since the listing would lie beyond the end that was told.
        const within = bytes.subarray(0, entry.bytes - offset);
        // Where nothing of a large file was written, the target has zeros.
        if (index in copy.hashes || entry.bytes <= blocks.bytes || !isZero(within)) {
          copy.hashes[index] = undefined;
          if (within.length > 0) await tell({ kind: 'block', path: entry.path, offset, bytes: within });
        }
        copy.hashes[index] = within.length === bytes.length ? hash : undefined;
      };
      /** Which blocks of a file have to be read. */
      const suspects = async (entry: WorkEntry, copy: Copied): Promise<number[]> => {
        const count = Math.ceil(entry.bytes / blocks.bytes);
        const all = Array.from({ length: count }, (_, index) => index);
        if (blocks.hashes === null || copy.hashes.length === 0 || count < 2) return all;
        const hashes = await blocks.hashes(entry.path);
        return all.filter((index) => copy.hashes[index] === undefined || copy.hashes[index] !== hashes[index]);
      };
      /** Size first: it makes the file, and cuts what is no longer part of it. */
      const beginFile = async (entry: WorkEntry): Promise<Copied> => {
        const known = copied.get(entry.path);
        const copy: Copied = known ?? {
          kind: 'file',
          made: false,
          bytes: 0,
          executable: false,
          version: null,
          hashes: [],
        };
        copied.set(entry.path, copy);
        const isSure = copy.version !== null;
        copy.version = null;
        if (isSure && copy.bytes === entry.bytes && copy.executable === entry.executable) return copy;
        // Neither what was cut nor the block that was cut through is what was hashed; that it was told is sure only afterwards.
        const whole = Math.floor(Math.min(copy.bytes, entry.bytes) / blocks.bytes);
        for (let index = whole; index < copy.hashes.length; index++) copy.hashes[index] = undefined;
        const { path, bytes, executable } = entry;
        // Something of an earlier try may lie there, where zeros are not going to be sent.
        if (!copy.made && bytes > blocks.bytes) await tell({ kind: 'size', path, bytes: 0, executable });
        await tell({ kind: 'size', path, bytes, executable });
        copy.made = true;
        copy.hashes.length = Math.min(copy.hashes.length, Math.ceil(bytes / blocks.bytes));
        copy.bytes = bytes;
        copy.executable = executable;
        return copy;
      };
      /** Yields the steps of all files; small ones are one step each, and large ones one per block. */
      async function* stepsOf(files: readonly WorkEntry[]): AsyncGenerator<() => Promise<void>> {
        for (const entry of files) {
          const unlessGone = async (work: () => Promise<void>): Promise<void> => {
            try {
              await work();
            } catch (error) {
              if (!(error instanceof Unread)) throw error;
              unread.set(entry.path, { version: entry.version, error });
            }
          };
          if (entry.bytes <= blocks.bytes) {
            yield () =>
              unlessGone(async () => {
                const copy = await beginFile(entry);
                if (entry.bytes > 0) await sendBlock(entry, copy, 0);
              });
            continue;
          }
          const work: { copy: Copied | null; indexes: number[] } = { copy: null, indexes: [] };
          await unlessGone(async () => {
            work.copy = await beginFile(entry);
            work.indexes = await suspects(entry, work.copy);
          });
          const { copy } = work;
          if (copy === null) continue;
          for (const index of work.indexes) yield () => unlessGone(() => sendBlock(entry, copy, index));
        }
      }
      const unread = new Map<string, { version: string; error: Unread }>();

      try {
        signal?.throwIfAborted();
        const entries = checkListing(await source.list(), bytesMax);
        const { gone, topmost } = removals(entries);
        await runSteps(
          topmost.map((path) => () => tell({ kind: 'remove', path })),
          STEPS_MAX,
          signal,
        );
        for (const path of gone) copied.delete(path);
        // One after the other: a folder comes before what lies in it.
        const folders = [...entries.values()].filter(
          ({ kind, path }) => kind === 'folder' && copied.get(path)?.made !== true,
        );
        for (const { path } of folders.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
          signal?.throwIfAborted();
          // Known before it is told: one whose step failed may be there all the same, and has to be removed one day.
          const copy: Copied = { kind: 'folder', made: false, bytes: 0, executable: false, version: null, hashes: [] };
          copied.set(path, copy);
          await tell({ kind: 'folder', path });
          copy.made = true;
        }
        const files = [...entries.values()].filter(
          ({ kind, path, version }) => kind === 'file' && copied.get(path)?.version !== version,
        );
        await runSteps(stepsOf(files), STEPS_MAX, signal);
        for (const { path, version } of files) {
          const copy = copied.get(path);
          if (copy !== undefined && !unread.has(path)) copy.version = version;
        }
        await checkUnread(unread);
        return sent;
      } finally {
        running = false;
      }
    },
  };
};
