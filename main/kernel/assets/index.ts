export type * from './interface.ts';
export {
  AdapterError,
  createAdapters,
  createSystemReader,
  hardwareTasks,
  type AdapterComponents,
  type AdapterEnvironment,
  type Adapters,
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
