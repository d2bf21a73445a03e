import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { assert, messageOf } from '../errors.ts';
import type { Logger } from '../logging/index.ts';
import type { Counter, Gauge, Histogram, MetricsRegistry } from '../metrics/index.ts';
import type { Clock } from '../outside.ts';
import { IDLE_MS_MAX, QUEUE_MAX, THREADS_MAX } from './constants.ts';
import { WorkerError } from './errors.ts';
import type { WorkerPool } from './interface.ts';
import type { FromTaskThread, ToTaskThread } from './messages.ts';

export interface WorkerPoolComponents {
  logger: Logger;
  /** Null: no metrics. */
  metrics: MetricsRegistry | null;
  clock: Clock;
}
export interface WorkerPoolInit {
  /** Entry of the threads, which calls `serveTasks`. */
  workerPath: string;
  /** Threads that may run at once. @default one less than the processors, at least 1 and at most 4 */
  size?: number;
}

/** Starts no thread before the first run. */
export const createWorkerPool = (components: WorkerPoolComponents, init: WorkerPoolInit): WorkerPool =>
  new ThreadPool(components, init);

/** One call of `run`. */
interface Run {
  task: string;
  message: ToTaskThread;
  transfer: readonly ArrayBuffer[];
  onProgress: ((progress: never) => void) | undefined;
  answer: PromiseWithResolvers<unknown>;
}

interface Thread {
  worker: Worker;
  run: Run | null;
  /** Cancels the end for want of work. */
  cancelIdleEnd: () => void;
}

class ThreadPool implements WorkerPool {
  readonly size: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #metrics: { runSeconds: Histogram; failed: Counter; waiting: Gauge; threads: Gauge } | null;
  readonly #workerPath: string;
  readonly #queue: Run[] = [];
  readonly #threads = new Set<Thread>();
  readonly #exits = new Set<Promise<unknown>>();
  #closed = false;

