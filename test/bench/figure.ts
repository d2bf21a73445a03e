/** One measured figure, beside what it is compared with in the same run. */
export interface Figure {
  /** What was measured, such as `job start, WASM, p50`. */
  name: string;
  unit: 'ms' | 'us' | '1/s' | '%' | 'points' | 'MiB' | 'KiB' | 'Gbit/s' | 's/GB' | 'ratio' | 'count';
  value: number;
  /** The peer or floor, measured in the same run. */
  peer?: { name: string; value: number };
  /** `value / peer.value`; left out where a ratio says nothing. */
  ratio?: number;
  /** What is to be reached, in words. */
  target: string;
  /** Whether it was reached; absent where the target is a comparison for information. */
  reached?: boolean;
}

/** @returns the value below which a share `p` of the samples lie, by nearest rank */
export const percentile = (samples: readonly number[], p: number): number => {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1));
  const value = sorted[rank];
  if (value === undefined) throw new Error('no samples');
  return value;
};
