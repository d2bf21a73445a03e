import { type FileHandle, mkdir, open, rename, rm, statfs, unlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { assert, type Logger, type Outside, type Store, syncFolder } from '../../../base/index.ts';
import {
  CONTENT_BYTES_MAX,
  FILES_MAX,
  FREE_BYTES_MIN,
  FREE_CHECK_BYTES,
  HELD_PER_HOLDER_MAX,
  USED_STEP_MS,
} from './constants.ts';
import { contentFull, contentMismatch, contentMissing } from './errors.ts';
import { createHolds } from './holds.ts';
import { type Intake, openIntake } from './intake.ts';
import type { ContentStore } from './interface.ts';
import type { ContentMetrics } from './metrics.ts';
import { scanContent } from './scan.ts';
import { createUploads } from './uploads.ts';

export interface ContentStoreComponents {
  store: Store;
  outside: Outside;
  logger: Logger;
  metrics: ContentMetrics | null;
}
export interface ContentStoreInit {
  /** Made where there is none. Nothing but the store writes in it. */
  folder: string;
  /** @default 4 GiB */
  bytesMax?: number;
  /** Left free on the disk, whatever the quota says. @default 1 GiB */
  freeBytesMin?: number;
}

interface Kept {
  bytes: number;
  usedAtMs: number;
  /** Streams that read it now. */
  readers: number;
}
/** What the disk says when it has no room. */
const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '');
/** Closes what will not be read: a stream that nobody begins holds its file open. */
const abandon = (source: AsyncIterable<Uint8Array>): void => {
  if (source instanceof Readable) source.destroy();
};
const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

