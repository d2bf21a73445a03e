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
