import { RuntimeError, notMovable } from '../../errors.ts';
import type { WorkEntry, WorkFolder } from '../interface.ts';

/**
 * Files that a sandbox gave out at its end, held in memory until they are stored: no more than its scratch folder had, which the book
 * keeps for the job until then. They cannot be written to: the program is over.
 */
export interface HeldFiles extends WorkFolder {
  add(path: string, piece: Buffer): void;
  clear(): void;
}

export const createHeldFiles = (job: string): HeldFiles => {
  const files = new Map<string, { pieces: Buffer[]; bytes: number }>();
  const refuse = async (): Promise<never> => {
    throw notMovable(job);
  };
  return {
    add: (path, piece) => {
      const file = files.get(path) ?? { pieces: [], bytes: 0 };
      files.set(path, file);
      // Copied: a piece of a pipe keeps the whole read alive.
      if (piece.length > 0) file.pieces.push(Buffer.from(piece));
      file.bytes += piece.length;
    },
    clear: () => files.clear(),
    list: async () =>
      [...files].map(
        ([path, { bytes }]): WorkEntry => ({ path, kind: 'file', bytes, executable: false, version: 'last' }),
      ),
    read: async (path, offset, bytesMax) => {
      const file = files.get(path);
      if (file === undefined)
        throw new RuntimeError({ code: 'FILE_MISSING', path }, `The job left no file ${path}; look at its outputs.`);
      const parts: Buffer[] = [];
      let start = 0;
      for (const piece of file.pieces) {
        const from = Math.max(0, offset - start);
        const to = Math.min(piece.length, offset + bytesMax - start);
        if (from < to) parts.push(piece.subarray(from, to));
        start += piece.length;
        if (start >= offset + bytesMax) break;
      }
      return Buffer.concat(parts);
    },
    write: refuse,
    truncate: refuse,
    makeFolder: refuse,
    remove: refuse,
  };
};
