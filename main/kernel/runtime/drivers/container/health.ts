import { readFile } from 'node:fs/promises';
import type Docker from 'dockerode';
import type { Clock, Logger } from '../../../../base/index.ts';
import type { ContainerSpec } from '../../../../../preload/contract/index.ts';
import { HEALTH_FAILURES_MAX, HEALTH_OUTPUT_BYTES_MAX, JOB_USER } from './constants.ts';
import { engineWords } from './engine-call.ts';

export interface HealthParts {
  clock: Clock;
  logger: Logger;
  container: () => Docker.Container;
  check: NonNullable<ContainerSpec['health']>;
  /** What is frozen is not asked: it could not answer. */
  isFrozen: () => boolean;
  /** Told after each check. `failures` are those in a row. */
  told(state: 'healthy' | 'failing', failures: number): void;
}

/** Asks a program in the container, as its user, whether the job is well. @returns what ends it */
export const watchHealth = (parts: HealthParts): (() => void) => {
  const { clock, check } = parts;
  let closed = false;
  let failures = 0;
  let asking = false;
  const look = async (): Promise<void> => {
    // One that has not ended by the next time hangs, and counts as failed when it was to end.
    if (asking || closed || parts.isFrozen()) return;
    asking = true;
    try {
      const isWell = await ask(parts);
      if (closed || isWell === null) return;
      failures = isWell ? 0 : failures + 1;
      parts.told(isWell ? 'healthy' : 'failing', Math.min(failures, HEALTH_FAILURES_MAX));
    } finally {
      asking = false;
    }
  };
  const cancel = clock.every(check.intervalMs, () => void look());
  return () => {
    closed = true;
    cancel();
  };
};

/** @returns null when the engine could not be asked: that is not the job's fault */
const ask = async ({ clock, logger, container, check }: HealthParts): Promise<boolean | null> => {
  try {
    const exec = await container().exec({ Cmd: check.command, User: JOB_USER, AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ hijack: true, stdin: false });
    const waiting = new AbortController();
    const ended = new Promise<true>((resolve) => {
      let bytes = 0;
      stream.on('data', (piece: Buffer) => {
        bytes += piece.length;
        // Not read any more, so that it waits in its write until its time is over.
        if (bytes > HEALTH_OUTPUT_BYTES_MAX) stream.pause();
      });
      for (const name of ['end', 'close', 'error']) stream.on(name, () => resolve(true));
    });
    const inTime = await Promise.race([
      ended,
      clock.sleep(check.timeoutMs, waiting.signal).then(
        () => false,
        () => true,
      ),
    ]);
    waiting.abort();
    const found = await exec.inspect();
    if (inTime && !found.Running) {
      stream.destroy();
      return found.ExitCode === 0;
    }
    await killExec(container(), found.Pid);
    stream.destroy();
    return false;
  } catch (error) {
    logger.debug('A health check could not be made', { words: engineWords(error) });
    return null;
  }
};

/**
 * The engine cannot end what it executes, so this does: by its number on this machine where the node may, else by that inside with
 * the image's own `kill`. It leads a group of its own.
 */
const killExec = async (container: Docker.Container, pid: number): Promise<void> => {
  if (pid <= 1) return;
  const [status, groups] = await Promise.all(
    ['status', 'cgroup'].map((name) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')),
  );
  const inside = /^NSpid:\s+\d+\s.*?(\d+)$/m.exec(status ?? '')?.[1];
  // An engine on another machine counts other processes.
  if (inside === undefined || groups?.includes(container.id) !== true) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    const exec = await container.exec({ Cmd: ['kill', '-KILL', `-${inside}`], User: JOB_USER });
    await exec.start({ Detach: true });
  }
};
