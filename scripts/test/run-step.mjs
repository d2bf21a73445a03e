// Runs one program of a test step: streamed, logged, bounded in time, ended with everything it started.
import { spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, root } from '../setup/project.mjs';

/** The slowest step, unit and compliance tests, takes half an hour on two cores; one that needs much more hangs. */
const STEP_MS_MAX = 60 * 60_000;
/** Time a program has to end by itself when asked to. */
const GRACE_MS = 10_000;

export const logFolder = join(root, '.cache/test-logs');

/** Process groups of the programs that run right now, for the case that this run is interrupted. */
const running = new Set();

/**
 * Ends every program that a step started.
 *
 * @param {NodeJS.Signals} signal
 */
export function endRunning(signal) {
  for (const group of running) signalGroup(group, signal);
}

/**
 * @param {number} group
 * @param {NodeJS.Signals} signal
 */
function signalGroup(group, signal) {
  try {
    // Windows has no process groups: there the program alone is ended.
    process.kill(process.platform === 'win32' ? group : -group, signal);
  } catch {
    // ended by itself
  }
}

/**
 * @param {string} name - of the step; also the name of its log
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env: NodeJS.ProcessEnv, stepMsMax?: number, quiet?: boolean }} options - `quiet`: keep the output in the log only
 * @returns {Promise<{ exitCode: number, counts: import('./counts.mjs').Counts | null, output: string }>} `counts`: what its reporter wrote
 */
export function runStep(name, command, args, { env, stepMsMax = STEP_MS_MAX, quiet = false }) {
  mkdirSync(logFolder, { recursive: true });
  const countsPath = join(logFolder, `${name}.counts.json`);
  rmSync(countsPath, { force: true });
  const log = createWriteStream(join(logFolder, `${name}.log`));
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: root,
      env: { ...env, HYPERMESH_TEST_COUNTS: countsPath },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that what it started and forgot ends with it.
      detached: process.platform !== 'win32',
    });
    const group = child.pid;
    if (group !== undefined) running.add(group);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        log.write(chunk);
        output = (output + chunk).slice(-OUTPUT_KEPT_CHARS);
        if (!quiet) process.stdout.write(chunk);
      });
    }
    const timer = setTimeout(() => {
      process.stdout.write(`\n${name} took longer than ${stepMsMax / 60_000} min and is ended.\n`);
      if (group !== undefined) signalGroup(group, 'SIGTERM');
      setTimeout(() => group !== undefined && signalGroup(group, 'SIGKILL'), GRACE_MS).unref();
    }, stepMsMax);
    child.once('error', (error) => {
      process.stdout.write(`${command}: ${error.message}\n`);
      finish(127);
    });
    // `exit` and not `close`: a program left behind may hold the pipes open.
    child.once('exit', (code) => {
      if (group !== undefined) signalGroup(group, 'SIGKILL');
      setTimeout(finish, PIPE_DRAIN_MS, code ?? 143);
    });
    /** @param {number} exitCode */
    function finish(exitCode) {
      clearTimeout(timer);
      if (group !== undefined) running.delete(group);
      child.stdout.destroy();
      child.stderr.destroy();
      log.end(() => resolve({ exitCode, counts: readCounts(countsPath), output }));
    }
  });
}

/** The end of a step's output that its judge may look at. */
const OUTPUT_KEPT_CHARS = 100_000;
/** What a program wrote just before it ended is still in the pipe. */
const PIPE_DRAIN_MS = 100;

/**
 * @param {string} path
 * @returns {import('./counts.mjs').Counts | null}
 */
function readCounts(path) {
  return existsSync(path) ? readJson(path) : null;
}
