import { Worker } from 'node:worker_threads';

/**
 * Ends this process when the pipe from the node closes, where the system cannot be told to. A thread of its own,
 * blocked in `read`: the program keeps the main thread, so that no event would be heard there.
 */
export const watchPipe = (): void => {
  const source = `
    const { readSync } = require('node:fs');
    const byte = Buffer.alloc(1);
    const cell = new Int32Array(new SharedArrayBuffer(4));
    for (;;) {
      let read = 0;
      try { read = readSync(0, byte, 0, 1, null); }
      catch (error) { if (error.code === 'EAGAIN') { Atomics.wait(cell, 0, 0, 100); continue; } }
      if (read === 0) process.kill(process.pid, 'SIGKILL');
    }`;
  new Worker(source, {
    eval: true,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 },
  }).unref();
};
