import type { WorkBlocks, WorkEntry, WorkFolder } from '../../main/kernel/runtime/drivers/interface.ts';
import { scratchFull, workRefused } from '../../main/kernel/runtime/errors.ts';

interface MemoryFile {
  bytes: Buffer;
  executable: boolean;
  version: number;
}
/** A work folder that a test can change and look into. */
export interface MemoryWorkFolder extends WorkFolder {
  readonly files: Map<string, MemoryFile>;
  readonly folders: Set<string>;
  /** Everything in it, for being compared. */
  snapshot(): Record<string, string>;
  /** Called before each operation: a test changes things there, or throws. */
  before: (operation: string, path: string) => void;
}

const BLOCK_BYTES = 8;

/** @param options.blocks - whether it names blocks by itself, of 8 bytes */
export const createMemoryWorkFolder = (options: { blocks?: boolean; bytesMax?: number } = {}): MemoryWorkFolder => {
  const files = new Map<string, MemoryFile>();
  const folders = new Set<string>();
  let versions = 0;
  const parents = (path: string): string[] => {
    const parts = path.split('/');
    return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
  };
  const makeParents = (path: string): void => {
    for (const parent of parents(path)) {
      if (files.has(parent)) throw workRefused(path, 'it lies in a file');
      folders.add(parent);
    }
  };
  const at = (path: string): MemoryFile => {
    const file = files.get(path);
    if (file === undefined) throw workRefused(path, 'there is nothing of that name');
    return file;
  };
  const change = (path: string, edit: (file: MemoryFile) => void): void => {
    if (folders.has(path)) throw workRefused(path, 'it is a folder');
    makeParents(path);
    const file = files.get(path) ?? { bytes: Buffer.alloc(0), executable: false, version: 0 };
    edit(file);
    file.version = ++versions;
    if (file.bytes.length > (options.bytesMax ?? Number.POSITIVE_INFINITY)) throw scratchFull(path);
    files.set(path, file);
  };
  const blocks: WorkBlocks = {
    bytes: BLOCK_BYTES,
    hashes: async (path) => {
      folder.before('hashes', path);
      const { bytes } = at(path);
      const count = Math.ceil(bytes.length / BLOCK_BYTES);
      return Array.from({ length: count }, (_, index) =>
        bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES).toString('hex'),
      );
    },
    read: async (path, index) => {
      folder.before('read', path);
      const bytes = Buffer.from(at(path).bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
      return { bytes, hash: bytes.toString('hex') };
    },
  };
  const folder: MemoryWorkFolder = {
    files,
    folders,
    before: () => undefined,
    snapshot: () =>
      Object.fromEntries([
        ...[...folders].map((path) => [path, 'folder'] as const),
        ...[...files].map(([path, { bytes, executable }]) => [path, `${executable}:${bytes.toString('hex')}`] as const),
      ]),
    list: async () => {
      folder.before('list', '');
      const entries: WorkEntry[] = [];
      for (const path of folders) entries.push({ path, kind: 'folder', bytes: 0, executable: false, version: '' });
      for (const [path, { bytes, executable, version }] of files)
        entries.push({ path, kind: 'file', bytes: bytes.length, executable, version: String(version) });
      return entries;
    },
    read: async (path, offset, bytesMax) => {
      folder.before('read', path);
      return Buffer.from(at(path).bytes.subarray(offset, offset + bytesMax));
    },
    write: async (path, offset, bytes) => {
      folder.before('write', path);
      change(path, (file) => {
        const grown = Buffer.alloc(Math.max(file.bytes.length, offset + bytes.length));
        file.bytes.copy(grown);
        grown.set(bytes, offset);
        file.bytes = grown;
      });
    },
    truncate: async (path, bytes, executable) => {
      folder.before('truncate', path);
      change(path, (file) => {
        const cut = Buffer.alloc(bytes);
        file.bytes.copy(cut);
        Object.assign(file, { bytes: cut, executable });
      });
    },
    makeFolder: async (path) => {
      folder.before('makeFolder', path);
      if (files.has(path)) throw workRefused(path, 'it is a file');
      makeParents(path);
      folders.add(path);
    },
    remove: async (path) => {
      folder.before('remove', path);
      for (const other of files.keys()) if (other === path || other.startsWith(`${path}/`)) files.delete(other);
      for (const other of folders) if (other === path || other.startsWith(`${path}/`)) folders.delete(other);
    },
    ...(options.blocks === true && { blocks }),
  };
  return folder;
};