/** Files by the hash of their content in one folder; docs/formats/content-store.md. */
export const createContentStore = (components: ContentStoreComponents, init: ContentStoreInit): ContentStore => {
  const { store, outside, logger, metrics } = components;
  const { folder, bytesMax = CONTENT_BYTES_MAX, freeBytesMin = FREE_BYTES_MIN } = init;
  const temporary = join(folder, 'tmp');
  /** Used longest ago first. */
  const kept = new Map<string, Kept>();
  const holds = createHolds({ store });
  let usedBytes = 0;
  /** Of files that are coming in. */
  let comingBytes = 0;
  /** May be written until the disk is asked again how much is free. */
  let knownFreeBytes = 0;
  let serial = 0;
  let running = false;
  /** Files come to their place and go one after another: what goes must not be what has just come. */
  let last: Promise<unknown> = Promise.resolve();
  const exclusively = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const folderOf = (sha256: string): string => join(folder, sha256.slice(0, 2));
  const pathOf = (sha256: string): string => join(folderOf(sha256), sha256);
  const told = (): void => {
    metrics?.bytes.set(usedBytes);
    metrics?.files.set(kept.size);
  };
  const forget = (sha256: string): void => {
    const entry = kept.get(sha256);
    if (entry === undefined) return;
    kept.delete(sha256);
    usedBytes -= entry.bytes;
    told();
  };
  const touch = (sha256: string, entry: Kept): void => {
    kept.delete(sha256);
    kept.set(sha256, entry);
    const now = outside.clock.nowMs();
    if (Math.abs(now - entry.usedAtMs) < USED_STEP_MS) return;
    entry.usedAtMs = now;
    // Only orders what goes first after the next start; a disk that does not take it changes nothing else.
    utimes(pathOf(sha256), now / 1000, now / 1000).catch(() => undefined);
  };

  /** Throws away the one that was used longest ago and that nobody needs. @returns whether there was one */
  const evict = (): Promise<boolean> =>
    exclusively(async () => {
      for (const [sha256, entry] of kept) {
        if (entry.readers > 0 || holds.isHeld(sha256)) continue;
        await unlink(pathOf(sha256)).catch((error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        });
        forget(sha256);
        knownFreeBytes = 0;
        metrics?.evictedBytes.inc(entry.bytes);
        return true;
      }
      return false;
    });
  const readFree = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize - freeBytesMin;
  };
  /** Takes so many bytes of the quota, and of the disk. @throws {ContentError} `CONTENT_FULL` */
  const room = async (bytes: number): Promise<void> => {
    // Before anything is awaited, so that two that come in cannot both take the last of it.
    comingBytes += bytes;
    try {
      while (usedBytes + comingBytes > bytesMax || kept.size >= FILES_MAX)
        if (!(await evict())) throw contentFull(bytesMax);
      while (knownFreeBytes < bytes) {
        const free = await readFree();
        if (free >= bytes) knownFreeBytes = Math.min(free, FREE_CHECK_BYTES);
        else if (!(await evict())) throw contentFull(bytesMax);
      }
      knownFreeBytes -= bytes;
    } catch (error) {
      comingBytes -= bytes;
      throw error;
    }
  };
  const begin = (max: number): Promise<Intake> => {
    assert(running, 'The content store is open while files come in.');
    serial += 1;
    return openIntake(join(temporary, `${serial}`), max, room, (bytes) => void (comingBytes -= bytes)).catch(
      (error: unknown) => {
        throw isFull(error) ? contentFull(bytesMax, error) : error;
      },
    );
  };
  /** The whole file takes its place. The intake is gone afterwards, however it ends. */
  const settle = async (intake: Intake, expected: string | null): Promise<{ sha256: string; bytes: number }> => {
    try {
      const sha256 = await intake.seal();
      const { bytes } = intake;
      if (expected !== null && sha256 !== expected) throw contentMismatch(expected);
      await exclusively(async () => {
        const entry = kept.get(sha256);
        if (entry !== undefined) return touch(sha256, entry);
        const now = outside.clock.nowMs();
        await mkdir(folderOf(sha256), { recursive: true, mode: 0o700 });
        await utimes(intake.path, now / 1000, now / 1000);
        await rename(intake.path, pathOf(sha256));
        kept.set(sha256, { bytes, usedAtMs: now, readers: 0 });
        usedBytes += bytes;
        intake.handOver();
        told();
      });
      await syncFolder(folderOf(sha256));
      return { sha256, bytes };
    } catch (error) {
      throw isFull(error) ? contentFull(bytesMax, error) : error;
    } finally {
      await intake.drop();
    }
  };
  /** A write that the disk had no room for is no broken file but a full store. */
  const write = async (intake: Intake, chunk: Uint8Array): Promise<void> => {
    try {
      await intake.write(chunk);
    } catch (error) {
      throw isFull(error) ? contentFull(bytesMax, error) : error;
    }
  };
  /** Opens what is kept, if it still is what was kept. */
  const openKept = async (sha256: string): Promise<{ entry: Kept; file: FileHandle }> => {
    const entry = kept.get(sha256);
    if (entry === undefined) throw contentMissing(sha256);
    const file = await open(pathOf(sha256), 'r').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      if (kept.get(sha256) === entry) forget(sha256);
      throw contentMissing(sha256);
    });
    const { size } = await file.stat();
    if (size !== entry.bytes) {
      await file.close();
      logger.warn('A kept file has another size than it had; removed', { sha256, bytes: entry.bytes, found: size });
      await drop([sha256]);
      throw contentMissing(sha256);
    }
    touch(sha256, entry);
    return { entry, file };
  };
  const drop = (hashes: readonly string[]): Promise<void> =>
    exclusively(async () => {
      for (const sha256 of hashes) {
        if (!kept.has(sha256)) continue;
        await rm(pathOf(sha256), { force: true });
        forget(sha256);
      }
      knownFreeBytes = 0;
    });
  const uploads = createUploads({ outside, begin, write, settle }, { bytesMax });

  return {
    start: async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // What was coming in when the node went down is not whole.
      await rm(temporary, { recursive: true, force: true });
      await mkdir(temporary, { mode: 0o700 });
      await holds.load();
      const { found, foreign, examples } = await scanContent(folder);
      if (foreign > 0)
        logger.warn('Files in the content folder are not of this program; left alone', { foreign, examples });
      for (const { sha256, bytes, usedAtMs } of found) {
        kept.set(sha256, { bytes, usedAtMs, readers: 0 });
        usedBytes += bytes;
      }
      running = true;
      told();
      // The quota may be smaller than it was.
      while (usedBytes > bytesMax && (await evict()));
    },
    stop: async () => {
      running = false;
      await uploads.stop();
      await last;
    },
    put: async (source, { expected, bytesMax: max, signal }) => {
      const known = expected === null ? undefined : kept.get(expected);
      if (expected !== null && known !== undefined) {
        touch(expected, known);
        abandon(source);
        return { sha256: expected, bytes: known.bytes };
      }
      let intake: Intake;
      try {
        signal?.throwIfAborted();
        intake = await begin(max);
      } catch (error) {
        abandon(source);
        throw error;
      }
      try {
        for await (const chunk of source) {
          signal?.throwIfAborted();
          await write(intake, chunk);
        }
        signal?.throwIfAborted();
      } catch (error) {
        await intake.drop();
        throw error;
      }
      return await settle(intake, expected);
    },
    begin: async (expected, max) => {
      const intake = await begin(max);
      return {
        get bytes() {
          return intake.bytes;
        },
        write: (chunk) => write(intake, chunk),
        done: async () => void (await settle(intake, expected)),
        drop: () => intake.drop(),
      };
    },
    sizeOf: (sha256) => Promise.resolve(kept.get(sha256)?.bytes ?? null),
    open: async (sha256, offset = 0) => {
      const { entry, file } = await openKept(sha256);
      entry.readers += 1;
      const stream = file.createReadStream({ start: Math.min(offset, entry.bytes) });
      stream.once('close', () => void (entry.readers -= 1));
      return stream;
    },
    diskPath: async (sha256) => {
      const { file } = await openKept(sha256);
      await file.close();
      return pathOf(sha256);
    },
    hold: async (holder, hashes) => {
      assert(hashes.every(isHash), 'Content is held by its sha2-256.');
      assert(hashes.length <= HELD_PER_HOLDER_MAX, 'A holder holds no more files than a job or an image can have.');
      await holds.hold(holder, hashes);
    },
    release: async (holder) => {
      await holds.release(holder);
    },
    discard: async (holder) => {
      const freed = await holds.release(holder);
      await drop(freed.filter((sha256) => (kept.get(sha256)?.readers ?? 0) === 0));
    },
    holders: () => holds.holders(),
    holdsOf: (holder) => holds.of(holder),
    remove: async (sha256) => {
      logger.warn('A kept file is not what its name says; removed', { sha256 });
      await drop([sha256]);
    },
    usage: () => ({ bytes: usedBytes + comingBytes, bytesMax, files: kept.size }),
    upload: (upload, data, done) => uploads.take(upload, data, done),
  };
};