  constructor(components: WorkerPoolComponents, init: WorkerPoolInit) {
    this.size = init.size ?? Math.min(THREADS_MAX, Math.max(1, availableParallelism() - 1));
    assert(Number.isInteger(this.size) && this.size > 0, 'A pool must have one thread at least.');
    this.#clock = components.clock;
    this.#logger = components.logger.child('workers');
    this.#workerPath = init.workerPath;
    const registry = components.metrics;
    this.#metrics = registry && {
      runSeconds: registry.histogram(
        'hypermesh_worker_run_seconds',
        'Time from the call to the answer of a task',
        [0.001, 0.01, 0.1, 1, 10, 60],
      ),
      failed: registry.counter('hypermesh_worker_failed_total', 'Tasks that failed'),
      waiting: registry.gauge('hypermesh_worker_waiting_tasks', 'Tasks that wait for a thread'),
      threads: registry.gauge('hypermesh_worker_threads', 'Threads that are alive'),
    };
  }

  async run<I, O, P = never>(
    task: string,
    input: I,
    options: { signal?: AbortSignal; onProgress?: (progress: P) => void; transfer?: readonly ArrayBuffer[] } = {},
  ): Promise<O> {
    const { signal, transfer = [] } = options;
    signal?.throwIfAborted();
    if (this.#closed) throw this.#closedError(task);
    if (this.#queue.length >= QUEUE_MAX) {
      throw new WorkerError(
        { code: 'QUEUE_FULL', task, limit: QUEUE_MAX },
        `${QUEUE_MAX} tasks wait for a thread already, so ${task} was not started; try again later.`,
      );
    }
    const startMs = this.#clock.monotonicMs();
    const run: Run = {
      task,
      message: { task, input },
      transfer,
      onProgress: options.onProgress,
      answer: Promise.withResolvers(),
    };
    const onAbort = (): void => {
      this.#abort(run, signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#queue.push(run);
    this.#dispatch();
    try {
      return (await run.answer.promise) as O;
    } catch (error) {
      this.#metrics?.failed.inc();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#metrics?.runSeconds.observe((this.#clock.monotonicMs() - startMs) / 1000);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const run of this.#queue.splice(0)) run.answer.reject(this.#closedError(run.task));
    for (const thread of this.#threads) {
      thread.run?.answer.reject(this.#closedError(thread.run.task));
      this.#end(thread);
    }
    await Promise.all(this.#exits);
  }

  #closedError(task: string): WorkerError {
    return new WorkerError(
      { code: 'POOL_CLOSED', task },
      `The node is stopping, so ${task} did not run to its end; start the node and try again.`,
    );
  }

  /** Gives waiting runs to threads, starting those that may be started. */
  #dispatch(): void {
    while (this.#queue.length > 0) {
      const idle = [...this.#threads].find((thread) => thread.run === null);
      if (idle === undefined && this.#threads.size >= this.size) break;
      this.#begin(idle ?? this.#startThread(), this.#queue.shift()!);
    }
    this.#metrics?.waiting.set(this.#queue.length);
    this.#metrics?.threads.set(this.#threads.size);
  }

  #begin(thread: Thread, run: Run): void {
    thread.cancelIdleEnd();
    thread.run = run;
    thread.worker.ref();
    try {
      thread.worker.postMessage(run.message, run.transfer);
    } catch (error) {
      // The input cannot be cloned: the caller's fault, and the thread has heard nothing of it.
      this.#fail(run, messageOf(error), error);
      this.#rest(thread);
    }
  }

  #startThread(): Thread {
    // Flags of the main program (a debugger's port, Electron's switches) are none of the thread's business.
    const worker = new Worker(this.#workerPath, { name: 'task', execArgv: [] });
    const thread: Thread = { worker, run: null, cancelIdleEnd: () => undefined };
    this.#threads.add(thread);
    worker.on('message', (message: FromTaskThread) => {
      this.#hear(thread, message);
    });
    worker.on('error', (error) => {
      this.#fall(thread, messageOf(error), error);
    });
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        this.#exits.delete(exited);
        this.#fall(thread, `its thread ended with exit code ${code}`, undefined);
        resolve();
      });
    });
    this.#exits.add(exited);
    return thread;
  }

  #hear(thread: Thread, message: FromTaskThread): void {
    // An answer may be under way when its run is aborted.
    const { run } = thread;
    if (run === null || !this.#threads.has(thread)) return;
    if (message.kind === 'progress') {
      run.onProgress?.(message.progress as never);
      return;
    }
    if (message.kind === 'done') run.answer.resolve(message.output);
    else {
      const cause = Object.assign(new Error(message.message), { name: message.name, stack: message.stack });
      this.#fail(run, message.message, cause);
    }
    this.#rest(thread);
    this.#dispatch();
  }

  /** The thread has no work now. */
  #rest(thread: Thread): void {
    thread.run = null;
    thread.worker.unref();
    thread.cancelIdleEnd = this.#clock.after(IDLE_MS_MAX, () => {
      this.#end(thread);
    });
  }

  /** The thread has ended by itself, or was ended and is known to be. */
  #fall(thread: Thread, reason: string, cause: unknown): void {
    if (!this.#threads.has(thread)) return;
    this.#logger.warn('A worker thread fell', { task: thread.run?.task ?? null, reason });
    if (thread.run !== null) this.#fail(thread.run, reason, cause);
    this.#end(thread);
    this.#dispatch();
  }

  #end(thread: Thread): void {
    thread.cancelIdleEnd();
    this.#threads.delete(thread);
    void thread.worker.terminate();
    this.#metrics?.threads.set(this.#threads.size);
  }

  #fail(run: Run, reason: string, cause: unknown): void {
    run.answer.reject(
      new WorkerError(
        { code: 'TASK_FAILED', task: run.task, reason },
        `The task ${run.task} failed (${reason}); try again, and report it with the log if it happens again.`,
        { cause },
      ),
    );
  }

  #abort(run: Run, reason: unknown): void {
    run.answer.reject(reason);
    const place = this.#queue.indexOf(run);
    if (place >= 0) this.#queue.splice(place, 1);
    for (const thread of this.#threads) if (thread.run === run) this.#end(thread);
    if (!this.#closed) this.#dispatch();
  }
}
