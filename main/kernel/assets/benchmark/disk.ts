import { constants, type FileHandle, mkdir, open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Outside } from '../../../base/index.ts';
import {
  DISK_BLOCK_BYTES,
  DISK_BYTES_MAX,
  DISK_BYTES_MIN,
  DISK_READ_DURATION_MS,
  DISK_SHARE_OF_FREE,
  DISK_SYNC_BYTES,
  DISK_WRITE_DURATION_MS,
} from './constants.ts';

export interface DiskMeasure {
  bytesPerSecond: number;
  label: string;
}
export interface DiskBenchmark {
  /** Writes and forces to disk. */
  write(signal: AbortSignal, onProgress: (percent: number) => void): Promise<DiskMeasure>;
  /** Reads what `write` wrote. */
  read(signal: AbortSignal, onProgress: (percent: number) => void): Promise<DiskMeasure>;
  /** Deletes the file. May be called twice. */
  remove(): Promise<void>;
}

/** Bytes to write: bounded by size and by what is free. @returns 0 where there is too little room */
export const diskBytesFor = (freeBytes: number, bytesMax = DISK_BYTES_MAX): number => {
  const blocks = Math.floor(Math.min(bytesMax, freeBytes * DISK_SHARE_OF_FREE) / DISK_BLOCK_BYTES);
  const bytes = blocks * DISK_BLOCK_BYTES;
  return bytes < DISK_BYTES_MIN ? 0 : bytes;
};

/**
 * Sequential writing and reading in the data folder's scratch space, which is emptied at every start should the program
 * die in between.
 *
 * @throws plain sentences as errors where the disk has no room, and the file system's own errors
 */
export const createDiskBenchmark = (
  components: { outside: Outside; storagePath: string },
  init: { bytesMax: number },
): DiskBenchmark => {
  const { clock, random } = components.outside;
  const folder = join(components.storagePath, 'tmp');
  const path = join(folder, `benchmark-${Buffer.from(random.bytes(8)).toString('hex')}.bin`);
  let writtenBytes = 0;

  return {
    write: async (signal, onProgress) => {
      signal.throwIfAborted();
      // Not `recursive`, which never ends on a filesystem that answers ENOENT to making a folder, such as /proc.
      await mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
      const { bavail, bsize } = await statfs(folder);
      const bytesMax = diskBytesFor(bavail * bsize, init.bytesMax);
      if (bytesMax === 0) throw new Error('too little is free on the disk to measure it without getting in the way');
      // Random, so that a disk or filesystem that compresses gains nothing by it.
      const block = random.bytes(DISK_BLOCK_BYTES);
      const file = await open(path, 'wx', 0o600);
      try {
        const startMs = clock.monotonicMs();
        let elapsedMs = 0;
        while (writtenBytes < bytesMax && elapsedMs < DISK_WRITE_DURATION_MS) {
          signal.throwIfAborted();
          await writeAll(file, block, writtenBytes);
          writtenBytes += block.length;
          if (writtenBytes % DISK_SYNC_BYTES !== 0 && writtenBytes < bytesMax) continue;
          await file.sync();
          elapsedMs = clock.monotonicMs() - startMs;
          onProgress(Math.min(100, Math.max(writtenBytes / bytesMax, elapsedMs / DISK_WRITE_DURATION_MS) * 100));
        }
        signal.throwIfAborted();
        return { bytesPerSecond: (writtenBytes * 1000) / elapsedMs, label: 'Sequential writing, forced to disk' };
      } finally {
        await file.close();
      }
    },
    read: async (signal, onProgress) => {
      signal.throwIfAborted();
      if (writtenBytes === 0) throw new Error('nothing could be written that could be read back');
      const { file, direct } = await openPastCache(path);
      try {
        const block = direct ? alignedBlock(DISK_BLOCK_BYTES) : new Uint8Array(DISK_BLOCK_BYTES);
        const startMs = clock.monotonicMs();
        let elapsedMs = 0;
        let readBytes = 0;
        while (readBytes < writtenBytes && elapsedMs < DISK_READ_DURATION_MS) {
          signal.throwIfAborted();
          const { bytesRead } = await file.read(block, 0, block.length, readBytes);
          if (bytesRead === 0) break;
          readBytes += bytesRead;
          elapsedMs = clock.monotonicMs() - startMs;
          onProgress(Math.min(100, Math.max(readBytes / writtenBytes, elapsedMs / DISK_READ_DURATION_MS) * 100));
        }
        signal.throwIfAborted();
        if (readBytes === 0 || elapsedMs <= 0) throw new Error('what was written could not be read back');
        return {
          bytesPerSecond: (readBytes * 1000) / elapsedMs,
          label: direct
            ? 'Sequential reading, past the cache of the system'
            : 'Sequential reading; the cache of the system may have answered',
        };
      } finally {
        await file.close();
      }
    },
    remove: () => rm(path, { force: true }),
  };
};

const writeAll = async (file: FileHandle, block: Uint8Array, position: number): Promise<void> => {
  for (let offset = 0; offset < block.length; )
    offset += (await file.write(block, offset, block.length - offset, position + offset)).bytesWritten;
};

/** https://webassembly.github.io/spec/core/exec/runtime.html#memory-instances */
const WASM_PAGE_BYTES = 65_536;

/**
 * Memory that begins at a page, which reading past the cache demands and no Buffer promises: WebAssembly's does. Node has
 * it, but TypeScript declares it only among the browser's types.
 *
 * @param bytes - a multiple of 64 KiB
 */
const alignedBlock = (bytes: number): Uint8Array<ArrayBuffer> => {
  const { Memory } = (
    globalThis as unknown as { WebAssembly: { Memory: new (size: { initial: number }) => { buffer: ArrayBuffer } } }
  ).WebAssembly;
  return new Uint8Array(new Memory({ initial: bytes / WASM_PAGE_BYTES }).buffer);
};

/** Opens with O_DIRECT where system and filesystem can, which is most of Linux; one block is read to find out. */
const openPastCache = async (path: string): Promise<{ file: FileHandle; direct: boolean }> => {
  const flag: number | undefined = constants.O_DIRECT;
  if (flag !== undefined) {
    const file = await open(path, constants.O_RDONLY | flag).catch(() => null);
    if (file !== null) {
      const block = alignedBlock(WASM_PAGE_BYTES);
      const works = await file.read(block, 0, block.length, 0).then(
        () => true,
        () => false,
      );
      if (works) return { file, direct: true };
      await file.close();
    }
  }
  return { file: await open(path, 'r'), direct: false };
};
