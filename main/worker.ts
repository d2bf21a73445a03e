// Entry of the worker pool's threads. It imports no front door, so that a thread loads what its tasks need and no more.
import { httpTasks } from './api/http/tasks.ts';
import { satchelTasks } from './apps/satchel/tasks.ts';
import { sha256 } from './base/codec.ts';
import { cryptoTasks } from './base/crypto/tasks.ts';
import { serveTasks } from './base/workers/serve-tasks.ts';
import type { Task } from './base/workers/task.ts';
import { hardwareTasks } from './kernel/assets/adapters/tasks.ts';
import { benchmarkTasks } from './kernel/assets/benchmark/tasks.ts';
import { blockTasks } from './kernel/blocks/tasks.ts';
import { proofTasks } from './kernel/proof/tasks.ts';
import { runtimeTasks } from './kernel/runtime/tasks.ts';

const baseTasks: Record<string, Task> = {
  /** Takes bytes, gives their sha2-256. */
  'hash.sha256': (input) => sha256(input as Uint8Array),
};

serveTasks({
  ...baseTasks,
  ...cryptoTasks,
  ...satchelTasks,
  ...hardwareTasks,
  ...benchmarkTasks,
  ...blockTasks,
  ...proofTasks,
  ...runtimeTasks,
  ...httpTasks,
});
