export { createBenchmark, type Benchmark, type BenchmarkComponents, type BenchmarkInit } from './create-benchmark.ts';
export { benchmarkTasks } from './tasks.ts';
