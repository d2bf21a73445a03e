import type { EventSource, JobId, Startable } from '../../../base/index.ts';
import type { JobOutputChunk, JobSend, JobView } from '../../../../preload/contract/index.ts';
import type { LeaseProvider } from '../../leases/index.ts';
import type { JobPipe } from '../drivers/interface.ts';

export interface RemoteJobsEvents {
  /** A job of ours elsewhere changed; at most once a second each. */
  jobChanged: JobView;
  jobRemoved: { id: JobId };
  outputWritten: JobOutputChunk;
}
/** Jobs of this owner on other nodes: sent, watched, moved, compared. docs/formats/job-messages.md. */
export interface RemoteJobs extends Startable, EventSource<RemoteJobsEvents> {
  /**
   * Finds offers, takes leases, carries image and files over, starts. Resolves when each is a row; the rest is told by `jobChanged`.
   * @throws {RemoteJobError} `NO_OFFERS` | `TOO_MANY_JOBS` {LeaseError} {ContentError}
   */
  send(request: JobSend): Promise<JobView[]>;
  list(): Promise<JobView[]>;
  /** Null when it is no job of ours elsewhere: it may be one here. */
  get(id: JobId): Promise<JobView | null>;
  cancel(id: JobId): Promise<JobView>;
  remove(id: JobId): Promise<void>;
  output(id: JobId, offset: number): Promise<{ chunks: JobOutputChunk[]; nextOffset: number; ended: boolean }>;
  /** The signed result, as the node that ran it gave it. @throws {RemoteJobError} `NO_RESULT` */
  result(id: JobId): Promise<{ fileName: string; bytes: Uint8Array }>;
  /** Of a job here or elsewhere. `to`: a peer, an offer, a lease, `any`, or `home`. @throws {RemoteJobError} `NOT_MOVABLE` | … */
  move(id: JobId, to: string): Promise<JobView>;
  /** To a port that a job of ours elsewhere listens on inside its container. @throws {RemoteJobError} `JOB_NOT_RUNNING` | `PORT_CLOSED` */
  connect(id: JobId, port: number): Promise<JobPipe>;
  /** What lends this node's processor and containers to others; the node gives them to the lease engine. */
  readonly providers: readonly LeaseProvider[];
}
