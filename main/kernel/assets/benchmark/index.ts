export { createBenchmark, type Benchmark, type BenchmarkComponents } from './create-benchmark.ts';
export { benchmarkTasks } from './tasks.ts';
