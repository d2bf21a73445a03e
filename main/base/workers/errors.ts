import { NodeError } from '../errors.ts';

/** What `WorkerPool.run` rejects with, besides the reason of the signal. */
export class WorkerError extends NodeError<
  /** As many runs wait as may. Worth another try when some have ended. */
  | { code: 'QUEUE_FULL'; task: string; limit: number }
  /** The task threw, or its thread fell (out of memory, say). `cause` says what it said. */
  | { code: 'TASK_FAILED'; task: string; reason: string }
  /** The pool is closed or was closed while the task ran. */
  | { code: 'POOL_CLOSED'; task: string }
> {
  override readonly name = 'WorkerError';
}
