import { threadId } from 'node:worker_threads';
import { serveTasks } from '../../main/base/workers/serve-tasks.ts';

// Entry of threads for tests of the worker pool: each task shows one behaviour that a real one may have.
serveTasks({
  thread: () => threadId,
  echo: (input) => input,
  fail: (input) => {
    throw new RangeError(String(input));
  },
  reject: async () => {
    await Promise.resolve();
    throw 'not an error';
  },
  uncloneable: () => () => 1,
  exit: () => process.exit(3),
  loop: (_input, context) => {
    context.report('looping');
    for (;;);
  },
  count: (input, context) => {
    for (let i = 0; i < (input as number); i++) context.report(i);
    return input;
  },
  /** Waits until the caller sets the shared flag. */
  wait: (input) => {
    const flag = new Int32Array(input as SharedArrayBuffer);
    Atomics.wait(flag, 0, 0);
    return threadId;
  },
});
