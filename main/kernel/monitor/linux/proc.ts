import { SECTOR_BYTES } from '../constants.ts';

/** Time that a processor spent, in ticks since boot. */
export interface CpuTicks {
  busy: number;
  total: number;
}
/** Bytes since boot, by device. */
export type ByteCounters = Map<string, { inBytes: number; outBytes: number }>;

/**
 * /proc/stat, proc_stat(5). Guest time is part of user time already. Stolen time counts as busy: it cannot be lent.
 *
 * @returns null when the text is not that of /proc/stat
 */
export const parseCpuTicks = (text: string): { all: CpuTicks; threads: CpuTicks[] } | null => {
  let all: CpuTicks | null = null;
  const threads: CpuTicks[] = [];
  for (const line of text.split('\n')) {
    const match = /^cpu(\d*)((?:\s+\d+){4,})\s*$/.exec(line);
    if (match === null) continue;
    const ticks = (match[2] ?? '').trim().split(/\s+/, 8).map(Number);
    if (!ticks.every(Number.isSafeInteger)) return null;
    const total = ticks.reduce((sum, value) => sum + value, 0);
    const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0);
    const entry = { busy: total - idle, total };
    if (match[1] === '') all = entry;
    else threads.push(entry);
  }
  return all === null ? null : { all, threads };
};

/** /proc/meminfo and the per-node ones of /sys: names with bytes. Lines that are not `Name: number kB` are left out. */
export const parseMeminfo = (text: string): Map<string, number> => {
  const found = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(?:Node\s+\d+\s+)?([A-Za-z0-9_()]+):\s+(\d{1,15}) kB\s*$/.exec(line);
    if (match?.[1] !== undefined && match[2] !== undefined) found.set(match[1], Number(match[2]) * 1024);
  }
  return found;
};

/** /proc/net/dev, proc_net(5): received and sent bytes of each interface. */
export const parseNetDev = (text: string): ByteCounters => {
  const found: ByteCounters = new Map();
  for (const line of text.split('\n')) {
    const match = /^\s*([^\s:]{1,32}):\s*((?:\d+\s+){8,}\d+)\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const fields = match[2].split(/\s+/).map(Number);
    const inBytes = fields[0];
    const outBytes = fields[8];
    if (inBytes !== undefined && outBytes !== undefined && Number.isFinite(inBytes + outBytes))
      found.set(match[1], { inBytes, outBytes });
  }
  return found;
};

/** /proc/diskstats (kernel: Documentation/admin-guide/iostats.rst): read and written bytes of each block device. */
export const parseDiskstats = (text: string): ByteCounters => {
  const found: ByteCounters = new Map();
  for (const line of text.split('\n')) {
    const match = /^\s*\d+\s+\d+\s+(\S{1,64})((?:\s+\d+){11,})\s*$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    const fields = match[2].trim().split(/\s+/).map(Number);
    const read = fields[2];
    const written = fields[6];
    if (read !== undefined && written !== undefined && Number.isFinite(read + written))
      found.set(match[1], { inBytes: read * SECTOR_BYTES, outBytes: written * SECTOR_BYTES });
  }
  return found;
};

export interface ProcessStat {
  pid: number;
  parentPid: number;
  /** Processor time in ticks, all threads. */
  ticks: number;
  /** Ticks after boot; tells a process from a later one with the same pid. */
  startedTicks: number;
}

/** /proc/PID/stat, proc_pid_stat(5). The name in brackets may hold brackets and spaces itself. */
export const parseProcessStat = (text: string): ProcessStat | null => {
  const end = text.lastIndexOf(')');
  const pid = Number(/^(\d{1,10}) \(/.exec(text)?.[1]);
  const fields = text
    .slice(end + 1)
    .trim()
    .split(/\s+/);
  const [parentPid, user, system, startedTicks] = [1, 11, 12, 19].map((index) => Number(fields[index]));
  if (end < 0 || parentPid === undefined || user === undefined || system === undefined || startedTicks === undefined)
    return null;
  if (![pid, parentPid, user, system, startedTicks].every((value) => Number.isSafeInteger(value) && value >= 0))
    return null;
  return { pid, parentPid, ticks: user + system, startedTicks };
};

/** One figure of /proc/PID/status, in bytes. @returns null when it is not there, as for a kernel thread */
export const parseStatusBytes = (text: string, name: string): number | null => {
  const match = new RegExp(`^${name}:\\s+(\\d{1,15}) kB$`, 'm').exec(text);
  return match?.[1] === undefined ? null : Number(match[1]) * 1024;
};
