import { execFile } from 'node:child_process';
import { TOOL_OUTPUT_BYTES_MAX, TOOL_TIMEOUT_MS } from './constants.ts';

export type ToolResult =
  | { status: 'ok'; output: string }
  /** Not installed, or not on the PATH. */
  | { status: 'missing' }
  /** It answered with an error, hung or was cut short. `message` is its first line. */
  | { status: 'failed'; message: string };

/**
 * Runs a program of the system without a shell, in the C locale so that its words are English. Never rejects, but for
 * an aborted signal. Ended after {@link TOOL_TIMEOUT_MS}.
 */
export const runTool = (program: string, args: readonly string[], signal?: AbortSignal): Promise<ToolResult> =>
  new Promise((resolve, reject) => {
    // `env` sets the locale without this module having to know the rest of the environment.
    const [command, commandArgs] =
      process.platform === 'win32' ? [program, [...args]] : ['env', ['LC_ALL=C', program, ...args]];
    const options = {
      timeout: TOOL_TIMEOUT_MS,
      maxBuffer: TOOL_OUTPUT_BYTES_MAX,
      windowsHide: true,
      killSignal: 'SIGKILL',
      ...(signal === undefined ? {} : { signal }),
    } as const;
    execFile(command, commandArgs, options, (error, stdout, stderr) => {
      if (signal?.aborted === true) reject(signal.reason as Error);
      else if (error === null) resolve({ status: 'ok', output: stdout });
      // 127 is what `env` answers for a program that it cannot find (POSIX).
      else if (error.code === 'ENOENT' || String(error.code) === '127') resolve({ status: 'missing' });
      else if (error.killed === true)
        resolve({ status: 'failed', message: `${program} did not answer within ${TOOL_TIMEOUT_MS / 1000} s` });
      else
        resolve({
          status: 'failed',
          message: (stderr || stdout).trim().split('\n')[0]?.slice(0, 200) || `${program} failed`,
        });
    });
  });
