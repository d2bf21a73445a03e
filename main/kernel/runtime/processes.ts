import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { statFields } from './governor/cpu-meter.ts';

/** `ps` answers at once; longer means that the system is beyond asking. */
const PS_TIMEOUT_MS = 5000;

const run = (file: string, args: readonly string[]): Promise<string | null> =>
  new Promise((resolve) => {
    execFile(file, args, { timeout: PS_TIMEOUT_MS, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } }, (error, stdout) =>
      resolve(error === null ? stdout : null),
    );
  });

/**
 * When a process began, as text that no other process of the same number has: pids are used again.
 *
 * @returns null when there is no such process, or the system does not tell
 */
export const processStarted = async (pid: number, platform: NodeJS.Platform): Promise<string | null> => {
  if (platform === 'linux') {
    try {
      // Field 22 of /proc/<pid>/stat counts ticks since boot, so the boot belongs to the name.
      const started = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'))[19];
      return started === undefined
        ? null
        : `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${started}`;
    } catch {
      return null;
    }
  }
  if (platform === 'win32') return null;
  return (await run('/bin/ps', ['-o', 'lstart=', '-p', `${pid}`]))?.trim() || null;
};

/**
 * Resident memory now and at its highest, and the part of it that nobody else has: the rest is pages of the executable,
 * of which there is one copy for the node and all hosts, and which the system drops when memory is short. Null where
 * the system does not tell, or the process has ended.
 */
export const residentMemory = (pid: number): { nowBytes: number; ownBytes: number; peakBytes: number } | null => {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const bytes = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) * 1024;
    const nowBytes = bytes('VmRSS');
    const peakBytes = bytes('VmHWM');
    if (Number.isNaN(nowBytes) || Number.isNaN(peakBytes)) return null;
    // Linux tells of files apart since 4.5.
    const fileBytes = bytes('RssFile');
    return { nowBytes, ownBytes: nowBytes - (Number.isNaN(fileBytes) ? 0 : fileBytes), peakBytes };
  } catch {
    return null;
  }
};

/**
 * Lets the owner's programs go first whenever there is not enough processor for all: on an idle machine a job gets its
 * whole share, on a busy one it steps aside. Called before the process has threads, which inherit it.
 */
export const giveWay = (pid: number): void => {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already.
  }
};

/** Ends a process group at once. @returns whether there was one */
export const killGroup = (pid: number, platform: NodeJS.Platform): boolean => {
  try {
    process.kill(platform === 'win32' ? pid : -pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
};

/**
 * util-linux's program that has the kernel end a process when the one that started it dies, even if it is stopped.
 *
 * @returns its path, or null when it is not there or does not know the option
 * @see setpriv(1), PR_SET_PDEATHSIG in prctl(2)
 */
export const findSetpriv = async (platform: NodeJS.Platform): Promise<string | null> => {
  if (platform !== 'linux') return null;
  for (const path of ['/usr/bin/setpriv', '/bin/setpriv'])
    if ((await run(path, ['--pdeathsig', 'KILL', '--', '/bin/true'])) !== null) return path;
  return null;
};
