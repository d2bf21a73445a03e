/**
 * Entry of the process that one job runs in. Started by the node with no environment, no rights to files but its own
 * program, and no way to make processes; see ../job-process.ts. Reads one start message, runs one program, and ends.
 *
 * Only what the kind of job needs is loaded, as loading is most of a job's start. No `await` at the top, since this is
 * built as CommonJS, which Node loads sooner.
 */
import { finish, readStart, refuse } from './channel.ts';
import { wasmApi } from './wasm-api.ts';

/** A timer of any length keeps a process alive; a compilation alone does not. */
const KEEP_ALIVE_MS = 60_000;

const run = async (): Promise<void> => {
  const start = readStart();
  setInterval(() => undefined, KEEP_ALIVE_MS);
  try {
    // One that has no job yet reads the pipe for it, and sees its end by that.
    if (start.header.watch && !start.header.warm) (await import('./watch.ts')).watchPipe();
    if (start.header.kind === 'wasm') (await import('./wasm.ts')).runWasm(start);
    else if (start.header.kind === 'python') {
      const { watchPipe } = await import('./watch.ts');
      (await import('./python.ts')).runPython(start, watchPipe);
    } else {
      // The engine is compiled on another thread while the rest is loaded.
      const engine = wasmApi.compile(start.engine);
      await (await import('./javascript.ts')).runJavaScript(start, engine);
    }
  } catch (error) {
    // A file of the host is missing, or a bug of the host: the node has to hear of it either way.
    finish({
      why: 'crashed',
      message: `The job host failed: ${error instanceof Error ? error.message : String(error)}`,
    });
  }
  refuse('The job host ended without running the program.');
};
void run();
