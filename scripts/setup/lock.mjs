// One set-up at a time per checkout: two that install into one node_modules would ruin it. Node's built-ins only.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from './project.mjs';

/** The longest set-up seen (cold, slow line) took 4 minutes; after 15 the other one hangs. */
const WAIT_MS_MAX = 15 * 60_000;
/** Short enough that nobody notices the wait. */
const POLL_MS = 200;

/**
 * @param {number} pid
 * @returns {boolean} whether a process of that number runs; one of another user counts
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Runs `work` while holding a lock file, which names the holder. A holder that no longer lives is put aside.
 *
 * @template T
 * @param {string} path - the lock's file
 * @param {() => Promise<T>} work
 * @param {{ say?: (text: string) => void, waitMsMax?: number }} [init]
 * @returns {Promise<T>} what `work` returns
 * @throws {SetupError} when another live process holds it for too long
 */
export async function withLock(path, work, { say = () => {}, waitMsMax = WAIT_MS_MAX } = {}) {
  mkdirSync(dirname(path), { recursive: true });
  const deadlineMs = performance.now() + waitMsMax;
  let told = false;
  while (!tryTake(path)) {
    const holder = readHolder(path);
    if (holder === null || !isAlive(holder)) {
      putAside(path);
      continue;
    }
    if (!told) say(`Another set-up of this folder is running (process ${holder}): waiting for it.`);
    told = true;
    if (performance.now() > deadlineMs) {
      throw new SetupError(
        `Process ${holder} has been setting up this folder for too long: end it, remove ${path} and run the command again.`,
      );
    }
    await sleep(POLL_MS);
  }
  // A signal ends this process without running the `finally` below; the next one then finds a dead holder.
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {boolean} whether the lock is ours now. It appears with its content or not at all, since a link is made in one step.
 */
function tryTake(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, `${process.pid}\n`);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

/**
 * Removes a lock whose holder is dead. Between the look and this step somebody else may have done the same and taken it: then it
 * holds a live number and is put back.
 *
 * @param {string} path
 */
function putAside(path) {
  const aside = `${path}.${process.pid}.aside`;
  try {
    renameSync(path, aside);
  } catch {
    return; // gone already
  }
  const holder = readHolder(aside);
  try {
    if (holder !== null && isAlive(holder)) linkSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * @param {string} path
 * @returns {number | null} the holder's process number; null when the file is gone or holds none
 */
function readHolder(path) {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}
