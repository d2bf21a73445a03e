export { createWorkerPool, type WorkerPoolComponents, type WorkerPoolInit } from './create-worker-pool.ts';
export { WorkerError } from './errors.ts';
export type * from './interface.ts';
export type { Task, TaskContext } from './task.ts';
