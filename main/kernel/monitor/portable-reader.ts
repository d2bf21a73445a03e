import { cpus } from 'node:os';
import type { Clock } from '../../base/index.ts';
import { PROCESS_SCAN_INTERVAL_MS, TEMPERATURE_CELSIUS_MAX, TEMPERATURE_CELSIUS_MIN } from './constants.ts';
import type { ByteCounters } from './linux/proc.ts';
import { readMetered } from './metered.ts';
import type { MachineReader } from './reader.ts';
import { known, knownNumber, unknown } from './readings.ts';

/**
 * macOS and Windows, through `systeminformation` and `node-os-utils`. Both are loaded on first use. What a system does
 * not count at all stays unknown.
 */
export const createPortableReader = (components: {
  clock: Clock;
  pid: number;
  ownCpuMs: () => number;
  ownMemoryBytes: () => number;
}): MachineReader => {
  const named = new Map<number, number>();
  let ownBeforeMs = components.ownCpuMs();
  let helpers = { cpuPercentOfCore: 0, memoryBytes: 0 };
  let scannedAtMs = -Infinity;
  let readAtMs = components.clock.monotonicMs();
  const attempt = async <T>(read: () => Promise<T>, reason: string): Promise<T | { known: false; reason: string }> =>
    read().catch(() => unknown(reason));

  return {
    cpu: async () => {
      const threads = cpus().map(({ times }) => ({
        busy: times.user + times.nice + times.sys + times.irq,
        total: times.user + times.nice + times.sys + times.irq + times.idle,
      }));
      if (threads.length === 0) return unknown('the system does not tell the use of its processors');
      return known({
        threads,
        all: threads.reduce((sum, thread) => ({ busy: sum.busy + thread.busy, total: sum.total + thread.total })),
      });
    },
    memoryUsedBytes: () =>
      attempt(async () => {
        const { OSUtils } = await import('node-os-utils');
        const answer = await new OSUtils().memory.info();
        if (!answer.success) return unknown('the system does not tell how much memory is in use');
        const totalBytes = answer.data.total.toBytes();
        const availableBytes = answer.data.available.toBytes();
        return knownNumber(
          totalBytes > 0 && availableBytes > 0 ? totalBytes - availableBytes : Number.NaN,
          'the system does not tell how much memory is in use',
          0,
        );
      }, 'the system does not tell how much memory is in use'),
    network: () =>
      attempt(async () => {
        const { networkStats } = await import('systeminformation');
        const counters: ByteCounters = new Map(
          (await networkStats('*'))
            .filter((entry) => Number.isFinite(entry.rx_bytes) && Number.isFinite(entry.tx_bytes))
            .map((entry) => [entry.iface, { inBytes: entry.rx_bytes, outBytes: entry.tx_bytes }]),
        );
        return counters.size > 0 ? known(counters) : unknown('the system does not count network traffic for programs');
      }, 'the system does not count network traffic for programs'),
    disks: () =>
      attempt(async () => {
        const { fsStats } = await import('systeminformation');
        // Null on Windows; typed as if it never were.
        const stats = (await fsStats()) as { rx: number | null; wx: number | null } | null;
        return stats !== null && typeof stats.rx === 'number' && typeof stats.wx === 'number'
          ? known(new Map([['all', { inBytes: stats.rx, outBytes: stats.wx }]]))
          : unknown('the system does not count disk traffic for programs');
      }, 'the system does not count disk traffic for programs'),
    cpuTemperature: () =>
      attempt(async () => {
        const { cpuTemperature } = await import('systeminformation');
        return knownNumber(
          (await cpuTemperature()).main,
          'the system does not tell the temperature of the processor',
          TEMPERATURE_CELSIUS_MIN,
          TEMPERATURE_CELSIUS_MAX,
        );
      }, 'the system does not tell the temperature of the processor'),
    power: async () => {
      const read = await attempt(async () => {
        const { battery } = await import('systeminformation');
        return known(await battery());
      }, 'the system does not tell its power state');
      if (!read.known) return { battery: read, onBattery: read };
      return {
        battery: known(read.value.hasBattery),
        onBattery: known(read.value.hasBattery && !read.value.acConnected),
      };
    },
    metered: readMetered,
    programs: () =>
      attempt(async () => {
        const { processes } = await import('systeminformation');
        const { list } = await processes();
        return list.length > 0
          ? known<ReadonlySet<string>>(new Set(list.map((process) => process.name)))
          : unknown('the process table could not be read');
      }, 'the process table could not be read'),
    app: async () => {
      const nowMs = components.clock.monotonicMs();
      const elapsedMs = Math.max(0, nowMs - readAtMs);
      readAtMs = nowMs;
      // Listing processes starts a program on these systems, so children's figures are up to 10 s old.
      if (nowMs - scannedAtMs >= PROCESS_SCAN_INTERVAL_MS) {
        scannedAtMs = nowMs;
        helpers = await readHelpers(components.pid, named).catch(() => helpers);
      }
      const ownMs = components.ownCpuMs();
      const cpuMs = Math.max(0, ownMs - ownBeforeMs) + (helpers.cpuPercentOfCore / 100) * elapsedMs;
      ownBeforeMs = ownMs;
      return { cpuMs, memoryBytes: components.ownMemoryBytes() + helpers.memoryBytes };
    },
    countProcess: (pid) => {
      named.set(pid, (named.get(pid) ?? 0) + 1);
    },
    forgetProcess: (pid) => {
      const count = (named.get(pid) ?? 0) - 1;
      if (count > 0) named.set(pid, count);
      else named.delete(pid);
    },
  };
};

/** Descendants of this process and the named ones, as the process list tells them. */
const readHelpers = async (
  ownPid: number,
  named: ReadonlyMap<number, number>,
): Promise<{ cpuPercentOfCore: number; memoryBytes: number }> => {
  const { processes } = await import('systeminformation');
  const { list } = await processes();
  const ours = new Set([ownPid, ...named.keys()]);
  // A child may be listed before its parent; each round finds one generation more, and ends when none is found.
  for (let found = true; found; ) {
    found = false;
    for (const process of list) {
      if (ours.has(process.pid) || !ours.has(process.parentPid)) continue;
      ours.add(process.pid);
      found = true;
    }
  }
  const threads = Math.max(1, cpus().length);
  let cpuPercentOfCore = 0;
  let memoryBytes = 0;
  for (const process of list) {
    if (!ours.has(process.pid) || process.pid === ownPid) continue;
    // `cpu` is in percent of the whole machine, `memRss` in KiB.
    if (Number.isFinite(process.cpu)) cpuPercentOfCore += process.cpu * threads;
    if (Number.isFinite(process.memRss)) memoryBytes += process.memRss * 1024;
  }
  return { cpuPercentOfCore, memoryBytes };
};
