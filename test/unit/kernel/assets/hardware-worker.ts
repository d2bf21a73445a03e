// Entry of the threads in tests of hardware: the same tasks as in the app, and no others.
import { serveTasks } from '../../../../main/base/workers/serve-tasks.ts';
import { hardwareTasks } from '../../../../main/kernel/assets/adapters/tasks.ts';
import { benchmarkTasks } from '../../../../main/kernel/assets/benchmark/tasks.ts';

serveTasks({ ...hardwareTasks, ...benchmarkTasks });
