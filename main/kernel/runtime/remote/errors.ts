import { NodeError } from '../../../base/index.ts';

/** What jobs on other nodes refuse, and why one did not go on there. */
export class RemoteJobError extends NodeError<
  /** Nobody lends what it needs, or not at this price, or not to this node. */
  | { code: 'NO_OFFERS'; wanted: number; found: number }
  | { code: 'TOO_MANY_JOBS'; limit: number }
  | { code: 'JOB_UNKNOWN'; job: string }
  | { code: 'JOB_RUNNING'; job: string }
  | { code: 'JOB_NOT_RUNNING'; job: string }
  | { code: 'NO_RESULT'; job: string }
  | { code: 'NOT_MOVABLE'; job: string }
  | { code: 'PORT_CLOSED'; port: number }
  | { code: 'CONTENT_MISSING'; sha256: string }
  /** The node that runs it, or is to, said no. */
  | { code: 'REFUSED_THERE'; there: string }
  /** It does not answer, or its lease is over. */
  | { code: 'LENDER_AWAY'; job: string }
> {
  override readonly name = 'RemoteJobError';
}

export const jobUnknown = (job: string): RemoteJobError =>
  new RemoteJobError(
    { code: 'JOB_UNKNOWN', job },
    'There is no job of this id on another node; `hypermesh jobs` lists them.',
  );
export const notRunning = (job: string): RemoteJobError =>
  new RemoteJobError({ code: 'JOB_NOT_RUNNING', job }, 'The job does not run now; `hypermesh jobs` shows its state.');
/** What the other end said, where it is that; null otherwise. */
export const saidThere = (error: unknown): string | null =>
  error instanceof RemoteJobError && error.code === 'REFUSED_THERE' && 'there' in error.data
    ? String(error.data.there)
    : null;
