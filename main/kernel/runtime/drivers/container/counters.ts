import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { Measured } from '../interface.ts';

/** What the kernel counted of one container, since it started. */
export interface Counted extends Omit<Measured, 'sentBytes' | 'receivedBytes'> {
  /** Forks that were refused because it had as many processes as it may. Null where the system does not count them. */
  forksRefused: number | null;
}
export interface CounterSource {
  readonly kind: 'cgroup' | 'engine';
  /** @throws when the container is gone */
  read(): Promise<Counted>;
}

const CGROUP_ROOT = '/sys/fs/cgroup';

/**
 * Where a container's counters are read: in the kernel's own files where they can be, which takes a tenth of a millisecond; else the
 * engine is asked, which takes ten to two hundred.
 *
 * @param pid - of the container's first process, as the engine says
 */
export const findCounters = async (container: Docker.Container, id: string, pid: number): Promise<CounterSource> =>
  (process.platform === 'linux' && pid > 0 ? await cgroupCounters(id, pid) : null) ?? engineCounters(container);

const text = async (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null);
const number = (value: string | null | undefined): number | null => {
  if (value === null || value === undefined) return null;
  const parsed = Number(value.trim());
  return value.trim() !== '' && Number.isFinite(parsed) && parsed >= 0 ? parsed : null;
};
/** A line `name value` of a file. */
const field = (file: string | null, name: string): number | null =>
  file === null ? null : number(new RegExp(`^${name} (\\d+)$`, 'm').exec(file)?.[1]);
const less = (whole: number | null, part: number | null): number | null =>
  whole === null ? null : Math.max(0, whole - (part ?? 0));

/** Folders of a container's groups, by controller; `` is that of version 2. */
export const groupsOf = (procCgroup: string, id: string): Map<string, string> => {
  const groups = new Map<string, string>();
  for (const line of procCgroup.split('\n')) {
    const [, controllers, ...rest] = line.split(':');
    const path = rest.join(':');
    // A number that is another process's by now, or a machine that is not this one, names other groups.
    if (controllers === undefined || !path.includes(id) || path.includes('..')) continue;
    if (controllers === '') groups.set('', path);
    else for (const name of controllers.split(',')) groups.set(name, path);
  }
  return groups;
};

const cgroupCounters = async (id: string, pid: number): Promise<CounterSource | null> => {
  const groups = groupsOf((await text(`/proc/${pid}/cgroup`)) ?? '', id);
  const v1 = (name: string): string => `${CGROUP_ROOT}/${name}${groups.get(name) ?? '/missing'}`;
  if (groups.has('cpuacct') && (await text(`${v1('cpuacct')}/cpuacct.usage`)) !== null) {
    return {
      kind: 'cgroup',
      read: async () => {
        const [usage, cpuStat, memoryNow, memoryPeak, memoryStat, pids, pidsEvents, io] = await Promise.all([
          readFile(`${v1('cpuacct')}/cpuacct.usage`, 'utf8'),
          text(`${v1('cpu')}/cpu.stat`),
          text(`${v1('memory')}/memory.usage_in_bytes`),
          text(`${v1('memory')}/memory.max_usage_in_bytes`),
          text(`${v1('memory')}/memory.stat`),
          text(`${v1('pids')}/pids.current`),
          text(`${v1('pids')}/pids.events`),
          text(`${v1('blkio')}/blkio.throttle.io_service_bytes`),
        ]);
        const charged = less(number(memoryNow), field(memoryStat, 'total_inactive_file'));
        const throttled = field(cpuStat, 'throttled_time');
        return {
          cpuMs: (number(usage) ?? 0) / 1e6,
          memoryBytesNow: charged,
          memoryBytesPeak: number(memoryPeak),
          throttledMs: throttled === null ? null : throttled / 1e6,
          pids: number(pids),
          readBytes: sumOf(io, /^\d+:\d+ Read (\d+)$/gm),
          writtenBytes: sumOf(io, /^\d+:\d+ Write (\d+)$/gm),
          chargedBytes: charged,
          forksRefused: field(pidsEvents, 'max'),
        };
      },
    };
  }
  const v2 = `${CGROUP_ROOT}${groups.get('') ?? '/missing'}`;
  if (groups.has('') && field(await text(`${v2}/cpu.stat`), 'usage_usec') !== null) {
    return {
      kind: 'cgroup',
      read: async () => {
        const [cpuStat, memoryNow, memoryPeak, memoryStat, pids, pidsEvents, io] = await Promise.all([
          readFile(`${v2}/cpu.stat`, 'utf8'),
          text(`${v2}/memory.current`),
          text(`${v2}/memory.peak`),
          text(`${v2}/memory.stat`),
          text(`${v2}/pids.current`),
          text(`${v2}/pids.events`),
          text(`${v2}/io.stat`),
        ]);
        const charged = less(number(memoryNow), field(memoryStat, 'inactive_file'));
        const throttled = field(cpuStat, 'throttled_usec');
        return {
          cpuMs: (field(cpuStat, 'usage_usec') ?? 0) / 1000,
          memoryBytesNow: charged,
          memoryBytesPeak: number(memoryPeak),
          throttledMs: throttled === null ? null : throttled / 1000,
          pids: number(pids),
          readBytes: sumOf(io, /\brbytes=(\d+)/g),
          writtenBytes: sumOf(io, /\bwbytes=(\d+)/g),
          chargedBytes: charged,
          forksRefused: field(pidsEvents, 'max'),
        };
      },
    };
  }
  return null;
};

const sumOf = (file: string | null, pattern: RegExp): number | null =>
  file === null ? null : [...file.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);

const engineCounters = (container: Docker.Container): CounterSource => ({
  kind: 'engine',
  read: async () => countedOf(await container.stats({ stream: false, 'one-shot': true })),
});

/** Takes what an engine's statistics tell, whatever is missing. */
export const countedOf = (stats: unknown): Counted => {
  const at = (...path: string[]): unknown => {
    let value = stats;
    for (const name of path)
      value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    return value;
  };
  const count = (...path: string[]): number | null => {
    const value = at(...path);
    return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : null;
  };
  const io = at('blkio_stats', 'io_service_bytes_recursive');
  const moved = (op: string): number | null =>
    Array.isArray(io)
      ? io.reduce((sum: number, each: { op?: unknown; value?: unknown } | null) => {
          const isIt = typeof each?.op === 'string' && each.op.toLowerCase() === op && typeof each.value === 'number';
          return isIt ? sum + (each.value as number) : sum;
        }, 0)
      : null;
  const cpu = count('cpu_stats', 'cpu_usage', 'total_usage');
  const throttled = count('cpu_stats', 'throttling_data', 'throttled_time');
  const charged = less(
    count('memory_stats', 'usage'),
    count('memory_stats', 'stats', 'total_inactive_file') ?? count('memory_stats', 'stats', 'inactive_file'),
  );
  return {
    cpuMs: cpu === null ? null : cpu / 1e6,
    memoryBytesNow: charged,
    memoryBytesPeak: count('memory_stats', 'max_usage'),
    throttledMs: throttled === null ? null : throttled / 1e6,
    pids: count('pids_stats', 'current'),
    readBytes: moved('read'),
    writtenBytes: moved('write'),
    chargedBytes: charged,
    forksRefused: null,
  };
};
