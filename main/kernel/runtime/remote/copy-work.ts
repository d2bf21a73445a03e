import type { WorkFolder } from '../drivers/interface.ts';
import { applyWorkChange } from '../moving/index.ts';
import type { WorkCopier } from '../moving/interface.ts';

/** One round into a folder. @returns bytes that were written */
export const copyRound = async (copier: WorkCopier, into: WorkFolder, signal?: AbortSignal): Promise<number> => {
  const { changedBytes } = await copier.round({
    ...(signal !== undefined && { signal }),
    sink: (change) => applyWorkChange(into, change),
  });
  return changedBytes;
};
