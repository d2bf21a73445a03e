import type { EventSource, JobId, Startable } from '../../base/index.ts';
import type { JobOutputChunk, JobSpec, JobView } from '../../../preload/contract/index.ts';

export interface RuntimeEvents {
  /** A job changed; also once a second while it runs. */
  jobChanged: JobView;
  jobRemoved: { id: JobId };
  outputWritten: JobOutputChunk;
}

/** Runs jobs, each in a process of its own, within what was allocated for it. */
export interface Runtime extends Startable, EventSource<RuntimeEvents> {
  /**
   * @throws {RuntimeError} `MODULE_INVALID` | `MODULE_TOO_LARGE` | `SHARE_NOT_HELD` | `TOO_MANY_JOBS`
   * @throws {AllocationError} when the level does not cover it
   */
  submit(spec: JobSpec): Promise<JobView>;
  list(): Promise<JobView[]>;
  /** @throws {RuntimeError} `JOB_UNKNOWN`, as do the three below */
  get(id: JobId): Promise<JobView>;
  cancel(id: JobId): Promise<JobView>;
  /** @throws {RuntimeError} `JOB_RUNNING` */
  remove(id: JobId): Promise<void>;
  output(id: JobId, offset: number): Promise<{ chunks: JobOutputChunk[]; nextOffset: number; ended: boolean }>;
  readonly running: number;
  /** Ends every job with `why: 'owner'`. @returns how many */
  endAll(reason: string): Promise<number>;
  /** Resolves once no job runs. */
  idle(signal?: AbortSignal): Promise<void>;
}

/** How a host process is started: the plain Node runtime beside the app. Given, since only an entry knows where it lies. */
export interface HostProgram {
  /** The Node executable. */
  execPath: string;
  /** Built host entry, `job-host.cjs`. */
  script: string;
  env: Record<string, string>;
}
