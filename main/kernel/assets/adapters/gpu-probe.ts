import type { Reading } from '../../../../preload/contract/index.ts';

/** What WebGPU says of one adapter. Browsers hide most of a card's identity, so the texts may be empty. */
export interface ProbedGpu {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
  /** True for SwiftShader and other emulations. */
  software: boolean;
  bufferBytesMax: number;
  features: string[];
}

/** WebGPU, which only a face with a window can reach. Without one, adapters do with the vendors' tools. */
export interface GpuProbe {
  probe(): Promise<Reading<ProbedGpu[]>>;
  /**
   * Multiplies f32 matrices for about three seconds.
   * @returns floating-point operations per second
   */
  benchmark(signal: AbortSignal, onProgress: (percent: number) => void): Promise<Reading<number>>;
}
