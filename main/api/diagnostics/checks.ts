import { access, constants, readFile, readdir, stat, statfs } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Check } from '../../../preload/contract/index.ts';
import type { Clock } from '../../base/index.ts';
import { messageOf } from '../../base/errors.ts';
import {
  CLOCK_MS_MAX,
  CLOCK_MS_MIN,
  DISK_FREE_BYTES_PROBLEM,
  DISK_FREE_BYTES_WARNING,
  OPEN_FILES_MIN,
  PROBE_MS_MAX,
} from './constants.ts';

const MIB = 1024 * 1024;
const size = (bytes: number): string =>
  bytes >= 1024 * MIB ? `${(bytes / 1024 / MIB).toFixed(1)} GiB` : `${Math.floor(bytes / MIB)} MiB`;
const codeOf = (error: unknown): string => (error as { code?: string }).code ?? '';

/** The folder is there, is ours alone, and can be written. */
export const checkDataFolder = async (path: string): Promise<Check> => {
  const title = 'Data folder';
  const id = 'data-folder';
  let found;
  try {
    found = await stat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      return { id, title, status: 'ok', finding: `${path} does not exist yet; the first start makes it.`, fix: null };
    return {
      id,
      title,
      status: 'problem',
      finding: `${path} cannot be read (${messageOf(error)}).`,
      fix: 'Give the folder back to your user, or name another with --data.',
    };
  }
  if (!found.isDirectory())
    return {
      id,
      title,
      status: 'problem',
      finding: `${path} is not a folder.`,
      fix: 'Move it away, or name another folder with --data.',
    };
  const user = process.getuid?.();
  if (user !== undefined && found.uid !== user)
    return {
      id,
      title,
      status: 'problem',
      finding: `${path} belongs to another user (number ${found.uid}).`,
      fix: `Start HyperMesh as that user, or name another folder with --data.`,
    };
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    return {
      id,
      title,
      status: 'problem',
      finding: `${path} cannot be written.`,
      fix: `Make it writable: chmod u+rwx ${path}`,
    };
  }
  if (process.platform !== 'win32' && (found.mode & 0o077) !== 0)
    return {
      id,
      title,
      status: 'warning',
      finding: `Other users of this machine may look into ${path}.`,
      fix: `Close it: chmod 700 ${path}`,
    };
  return { id, title, status: 'ok', finding: `${path} is there and belongs to you alone.`, fix: null };
};

export const checkDiskSpace = async (path: string): Promise<Check> => {
  const title = 'Room on disk';
  const id = 'disk-space';
  // The folder itself may not exist yet; then its nearest parent tells.
  for (let place = path; ; ) {
    try {
      const { bavail, bsize } = await statfs(place);
      const free = bavail * bsize;
      const finding = `${size(free)} free where ${path} lies.`;
      if (free < DISK_FREE_BYTES_PROBLEM)
        return {
          id,
          title,
          status: 'problem',
          finding,
          fix: 'Free some space now: with a full disk nothing can be saved.',
        };
      if (free < DISK_FREE_BYTES_WARNING)
        return { id, title, status: 'warning', finding, fix: 'Free some space soon.' };
      return { id, title, status: 'ok', finding, fix: null };
    } catch (error) {
      const parent = join(place, '..');
      if (codeOf(error) !== 'ENOENT' || parent === place)
        return { id, title, status: 'unknown', finding: `Could not be read (${messageOf(error)}).`, fix: null };
      place = parent;
    }
  }
};

/** @returns null when a server can listen there, otherwise the system's code */
const tryListen = (host: string, port: number): Promise<string | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(codeOf(error)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });

/** Whether the loopback interface has an IPv6 address. */
export const hasIpv6Loopback = async (): Promise<boolean> => (await tryListen('::1', 0)) === null;

export const checkIpv6Loopback = async (): Promise<Check> =>
  (await hasIpv6Loopback())
    ? { id: 'ipv6-loopback', title: 'IPv6 loopback', status: 'ok', finding: '[::1] can be used.', fix: null }
    : {
        id: 'ipv6-loopback',
        title: 'IPv6 loopback',
        status: 'warning',
        finding: 'This machine has no [::1]; the local API uses 127.0.0.1 instead.',
        fix: 'On Linux: sysctl net.ipv6.conf.lo.disable_ipv6=0',
      };

/** For a node that is down: whether it could listen where its settings say. */
export const checkPortFree = async (port: number): Promise<Check> => {
  const title = 'Port of the local API';
  const id = 'api-port';
  const problem = port === 0 ? null : await tryListen((await hasIpv6Loopback()) ? '::1' : '127.0.0.1', port);
  if (problem === null)
    return {
      id,
      title,
      status: 'ok',
      finding: port === 0 ? 'Any free port is taken.' : `Port ${port} is free.`,
      fix: null,
    };
  if (problem === 'EADDRINUSE')
    return {
      id,
      title,
      status: 'problem',
      finding: `Port ${port} is in use by another program.`,
      fix: 'End that program, or choose another: hypermesh config set apiPort 9471',
    };
  return {
    id,
    title,
    status: 'problem',
    finding: `Port ${port} cannot be used (${problem}).`,
    fix: 'Choose one from 1024 up: hypermesh config set apiPort 9470',
  };
};

