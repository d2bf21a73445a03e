import { useEffect, useState } from 'react';
import type { JobView } from '../../../preload/contract/index.ts';
import { useNodeAccess } from '../../state/node-context.tsx';

/** Seconds of a job's measurements that its charts show. */
export const HISTORY_S = 300;

export interface JobPoint {
  atS: number;
  cpuPercent: number | null;
  throttledPercent: number | null;
  memoryBytes: number | null;
  /** Per second, since the point before. */
  diskBytesPerSecond: number | null;
  trafficBytesPerSecond: number | null;
}

interface Sums {
  atS: number;
  disk: number | null;
  traffic: number;
}
const sumsOf = ({ measured }: JobView, atS: number): Sums => ({
  atS,
  disk:
    measured.readBytes === null && measured.writtenBytes === null
      ? null
      : (measured.readBytes ?? 0) + (measured.writtenBytes ?? 0),
  traffic: measured.sentBytes + measured.receivedBytes,
});
/** A counter that fell was begun anew, on another node or after a restart. */
const rate = (before: number | null, now: number | null, seconds: number): number | null =>
  before === null || now === null || now < before ? null : (now - before) / seconds;

/** A point of a job, from what the node tells of it now and what it told before. */
export const pointOf = (job: JobView, atS: number, before: { job: JobView; atS: number } | null): JobPoint => {
  const now = sumsOf(job, atS);
  const old = before === null ? null : sumsOf(before.job, before.atS);
  // Two messages in the same moment say nothing about a second.
  const seconds = old === null ? 0 : Math.max(0.2, atS - old.atS);
  return {
    atS,
    cpuPercent: job.measured.cpuPercentNow,
    throttledPercent: job.measured.throttledPercentNow,
    memoryBytes: job.measured.memoryBytesNow,
    diskBytesPerSecond: old === null ? null : rate(old.disk, now.disk, seconds),
    trafficBytesPerSecond: old === null ? null : rate(old.traffic, now.traffic, seconds),
  };
};

/** What was measured of a running job in the last minutes, from when its page was opened on. */
export const useJobHistory = (id: string): readonly JobPoint[] => {
  const node = useNodeAccess();
  const [points, setPoints] = useState<readonly JobPoint[]>([]);
  useEffect(() => {
    let before: { job: JobView; atS: number } | null = null;
    return node.watch('job', (job) => {
      if (job.id !== id || job.state === 'ended') return;
      const atS = Date.now() / 1000;
      const point = pointOf(job, atS, before);
      before = { job, atS };
      setPoints((all) => [...all, point].filter((one) => one.atS > atS - HISTORY_S));
    });
  }, [node, id]);
  return points;
};
