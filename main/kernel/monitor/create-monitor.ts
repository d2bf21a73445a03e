import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { assert, type Clock, Emitter, type Logger, type MetricsRegistry, type Outside } from '../../base/index.ts';
import type { Reading } from '../../../preload/contract/index.ts';
import {
  GPU_HEAT_MAX_AGE_MS,
  GPU_MAX_AGE_MS,
  METERED_MAX_AGE_MS,
  POWER_TOOL_MAX_AGE_MS,
  PROGRAMS_MAX_AGE_MS,
  PROGRAMS_TOOL_MAX_AGE_MS,
  QUIET_INTERVAL_MS,
  SAMPLE_GAP_MS_MIN,
  SAMPLE_LATE_MS_MAX,
  WATCHED_INTERVAL_MS,
} from './constants.ts';
import { createGpuUseReader, type GpuUses } from './gpu-use.ts';
import type { ConditionName, Conditions, MachineSample, Monitor, MonitorEvents, PresenceSource } from './interface.ts';
import { createLinuxReader } from './linux/linux-reader.ts';
import type { ByteCounters, CpuTicks } from './linux/proc.ts';
import { createMonitorMetrics } from './metrics.ts';
import { createPortableReader } from './portable-reader.ts';
import type { MachineReader } from './reader.ts';
import { known, mapReading, unknown } from './readings.ts';

export interface MonitorComponents {
  outside: Outside;
  logger: Logger;
  /** Null: no metrics. */
  metrics: MetricsRegistry | null;
  presence: PresenceSource;
  /** The data folder: the filesystem below it is what is lent. */
  storagePath: string;
}
export interface MonitorInit {
  /** Where the kernel's process files are. @default '/proc' */
  procPath?: string;
  /** Where the kernel's device files are. @default '/sys' */
  sysPath?: string;
  /** Whether to read through packages as on systems without /proc. @default true except on Linux */
  portable?: boolean;
}

/** @returns a monitor that reads nothing before `start` or the first `sample` */
export const createMonitor = (components: MonitorComponents, init: MonitorInit = {}): Monitor => {
  const { clock } = components.outside;
  const sysPath = init.sysPath ?? '/sys';
  const own = {
    clock,
    pid: process.pid,
    ownCpuMs: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    ownMemoryBytes: () => process.memoryUsage.rss(),
  };
  const portable = init.portable ?? process.platform !== 'linux';
  const reader = portable
    ? createPortableReader(own)
    : createLinuxReader({ ...own, procPath: init.procPath ?? '/proc', sysPath });
  return new MachineMonitor(components, reader, createGpuUseReader({ clock, sysPath }), portable);
};

interface Counters {
  atMs: number;
  wallMs: number;
  cpu: Reading<{ all: CpuTicks; threads: CpuTicks[] }>;
  network: Reading<ByteCounters>;
  disks: Reading<ByteCounters>;
}

const NOT_YET = 'a rate needs two readings, and this was the first';
const AFTER_SLEEP = 'the machine slept or its clock was set since the reading before';
const NOT_ASKED = 'not asked for';

class MachineMonitor implements Monitor {
  readonly #emitter = new Emitter<MonitorEvents>();
  readonly #components: MonitorComponents;
  readonly #clock: Clock;
  readonly #reader: MachineReader;
  readonly #gpuUse: ReturnType<typeof createGpuUseReader>;
  readonly #metrics: ReturnType<typeof createMonitorMetrics> | null;
  readonly #metered: () => Promise<Reading<boolean>>;
  readonly #power: () => ReturnType<MachineReader['power']>;
  readonly #programs: () => Promise<Reading<ReadonlySet<string>>>;
  #previous: Counters | null = null;
  #latest: MachineSample | null = null;
  #pending: Promise<MachineSample> | null = null;
  #watchers = 0;
  #phase: 'new' | 'running' | 'stopped' = 'new';
  #stopTimer: (() => void) | null = null;

