import { type ChildProcess, execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { _electron, type Browser, chromium, type ElectronApplication, type Page } from '@playwright/test';
import { runAsUser, spawnAsUser, testHome } from './installed-user.ts';

const run = promisify(execFile);
export const root = join(import.meta.dirname, '..', '..');

export type Target = 'source' | 'installed';

/** A data folder of a test's own, with the way to ask its node from outside. */
export interface Account {
  readonly target: Target;
  readonly dataFolder: string;
  readonly configHome: string;
  /** Runs the command line against the node of this account. */
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Starts the app; more than once, one after the other, to see what is kept. */
  start(...args: string[]): Promise<RunningApp>;
  /** Starts the app where it is expected to end by itself. */
  runToEnd(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  remove(): Promise<void>;
}

/** The app as a person sees it, and a little of what it says. */
export interface RunningApp {
  /** Playwright inside the main process; null for the installed app, which is driven from outside like a browser. */
  readonly electron: ElectronApplication | null;
  /** The window's page; waits for one if there is none yet. */
  page(): Promise<Page>;
  /** Pages of all windows there are; the hidden one for graphics does not count. */
  windows(): Promise<Page[]>;
  /** Waits for a line that starts with `checkpoint`, such as `node:ready`. @returns the line */
  waitFor(checkpoint: string): Promise<string>;
  output(): string;
  /** Asks it to end, as the system does at log-out. @returns the exit code */
  stop(): Promise<number>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<number>;
}

/** The slowest start, on a busy machine with two cores, takes a few seconds. */
const CHECKPOINT_MS_MAX = 60_000;

const electronPath = (): string => {
  const folder = process.env['HYPERMESH_TEST_ELECTRON'];
  if (!folder) throw new Error('HYPERMESH_TEST_ELECTRON must name the folder of an unpacked Electron');
  return join(folder, 'electron');
};

/** A port that was free a moment ago, so that tests do not meet a node that runs on this machine. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '::1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });

/** What a process has written, with a way to wait for more. */
const watch = (child: ChildProcess) => {
  let text = '';
  const waiting = new Set<() => void>();
  const tell = (): void => {
    for (const look of waiting) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      tell();
    });
  }
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => {
      resolve(code ?? (signal === null ? -1 : 128));
      // Output may still be on its way.
      setImmediate(tell);
    });
  });
  const waitForMatch = (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const finish = (end: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        end();
      };
      const look = (): void => {
        const found = pattern.exec(text);
        if (found !== null) finish(() => resolve(found[1] ?? found[0]));
        else if (child.exitCode !== null)
          finish(() => reject(new Error(`The app ended with ${child.exitCode} before ${pattern}:\n${text}`)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new Error(`Nothing matched ${pattern} in:\n${text}`))),
        CHECKPOINT_MS_MAX,
      );
      waiting.add(look);
      look();
    });
  return {
    output: () => text,
    ended,
    waitForMatch,
    waitFor: (checkpoint: string) => waitForMatch(new RegExp(`^(${checkpoint}.*)$`, 'm')),
  };
};

const isMainPage = (page: Page): boolean => page.url().includes('/index.html');

/** As root, Chromium's sandbox does not work; as anybody else it is on. */
const sandboxArgs = (): string[] => (process.getuid?.() === 0 ? ['--no-sandbox'] : []);

/**
 * An account for one test.
 * @param fresh - with no data folder at all, as after the first log-in; its node takes the usual port if that is free
 */
