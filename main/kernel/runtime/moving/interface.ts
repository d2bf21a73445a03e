import type { WorkEntry, WorkFolder } from '../drivers/interface.ts';

/** One step of making one work folder the same as another. */
export type WorkChange =
  | { kind: 'folder'; path: string }
  /** Makes the file where there is none. Comes before the blocks of its file, so that they never lie beyond its end. */
  | { kind: 'size'; path: string; bytes: number; executable: boolean }
  | { kind: 'block'; path: string; offset: number; bytes: Uint8Array }
  | { kind: 'remove'; path: string };

export interface WorkRound {
  /** Bytes of files that were sent; tells whether another round while the job runs is worth it. */
  changedBytes: number;
  changes: number;
}
/**
 * Copies a work folder in rounds: everything while the job runs, then what changed since, until little is left; the last round is done
 * while the job stands still, and after it the target is the same as the source: files, folders, sizes, and whether files may be run.
 * Pure of any network: the far side is a sink.
 */
export interface WorkCopier {
  /**
   * One at a time. May be called again after it failed.
   *
   * @param options.sink - called up to 16 times at once; what has to come first has resolved before
   * @throws {RuntimeError} `TOO_MANY_FILES` | `SCRATCH_FULL` | `WORK_REFUSED` when the source lists what no work folder holds
   */
  round(options: { signal?: AbortSignal; sink: (change: WorkChange) => Promise<void> }): Promise<WorkRound>;
}
export interface WorkCopierInit {
  /** All files together; a hole counts as what it looks like. @default 64 GiB */
  bytesMax?: number;
  /** What the target holds already, of a try that broke off: removed or written over. @default nothing */
  there?: readonly WorkEntry[];
}
export type CreateWorkCopier = (source: WorkFolder, init?: WorkCopierInit) => WorkCopier;
