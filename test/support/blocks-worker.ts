import { cryptoTasks } from '../../main/base/crypto/tasks.ts';
import { serveTasks } from '../../main/base/workers/serve-tasks.ts';
import { blockTasks } from '../../main/kernel/blocks/tasks.ts';

// Entry of threads for tests of blocks.
serveTasks({ ...cryptoTasks, ...blockTasks });
