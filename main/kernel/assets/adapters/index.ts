export { createAdapters, type Adapters, type AdapterComponents } from './create-adapters.ts';
export type { AdapterEnvironment } from './container.ts';
export { createSystemReader, type SystemPart } from './system.ts';
export { AdapterError } from './errors.ts';
export type { GpuProbe, ProbedGpu } from './gpu-probe.ts';
export { hardwareTasks } from './tasks.ts';
