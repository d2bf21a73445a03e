import { serveTasks } from '../../main/base/workers/serve-tasks.ts';
import { runtimeTasks } from '../../main/kernel/runtime/tasks.ts';

// Entry of threads for tests of the runtime.
serveTasks(runtimeTasks);
