import type { JobId, Startable } from '../../../base/index.ts';
import type { JobEnd, JobFile, JobKind, JobSpec, JobView, ResourceKey } from '../../../../preload/contract/index.ts';

/** How the share of the processor is held, as the contract names it. */
export type HeldBy = JobView['governor'];

/**
 * Runs jobs of some kinds: in sandboxes of our own, or in containers. It knows how, and nothing of queues, rows and levels: the
 * runtime allocates, tells it the share, keeps its record, stores what it writes, and decides when a job ends.
 *
 * Compliance suite: test/compliance/runtime-driver.ts.
 */
export interface RuntimeDriver extends Startable {
  readonly name: 'sandbox' | 'container';
  readonly kinds: readonly JobKind[];
  /** Whether it can run jobs now. `sentence` says what is missing and what to do. */
  ready(kind: JobKind): { ok: true } | { ok: false; code: string; sentence: string };
  /**
   * Makes ready what a job needs before anything of the machine is taken: the module is looked at, the image is there.
   *
   * @param options.progress - told what it waits for, one sentence, such as `Fetching python:3.13-slim, 40 %`
   * @throws {RuntimeError} `MODULE_INVALID` | `MODULE_TOO_LARGE` | `SHARE_NOT_HELD` | `ENGINE_MISSING` | `IMAGE_MISSING` | `IMAGE_REFUSED` | `GPU_MISSING`
   */
  prepare(
    spec: JobSpec,
    options: { signal: AbortSignal; progress: (sentence: string) => void; bringsImage: boolean },
  ): Promise<PreparedJob>;
  /**
   * What a node that went down left behind: takes the job up again where it is, or says that it is gone. Called once per record at
   * start, before any other job runs.
   *
   * @param record - as {@link JobListener.recorded} was told
   * @returns null when it is gone, and everything of it was removed
   */
  adopt(job: StartedJob, record: Uint8Array, listener: JobListener): Promise<DrivenJob | null>;
  /** Removes what is in the system of ours and belongs to none of these. @returns how many things */
  sweep(live: readonly JobId[]): Promise<number>;
}

/** A job that could start now if there is room. */
export interface PreparedJob {
  /** What it was made from: module or image. */
  readonly identity: { sha256: string; bytes: number };
  readonly heldBy: HeldBy;
  /** What the book is to be asked for, beside the share of the processor. */
  readonly needs: readonly { resource: ResourceKey; amount: number }[];
  /** Takes what it needs and runs. Resolves when it is under way or has failed to start. @throws {RuntimeError} */
  start(job: StartedJob, listener: JobListener): Promise<DrivenJob>;
  /** Gives back what preparing took. May be called twice, and after `start`. */
  discard(): void;
}

export interface StartedJob {
  readonly id: JobId;
  readonly spec: JobSpec;
  /** What it may take of the processor from the first moment on, thousandths of a core; 0 starts it frozen. */
  readonly millicores: number;
  /** Files that go into its work folder, each readable here. */
  readonly files: readonly (JobFile & { diskPath: string })[];
  /** Its way out, null for none. */
  readonly network: JobNetwork | null;
  /**
   * Its work folder and everything else is to be made ready, and the program not begun until {@link DrivenJob.begin}: for a job that is
   * moved here. Only for kinds with a work folder that can be written to; the others begin at once. @default false
   */
  readonly held?: boolean;
  /** Bytes of its output that are stored already: for one that is adopted, so that none is told twice. @default none */
  readonly told?: { readonly stdout: number; readonly stderr: number };
}

/** What a driver tells about a job. None after `gone`. */
export interface JobListener {
  /**
   * How to find it again after the node went down; on disk before this resolves. Told before anything of it exists that would outlive the
   * node. May be told again, with more.
   */
  recorded(record: Uint8Array): Promise<void>;
  /** The program's first instruction is next. */
  running(): void;
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
  /** What the program did, in the words of the contract. Told at most once, before `gone`. */
  ended(end: JobEnd): void;
  /** It will not run it: the module is no module. Told in place of `running`. */
  refused(reason: string): void;
  health(state: JobView['health']): void;
  /** Processes are gone, and everything that they wrote was told. `explanation` is what the host said beside it. */
  gone(how: { signal: string | null; exitCode: number | null; explanation: string }): void;
}

