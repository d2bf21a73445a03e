import { createSystemOutside, newJobId } from '../../main/base/index.ts';
import type {
  DrivenJob,
  JobListener,
  JobNetwork,
  RuntimeDriver,
  StartedJob,
} from '../../main/kernel/runtime/drivers/interface.ts';
import type { JobEnd, JobSpec, JobView } from '../../preload/contract/index.ts';

const { clock, random } = createSystemOutside();

/** Everything that a driver told about one job. */
export interface DriverTold extends JobListener {
  readonly records: Uint8Array[];
  readonly out: { stdout: Buffer[]; stderr: Buffer[] };
  bytes: number;
  isRunning: boolean;
  end: JobEnd | null;
  refusal: string | null;
  healths: JobView['health'][];
  how: { signal: string | null; exitCode: number | null; explanation: string } | null;
  /** Calls that came when none was allowed any more. */
  late: string[];
  text(stream: 'stdout' | 'stderr'): string;
}

/** Keeps at most this much of a flood. */
const KEPT_BYTES_MAX = 8 * 1024 * 1024;

export const createDriverTold = (): DriverTold => {
  const told: DriverTold = {
    records: [],
    out: { stdout: [], stderr: [] },
    bytes: 0,
    isRunning: false,
    end: null,
    refusal: null,
    healths: [],
    how: null,
    late: [],
    text: (stream) => Buffer.concat(told.out[stream]).toString('utf8'),
    recorded: async (record) => {
      if (told.how !== null) told.late.push('recorded');
      told.records.push(Uint8Array.from(record));
    },
    running: () => {
      if (told.how !== null || told.isRunning) told.late.push('running');
      told.isRunning = true;
    },
    output: (stream, bytes) => {
      if (told.how !== null) told.late.push('output');
      told.bytes += bytes.length;
      if (told.bytes <= KEPT_BYTES_MAX) told.out[stream].push(Buffer.from(bytes));
    },
    ended: (end) => {
      if (told.how !== null || told.end !== null) told.late.push('ended');
      told.end ??= end;
    },
    refused: (reason) => {
      if (told.how !== null) told.late.push('refused');
      told.refusal = reason;
    },
    health: (state) => void told.healths.push(state),
    gone: (how) => {
      if (told.how !== null) told.late.push('gone');
      told.how = how;
    },
  };
  return told;
};

/** Waits, for as long as the test may take. */
export const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await clock.sleep(5);
};

export interface DriverRun {
  job: StartedJob;
  driven: DrivenJob;
  told: DriverTold;
}
/** Prepares and starts a job as the runtime would, without rows and book. */
export const startDriven = async (
  driver: RuntimeDriver,
  spec: JobSpec,
  given: { millicores?: number; files?: StartedJob['files']; network?: JobNetwork; held?: boolean } = {},
): Promise<DriverRun> => {
  const prepared = await driver.prepare(spec, {
    signal: new AbortController().signal,
    progress: () => undefined,
    bringsImage: true,
  });
  const job: StartedJob = {
    id: newJobId(random),
    spec,
    millicores: given.millicores ?? (spec.cpuPercent ?? 100) * 10,
    files: given.files ?? [],
    network: given.network ?? null,
    held: given.held ?? false,
  };
  const told = createDriverTold();
  try {
    return { job, driven: await prepared.start(job, told), told };
  } finally {
    prepared.discard();
  }
};

/** Processor time that a running job takes over a stretch, percent of one core; asks for fresh measurements on the way. */
export const cpuPercentOver = async (driven: DrivenJob, ms: number): Promise<number> => {
  const read = async (): Promise<{ cpuMs: number; atMs: number }> => {
    // The first answer may be an old one: it has the next one fetched.
    let last = driven.measured().cpuMs;
    const sinceMs = clock.monotonicMs();
    for (;;) {
      await clock.sleep(20);
      const cpuMs = driven.measured().cpuMs;
      const atMs = clock.monotonicMs();
      if (cpuMs !== null && (cpuMs !== last || atMs - sinceMs > 300)) return { cpuMs, atMs };
      last = cpuMs;
    }
  };
  const first = await read();
  await clock.sleep(ms);
  const second = await read();
  return ((second.cpuMs - first.cpuMs) / (second.atMs - first.atMs)) * 100;
};
