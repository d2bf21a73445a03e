import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A real process of a test, read line by line. */
export interface Child {
  readonly pid: number;
  /** The next line that it writes; rejects with what it wrote to stderr when it ends before. */
  nextLine(): Promise<string>;
  /** Lines written and not yet read. */
  readonly lines: readonly string[];
  /** Ends it as a power cut would. Resolves when it is gone and all that it wrote has been read. */
  kill(): Promise<void>;
  readonly exited: Promise<number | null>;
}

/** @param entry - a TypeScript file, run by the Node that runs the tests */
export const startChild = (entry: string, args: readonly string[], options: { uid?: number } = {}): Child => {
  const child: ChildProcess = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: '/',
    // The last one makes Electron's program behave as Node, when the tests themselves run in it.
    env: { PATH: process.env['PATH'], ELECTRON_RUN_AS_NODE: process.env['ELECTRON_RUN_AS_NODE'] },
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  const lines: string[] = [];
  let errors = '';
  let wake = (): void => undefined;
  child.stderr?.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  createInterface({ input: child.stdout! }).on('line', (line) => {
    lines.push(line);
    wake();
  });
  let ended = false;
  const exited = new Promise<number | null>((resolve) => {
    // `close` comes after the last output, `exit` may come before it.
    child.once('close', (code) => {
      ended = true;
      wake();
      resolve(code);
    });
  });
  return {
    pid: child.pid!,
    lines,
    exited,
    nextLine: async () => {
      for (;;) {
        const line = lines.shift();
        if (line !== undefined) return line;
        if (ended) throw new Error(`The child ended: ${errors}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
};