  constructor(
    components: MonitorComponents,
    reader: MachineReader,
    gpuUse: ReturnType<typeof createGpuUseReader>,
    portable: boolean,
  ) {
    this.#components = components;
    this.#clock = components.outside.clock;
    this.#reader = reader;
    this.#gpuUse = gpuUse;
    this.#metrics = components.metrics === null ? null : createMonitorMetrics(components.metrics);
    this.#metered = remember(this.#clock, METERED_MAX_AGE_MS, () => reader.metered());
    this.#power = remember(this.#clock, portable ? POWER_TOOL_MAX_AGE_MS : 0, () => reader.power());
    this.#programs = remember(this.#clock, portable ? PROGRAMS_TOOL_MAX_AGE_MS : PROGRAMS_MAX_AGE_MS, () =>
      reader.programs(),
    );
  }

  on<K extends keyof MonitorEvents>(name: K, listener: (payload: MonitorEvents[K]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  async start(): Promise<void> {
    assert(this.#phase === 'new', 'The monitor is started once.');
    this.#phase = 'running';
    this.#setTimer();
    await this.sample();
  }

  async stop(): Promise<void> {
    this.#phase = 'stopped';
    this.#stopTimer?.();
    this.#stopTimer = null;
    await this.#pending;
  }

  latest(): MachineSample | null {
    return this.#latest;
  }

  sample(): Promise<MachineSample> {
    if (this.#pending !== null) return this.#pending;
    if (
      this.#latest !== null &&
      this.#previous !== null &&
      this.#clock.monotonicMs() - this.#previous.atMs < SAMPLE_GAP_MS_MIN
    )
      return Promise.resolve(this.#latest);
    this.#pending = this.#take().finally(() => {
      this.#pending = null;
    });
    return this.#pending;
  }

  watch(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) {
      this.#setTimer();
      if (this.#phase === 'running') void this.sample();
    }
    let watching = true;
    return () => {
      if (!watching) return;
      watching = false;
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#setTimer();
    };
  }

  countProcess(pid: number): () => void {
    assert(Number.isInteger(pid) && pid > 0, 'A process id is a positive integer.');
    this.#reader.countProcess(pid);
    let counted = true;
    return () => {
      if (!counted) return;
      counted = false;
      this.#reader.forgetProcess(pid);
    };
  }

  async conditions(wanted: ReadonlySet<ConditionName>): Promise<Conditions> {
    const ask = <T>(name: ConditionName, read: () => Promise<Reading<T>>): Promise<Reading<T>> =>
      wanted.has(name) ? read() : Promise.resolve(unknown(NOT_ASKED));
    const [idleMs, onBattery, metered, cpuTemperatureCelsius, gpus, programs] = await Promise.all([
      ask('idle', () => this.#components.presence.idleMs()),
      ask('battery', async () => (await this.#power()).onBattery),
      ask('metered', this.#metered),
      ask('temperature', () => this.#reader.cpuTemperature()),
      wanted.has('temperature') ? this.#gpuUse.read(GPU_HEAT_MAX_AGE_MS) : Promise.resolve<GpuUses>(new Map()),
      ask('programs', this.#programs),
    ]);
    return {
      idleMs,
      onBattery,
      metered,
      cpuTemperatureCelsius,
      gpuTemperatureCelsius: new Map([...gpus].map(([slug, use]) => [slug, use.temperatureCelsius])),
      programs,
    };
  }

  #intervalMs(): number {
    return this.#watchers > 0 ? WATCHED_INTERVAL_MS : QUIET_INTERVAL_MS;
  }

  #setTimer(): void {
    this.#stopTimer?.();
    this.#stopTimer =
      this.#phase === 'running' ? this.#clock.every(this.#intervalMs(), () => void this.sample()) : null;
  }

  async #take(): Promise<MachineSample> {
    const startedMs = this.#clock.monotonicMs();
    const reader = this.#reader;
    const [cpu, network, disks, memoryUsedBytes, cpuTemperatureCelsius, storage, app, gpus] = await Promise.all([
      reader.cpu(),
      reader.network(),
      reader.disks(),
      reader.memoryUsedBytes(),
      reader.cpuTemperature(),
      readStorage(this.#components.storagePath),
      reader.app(),
      this.#watchers > 0 ? this.#gpuUse.read(GPU_MAX_AGE_MS) : Promise.resolve<GpuUses>(new Map()),
    ]);
    const now: Counters = { atMs: startedMs, wallMs: this.#clock.nowMs(), cpu, network, disks };
    const rates = ratesBetween(this.#previous, now);
    const elapsedMs = this.#previous === null ? 0 : startedMs - this.#previous.atMs;
    this.#previous = now;
    const sample: MachineSample = {
      atMs: now.wallMs,
      ...rates,
      cpuTemperatureCelsius,
      memoryUsedBytes,
      memoryTotalBytes: totalmem(),
      storageUsedBytes: mapReading(storage, (found) => found.usedBytes),
      storageTotalBytes: mapReading(storage, (found) => found.totalBytes),
      gpus,
      app: { cpuPercentOfCore: elapsedMs > 0 ? (app.cpuMs / elapsedMs) * 100 : 0, memoryBytes: app.memoryBytes },
    };
    this.#latest = sample;
    this.#metrics?.sampled(sample, this.#clock.monotonicMs() - startedMs);
    this.#emitter.emit('sampled', sample);
    return sample;
  }
}

type Rates = Pick<
  MachineSample,
  | 'cpuPercent'
  | 'cpuThreadsPercent'
  | 'networkReceivedBytesPerSecond'
  | 'networkSentBytesPerSecond'
  | 'diskReadBytesPerSecond'
  | 'diskWrittenBytesPerSecond'
>;

/** Rates between two readings; unknown after a sleep, a jump of the wall clock, or a counter that went back. */
export const ratesBetween = (before: Counters | null, now: Counters): Rates => {
  const none = (reason: string): Rates => {
    const nothing = unknown(reason);
    return {
      cpuPercent: nothing,
      cpuThreadsPercent: nothing,
      networkReceivedBytesPerSecond: nothing,
      networkSentBytesPerSecond: nothing,
      diskReadBytesPerSecond: nothing,
      diskWrittenBytesPerSecond: nothing,
    };
  };
  if (before === null) return none(NOT_YET);
  const elapsedMs = now.atMs - before.atMs;
  // Late against the slowest plan there is: nobody knows here which of the two was in force.
  if (elapsedMs > QUIET_INTERVAL_MS + SAMPLE_LATE_MS_MAX) return none(AFTER_SLEEP);
  if (Math.abs(now.wallMs - before.wallMs - elapsedMs) > SAMPLE_LATE_MS_MAX) return none(AFTER_SLEEP);
  if (elapsedMs <= 0) return none(NOT_YET);
  const network = bytesPerSecond(before.network, now.network, elapsedMs);
  const disks = bytesPerSecond(before.disks, now.disks, elapsedMs);
  return {
    ...cpuUse(before.cpu, now.cpu),
    networkReceivedBytesPerSecond: mapReading(network, (rate) => rate.inBytes),
    networkSentBytesPerSecond: mapReading(network, (rate) => rate.outBytes),
    diskReadBytesPerSecond: mapReading(disks, (rate) => rate.inBytes),
    diskWrittenBytesPerSecond: mapReading(disks, (rate) => rate.outBytes),
  };
};

const busyPercent = (before: CpuTicks, now: CpuTicks): number | null => {
  const total = now.total - before.total;
  // Idle ticks may go back a little on a tickless kernel (proc_stat(5) on iowait), so the share is clamped.
  return total > 0 ? Math.min(100, Math.max(0, ((now.busy - before.busy) / total) * 100)) : null;
};

const cpuUse = (before: Counters['cpu'], now: Counters['cpu']): Pick<Rates, 'cpuPercent' | 'cpuThreadsPercent'> => {
  if (!now.known) return { cpuPercent: now, cpuThreadsPercent: now };
  if (!before.known) return { cpuPercent: unknown(NOT_YET), cpuThreadsPercent: unknown(NOT_YET) };
  const all = busyPercent(before.value.all, now.value.all);
  const stalled = unknown('the processor counters did not move');
  if (before.value.threads.length !== now.value.threads.length)
    return {
      cpuPercent: all === null ? stalled : known(all),
      cpuThreadsPercent: unknown('a processor was switched on or off since the reading before'),
    };
  const threads = now.value.threads.map((thread, index) => busyPercent(before.value.threads[index] ?? thread, thread));
  return {
    cpuPercent: all === null ? stalled : known(all),
    cpuThreadsPercent: threads.every((value) => value !== null) ? known(threads) : stalled,
  };
};

/** Sums the devices that both readings have; one that was plugged in or reset in between counts from the next on. */
const bytesPerSecond = (
  before: Reading<ByteCounters>,
  now: Reading<ByteCounters>,
  elapsedMs: number,
): Reading<{ inBytes: number; outBytes: number }> => {
  if (!now.known) return now;
  if (!before.known) return unknown(NOT_YET);
  let inBytes = 0;
  let outBytes = 0;
  for (const [name, counter] of now.value) {
    const earlier = before.value.get(name);
    if (earlier === undefined || counter.inBytes < earlier.inBytes || counter.outBytes < earlier.outBytes) continue;
    inBytes += counter.inBytes - earlier.inBytes;
    outBytes += counter.outBytes - earlier.outBytes;
  }
  return known({ inBytes: (inBytes * 1000) / elapsedMs, outBytes: (outBytes * 1000) / elapsedMs });
};

const readStorage = async (path: string): Promise<Reading<{ usedBytes: number; totalBytes: number }>> => {
  const found = await statfs(path).catch(() => null);
  if (found === null || found.blocks <= 0) return unknown('the filesystem of the data folder does not tell its size');
  return known({ usedBytes: (found.blocks - found.bfree) * found.bsize, totalBytes: found.blocks * found.bsize });
};

/** Keeps an answer for a while, and asks once for all who ask at the same time. */
const remember = <T>(clock: Clock, maxAgeMs: number, read: () => Promise<T>): (() => Promise<T>) => {
  let answer: Promise<T> | null = null;
  let askedAtMs = -Infinity;
  return () => {
    if (answer === null || clock.monotonicMs() - askedAtMs >= maxAgeMs) {
      askedAtMs = clock.monotonicMs();
      answer = read();
      // A failed reading is not kept.
      answer.catch(() => {
        answer = null;
      });
    }
    return answer;
  };
};
