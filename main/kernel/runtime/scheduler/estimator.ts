import { assert, decodeCbor, encodeCbor } from '../../../base/index.ts';
import type { Estimator } from './interface.ts';

export interface EstimatorInit {
  /** Keys that are kept; those that were neither learned nor asked for longest go first. @default 2000 */
  keysMax?: number;
}

/** Version of the encoding; another one is not read, and learning begins anew. */
const VERSION = 1;
const KEYS_MAX = 2_000;
/** Longest key, in UTF-16 units: names and hashes fit, a stranger's arguments do not fill the memory. */
const KEY_CHARS_MAX = 256;
/**
 * Runs that are kept of each key. The last so many say what such jobs take now: older ones are forgotten at once, which is decay that
 * nobody can slow down, and half of them would have to be outliers before the median is one.
 */
const RUNS_KEPT = 15;
/** A week, the longest that a job may run, and the most memory that it may ask for. */
const MS_MAX = 7 * 24 * 3_600_000;
const BYTES_MAX = 2 ** 40;

interface Learned {
  /** The last runs, oldest first. */
  times: number[];
  memories: number[];
  /** Ever learned from; only for telling. */
  samples: number;
}

/** @returns the value below which a share `p` of them lie, by nearest rank */
const percentileOf = (values: readonly number[], p: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] as number;
};

/** `program/arguments` is known by itself, as any run of `program`, and as any job of its kind: `kind:program/arguments`. */
const fallbacksOf = (key: string): string[] => {
  const short = key.slice(0, KEY_CHARS_MAX);
  const keys = [short];
  const slash = short.indexOf('/');
  if (slash > 0) keys.push(short.slice(0, slash));
  const colon = short.indexOf(':');
  if (colon > 0) keys.push(short.slice(0, colon));
  return [...new Set(keys)];
};

const isCount = (value: unknown, max: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max;
const isCounts = (value: unknown, max: number): value is number[] =>
  Array.isArray(value) && value.length >= 1 && value.length <= RUNS_KEPT && value.every((one) => isCount(one, max));

/** @returns what was learned, or null when it is not what {@link Estimator.encode} writes */
const read = (bytes: Uint8Array, keysMax: number): Map<string, Learned> | null => {
  let value: unknown;
  try {
    value = decodeCbor(bytes, 8 + KEYS_MAX * (6 + 2 * RUNS_KEPT));
  } catch {
    return null;
  }
  if (!Array.isArray(value) || value.length !== 2 || value[0] !== VERSION || !Array.isArray(value[1])) return null;
  const keys = new Map<string, Learned>();
  for (const one of value[1] as unknown[]) {
    if (!Array.isArray(one) || one.length !== 4) return null;
    const [key, times, memories, samples] = one as unknown[];
    if (typeof key !== 'string' || key === '' || key.length > KEY_CHARS_MAX || keys.has(key)) return null;
    if (!isCounts(times, MS_MAX) || !isCounts(memories, BYTES_MAX) || times.length !== memories.length) return null;
    if (!isCount(samples, Number.MAX_SAFE_INTEGER) || samples < times.length) return null;
    keys.set(key, { times, memories, samples });
  }
  while (keys.size > keysMax) keys.delete(keys.keys().next().value as string);
  return keys;
};

/**
 * @param bytes - what {@link Estimator.encode} wrote, or null to begin anew. What cannot be read is dropped: it is only experience
 */
export const createEstimator = (bytes: Uint8Array | null, { keysMax = KEYS_MAX }: EstimatorInit = {}): Estimator => {
  assert(Number.isInteger(keysMax) && keysMax >= 1 && keysMax <= KEYS_MAX, 'An estimator keeps 1 to 2000 keys.');
  /** Longest unused first. */
  const keys: Map<string, Learned> = (bytes === null ? null : read(bytes, keysMax)) ?? new Map<string, Learned>();
  const clamp = (value: number, max: number): number =>
    Number.isFinite(value) ? Math.min(max, Math.max(0, Math.round(value))) : 0;
  return {
    learn: (key, ended) => {
      // Widest first, so that the exact key is the last one used.
      for (const name of fallbacksOf(key).toReversed()) {
        const known = keys.get(name) ?? { times: [], memories: [], samples: 0 };
        keys.delete(name);
        keys.set(name, known);
        known.times.push(clamp(ended.ms, MS_MAX));
        known.memories.push(clamp(ended.memoryBytes, BYTES_MAX));
        known.samples += 1;
        if (known.times.length > RUNS_KEPT) {
          known.times.shift();
          known.memories.shift();
        }
        if (keys.size > keysMax) keys.delete(keys.keys().next().value as string);
      }
    },
    estimate: (key) => {
      for (const name of fallbacksOf(key)) {
        const known = keys.get(name);
        if (known === undefined) continue;
        keys.delete(name);
        keys.set(name, known);
        return {
          ms: percentileOf(known.times, 0.5),
          highMs: percentileOf(known.times, 0.9),
          memoryBytes: percentileOf(known.memories, 0.9),
          samples: known.samples,
        };
      }
      return null;
    },
    encode: () =>
      encodeCbor([VERSION, [...keys].map(([key, known]) => [key, known.times, known.memories, known.samples])]),
  };
};
