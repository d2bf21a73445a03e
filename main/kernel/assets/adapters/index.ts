export { createAdapters, type Adapters, type AdapterComponents } from './create-adapters.ts';
export {
  containerInventoryOf,
  NO_ENGINE_FOUND,
  parseEndpoint,
  refusalOf,
  socketProblem,
  usualEndpoints,
  type AdapterEnvironment,
} from './container.ts';
export { ENGINE_TIMEOUT_MS } from './constants.ts';
export type { EngineAddress } from './engine-task.ts';
export { createSystemReader, type SystemPart } from './system.ts';
export { AdapterError } from './errors.ts';
export type { GpuProbe, ProbedGpu } from './gpu-probe.ts';
export { hardwareTasks } from './tasks.ts';