export const checkClock = (clock: Clock): Check => {
  const nowMs = clock.nowMs();
  const shown = new Date(nowMs).toISOString();
  return nowMs >= CLOCK_MS_MIN && nowMs <= CLOCK_MS_MAX
    ? { id: 'clock', title: 'Clock', status: 'ok', finding: `The clock shows ${shown}.`, fix: null }
    : {
        id: 'clock',
        title: 'Clock',
        status: 'problem',
        finding: `The clock shows ${shown}, which cannot be right.`,
        fix: 'Set the time, or turn on network time: timedatectl set-ntp true',
      };
};

export const checkOpenFiles = async (): Promise<Check> => {
  const title = 'Open files';
  const id = 'open-files';
  if (process.platform !== 'linux')
    return { id, title, status: 'unknown', finding: 'This system does not tell its limit.', fix: null };
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(await readFile('/proc/self/limits', 'utf8'));
    const limit = line?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line?.[1]);
    if (Number.isNaN(limit))
      return { id, title, status: 'unknown', finding: '/proc/self/limits names no limit.', fix: null };
    const finding = limit === Number.POSITIVE_INFINITY ? 'No limit.' : `${limit} at once.`;
    return limit >= OPEN_FILES_MIN
      ? { id, title, status: 'ok', finding, fix: null }
      : { id, title, status: 'warning', finding, fix: `Raise it: ulimit -n ${OPEN_FILES_MIN * 4}` };
  } catch (error) {
    return { id, title, status: 'unknown', finding: `Could not be read (${messageOf(error)}).`, fix: null };
  }
};

/** Places where engines put their socket, as their documentation has them. */
const engineSockets = (): string[] => {
  if (process.platform === 'win32') return ['//./pipe/docker_engine'];
  const user = process.getuid?.() ?? 0;
  return [
    '/var/run/docker.sock',
    `/run/user/${user}/docker.sock`,
    `/run/user/${user}/podman/podman.sock`,
    '/run/podman/podman.sock',
  ];
};

const ping = (socketPath: string): Promise<string | null> =>
  new Promise((resolve) => {
    const asked = request({ socketPath, path: '/_ping', timeout: PROBE_MS_MAX }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode === 200 ? null : `answered ${answer.statusCode}`));
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', (error) => resolve(codeOf(error) || messageOf(error)));
    asked.end();
  });

/** For a node that is down: whether an engine answers in one of the usual places. */
export const checkContainerEngine = async (endpoint: string | null): Promise<Check> => {
  const title = 'Container engine';
  const id = 'container-engine';
  const fix =
    'Install Docker or Podman and let your user reach its socket, or name it: hypermesh config set containerEndpoint /run/user/1000/docker.sock';
  if (endpoint !== null && /^(https?|tcp|ssh):/.test(endpoint))
    return {
      id,
      title,
      status: 'unknown',
      finding: 'The engine is reached over the network, which only a running node tries.',
      fix: null,
    };
  const sockets = endpoint === null ? engineSockets() : [endpoint.replace(/^unix:\/\//, '')];
  const refused: string[] = [];
  for (const socket of sockets) {
    const problem = await ping(socket);
    if (problem === null) return { id, title, status: 'ok', finding: `An engine answers at ${socket}.`, fix: null };
    if (problem !== 'ENOENT') refused.push(`${socket}: ${problem}`);
  }
  const finding =
    refused.length > 0 ? `No engine answers (${refused.join('; ')}).` : `There is no engine at ${sockets.join(', ')}.`;
  return { id, title, status: 'warning', finding: `${finding} WebAssembly and JavaScript jobs run without one.`, fix };
};

export const checkTemperatureSensor = async (): Promise<Check> => {
  const title = 'Temperature sensors';
  const id = 'sensors';
  const none: Check = {
    id,
    title,
    status: 'warning',
    finding: 'No processor temperature can be read, so a temperature ceiling has no effect.',
    fix: 'On real hardware: install lm-sensors and run sensors-detect. Virtual machines have none.',
  };
  if (process.platform !== 'linux')
    return { ...none, status: 'unknown', finding: 'Only a running node reads them on this system.', fix: null };
  try {
    for (const zone of await readdir('/sys/class/thermal'))
      if (zone.startsWith('thermal_zone'))
        return { id, title, status: 'ok', finding: 'The kernel has thermal zones.', fix: null };
    return none;
  } catch {
    return none;
  }
};

/** What decides whether a job's processor share can be held here: stopping and continuing a process of ours. */
export const checkCpuShare = (): Check => {
  const title = 'Processor share of jobs';
  const id = 'cpu-share';
  return process.platform === 'win32'
    ? {
        id,
        title,
        status: 'unknown',
        finding: 'This version has not been shown to hold a share below 100 % on Windows.',
        fix: null,
      }
    : {
        id,
        title,
        status: 'ok',
        finding: 'Jobs can be stopped and continued, so that a share below 100 % is held.',
        fix: null,
      };
};
