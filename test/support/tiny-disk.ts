import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own in memory, to be filled or made read-only. */
export interface TinyDisk {
  readonly path: string;
  /** Nothing on it can be changed from now on. */
  makeReadOnly(): void;
  remove(): void;
}

/** @returns null where this user may not mount (not root, or a container that forbids it) */
export const mountTinyDisk = (sizeBytes: number): TinyDisk | null => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return null;
  const path = mkdtempSync(join(tmpdir(), 'hypermesh-disk-'));
  const mount = (...args: string[]): boolean => spawnSync('/bin/mount', args, { stdio: 'ignore' }).status === 0;
  if (!mount('-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', path)) {
    rmSync(path, { recursive: true });
    return null;
  }
  return {
    path,
    makeReadOnly: () => {
      if (!mount('-o', 'remount,ro', path)) throw new Error(`${path} could not be made read-only`);
    },
    remove: () => {
      spawnSync('/bin/umount', ['-l', path], { stdio: 'ignore' });
      rmSync(path, { recursive: true, force: true });
    },
  };
};

/** Whether tests that need {@link mountTinyDisk} can run here. */
export const canMount = ((): boolean => {
  const disk = mountTinyDisk(64 * 1024);
  disk?.remove();
  return disk !== null;
})();