/** What a job really takes, cumulative since it started. Null where the system does not tell. */
export interface Measured {
  cpuMs: number | null;
  /** Of the program alone: what hosting it costs is left out. */
  memoryBytesNow: number | null;
  memoryBytesPeak: number | null;
  throttledMs: number | null;
  pids: number | null;
  readBytes: number | null;
  writtenBytes: number | null;
  sentBytes: number;
  receivedBytes: number;
  /** Memory that counts against what was allocated, hosting included. */
  chargedBytes: number | null;
}

/** A job that runs. */
export interface DrivenJob {
  readonly heldBy: HeldBy;
  /** In force within 1 s; 0 freezes, anything above lets it continue. */
  setMillicores(millicores: number): void;
  /** The newest that is known; a fresh one is fetched behind it, so that nobody waits. */
  measured(): Measured;
  /** Lets a job that was started with `held` begin; `running` follows. Absent where nothing can be held. */
  begin?(): Promise<void>;
  /** The output is not taken any more: the program is to wait in its write. */
  pauseOutput(): void;
  resumeOutput(): void;
  /** Asks it to end: TERM, and after `graceMs` KILL. A kind that cannot be asked is killed at once. */
  stop(graceMs: number): void;
  /** At once. `gone` follows. */
  kill(): void;
  /** Files beneath the work folder, to be read while it runs or after `gone`, until `release`. */
  readonly work: WorkFolder | null;
  /** Opens a connection to a port that it listens on inside. @throws {RuntimeError} `PORT_CLOSED` */
  connect(port: number): Promise<JobPipe>;
  /** Everything of it in the system is removed. After `gone`. May be called twice. */
  release(): Promise<void>;
}

/** One entry beneath a work folder. Links are not kept: they are neither followed nor told. */
export interface WorkEntry {
  path: string;
  kind: 'file' | 'folder';
  bytes: number;
  executable: boolean;
  /** Grows with every change of content or rights, in whatever unit the system has: compared for being the same only. */
  version: string;
}
/** The work folder of a job, as the node reads and writes it; what the job does there meanwhile cannot lead it anywhere else. */
export interface WorkFolder {
  /** @throws {RuntimeError} `TOO_MANY_FILES` above 100 000 entries */
  list(): Promise<WorkEntry[]>;
  /** @returns at most `bytesMax` bytes, fewer at the end of the file only */
  read(path: string, offset: number, bytesMax: number): Promise<Uint8Array>;
  /** Makes folders on the way. @throws {RuntimeError} `SCRATCH_FULL` */
  write(path: string, offset: number, bytes: Uint8Array): Promise<void>;
  truncate(path: string, bytes: number, executable: boolean): Promise<void>;
  makeFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** There where hashing beside the file is cheaper than reading it here. */
  readonly blocks?: WorkBlocks | undefined;
}
/** Blocks of a file by hashes that tell whether they are still the same; comparable within one work folder only. */
export interface WorkBlocks {
  /** Size of each; the last one of a file may be shorter. */
  readonly bytes: number;
  /** @returns one per block */
  hashes(path: string): Promise<string[]>;
  /** One block, and the hash of just what was read. */
  read(path: string, index: number): Promise<{ bytes: Uint8Array; hash: string }>;
}

export interface JobPipe {
  /** @returns null once the far end has finished */
  read(bytesMax?: number): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  reset(): void;
}
/** Where a job's traffic leaves: the node's own exit with the owner's rules, handed in by whoever composes the node. */
export interface JobNetwork {
  /** @throws {NodeError} with a sentence that the job may see, such as `DESTINATION_REFUSED` */
  connect(host: string, port: number, options: { signal: AbortSignal }): Promise<JobPipe>;
}
