import { createHash } from 'node:crypto';
import { type Task, WorkerError, type WorkerPool } from '../../../main/base/index.ts';
import { cryptoTasks } from '../../../main/base/crypto/index.ts';

/** A pool without threads: its tasks run at once, one after another, in the order of their calls. */
export interface InlineWorkers extends WorkerPool {
  /** Tasks that are not done. A simulation lets no time pass while there are any. */
  readonly pending: number;
}
export interface InlineWorkersInit {
  /** Rooms by the first part of their tasks' names, besides `crypto`. */
  rooms?: Readonly<Record<string, () => Promise<Readonly<Record<string, Task>>>>>;
  /** Tasks whose answer depends on nothing but the input, kept for the next one: fifty nodes check the same fifty certificates. */
  remembered?: readonly string[];
}

/** Answers that are kept at most. */
const REMEMBERED_MAX = 4096;

const keyOf = (task: string, input: unknown): string => {
  const hash = createHash('sha256').update(task);
  // Bytes as they are: JSON would take a hundred times as long.
  const add = (value: unknown): void => {
    if (value instanceof Uint8Array) hash.update(`b${value.length}:`).update(value);
    else if (Array.isArray(value)) {
      hash.update(`a${value.length}:`);
      for (const item of value) add(item);
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, item] of Object.entries(value)) {
        hash.update(`k${name}:`);
        add(item);
      }
      hash.update('e');
    } else hash.update(`v${typeof value}${String(value)};`);
  };
  add(input);
  return hash.digest('hex');
};

export const createInlineWorkers = (init: InlineWorkersInit = {}): InlineWorkers => {
  const { rooms = {}, remembered = [] } = init;
  const answers = new Map<string, unknown>();
  let pending = 0;
  let closed = false;

  const taskOf = async (name: string): Promise<Task> => {
    const room = name.split('.')[0] ?? '';
    const tasks = room === 'crypto' ? cryptoTasks : await rooms[room]?.();
    const task = tasks?.[name];
    if (task === undefined) throw new Error(`there is no task ${name}`);
    return task;
  };
  const failed = (task: string, cause: unknown): WorkerError => {
    const { name, message } = cause instanceof Error ? cause : new Error(String(cause));
    // As from a thread: of an error only its text crosses.
    return new WorkerError(
      { code: 'TASK_FAILED', task, reason: message },
      `The task ${task} failed (${message}); try again, and report it with the log if it happens again.`,
      { cause: Object.assign(new Error(message), { name }) },
    );
  };

  return {
    size: 1,
    get pending() {
      return pending;
    },
    run: async <I, O, P = never>(
      name: string,
      input: I,
      options: { signal?: AbortSignal; onProgress?: (progress: P) => void } = {},
    ): Promise<O> => {
      options.signal?.throwIfAborted();
      if (closed) throw new WorkerError({ code: 'POOL_CLOSED', task: name }, 'The node is stopping; start it again.');
      pending += 1;
      try {
        const key = remembered.includes(name) ? keyOf(name, input) : null;
        if (key !== null && answers.has(key)) return structuredClone(answers.get(key)) as O;
        let output: unknown;
        try {
          const task = await taskOf(name);
          output = structuredClone(
            await task(structuredClone(input), {
              report: (progress) => options.onProgress?.(structuredClone(progress) as P),
            }),
          );
        } catch (error) {
          throw failed(name, error);
        }
        if (key !== null) {
          if (answers.size >= REMEMBERED_MAX) answers.clear();
          answers.set(key, output);
          output = structuredClone(output);
        }
        options.signal?.throwIfAborted();
        return output as O;
      } finally {
        pending -= 1;
      }
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
};
