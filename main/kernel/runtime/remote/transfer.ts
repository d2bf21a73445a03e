import type { Clock } from '../../../base/index.ts';
import type { WorkFolder } from '../drivers/interface.ts';
import type { CreateWorkCopier } from '../moving/interface.ts';
import { MOVE_ASIDE_MS, MOVE_LAST_BYTES, MOVE_ROUNDS_MAX } from './constants.ts';
import { copyRound } from './copy-work.ts';

/** Where a job is, and where it goes. */
export interface TransferEnds {
  source: WorkFolder;
  /** Stops it. @returns its files, which nobody changes any more */
  handOver: () => Promise<WorkFolder>;
  target: WorkFolder;
  /** Resolves when it runs there. */
  begin: () => Promise<void>;
}
export interface TransferInit {
  clock: Clock;
  createWorkCopier: CreateWorkCopier;
  signal: AbortSignal;
  progress: (sentence: string) => void;
  /** The job has been handed over before, by a run that broke off. */
  stopped: boolean;
}

/** Removes what is at the target and not at the source: left by a try that broke off. */
const removeStrays = async (source: WorkFolder, target: WorkFolder): Promise<void> => {
  const there = await target.list();
  if (there.length === 0) return;
  const here = new Set((await source.list()).map(({ path, kind }) => `${kind} ${path}`));
  // Deepest first: a folder is empty when its turn comes.
  const strays = there.filter(({ path, kind }) => !here.has(`${kind} ${path}`));
  for (const { path } of strays.toSorted((a, b) => b.path.length - a.path.length)) await target.remove(path);
};

/**
 * Copies while the job runs until little is left, stops it, copies the rest, and lets it begin at the other end.
 *
 * @returns how long nobody answered, ms, and how much was copied
 */
export const transferWork = async (
  { source, handOver, target, begin }: TransferEnds,
  { clock, createWorkCopier, signal, progress, stopped }: TransferInit,
): Promise<{ pauseMs: number; movedBytes: number }> => {
  let now = source;
  // The copier keeps to one folder; after the hand-over it is the one that is kept.
  const either: WorkFolder = {
    list: () => now.list(),
    read: (path, offset, bytesMax) => now.read(path, offset, bytesMax),
    write: (path, offset, bytes) => now.write(path, offset, bytes),
    truncate: (path, bytes, executable) => now.truncate(path, bytes, executable),
    makeFolder: (path) => now.makeFolder(path),
    remove: (path) => now.remove(path),
    get blocks() {
      return now.blocks;
    },
  };
  let movedBytes = 0;
  if (!stopped) {
    await removeStrays(source, target);
    const copier = createWorkCopier(either);
    let before = Number.POSITIVE_INFINITY;
    for (let round = 1; round <= MOVE_ROUNDS_MAX; round++) {
      progress(`Its files are copied, round ${round}.`);
      const changed = await copyRound(copier, target, signal);
      movedBytes += changed;
      // Little is left, or it changes as quickly as it is copied.
      if (changed <= MOVE_LAST_BYTES || changed > before / 2) break;
      before = changed;
    }
    progress('It is stopped for a moment to be moved.');
    const stoppedAtMs = clock.monotonicMs();
    // An engine takes a tenth of a second to take down what has ended by then: what it changed last goes meanwhile, and the round
    // after that finds little or nothing. That one is the round that counts, whatever became of this.
    const meanwhile = clock
      .sleep(MOVE_ASIDE_MS, signal)
      .then(() => copyRound(copier, target, signal))
      .catch(() => 0);
    now = await handOver();
    movedBytes += await meanwhile;
    movedBytes += await copyRound(copier, target, signal);
    await begin();
    return { pauseMs: clock.monotonicMs() - stoppedAtMs, movedBytes };
  }
  const stoppedAtMs = clock.monotonicMs();
  now = await handOver();
  await removeStrays(now, target);
  movedBytes += await copyRound(createWorkCopier(either), target, signal);
  await begin();
  return { pauseMs: clock.monotonicMs() - stoppedAtMs, movedBytes };
};
