export type * from './interface.ts';
export type { GpuProbe, ProbedGpu } from './adapters/gpu-probe.ts';
export type { BenchmarkRunner } from './benchmark-keeper.ts';
export { createAssets, type AssetsComponents, type AssetsInit, type SystemReader } from './create-assets.ts';
export { AllocationError, BenchmarkError, LimitsError, RegistryError } from './errors.ts';
