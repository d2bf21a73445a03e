import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';

// A real Docker engine of the tests' own: own socket, own data, no network, gone when the test is. Other engines are not touched.

/** Why there can be none here, null where there can. */
export const engineMissing: string | null =
  process.platform !== 'linux'
    ? 'a container engine is started on Linux only'
    : process.getuid?.() !== 0
      ? 'only root may start a container engine'
      : spawnSync('dockerd', ['--version']).status !== 0
        ? 'no dockerd here (package docker.io)'
        : existsSync('/bin/busybox') || existsSync('/usr/bin/busybox')
          ? null
          : 'no busybox to make images of (package busybox-static)';

const START_MS_MAX = 60_000;
/** Programs of busybox that images of tests have. */
const APPLETS =
  'sh cat echo sleep true false ls dd head tail seq nc wget sha256sum md5sum stat id ps kill mkdir rm cp mv touch find grep awk sed tr date env yes wc ping chmod mount umount df free nproc timeout tee od sort uniq xargs test printf pwd httpd'.split(
    ' ',
  );

export interface TestEngine {
  readonly endpoint: string;
  readonly socketPath: string;
  readonly client: Docker;
  readonly pid: number;
  /** Files beneath it are the engine's own. */
  readonly folder: string;
  /** Makes an image of busybox with these files beside it. @returns its id */
  makeImage(
    tag: string,
    extra?: Record<string, { content: string | Uint8Array; executable?: boolean }>,
    changes?: readonly string[],
  ): string;
  /** Ends the daemon and starts it again on the same data. Containers end with it, unless it was started with `liveRestore`. */
  restart(): Promise<void>;
  /** KILL, and nothing after. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes everything of it. */
  stop(): Promise<void>;
}
export interface TestEngineInit {
  /** Further flags of dockerd. */
  flags?: readonly string[];
  /** Where its images and containers lie. @default in a folder of its own, that is removed with it */
  dataRoot?: string;
}

const busybox = existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox';

export const startTestEngine = async ({ flags = [], dataRoot }: TestEngineInit = {}): Promise<TestEngine> => {
  const folder = mkdtempSync(join(tmpdir(), 'hm-engine-'));
  const socketPath = join(folder, 'docker.sock');
  const endpoint = `unix://${socketPath}`;
  const client = new Docker({ socketPath });
  const configFile = join(folder, 'daemon.json');
  writeFileSync(configFile, '{}\n');
  let child: ChildProcess | null = null;
  let said = '';

  const start = async (): Promise<void> => {
    said = '';
    const started = spawn(
      'dockerd',
      [
        '--host',
        endpoint,
        '--data-root',
        dataRoot ?? join(folder, 'data'),
        '--exec-root',
        join(folder, 'exec'),
        '--pidfile',
        join(folder, 'pid'),
        // Not the machine's: what it says would be mixed in.
        '--config-file',
        configFile,
        '--bridge',
        'none',
        '--iptables=false',
        '--ip6tables=false',
        '--ip-forward=false',
        '--ip-masq=false',
        ...flags,
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
      },
    );
    child = started;
    const listen = (text: Buffer): void => void (said = (said + text.toString()).slice(-8000));
    started.stdout.on('data', listen);
    started.stderr.on('data', listen);
    const ended = new Promise<number | null>((resolve) => started.once('exit', resolve));
    const until = performance.now() + START_MS_MAX;
    for (;;) {
      try {
        await client.ping();
        return;
      } catch {
        const code = await Promise.race([ended, sleep(100, 'alive' as const)]);
        if (code !== 'alive') throw new Error(`dockerd ended with ${code}: ${said}`);
        if (performance.now() > until) throw new Error(`dockerd does not answer: ${said}`);
      }
    }
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = child;
    child = null;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill(signal);
    await ended;
  };
  /** The containerd that a killed dockerd leaves: the next one takes it over, the end of the test ends it. */
  const endLeftOver = (): void => {
    const pidFile = join(folder, 'exec', 'containerd', 'containerd.pid');
    if (!existsSync(pidFile)) return;
    const pid = Number(readFileSync(pidFile, 'utf8'));
    if (!Number.isSafeInteger(pid) || pid < 2 || !existsSync(`/proc/${pid}/cmdline`)) return;
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)) process.kill(pid, 'SIGKILL');
  };
  await start();

  return {
    endpoint,
    socketPath,
    client,
    folder,
    get pid() {
      return child?.pid ?? 0;
    },
    makeImage: (tag, extra = {}, changes = []) => {
      const root = mkdtempSync(join(tmpdir(), 'hm-image-'));
      try {
        for (const name of ['bin', 'tmp', 'work', 'proc', 'sys', 'dev', 'etc']) mkdirSync(join(root, name));
        copyFileSync(busybox, join(root, 'bin/busybox'));
        for (const name of APPLETS) symlinkSync('busybox', join(root, 'bin', name));
        writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
        for (const [path, { content, executable = false }] of Object.entries(extra)) {
          mkdirSync(join(root, path, '..'), { recursive: true });
          writeFileSync(join(root, path), content, { mode: executable ? 0o755 : 0o644 });
        }
        const tar = execFileSync('tar', ['-C', root, '--numeric-owner', '--owner=0', '--group=0', '-c', '.'], {
          maxBuffer: 1024 * 1024 * 1024,
        });
        return execFileSync(
          'docker',
          [
            '-H',
            endpoint,
            'import',
            ...['ENV PATH=/bin', ...changes].flatMap((change) => ['--change', change]),
            '-',
            tag,
          ],
          { input: tar },
        )
          .toString()
          .trim();
      } finally {
        rmSync(root, { recursive: true, force: true });
      }
    },
    restart: async () => {
      await end('SIGTERM');
      await start();
    },
    kill: async () => {
      await end('SIGKILL');
      // Its containerd dies with it. One that nobody has reaped yet would be taken for a living one by the next daemon.
      const pidFile = join(folder, 'exec', 'containerd', 'containerd.pid');
      const pid = existsSync(pidFile) ? readFileSync(pidFile, 'utf8').trim() : '';
      const isDead = (): boolean => {
        try {
          return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
        } catch {
          return true;
        }
      };
      for (let tries = 0; tries < 50 && !isDead(); tries++) await sleep(20);
      if (isDead()) rmSync(pidFile, { force: true });
    },
    start,
    stop: async () => {
      if (child !== null) {
        const containers = await client.listContainers({ all: true }).catch(() => []);
        await Promise.all(
          containers.map(({ Id }) =>
            client
              .getContainer(Id)
              .remove({ force: true, v: true })
              .catch(() => undefined),
          ),
        );
      }
      await end('SIGTERM');
      endLeftOver();
      // Mounts of containers that were killed with the daemon.
      for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n').reverse()) {
        const mount = line.split(' ')[1];
        if (
          mount?.startsWith(folder) === true ||
          (dataRoot !== undefined && mount?.startsWith(`${dataRoot}/`) === true)
        )
          spawnSync('umount', ['-l', mount]);
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
};
