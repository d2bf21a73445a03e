import { satchelTasks } from '../../main/apps/satchel/tasks.ts';
import { cryptoTasks } from '../../main/base/crypto/tasks.ts';
import { serveTasks } from '../../main/base/workers/serve-tasks.ts';

// Entry of threads for tests of the identity.
serveTasks({ ...cryptoTasks, ...satchelTasks });
