import type { WorkEntry, WorkFolder } from '../drivers/interface.ts';

/** What a work folder has, for telling later what changed: entries, and hashes of blocks of the large ones. */
export interface WorkManifest {
  entries: readonly (WorkEntry & { blocks: readonly string[] })[];
  bytes: number;
}
/** One step of making one work folder the same as another. */
export type WorkChange =
  | { kind: 'folder'; path: string }
  | { kind: 'block'; path: string; offset: number; bytes: Uint8Array }
  | { kind: 'size'; path: string; bytes: number; executable: boolean }
  | { kind: 'remove'; path: string };
/**
 * Copies a work folder in rounds: everything while the job runs, then what changed since, until little is left; the last round is done
 * while the job stands still. Pure of any network: the far side is a sink.
 */
export interface WorkCopier {
  /** @returns what this round sent; `changedBytes` tells whether another round while running is worth it */
  round(options: {
    signal?: AbortSignal;
    sink: (change: WorkChange) => Promise<void>;
  }): Promise<{ changedBytes: number; tookMs: number }>;
}
export type CreateWorkCopier = (source: WorkFolder) => WorkCopier;
