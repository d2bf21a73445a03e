import type { Inode } from '@bjorn3/browser_wasi_shim';
import { Directory, File, OpenDirectory, OpenFile, PreopenDirectory, wasi } from '@bjorn3/browser_wasi_shim';
import { isWorkPath } from '../work-path.ts';

/** Files and folders at once: what they take beside their bytes stays below 4 MiB. */
const ENTRIES_MAX = 4096;
/** Folders inside each other that are looked through for files to give out. */
const DEPTH_MAX = 64;
/** Longest path that is resolved; POSIX's PATH_MAX. */
const PATH_CHARS_MAX = 4096;

/**
 * The one folder of a program, in memory, with a cap on its bytes. The shim's files grow without bound and are copied
 * at each write; here a file is a resizable buffer that grows in place, and every way to grow one asks for room first.
 */
export class Scratch {
  readonly root: PreopenDirectory;
  #bytesMax: number;
  /** Upper bound of what is in use; made exact when it hits the cap, since closed and deleted files give nothing back. */
  #bytes = 0;
  #entries = 0;
  /** Whether a write was ever refused, so that a program that then fails can be told why. */
  refused = false;
  /** Files that are open: they hold bytes even after they were deleted. */
  readonly #open = new Set<ScratchFile>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.root = new ScratchRoot(this);
  }

  /** Makes `file` at least `length` bytes long, the new part zero. @returns false when there is no room */
  grow(file: OpenFile['file'], length: number): boolean {
    const more = length - file.data.byteLength;
    if (more <= 0) return true;
    if (this.#bytes + more > this.#bytesMax) this.#count();
    if (this.#bytes + more > this.#bytesMax) {
      this.refused = true;
      return false;
    }
    try {
      this.resizable(file).resize(length);
    } catch {
      this.refused = true; // the system has no memory left to give
      return false;
    }
    this.#bytes += more;
    return true;
  }

  shrink(file: OpenFile['file'], length: number): void {
    this.#bytes -= file.data.byteLength - length;
    this.resizable(file).resize(length);
  }

  /** The buffer of a file; one that can grow takes the place of the shim's. */
  resizable(file: OpenFile['file']): ArrayBuffer {
    const buffer = file.data.buffer as ArrayBuffer;
    if (buffer.resizable) return buffer;
    const own = new ArrayBuffer(file.data.byteLength, {
      maxByteLength: Math.max(this.#bytesMax, file.data.byteLength),
    });
    const data = new Uint8Array(own);
    data.set(file.data);
    file.data = data;
    return own;
  }

  /** Room for one more file or folder. */
  admitEntry(): boolean {
    if (this.#entries >= ENTRIES_MAX) this.#count();
    if (this.#entries >= ENTRIES_MAX) {
      this.refused = true;
      return false;
    }
    this.#entries++;
    return true;
  }

  /** Room that it has; known late where the folder was made before the job came. */
  setBytesMax(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  /** Puts a file in, with the folders that it lies in. @returns false when there is no room */
  put(path: string, data: Uint8Array<ArrayBuffer>): boolean {
    if (this.#bytes + data.byteLength > this.#bytesMax || !this.admitEntry()) return false;
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    const way: string[] = [];
    let folder = this.root.dir;
    for (const part of parts) {
      const next = folder.contents.get(part);
      if (next instanceof Directory) folder = next;
      else {
        way.push(part);
        if (next !== undefined || !this.admitEntry()) return false;
        // By the shim's own way, which notes what lies above.
        this.root.path_create_directory(way.join('/'));
        const made = folder.contents.get(part);
        if (!(made instanceof Directory)) return false;
        folder = made;
        continue;
      }
      way.push(part);
    }
    folder.contents.set(name, new File(data));
    this.#bytes += data.byteLength;
    return true;
  }

  /** Files that are, or lie beneath, one of these paths; each once. */
  *filesAt(paths: readonly string[]): Generator<{ path: string; data: Uint8Array<ArrayBuffer> }> {
    const isWanted = (path: string): boolean => paths.some((one) => path === one || path.startsWith(`${one}/`));
    const isOnTheWay = (path: string): boolean => isWanted(path) || paths.some((one) => one.startsWith(`${path}/`));
    const waiting: { path: string; node: Inode; depth: number }[] = [{ path: '', node: this.root.dir, depth: 0 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { path, node, depth } = next;
      if ('contents' in node) {
        if (depth >= DEPTH_MAX) continue;
        for (const [name, inside] of [...(node as Directory).contents].toReversed()) {
          const below = path === '' ? name : `${path}/${name}`;
          if (isWorkPath(below) && isOnTheWay(below)) waiting.push({ path: below, node: inside, depth: depth + 1 });
        }
      } else if (isWanted(path)) yield { path, data: (node as OpenFile['file']).data as Uint8Array<ArrayBuffer> };
    }
  }

  opened(file: ScratchFile): void {
    this.#open.add(file);
  }
  closed(file: ScratchFile): void {
    this.#open.delete(file);
  }

  /** Counts what the folder and open files really hold. Folders may be linked in a circle, so each is visited once. */
  #count(): void {
    const seen = new Set<Inode>();
    const waiting: Inode[] = [this.root.dir, ...[...this.#open].map((open) => open.file)];
    let bytes = 0;
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      if ('contents' in node) waiting.push(...(node as Directory).contents.values());
      else bytes += (node as OpenFile['file']).data.byteLength;
    }
    this.#bytes = bytes;
    this.#entries = seen.size;
  }
}

/** Offsets and lengths are unsigned 64 bits that arrive as signed ones. @returns null when no file can be that long */
const toLength = (value: bigint): number | null =>
  value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(value);

class ScratchFile extends OpenFile {
  readonly #scratch: Scratch;

  constructor(file: OpenFile['file'], position: bigint, scratch: Scratch) {
    super(file);
    this.file_pos = position;
    this.#scratch = scratch;
    scratch.opened(this);
  }

  override fd_close(): number {
    this.#scratch.closed(this);
    return wasi.ERRNO_SUCCESS;
  }

  override fd_allocate(offset: bigint, length: bigint): number {
    const end = offset < 0n || length < 0n ? null : toLength(offset + length);
    if (end === null) return wasi.ERRNO_FBIG;
    return this.#scratch.grow(this.file, end) ? wasi.ERRNO_SUCCESS : wasi.ERRNO_NOSPC;
  }

  override fd_filestat_set_size(size: bigint): number {
    const length = toLength(size);
    if (length === null) return wasi.ERRNO_FBIG;
    if (length < this.file.data.byteLength) this.#scratch.shrink(this.file, length);
    else if (!this.#scratch.grow(this.file, length)) return wasi.ERRNO_NOSPC;
    return wasi.ERRNO_SUCCESS;
  }

  override fd_write(data: Uint8Array): { ret: number; nwritten: number } {
    const written = this.fd_pwrite(data, this.file_pos);
    this.file_pos += BigInt(written.nwritten);
    return written;
  }

  override fd_pwrite(data: Uint8Array, offset: bigint): { ret: number; nwritten: number } {
    const start = toLength(offset);
    if (start === null) return { ret: wasi.ERRNO_FBIG, nwritten: 0 };
    if (!this.#scratch.grow(this.file, start + data.byteLength)) return { ret: wasi.ERRNO_NOSPC, nwritten: 0 };
    this.file.data.set(data, start);
    return { ret: wasi.ERRNO_SUCCESS, nwritten: data.byteLength };
  }
}

/** Opens what the shim found, wrapped so that it asks for room. */
const openInside = (
  scratch: Scratch,
  open: (oflags: number) => ReturnType<OpenDirectory['path_open']>,
  path: string,
  oflags: number,
): ReturnType<OpenDirectory['path_open']> => {
  if (path.length > PATH_CHARS_MAX) return { ret: wasi.ERRNO_NAMETOOLONG, fd_obj: null };
  if ((oflags & wasi.OFLAGS_CREAT) !== 0 && !scratch.admitEntry()) return { ret: wasi.ERRNO_NOSPC, fd_obj: null };
  const result = open(oflags);
  if (result.fd_obj instanceof OpenFile)
    return { ret: result.ret, fd_obj: new ScratchFile(result.fd_obj.file, result.fd_obj.file_pos, scratch) };
  if (result.fd_obj instanceof OpenDirectory)
    return { ret: result.ret, fd_obj: new ScratchDirectory(result.fd_obj.dir, scratch) };
  return result;
};

class ScratchDirectory extends OpenDirectory {
  readonly #scratch: Scratch;
  constructor(dir: Directory, scratch: Scratch) {
    super(dir);
    this.#scratch = scratch;
  }
  override path_open(
    dirflags: number,
    path: string,
    oflags: number,
    rights: bigint,
    inheriting: bigint,
    flags: number,
  ): ReturnType<OpenDirectory['path_open']> {
    return openInside(
      this.#scratch,
      (wanted) => super.path_open(dirflags, path, wanted, rights, inheriting, flags),
      path,
      oflags,
    );
  }
}

class ScratchRoot extends PreopenDirectory {
  readonly #scratch: Scratch;
  constructor(scratch: Scratch) {
    // `/` stands for both absolute and relative paths of wasi-libc.
    super('/', new Map());
    this.#scratch = scratch;
  }
  override path_open(
    dirflags: number,
    path: string,
    oflags: number,
    rights: bigint,
    inheriting: bigint,
    flags: number,
  ): ReturnType<OpenDirectory['path_open']> {
    return openInside(
      this.#scratch,
      (wanted) => super.path_open(dirflags, path, wanted, rights, inheriting, flags),
      path,
      oflags,
    );
  }
}
