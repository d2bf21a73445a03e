import { serveTasks } from '../../main/base/workers/serve-tasks.ts';
import { spaceTasks } from '../../main/kernel/proof/space/tasks.ts';

// Entry of threads that only plot and answer.
serveTasks(spaceTasks);
