// What the tests run against: a display, a session bus and a Docker engine of their own. Each is started here, ended by its process
// number, and leaves nothing behind.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run, which } from '../setup/command.mjs';

/** Each of them answers within 3 s on a slow machine. */
const START_MS_MAX = 60_000;
/** dockerd ends its containers first, 10 s each at worst. */
const STOP_MS_MAX = 30_000;
const POLL_MS = 50;

/**
 * @typedef {object} Service
 * @property {Record<string, string>} env - what the tests find it by
 * @property {() => Promise<void>} stop
 */

/**
 * @param {import('node:child_process').ChildProcess} child
 * @returns {boolean}
 */
function hasEnded(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Asks a process to end, and ends it when it does not.
 *
 * @param {import('node:child_process').ChildProcess} child
 */
async function end(child) {
  if (hasEnded(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await Promise.race([ended, sleep(STOP_MS_MAX, undefined, { ref: false })]);
  if (!hasEnded(child)) child.kill('SIGKILL');
  await ended;
}

/**
 * The first line that a program prints once it is ready.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {import('node:stream').Readable} stream
 * @returns {Promise<string | null>} null when it ended first or said nothing in time
 */
function firstLine(child, stream) {
  return new Promise((resolve) => {
    let text = '';
    const timer = setTimeout(resolve, START_MS_MAX, null);
    /** @param {string | null} line */
    const settle = (line) => {
      clearTimeout(timer);
      resolve(line);
    };
    stream.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) settle(text.slice(0, text.indexOf('\n')));
    });
    child.once('exit', () => settle(null)).once('error', () => settle(null));
  });
}

/**
 * A screen in memory, on a display number that Xvfb finds free by itself.
 *
 * @returns {Promise<Service | string>} the service, or why there is none
 */
export async function startDisplay() {
  if (which('Xvfb') === null) return 'Xvfb is missing';
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1600x1000x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const line = await firstLine(child, /** @type {import('node:stream').Readable} */ (child.stdio[3]));
  if (line === null) {
    await end(child);
    return 'Xvfb did not start';
  }
  return { env: { DISPLAY: `:${line.trim()}` }, stop: () => end(child) };
}

/**
 * A session bus, so that the app's notifications and Chromium find one that is not the person's.
 *
 * @returns {Promise<Service | string>}
 */
export async function startSessionBus() {
  if (which('dbus-daemon') === null) return 'dbus-daemon is missing';
  const child = spawn('dbus-daemon', ['--session', '--nofork', '--nopidfile', '--print-address=1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const address = await firstLine(child, child.stdout);
  if (address === null) {
    await end(child);
    return 'dbus-daemon did not start';
  }
  return { env: { DBUS_SESSION_BUS_ADDRESS: address }, stop: () => end(child) };
}

/**
 * A Docker engine beside any that the machine has: own socket, data, state, and no bridge and no firewall rules, so nothing of the
 * machine's own network changes.
 *
 * @param {{ logPath: string }} options
 * @returns {Promise<Service | string>}
 */
export async function startDocker({ logPath }) {
  const program = which('dockerd');
  if (process.platform !== 'linux') return 'a Docker engine of the tests’ own is only started on Linux';
  if (program === null) return 'dockerd is missing';
  if (process.getuid?.() !== 0) return 'dockerd needs root';
  // Short: the path of a Unix socket may have 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'hm-docker-'));
  const socket = join(folder, 'docker.sock');
  const child = spawn(
    program,
    [
      ['--host', `unix://${socket}`],
      ['--data-root', join(folder, 'data')],
      ['--exec-root', join(folder, 'exec')],
      ['--pidfile', join(folder, 'pid')],
      ['--config-file', join(folder, 'daemon.json')],
      ['--bridge', 'none'],
      ['--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
    ].flat(),
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    },
  );
  writeFileSync(join(folder, 'daemon.json'), '{}\n');
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      log += text;
    });
  }
  let failed = false;
  child.once('error', () => {
    failed = true;
  });
  const stop = async () => {
    if (!failed) await end(child);
    writeFileSync(logPath, log);
    await removeEngineFolder(folder);
  };
  const deadlineMs = performance.now() + START_MS_MAX;
  while (!failed && !hasEnded(child) && performance.now() < deadlineMs) {
    if (await answersPing(socket)) return { env: { HYPERMESH_TEST_DOCKER: `unix://${socket}` }, stop };
    await sleep(POLL_MS);
  }
  await stop();
  return `dockerd did not start (its log: ${logPath})`;
}

/**
 * @param {string} socket
 * @returns {Promise<boolean>} whether an engine answers there
 */
function answersPing(socket) {
  return new Promise((resolve) => {
    const call = request({ socketPath: socket, path: '/_ping' }, (response) => {
      response.resume().once('end', () => resolve(response.statusCode === 200));
    });
    call.once('error', () => resolve(false));
    call.end();
  });
}

/**
 * Removes the engine's folder with what a container that outlived it may still hold: its shims and its mounts.
 *
 * @param {string} folder
 */
async function removeEngineFolder(folder) {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // Only a process that was started with a path in this folder is the engine's.
      if (readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(`${folder}/`)) process.kill(Number(name), 'SIGKILL');
    } catch {
      // ended by itself
    }
  }
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
  for (const path of mounts) await run('umount', ['--lazy', path]);
  if (existsSync(folder)) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
