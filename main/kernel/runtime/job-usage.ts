import type { JobView } from '../../../preload/contract/index.ts';
import { SAMPLE_GAP_MS_MAX, SAMPLE_INTERVAL_MS } from './constants.ts';
import type { Measured } from './drivers/interface.ts';
import { unmeasured } from './job-view.ts';

/** Time below which a mean says nothing: the first samples of a short job are mostly rounding. */
const MEAN_MS_MIN = 200;

/** What one run of a job took, and the time that counts against it. */
export interface JobUsage {
  /** Time that counts, ms: since it was asked for until it runs, then since it runs; frozen time and sleep of the machine left out. */
  readonly activeMs: number;
  readonly startMs: number | null;
  readonly cpuMs: number | null;
  readonly memoryBytesPeak: number | null;
  /** Counts the time since the last look. Told before anything changes. */
  account(nowMs: number, counts: boolean): void;
  measure(measured: Measured): void;
  /** The program's first instruction is next. @param waitedMs - time since the request that was spent waiting */
  began(nowMs: number, measured: Measured | null): void;
  /** Once a second. @returns the share of one core since the last sample, percent; null when that is not known */
  sample(nowMs: number): number | null;
  view(outputBytes: number, now: 'running' | 'frozen' | 'ended'): JobView['measured'];
}

/** @param requestedAtMs - when whoever waits for the start began to wait, on the monotonic clock */
export const createJobUsage = (requestedAtMs: number): JobUsage => {
  let activeMs = 0;
  let activeAtMs = requestedAtMs;
  let startMs: number | null = null;
  let last: Measured | null = null;
  /** What hosting had taken when the program began. */
  let cpuMsBefore: number | null = null;
  let sampled: { atMs: number; cpuMs: number | null; throttledMs: number | null } | null = null;
  let cpuPercentNow: number | null = null;
  let throttledPercentNow: number | null = null;
  const higher = (one: number | null, other: number | null): number | null =>
    one === null ? other : other === null ? one : Math.max(one, other);
  const usage: JobUsage = {
    get activeMs() {
      return activeMs;
    },
    get startMs() {
      return startMs;
    },
    get cpuMs() {
      return last?.cpuMs ?? null;
    },
    get memoryBytesPeak() {
      return last?.memoryBytesPeak ?? null;
    },
    account: (nowMs, counts) => {
      const elapsedMs = nowMs - activeAtMs;
      activeAtMs = nowMs;
      // The machine slept, or the node hung: neither is the job's time.
      if (counts) activeMs += elapsedMs > SAMPLE_GAP_MS_MAX ? SAMPLE_INTERVAL_MS : elapsedMs;
    },
    measure: (measured) => {
      last = {
        ...measured,
        cpuMs: higher(measured.cpuMs, last?.cpuMs ?? null),
        memoryBytesPeak: higher(measured.memoryBytesPeak, last?.memoryBytesPeak ?? null),
        readBytes: higher(measured.readBytes, last?.readBytes ?? null),
        writtenBytes: higher(measured.writtenBytes, last?.writtenBytes ?? null),
      };
    },
    began: (nowMs, measured) => {
      if (measured !== null) usage.measure(measured);
      startMs = nowMs - requestedAtMs;
      cpuMsBefore = last?.cpuMs ?? 0;
      activeMs = 0;
      activeAtMs = nowMs;
      sampled = { atMs: nowMs, cpuMs: last?.cpuMs ?? null, throttledMs: last?.throttledMs ?? null };
    },
    sample: (nowMs) => {
      const before = sampled;
      sampled = { atMs: nowMs, cpuMs: last?.cpuMs ?? null, throttledMs: last?.throttledMs ?? null };
      if (before === null || nowMs <= before.atMs) return null;
      const partOf = (now: number | null, then: number | null): number | null =>
        now === null || then === null ? null : (Math.max(0, now - then) / (nowMs - before.atMs)) * 100;
      cpuPercentNow = partOf(sampled.cpuMs, before.cpuMs) ?? cpuPercentNow;
      throttledPercentNow = partOf(sampled.throttledMs, before.throttledMs);
      return partOf(sampled.cpuMs, before.cpuMs);
    },
    view: (outputBytes, now) => {
      if (last === null) return { ...unmeasured(outputBytes), startMs };
      const { cpuMs, memoryBytesNow, memoryBytesPeak, pids, readBytes, writtenBytes, sentBytes, receivedBytes } = last;
      const isOver = now === 'ended';
      return {
        cpuMs,
        cpuPercentMean:
          cpuMs === null || cpuMsBefore === null || activeMs < MEAN_MS_MIN
            ? null
            : (Math.max(0, cpuMs - cpuMsBefore) / activeMs) * 100,
        cpuPercentNow: isOver ? null : now === 'frozen' ? 0 : cpuPercentNow,
        throttledPercentNow: isOver ? null : throttledPercentNow,
        memoryBytesNow: isOver ? null : memoryBytesNow,
        memoryBytesPeak,
        pids: isOver ? null : pids,
        readBytes,
        writtenBytes,
        sentBytes,
        receivedBytes,
        outputBytes,
        startMs,
      };
    },
  };
  return usage;
};
