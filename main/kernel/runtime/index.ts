export type * from './interface.ts';
export { createRuntime, type RuntimeComponents, type RuntimeInit } from './create-runtime.ts';
export { RuntimeError } from './errors.ts';
export { allocatedMemoryBytes } from './job.ts';
export { runtimeTasks } from './tasks.ts';
export type { JobNetwork, JobPipe, WorkFolder } from './drivers/interface.ts';
