export { createAdapters, type Adapters, type AdapterComponents, type AdapterEnvironment } from './create-adapters.ts';
export { createSystemReader, type SystemPart } from './system.ts';
export { AdapterError } from './errors.ts';
export type { GpuProbe, ProbedGpu } from './gpu-probe.ts';
export { hardwareTasks } from './tasks.ts';
