export type * from './interface.ts';
export {
  AdapterError,
  containerInventoryOf,
  createAdapters,
  createSystemReader,
  ENGINE_TIMEOUT_MS,
  hardwareTasks,
  NO_ENGINE_FOUND,
  parseEndpoint,
  refusalOf,
  socketProblem,
  usualEndpoints,
  type AdapterComponents,
  type AdapterEnvironment,
  type Adapters,
  type EngineAddress,
  type GpuProbe,
  type ProbedGpu,
} from './adapters/index.ts';
export { benchmarkTasks, createBenchmark, type BenchmarkComponents } from './benchmark/index.ts';
export {
  ASSET_STATE_PREFIX,
  assetLedger,
  assetStateOf,
  decodeAssetState,
  type AssetProvedData,
  type AssetState,
} from './asset-ledger.ts';
export type { BenchmarkRunner } from './benchmark-keeper.ts';
export {
  createAssets,
  type AssetsComponents,
  type AssetsInit,
  type SystemReader,
} from './create-assets.ts';
export { AllocationError, BenchmarkError, LimitsError, RegistryError } from './errors.ts';
