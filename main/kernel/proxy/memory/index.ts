export { createMemories, type MemoriesComponents, type MemoriesControl, type MemoriesInit } from './create-memories.ts';
export { MemoryError } from './errors.ts';
export {
  createMemoryProvider,
  type MemoryProvider,
  type MemoryProviderComponents,
  type MemoryProviderInit,
} from './provider.ts';
export { createMemoryMetrics, type MemoryMetrics } from './metrics.ts';
