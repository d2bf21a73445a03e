import { NodeError } from '../../base/index.ts';

export class RuntimeError extends NodeError<
  /** The module cannot be run. `reason` says why; `limit` is set when only a higher promise is missing. */
  | { code: 'MODULE_INVALID'; reason: string; limit?: 'memory' }
  | { code: 'MODULE_TOO_LARGE'; bytesMax: number }
  /** This system offers no way to hold a share below a whole core. */
  | { code: 'SHARE_NOT_HELD'; cpuPercent: number }
  | { code: 'TOO_MANY_JOBS'; jobsMax: number }
  | { code: 'JOB_UNKNOWN'; id: string }
  | { code: 'JOB_RUNNING'; id: string }
  /** The node is going down and takes no more jobs. */
  | { code: 'STOPPING' }
  /** So many wait already, in all or of one borrower. */
  | { code: 'QUEUE_FULL'; queuedMax: number }
  /** The owner lets the node finish: it takes no new work. */
  | { code: 'FINISHING' }
  | { code: 'ENGINE_MISSING' }
  | { code: 'IMAGE_MISSING'; image: string }
  | { code: 'IMAGE_REFUSED'; image: string }
  | { code: 'GPU_MISSING' }
  /** A file that the job needs is not in the content store, or has another size there. */
  | { code: 'CONTENT_MISSING'; sha256: string }
  | { code: 'JOB_NOT_RUNNING'; id: string }
  /** Nothing inside listens there, or the job's request does not name the port. */
  | { code: 'PORT_CLOSED'; port: number }
  /** Its kind has no work folder that could be carried over. */
  | { code: 'NOT_MOVABLE'; id: string }
  | { code: 'TOO_MANY_FILES'; filesMax: number }
  | { code: 'SCRATCH_FULL'; bytesMax: number }
  /** It was ended from outside: what it left says nothing about the program. */
  | { code: 'NO_RESULT'; id: string }
  /** There is no such file in the work folder. */
  | { code: 'FILE_MISSING'; path: string }
  /** Nothing listens on this port inside the job. */
  | { code: 'PORT_CLOSED'; port: number }
  /** A work folder holds more than is listed, copied or moved. The job's fault. */
  | { code: 'TOO_MANY_FILES'; entriesMax: number }
  | { code: 'SCRATCH_FULL'; path: string }
  /** A path that leads out of a work folder, to what is no file, or to nothing. */
  | { code: 'WORK_REFUSED'; path: string; reason: string }
  /** What keeps a container job's work folder and connections has gone. */
  | { code: 'HOLDER_LOST'; reason: string }
  /** One connection of a job. */
  | { code: 'CONNECTION_RESET' }
> {
  override readonly name = 'RuntimeError';
}

export const moduleInvalid = (reason: string, limit?: 'memory'): RuntimeError =>
  new RuntimeError({ code: 'MODULE_INVALID', reason, ...(limit === undefined ? {} : { limit }) }, reason);

export const moduleTooLarge = (bytesMax: number): RuntimeError =>
  new RuntimeError(
    { code: 'MODULE_TOO_LARGE', bytesMax },
    `The module is larger than ${bytesMax / 1024 / 1024} MiB, the most that is read; strip its debug sections or split the program.`,
  );

export const jobUnknown = (id: string): RuntimeError =>
  new RuntimeError({ code: 'JOB_UNKNOWN', id }, `There is no job ${id}; \`hypermesh jobs\` lists those that are kept.`);

export const jobRunning = (id: string): RuntimeError =>
  new RuntimeError({ code: 'JOB_RUNNING', id }, `Job ${id} has not ended yet; cancel it first.`);

export const portClosed = (port: number): RuntimeError =>
  new RuntimeError(
    { code: 'PORT_CLOSED', port },
    `Nothing listens on port ${port} inside the job; its program must listen on 127.0.0.1 or on every address.`,
  );

export const tooManyFiles = (entriesMax: number): RuntimeError =>
  new RuntimeError(
    { code: 'TOO_MANY_FILES', entriesMax },
    `The job's work folder holds more than ${entriesMax} files and folders, or paths that are too long or too deep; let it pack them into fewer.`,
  );

export const scratchFull = (path: string): RuntimeError =>
  new RuntimeError(
    { code: 'SCRATCH_FULL', path },
    `${path} does not fit into the job's work folder; ask for more scratch space.`,
  );

export const fileMissing = (path: string): RuntimeError =>
  new RuntimeError({ code: 'FILE_MISSING', path }, `There is no ${path} in the job's work folder; look at its files.`);

export const workRefused = (path: string, reason: string): RuntimeError =>
  new RuntimeError({ code: 'WORK_REFUSED', path, reason }, `${path} in the job's work folder: ${reason}.`);

export const holderLost = (reason: string): RuntimeError =>
  new RuntimeError(
    { code: 'HOLDER_LOST', reason },
    `What keeps the job's files and connections does not answer: ${reason}.`,
  );

export const connectionReset = (): RuntimeError =>
  new RuntimeError({ code: 'CONNECTION_RESET' }, 'The other end broke this connection off; connect again.');

export const jobNotRunning = (id: string): RuntimeError =>
  new RuntimeError({ code: 'JOB_NOT_RUNNING', id }, `Job ${id} does not run now; \`hypermesh job list\` tells why.`);

export const notMovable = (id: string): RuntimeError =>
  new RuntimeError(
    { code: 'NOT_MOVABLE', id },
    `Job ${id} runs in a sandbox whose files cannot be carried over while it runs; cancel it and start it elsewhere.`,
  );

export const contentMissing = (sha256: string, path: string): RuntimeError =>
  new RuntimeError(
    { code: 'CONTENT_MISSING', sha256 },
    `The content of ${path} is not here; upload the file again and start the job after that.`,
  );

export const stopping = (): RuntimeError =>
  new RuntimeError({ code: 'STOPPING' }, 'The node is being stopped and takes no more jobs; start it again first.');

/** What a driver misses, as it says it. */
export const notReady = ({ code, sentence }: { code: string; sentence: string }): RuntimeError =>
  new RuntimeError({ code: code === 'GPU_MISSING' ? code : 'ENGINE_MISSING' }, sentence);

export const noResult = (id: string, why: string): RuntimeError =>
  new RuntimeError({ code: 'NO_RESULT', id }, `Job ${id} has no result: ${why}`);
