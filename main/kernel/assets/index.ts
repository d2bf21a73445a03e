export type * from './interface.ts';
export { AllocationError, BenchmarkError, LimitsError, RegistryError } from './errors.ts';
