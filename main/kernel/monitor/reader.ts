import type { Reading } from '../../../preload/contract/index.ts';
import type { ByteCounters, CpuTicks } from './linux/proc.ts';
import type { Power } from './linux/power.ts';

/** Counters and states of the machine, as one kind of system tells them. The monitor makes rates out of the counters. */
export interface MachineReader {
  cpu(): Promise<Reading<{ all: CpuTicks; threads: CpuTicks[] }>>;
  memoryUsedBytes(): Promise<Reading<number>>;
  network(): Promise<Reading<ByteCounters>>;
  disks(): Promise<Reading<ByteCounters>>;
  cpuTemperature(): Promise<Reading<number>>;
  power(): Promise<Power>;
  metered(): Promise<Reading<boolean>>;
  programs(): Promise<Reading<ReadonlySet<string>>>;
  /** Processor time of our own processes since the last call, and their memory. */
  app(): Promise<{ cpuMs: number; memoryBytes: number }>;
  countProcess(pid: number): void;
  forgetProcess(pid: number): void;
}
