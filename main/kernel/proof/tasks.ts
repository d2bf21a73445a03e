import type { Task } from '../../base/workers/index.ts';
import { spaceTasks } from './space/tasks.ts';
import { timeGenerateTasks } from './time/generate-tasks.ts';
import { timeVerifyTasks } from './time/verify-tasks.ts';
import { proofVerifyTasks } from './verify-tasks.ts';
import { workTasks } from './work/tasks.ts';

/** All work of this room that runs in threads; worker.ts registers it. */
export const proofTasks: Record<string, Task> = {
  ...spaceTasks,
  ...timeGenerateTasks,
  ...timeVerifyTasks,
  ...workTasks,
  ...proofVerifyTasks,
};
