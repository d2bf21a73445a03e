import type { EventSource, Startable } from '../../base/index.ts';
import type { Reading } from '../../../preload/contract/index.ts';

/** Whether somebody sits at the machine. The desktop asks the system; without a screen the terminals' times are read. */
export interface PresenceSource {
  /** Ms since the last input by a person. */
  idleMs(): Promise<Reading<number>>;
}

/** Raw figures of one moment, machine-wide. Rates are over the time since the sample before. */
export interface MachineSample {
  atMs: number;
  cpuPercent: Reading<number>;
  cpuThreadsPercent: Reading<number[]>;
  cpuTemperatureCelsius: Reading<number>;
  memoryUsedBytes: Reading<number>;
  memoryTotalBytes: number;
  networkReceivedBytesPerSecond: Reading<number>;
  networkSentBytesPerSecond: Reading<number>;
  diskReadBytesPerSecond: Reading<number>;
  diskWrittenBytesPerSecond: Reading<number>;
  /** Used bytes of the filesystem that holds the data folder, and its size. */
  storageUsedBytes: Reading<number>;
  storageTotalBytes: Reading<number>;
  /** By card slug. Empty when nobody watches, since asking wakes some cards. */
  gpus: ReadonlyMap<
    string,
    { usedPercent: Reading<number>; memoryUsedBytes: Reading<number>; temperatureCelsius: Reading<number> }
  >;
  app: { cpuPercentOfCore: number; memoryBytes: number };
}

/** Conditions that rules ask for. Each is read only while a rule needs it. */
export interface Conditions {
  idleMs: Reading<number>;
  onBattery: Reading<boolean>;
  metered: Reading<boolean>;
  cpuTemperatureCelsius: Reading<number>;
  /** Hottest reading per card slug. */
  gpuTemperatureCelsius: ReadonlyMap<string, Reading<number>>;
  /** Names of running programs, as the process list shows them; read only if asked for. */
  programs: Reading<ReadonlySet<string>>;
}
export type ConditionName = 'idle' | 'battery' | 'metered' | 'temperature' | 'programs';

export interface MonitorEvents {
  /** A sample was taken: each second while watched, every 10 s otherwise. */
  sampled: MachineSample;
}

/** What really happens on the machine. */
export interface Monitor extends Startable, EventSource<MonitorEvents> {
  latest(): MachineSample | null;
  /** Takes one sample now. */
  sample(): Promise<MachineSample>;
  /** Samples each second until the returned function is called; cheap figures only, otherwise every 10 s. */
  watch(): () => void;
  /** Reads the conditions named; the others come back unknown with reason `not asked for`. */
  conditions(wanted: ReadonlySet<ConditionName>): Promise<Conditions>;
  /** Adds processes of ours (job hosts) to what `app` counts. Returns the removal. */
  countProcess(pid: number): () => void;
}
