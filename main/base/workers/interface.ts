/**
 * Threads for whatever takes more than a few milliseconds. A task is a function exported by a task module of the same
 * layer as its caller, found by name in `worker.ts`; its input and output are structured-cloned.
 */
export interface WorkerPool {
  /**
   * @param task - name registered in the worker entry
   * @param input - anything that can be structured-cloned
   * @param onProgress - what the task reports on its way
   * @throws {WorkerError} `QUEUE_FULL` when too many wait; `TASK_FAILED`; rejects with `signal.reason` when aborted (the thread is ended and replaced)
   */
  run<I, O, P = never>(
    task: string,
    input: I,
    options?: { signal?: AbortSignal; onProgress?: (progress: P) => void; transfer?: readonly ArrayBuffer[] },
  ): Promise<O>;
  /** Threads that may run at once. */
  readonly size: number;
  close(): Promise<void>;
}
