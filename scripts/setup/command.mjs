// Starting other programs from the set-up. Node's built-ins only.
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The end of a failed program's output that is shown: enough for its message, not a page. */
const OUTPUT_TAIL_CHARS = 6_000;

/**
 * @typedef {object} CommandResult
 * @property {number} code - exit code; 128 + 15 for one ended by a signal, 127 for one that could not be started
 * @property {string} stdout
 * @property {string} stderr
 */

/**
 * Runs a program to its end and keeps its output. Ending this process with SIGINT, SIGTERM or SIGHUP ends the program first.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, shell?: boolean, onLine?: (line: string) => void, timeoutMs?: number }} [options]
 * @returns {Promise<CommandResult>}
 */
export function run(command, args, { cwd, env = process.env, shell = false, onLine, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    /** @param {'stdout' | 'stderr'} name */
    const collect = (name) => {
      let rest = '';
      child[name].setEncoding('utf8').on('data', (/** @type {string} */ text) => {
        output[name] += text;
        if (onLine === undefined) return;
        const lines = (rest + text).split(/\r?\n/);
        rest = lines.pop() ?? '';
        for (const line of lines) onLine(line);
      });
    };
    collect('stdout');
    collect('stderr');
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const stopForwarding = forwardSignals(child, { thenEnd: true });
    child.on('error', (error) => {
      output.stderr += `${command}: ${error.message}\n`;
      finish(127);
    });
    child.on('close', (code) => finish(code ?? 143));
    /** @param {number} code */
    function finish(code) {
      clearTimeout(timer);
      stopForwarding();
      resolve({ code, ...output });
    }
  });
}

/**
 * @param {CommandResult} result
 * @returns {string} the last part of what a program printed
 */
export function outputTail({ stdout, stderr }) {
  return `${stdout}${stderr}`.trim().slice(-OUTPUT_TAIL_CHARS);
}

/** @type {readonly ['SIGINT', 'SIGTERM', 'SIGHUP']} */
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** What a shell reports for a program ended by these signals: 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/**
 * Hands the signals that ask for an end to a child.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {{ thenEnd?: boolean }} [options] - `thenEnd`: this process ends too, once the child has
 * @returns {() => void} stops it
 */
export function forwardSignals(child, { thenEnd = false } = {}) {
  const handlers = FORWARDED.map((signal) => {
    const handler = () => {
      // Ctrl+C reaches every process of the terminal's group; sent on as well, the child would take it as "now, at once".
      if (!(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(signal);
      if (!thenEnd) return;
      const end = () => process.exit(EXIT_CODES[signal]);
      if (child.exitCode !== null || child.signalCode !== null) end();
      else child.once('close', end);
    };
    process.on(signal, handler);
    return /** @type {const} */ ([signal, handler]);
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

const parentAtStart = process.ppid;
/** Short enough that an ended `npm start` seems to end at once. */
const PARENT_POLL_MS = 250;

/**
 * Calls `gone` when this was started by npm and npm's shell has ended. npm hands SIGTERM to that shell, which ends without handing it
 * on, so without this the program would run on unseen.
 *
 * @param {() => void} gone
 * @returns {() => void} stops watching
 */
export function whenParentIsGone(gone) {
  if (process.platform === 'win32' || process.env['npm_lifecycle_event'] === undefined) return () => {};
  const timer = setInterval(() => {
    if (process.ppid === parentAtStart) return;
    clearInterval(timer);
    gone();
  }, PARENT_POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/**
 * Runs a program that takes over the terminal, and reports how it ended.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<number>} exit code to end with; a signal gives 128 + its number, as in a shell
 */
export function takeOver(command, args, { cwd, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { cwd, env, stdio: 'inherit' });
    const stopForwarding = forwardSignals(child);
    const stopWatching = whenParentIsGone(() => child.kill('SIGTERM'));
    child.on('error', (error) => {
      stopForwarding();
      stopWatching();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      stopForwarding();
      stopWatching();
      resolve(
        code ??
          (signal !== null && signal in EXIT_CODES ? EXIT_CODES[/** @type {keyof typeof EXIT_CODES} */ (signal)] : 1),
      );
    });
  });
}

/**
 * @param {string} name - program
 * @returns {string | null} its path, null when the PATH (and the folders of system programs) has none
 */
export function which(name) {
  // dockerd, ip and nft lie in sbin, which an ordinary user's PATH leaves out.
  const extra = process.platform === 'win32' ? [] : ['/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), ...extra]) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}
