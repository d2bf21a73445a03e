import type { EventSource, JobId, Startable } from '../../base/index.ts';
import type {
  JobEnd,
  JobFile,
  JobOutputChunk,
  JobSpec,
  JobView,
  LanguageView,
  QueueState,
  SchedulerAim,
} from '../../../preload/contract/index.ts';
import type { JobNetwork, JobPipe, WorkFolder } from './drivers/interface.ts';

export interface RuntimeEvents {
  /** A job changed; also once a second while it runs. */
  jobChanged: JobView;
  jobRemoved: { id: JobId };
  outputWritten: JobOutputChunk;
  queueChanged: null;
}

/** For whom a job runs. The owner's own have neither lease nor bounds of one. */
export interface JobOrigin {
  side: 'own' | 'lent';
  /** Fair shares are between these: `own`, or the borrower's key; an anonymous one's is that of its lease. */
  who: string;
  lease: string | null;
  peerId: string | null;
  /** What the lease has reserved already: not asked of the book again. */
  reserved: { millicores: number; containers: number };
  /** Whether the borrower may bring an image that the owner did not list. */
  bringsImage: boolean;
  network: JobNetwork | null;
}
export const OWN_ORIGIN: JobOrigin = {
  side: 'own',
  who: 'own',
  lease: null,
  peerId: null,
  reserved: { millicores: 0, containers: 0 },
  bringsImage: true,
  network: null,
};

/** Runs jobs, each walled off, within what was allocated for it. */
export interface Runtime extends Startable, EventSource<RuntimeEvents> {
  /**
   * Starts it at once, or with `queue` when there is room. Resolves when it runs, waits, or has failed.
   * @param options.origin - @default the owner's own
   * @throws {RuntimeError} `MODULE_INVALID` | `MODULE_TOO_LARGE` | `SHARE_NOT_HELD` | `TOO_MANY_JOBS` | `QUEUE_FULL` | `FINISHING` |
   *   `ENGINE_MISSING` | `IMAGE_MISSING` | `IMAGE_REFUSED` | `CONTENT_MISSING` | `GPU_MISSING`
   * @throws {AllocationError} when the level does not cover it and it may not wait
   */
  submit(spec: JobSpec, options?: { origin?: JobOrigin; held?: boolean }): Promise<JobView>;
  list(): Promise<JobView[]>;
  /** @throws {RuntimeError} `JOB_UNKNOWN`, as do those below */
  get(id: JobId): Promise<JobView>;
  cancel(id: JobId): Promise<JobView>;
  /** @throws {RuntimeError} `JOB_RUNNING` */
  remove(id: JobId): Promise<void>;
  output(id: JobId, offset: number): Promise<{ chunks: JobOutputChunk[]; nextOffset: number; ended: boolean }>;
  /** Opens a connection to a port that a job listens on inside. @throws {RuntimeError} `JOB_NOT_RUNNING` | `PORT_CLOSED` */
  connect(id: JobId, port: number): Promise<JobPipe>;
  readonly running: number;
  /** Ends every job with `why: 'owner'`. @returns how many */
  endAll(reason: string): Promise<number>;
  /** Resolves once no job runs. */
  idle(signal?: AbortSignal): Promise<void>;

  queue(): QueueState;
  setQueue(change: { aim?: SchedulerAim; mode?: 'open' | 'finish' }): Promise<QueueState>;
  languages(): LanguageView[];

  /**
   * What it was submitted with, whole, for whoever runs it elsewhere.
   * @throws {RuntimeError} `JOB_NOT_RUNNING` once it has ended
   */
  spec(id: JobId): Promise<JobSpec>;
  /**
   * What a lent job may take of its share now, 0 to 1, as the effective amount of its lease has it; 0 freezes it. In force within 1 s.
   * Nothing happens for a job that has ended.
   */
  limit(id: JobId, part: number): void;
  /** The signed result, docs/formats/job-result.md. @throws {RuntimeError} `JOB_RUNNING` | `NO_RESULT` */
  result(id: JobId): Promise<{ fileName: string; bytes: Uint8Array }>;

  /**
   * For moving: a job that was submitted with `held` has its work folder and everything else ready and has not begun; `begin` lets it.
   * @throws {RuntimeError} `JOB_NOT_RUNNING` | `NOT_MOVABLE` when its kind has no work folder
   */
  work(id: JobId): Promise<WorkFolder>;
  begin(id: JobId): Promise<JobView>;
  /**
   * Ends it here with `why: 'moved'`: asks its program to stop, waits, keeps the work folder until `forgetMoved`, 24 h at most, over
   * ends and crashes of the node. Asked again, it gives the same answer; `work` gives that folder, too.
   * @throws {RuntimeError} `JOB_NOT_RUNNING`, also when it ended by itself before it was asked to | `NOT_MOVABLE`
   */
  handOver(id: JobId, to: string, graceMs: number): Promise<{ work: WorkFolder; stoppedAtMs: number }>;
  /** Nothing happens when nothing is left of it. */
  forgetMoved(id: JobId): Promise<void>;
  /** All of which something may be in the system: what a sweep is to leave alone. */
  inSystem(): Promise<JobId[]>;
  /** Told in place of a job's own end by whoever moved it here or noticed more, such as a borrower's copies. */
  note(id: JobId, change: { moves?: JobView['moves'][number] }): Promise<void>;
  /**
   * Tells the listeners of `onNotice` that every running job has to leave, and waits for those that somebody answers for, no longer
   * than `noticeMs`. What stays goes on.
   *
   * @returns for how many somebody answers, and how many of these are still here
   */
  drain(reason: string, noticeMs: number): Promise<{ asked: number; stayed: number }>;
  /**
   * Told when jobs have to leave this node: it drains, sleeps, or its level fell below what runs. Says whether it knows somebody who
   * could take that job elsewhere.
   *
   * @returns what takes it out
   */
  onNotice(listener: (notice: { id: JobId; reason: string; noticeMs: number }) => boolean): () => void;
}

/** Everything that names what a job was made from: two jobs with the same give the same result, if they are honest. */
export interface JobInput {
  kind: JobSpec['kind'];
  /** Module, or image id. */
  program: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  stdinSha256: string;
  entrypoint: readonly string[];
  files: readonly JobFile[];
  outputs: readonly string[];
}
/** What came of it, signed by whoever ran it; docs/formats/job-result.md. Domain `job-result`. */
export interface JobResult {
  job: JobId;
  /** Sha-256 of the encoded {@link JobInput}. */
  input: Uint8Array;
  end: JobEnd;
  /** Sha-256 over both streams, each by itself, and the files that it left: what copies are compared by. */
  result: Uint8Array;
  stdoutSha256: Uint8Array;
  stderrSha256: Uint8Array;
  outputs: readonly JobFile[];
  cpuMs: number | null;
  memoryBytesPeak: number | null;
  startedAtMs: number;
  endedAtMs: number;
  lease: string | null;
}

/** How a host process is started: the plain Node runtime beside the app. Given, since only an entry knows where it lies. */
export interface HostProgram {
  /** The Node executable. */
  execPath: string;
  /** Built host entry, `job-host.cjs`. */
  script: string;
  env: Record<string, string>;
}
