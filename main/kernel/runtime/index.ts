export type * from './interface.ts';
export { createRuntime, type RuntimeComponents, type RuntimeInit } from './create-runtime.ts';
export { RuntimeError } from './errors.ts';
export { OWN_ORIGIN } from './interface.ts';
export {
  allocatedMemoryBytes,
  createSandboxDriver,
  type SandboxDriverComponents,
  type SandboxDriverInit,
} from './drivers/sandbox/index.ts';
export type * from './drivers/interface.ts';
export { runtimeTasks } from './tasks.ts';
