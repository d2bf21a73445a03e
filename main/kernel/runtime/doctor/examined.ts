import type { DoctorCheck } from '../../../../preload/contract/index.ts';
import { AskError, shownText, textOf, type Ask } from './ask-engine.ts';
import type { HostFacts } from './host-facts.ts';

/** What one check came to. */
export interface Finding {
  result: Exclude<DoctorCheck['result'], 'running' | 'waiting'>;
  sentence: string;
  fix?: string;
  command?: string;
  /** The doctor can do it when it is asked to. */
  fixable?: boolean;
  /** Names the problem without its figures: said once for each. Needed for `warning` and `bad`. */
  problem?: string;
  /** What was put right on the way. */
  fixed?: string;
}

/** What the rest of the node knows about the machine. */
export interface MachineFacts {
  /** Names of graphics cards that a job could compute on. */
  graphicsCards: readonly string[];
  /** Memory of the whole machine; null where unknown. */
  memoryBytes: number | null;
}

/** What is known so far in one examination. */
export interface Examined {
  host: HostFacts;
  machine: MachineFacts;
  endpoint: string | null;
  ask: Ask | null;
  version: EngineVersion | null;
  info: EngineInfo | null;
}

/** Of `/version`, checked. */
export interface EngineVersion {
  engine: 'Docker' | 'Podman';
  version: string;
  /** Two whole numbers; null where there are none. */
  api: readonly [number, number] | null;
}
/** Of `/info`, checked: what is missing or of another shape is empty or null. */
export interface EngineInfo {
  osType: string;
  operatingSystem: string;
  kernel: string;
  architecture: string;
  cpus: number | null;
  memoryBytes: number | null;
  cgroupVersion: '1' | '2' | null;
  cgroupDriver: string;
  storageDriver: string;
  backing: string;
  dataRoot: string;
  /** Such as `seccomp` with `profile=default`. */
  security: ReadonlyMap<string, string>;
  runtimes: readonly string[];
  /** Whether it hands out devices by their descriptions (CDI). */
  cdi: boolean;
  /** Null where it does not tell. */
  limits: { memory: boolean | null; swap: boolean | null; cpu: boolean | null; pids: boolean | null };
  warnings: readonly string[];
  /** Of its own clock, ms since 1970. */
  timeMs: number | null;
}

const numberOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
const switchOf = (value: unknown): boolean | null => (typeof value === 'boolean' ? value : null);

export const versionOf = (answer: Record<string, unknown>): EngineVersion => {
  const components = Array.isArray(answer['Components']) ? (answer['Components'] as unknown[]) : [];
  const match = /^(\d{1,3})\.(\d{1,3})$/.exec(textOf(answer['ApiVersion']));
  return {
    engine: components.some((part) => /podman/i.test(textOf((part as { Name?: unknown } | null)?.Name)))
      ? 'Podman'
      : 'Docker',
    version: textOf(answer['Version']) || 'of an unknown version',
    api: match === null ? null : [Number(match[1]), Number(match[2])],
  };
};

export const infoOf = (answer: Record<string, unknown>): EngineInfo => {
  const list = (value: unknown): unknown[] => (Array.isArray(value) ? value.slice(0, 64) : []);
  const cgroup = textOf(answer['CgroupVersion']);
  const security = list(answer['SecurityOptions']).map((option): [string, string] => {
    // `name=seccomp,profile=default`; Docker before 23 says the same.
    const [name = '', ...rest] = textOf(option).split(',');
    return [name.replace(/^name=/, ''), rest.join(',')];
  });
  const status = list(answer['DriverStatus']).map((pair) => list(pair).map(textOf));
  const timeMs = Date.parse(textOf(answer['SystemTime']));
  const runtimes = answer['Runtimes'];
  return {
    osType: textOf(answer['OSType']),
    operatingSystem: textOf(answer['OperatingSystem']),
    kernel: textOf(answer['KernelVersion']),
    architecture: textOf(answer['Architecture']),
    cpus: numberOf(answer['NCPU']),
    memoryBytes: numberOf(answer['MemTotal']),
    cgroupVersion: cgroup === '1' || cgroup === '2' ? cgroup : null,
    cgroupDriver: textOf(answer['CgroupDriver']),
    storageDriver: textOf(answer['Driver']),
    backing: status.find(([name = '']) => /^backing filesystem$/i.test(name))?.[1] ?? '',
    dataRoot: typeof answer['DockerRootDir'] === 'string' ? answer['DockerRootDir'].slice(0, 4096) : '',
    security: new Map(security),
    runtimes: typeof runtimes === 'object' && runtimes !== null ? Object.keys(runtimes).slice(0, 64) : [],
    cdi: list(answer['CDISpecDirs']).length > 0,
    limits: {
      memory: switchOf(answer['MemoryLimit']),
      swap: switchOf(answer['SwapLimit']),
      cpu: switchOf(answer['CpuCfsQuota']),
      pids: switchOf(answer['PidsLimit']),
    },
    warnings: list(answer['Warnings']).map(textOf),
    timeMs: Number.isFinite(timeMs) ? timeMs : null,
  };
};

export const skipped = (sentence: string): Finding => ({ result: 'skipped', sentence });

/** A check that could not be done since the engine did not play along. */
export const failedAsk = (error: unknown): Finding => {
  if (!(error instanceof AskError)) throw error;
  const gone = ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE'].includes(error.code);
  return {
    result: 'bad',
    sentence: gone
      ? 'The container engine went away in the middle of the examination.'
      : `The container engine could not do this: ${shownText(error.message)}.`,
    fix: gone
      ? 'Start it again; it is examined anew once it is back.'
      : 'Look at its log, and restart it if it does not say more.',
    problem: gone ? 'gone' : 'failed',
  };
};

/** Bytes as people say them. */
export const sizeText = (bytes: number): string =>
  bytes >= 1024 ** 3
    ? `${(bytes / 1024 ** 3).toFixed(bytes >= 10 * 1024 ** 3 ? 0 : 1)} GiB`
    : `${Math.round(bytes / 1024 ** 2)} MiB`;
