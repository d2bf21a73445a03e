import { serveTasks } from '../../main/base/workers/serve-tasks.ts';
import { workTasks } from '../../main/kernel/proof/work/tasks.ts';

// Entry of threads for tests of the proof of work.
serveTasks(workTasks);
