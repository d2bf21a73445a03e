import { parentPort } from 'node:worker_threads';
import { assert } from '../errors.ts';
import type { FromTaskThread, ToTaskThread } from './messages.ts';
import { PROGRESS_MAX, type Task } from './task.ts';

/**
 * Answers the pool's runs in this thread, until the pool ends it. Called once, by the worker entry.
 *
 * @param tasks - by name
 * @param rooms - more tasks, by the part of their names before the first dot; a room is loaded when one of its tasks first runs, so
 *   that a thread neither waits for nor holds what it never does
 */
export const serveTasks = (
  tasks: Readonly<Record<string, Task>>,
  rooms: Readonly<Record<string, () => Promise<Readonly<Record<string, Task>>>>> = {},
): void => {
  const port = parentPort;
  assert(port !== null, 'Tasks are served in a thread.');
  const tell = (message: FromTaskThread): void => port.postMessage(message);

  const run = async ({ task: name, input }: ToTaskThread): Promise<void> => {
    try {
      const room = name.split('.', 1)[0] ?? '';
      const known = Object.hasOwn(rooms, room) ? ((await rooms[room]?.()) ?? {}) : tasks;
      const task = Object.hasOwn(known, name) ? known[name] : undefined;
      assert(task !== undefined, `There is no task ${name}; register it in main/worker.ts.`);
      let reports = 0;
      const output = await task(input, {
        report: (progress) => {
          if (reports++ < PROGRESS_MAX) tell({ kind: 'progress', progress });
        },
      });
      tell({ kind: 'done', output });
    } catch (error) {
      const thrown = error instanceof Error ? error : new Error(String(error));
      tell({ kind: 'failed', name: thrown.name, message: thrown.message, stack: thrown.stack });
    }
  };
  port.on('message', (message: ToTaskThread) => void run(message));
};
