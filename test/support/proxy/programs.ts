import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

// Programs that people use, between which a forward stands.

const run = promisify(execFile);
const STARTED_MS_MAX = 10_000;
const LOOK_MS = 25;

/** @returns the path of a program that a system may have, also where only its administrator looks */
export const findProgram = (name: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/bin', '/usr/local/bin']
    .map((folder) => join(folder, name))
    .find(existsSync) ?? null;
/** @returns those of these that are not installed */
export const missingPrograms = (...names: readonly string[]): string[] =>
  names.filter((name) => findProgram(name) === null);

/** A port that is free for TCP and UDP at 127.0.0.1 now. */
export const freePort = async (): Promise<number> => {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = createSocket('udp4');
    const bound = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, '127.0.0.1', () => resolve(true));
    });
    socket.close();
    server.close();
    await once(server, 'close');
    if (bound) return port;
  }
};
/** Waits until somebody listens. */
export const untilListening = async (port: number): Promise<void> => {
  for (let waitedMs = 0; waitedMs < STARTED_MS_MAX; waitedMs += LOOK_MS) {
    const socket = connect({ host: '127.0.0.1', port });
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(LOOK_MS);
  }
  throw new Error(`nobody listens at port ${port}`);
};
export interface RunningProgram {
  readonly child: ChildProcess;
  stop(): Promise<void>;
}
/** Starts a program that runs until it is stopped. */
export const startProgram = (name: string, args: readonly string[]): RunningProgram => {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is not installed`);
  const child = spawn(path, args, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  return {
    child,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await ended;
    },
  };
};

/** An SSH server of its own on loopback, with throwaway keys, for whoever runs the test. */
export interface Sshd {
  readonly port: number;
  /** Options and destination of a client that may log in. */
  readonly client: readonly string[];
  /** The same with another port on this machine, such as a forward's. */
  clientAt(port: number): readonly string[];
  readonly pid: number;
  stop(): Promise<void>;
}
export const startSshd = async (): Promise<Sshd> => {
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-sshd-'));
  await chmod(folder, 0o700);
  const port = await freePort();
  const file = (name: string): string => join(folder, name);
  for (const name of ['host', 'user'])
    await run(findProgram('ssh-keygen') ?? 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file(name)]);
  await writeFile(file('authorized'), await readFile(file('user.pub')), { mode: 0o600 });
  await writeFile(
    file('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${file('host')}`,
      `AuthorizedKeysFile ${file('authorized')}`,
      `PidFile ${file('pid')}`,
      'StrictModes no',
      'PasswordAuthentication no',
      'PermitRootLogin yes',
      'AllowTcpForwarding yes',
    ].join('\n'),
  );
  // Debian's server drops its rights into a folder that only its own service makes.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  const server = startProgram('sshd', ['-D', '-f', file('config')]);
  await untilListening(port);
  const clientAt = (at: number): readonly string[] => [
    '-F',
    'none',
    '-i',
    file('user'),
    '-o',
    'StrictHostKeyChecking=no',
    '-o',
    'UserKnownHostsFile=/dev/null',
    '-o',
    'LogLevel=ERROR',
    '-o',
    'BatchMode=yes',
    '-p',
    String(at),
    `${process.getuid?.() === 0 ? 'root' : (process.env['USER'] ?? 'root')}@127.0.0.1`,
  ];
  return {
    port,
    client: clientAt(port),
    clientAt,
    pid: server.child.pid ?? 0,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
};