export const createAccount = async (target: Target, fresh = false): Promise<Account> => {
  const base =
    target === 'installed'
      ? join(testHome(), `account-${await freePort()}`)
      : await mkdtemp(join(tmpdir(), 'hypermesh-e2e-'));
  const dataFolder = join(base, 'data');
  const configHome = join(base, 'config');
  if (target === 'installed') await runAsUser(['mkdir', '-p', configHome]);
  else {
    await mkdir(configHome);
    await chmod(base, 0o700);
  }
  const variables = { HYPERMESH_DATA: dataFolder, XDG_CONFIG_HOME: configHome };
  const ownEnvironment = (): Record<string, string> => {
    const { ELECTRON_RUN_AS_NODE: _unused, ...rest } = process.env;
    return { ...(rest as Record<string, string>), ...variables };
  };
  const running = new Set<{ stop(): Promise<number> }>();

  const runSource = async (
    program: string,
    args: readonly string[],
  ): Promise<{ code: number; stdout: string; stderr: string }> => {
    try {
      const { stdout, stderr } = await run(program, args, { env: ownEnvironment(), timeout: 60_000 });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
      if (typeof code !== 'number') throw error;
      return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
    }
  };

  if (!fresh) await writeFirstConfig(target, dataFolder, await freePort());
  return {
    target,
    dataFolder,
    configHome,
    cli: async (...args) =>
      target === 'installed'
        ? await runAsUser(['hypermesh', ...args], variables)
        : await runSource(process.execPath, [join(root, 'out', 'main', 'cli.js'), ...args]),
    runToEnd: async (...args) =>
      target === 'installed'
        ? await runAsUser(['hypermesh-desktop', '--no-dialogs', ...args], variables)
        : await runSource(electronPath(), [...sandboxArgs(), root, '--no-dialogs', ...args]),
    async start(...args) {
      const app =
        target === 'installed' ? await startInstalled(variables, args) : await startSource(ownEnvironment(), args);
      running.add(app);
      void app.ended.then(() => running.delete(app));
      return app;
    },
    async remove() {
      for (const app of running) await app.stop();
      await rm(base, { recursive: true, force: true });
    },
  };
};

/** Settings and folder as a first start leaves them, but with a port that no other node on this machine has. */
const writeFirstConfig = async (target: Target, dataFolder: string, apiPort: number): Promise<void> => {
  const config = JSON.stringify({
    version: 1,
    apiPort,
    logLevel: 'info',
    theme: 'system',
    openAtLogin: false,
    closeHintShown: false,
    firstRunDone: false,
    containerEndpoint: null,
    network: { loopbackOnly: true, localDiscovery: false },
  });
  const script = `umask 077; mkdir -p "$0"; printf 'hypermesh-data 1\\n' > "$0/format"; printf '%s' "$1" > "$0/config.json"`;
  if (target === 'installed') await runAsUser(['sh', '-c', script, dataFolder, config]);
  else await run('sh', ['-c', script, dataFolder, config]);
};

const startSource = async (env: Record<string, string>, args: readonly string[]): Promise<RunningApp> => {
  const electron = await _electron.launch({
    executablePath: electronPath(),
    args: [...sandboxArgs(), root, '--no-dialogs', ...args],
    env,
    // Or Playwright would force the light theme upon the page.
    colorScheme: null,
  });
  const child = electron.process();
  const { output, ended, waitFor } = watch(child);
  return {
    electron,
    output,
    ended,
    waitFor,
    page: async () =>
      electron.windows().find(isMainPage) ?? (await electron.waitForEvent('window', { predicate: isMainPage })),
    windows: async () => electron.windows().filter(isMainPage),
    async stop() {
      child.kill('SIGTERM');
      return await ended;
    },
  };
};

const startInstalled = async (
  variables: Readonly<Record<string, string>>,
  args: readonly string[],
): Promise<RunningApp> => {
  const child = spawnAsUser(['hypermesh-desktop', '--no-dialogs', '--remote-debugging-port=0', ...args], variables);
  const { output, ended, waitFor, waitForMatch } = watch(child);
  let connected: Promise<Browser> | null = null;
  const browser = (): Promise<Browser> =>
    (connected ??= waitForMatch(/^DevTools listening on (ws:\S+)$/m).then((address) =>
      chromium.connectOverCDP(address),
    ));
  const windows = async (): Promise<Page[]> =>
    (await browser())
      .contexts()
      .flatMap((context) => context.pages())
      .filter(isMainPage);
  await browser();
  return {
    electron: null,
    output,
    ended,
    waitFor,
    windows,
    async page() {
      const [context] = (await browser()).contexts();
      if (context === undefined) throw new Error('The app offers no page to attach to.');
      return (await windows())[0] ?? (await context.waitForEvent('page', { predicate: isMainPage }));
    },
    async stop() {
      await connected?.then((open) => open.close()).catch(() => undefined);
      child.kill('SIGTERM');
      return await ended;
    },
  };
};
