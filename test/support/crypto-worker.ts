// Thread of a worker pool with the tasks of base/crypto and no others.
import { cryptoTasks } from '../../main/base/crypto/tasks.ts';
import { serveTasks } from '../../main/base/workers/serve-tasks.ts';

serveTasks(cryptoTasks);
