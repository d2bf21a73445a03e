import type { Task } from '../../base/index.ts';
import type { BuildInput, CheckInput } from './task-types.ts';

/** What building and checking blocks does in threads. Each task loads what it needs when it first runs. */
export const blockTasks: Record<string, Task> = {
  /** Takes {@link BuildInput}, gives `BuildOutput`. */
  'blocks.build': async (input) => (await import('./check-blocks.ts')).buildBlock(input as BuildInput),
  /** Takes {@link CheckInput}, gives `CheckOutput` for each. */
  'blocks.check': async (input) => (await import('./check-blocks.ts')).checkBlocks(input as CheckInput),
  /** Takes the leaves of a tree in one, gives the levels above. */
  'blocks.levels': async (input) => (await import('./state-tree.ts')).levelsAbove(input as Uint8Array),
};
