import { fileMissing, holderLost, type RuntimeError, scratchFull, tooManyFiles, workRefused } from '../../../errors.ts';
import type { WorkEntry, WorkFolder } from '../../interface.ts';
import { BLOCKS_MAX, DATA_BYTES_MAX, ENTRIES_MAX } from './constants.ts';
import { encodePath, encodeRequest, FILES, readEntries, STATUS } from './frames.ts';
import type { HolderSession } from './session.ts';

const HASH_BYTES = 16;
/** A hole can be as large as the job likes. This many blocks of 64 KiB are 64 GiB. */
const HASHES_MAX = 1_048_576;

const hashAt = (bytes: Uint8Array, offset: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + offset, HASH_BYTES).toString('base64');

const failureOf = (status: number, path: string): RuntimeError => {
  if (status === STATUS.missing) return fileMissing(path);
  if (status === STATUS.refused)
    return workRefused(path, 'it is a link, or a folder in place of a file, or the reverse');
  if (status === STATUS.full) return scratchFull(path);
  if (status === STATUS.tooMany) return tooManyFiles(ENTRIES_MAX);
  return workRefused(path, 'the system refused it');
};

/** A job's work folder, through its holder. Several requests are under way at once, so that the pipe is never empty. */
export const createHolderWorkFolder = (session: HolderSession): WorkFolder => {
  const ask = async (request: Uint8Array, path: string): Promise<Uint8Array[]> => {
    const { status, parts } = await session.ask(request);
    if (status !== STATUS.done) throw failureOf(status, path);
    return parts;
  };
  const readPiece = async (path: Uint8Array, name: string, offset: number, length: number): Promise<Uint8Array> => {
    const numbers = [
      { bits: 64, value: offset },
      { bits: 32, value: length },
    ] as const;
    const [bytes = new Uint8Array(0), ...others] = await ask(encodeRequest(FILES.read, numbers, path), name);
    if (others.length > 0 || bytes.length > length) throw holderLost('it sent more than was asked for');
    return bytes;
  };

  return {
    list: async () => {
      const entries: WorkEntry[] = [];
      for (const part of await ask(encodeRequest(FILES.list, []), 'everything')) readEntries(part, entries);
      return entries;
    },
    read: async (path, offset, bytesMax) => {
      const name = encodePath(path);
      if (bytesMax <= DATA_BYTES_MAX) return readPiece(name, path, offset, bytesMax);
      const asked: Promise<Uint8Array>[] = [];
      for (let at = 0; at < bytesMax; at += DATA_BYTES_MAX)
        asked.push(readPiece(name, path, offset + at, Math.min(DATA_BYTES_MAX, bytesMax - at)));
      const pieces = await Promise.all(asked);
      // The file may have grown or shrunk between two pieces: what follows a short one is no part of it.
      const short = pieces.findIndex(
        (piece, index) => piece.length < Math.min(DATA_BYTES_MAX, bytesMax - index * DATA_BYTES_MAX),
      );
      return Buffer.concat(short < 0 ? pieces : pieces.slice(0, short + 1));
    },
    write: async (path, offset, bytes) => {
      const name = encodePath(path);
      const asked: Promise<unknown>[] = [];
      for (let at = 0; at === 0 || at < bytes.length; at += DATA_BYTES_MAX) {
        const numbers = [
          { bits: 64, value: offset + at },
          { bits: 16, value: name.length },
        ] as const;
        const piece = bytes.subarray(at, at + DATA_BYTES_MAX);
        asked.push(ask(encodeRequest(FILES.write, numbers, name, piece), path));
      }
      await Promise.all(asked);
    },
    truncate: async (path, bytes, executable) => {
      const numbers = [
        { bits: 64, value: bytes },
        { bits: 8, value: executable ? 1 : 0 },
      ] as const;
      await ask(encodeRequest(FILES.size, numbers, encodePath(path)), path);
    },
    makeFolder: async (path) => {
      await ask(encodeRequest(FILES.folder, [], encodePath(path)), path);
    },
    remove: async (path) => {
      const { status } = await session.ask(encodeRequest(FILES.remove, [], encodePath(path)));
      if (status !== STATUS.done && status !== STATUS.missing) throw failureOf(status, path);
    },
    blocks: {
      bytes: DATA_BYTES_MAX,
      hashes: async (path) => {
        const hashes: string[] = [];
        for (;;) {
          const at = [{ bits: 64, value: hashes.length * DATA_BYTES_MAX }] as const;
          const [bytes = new Uint8Array(0), ...others] = await ask(
            encodeRequest(FILES.blocks, at, encodePath(path)),
            path,
          );
          const count = bytes.length / HASH_BYTES;
          if (others.length > 0 || count > BLOCKS_MAX || !Number.isInteger(count))
            throw holderLost('it sent no hashes');
          for (let index = 0; index < count; index++) hashes.push(hashAt(bytes, index * HASH_BYTES));
          if (count < BLOCKS_MAX) return hashes;
          if (hashes.length > HASHES_MAX) throw workRefused(path, 'it is too large to be compared');
        }
      },
      read: async (path, index) => {
        const at = [{ bits: 64, value: index * DATA_BYTES_MAX }] as const;
        const [bytes = new Uint8Array(0), ...others] = await ask(
          encodeRequest(FILES.block, at, encodePath(path)),
          path,
        );
        if (others.length > 0 || bytes.length < HASH_BYTES || bytes.length > HASH_BYTES + DATA_BYTES_MAX)
          throw holderLost('it sent no block');
        return { hash: hashAt(bytes, 0), bytes: bytes.subarray(HASH_BYTES) };
      },
    },
  };
};
