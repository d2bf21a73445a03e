// Electron's entry: the node with window and tray. What is slow to load comes after the window was asked for, so that the
// owner sees something first. Nothing may wait at the top level: Electron is ready only once this file has run.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { app, safeStorage, shell } from 'electron';
import { defaultDataPath, readRunningNode } from './base/data-folder/index.ts';
import { isNodeError, messageOf } from './base/errors.ts';
import { createSystemOutside } from './base/system-outside.ts';
import {
  createDesktop,
  createEarlyLogger,
  createKeyStore,
  type Desktop,
  registerPageScheme,
  STOP_DEADLINE_MS,
} from './desktop/index.ts';
import type { HyperMeshNode } from './node.ts';
import { findProgramPaths } from './paths.ts';

// The node waits far more than it computes, and what computes is native or in a process of its own: a small heap is worth
// more than fast allocation. Measured in the tray: 28 MiB of 150 less in this process.
setFlagsFromString('--optimize-for-size');

const { env, platform } = process;
const outside = createSystemOutside();
// What is written from here on is the owner's alone: database, log, Chromium's profile.
process.umask(0o077);

const early = createEarlyLogger();
const dataFolder = resolve(defaultDataPath(env, platform, homedir()));
/** Start in the tray, without a window. */
const startHidden = app.commandLine.hasSwitch('hidden');
/** For scripts and tests: a failure is said on stderr only, and nothing waits for a click. */
const withoutDialogs = app.commandLine.hasSwitch('no-dialogs');
/** `sysexits.h`: a fault of ours. */
const EXIT_BUG = 70;
const EXIT_USAGE = 2;

/** Lines that scripts and tests wait for. */
const checkpoint = (name: string): void => void process.stdout.write(`${name}\n`);
// Whoever read our output may be gone; that is no reason to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/**
 * Chromium's profile belongs into the data folder. Where that is not ours to write to, the node will say so with its own
 * words; until then the profile is in a place that is thrown away.
 */
const chooseProfileFolder = (): { path: string; temporary: boolean } => {
  try {
    const found = statSync(dataFolder, { throwIfNoEntry: false });
    const ours =
      found === undefined ||
      (found.isDirectory() &&
        (process.getuid === undefined || found.uid === process.getuid()) &&
        isHyperMeshFolder(readdirSync(dataFolder)));
    if (ours) {
      const path = join(dataFolder, 'electron');
      mkdirSync(path, { recursive: true, mode: 0o700 });
      return { path, temporary: false };
    }
  } catch {
    // Said by the node.
  }
  return { path: mkdtempSync(join(tmpdir(), 'hypermesh-')), temporary: true };
};
const isHyperMeshFolder = (names: readonly string[]): boolean =>
  names.length === 0 || names.includes('format') || names.includes('electron');

const readVersion = (): string => app.getVersion();

/** Wayland tells nobody but the focused program about input, and what Electron asks there is X11's. */
const presenceBlindReason =
  platform === 'linux' && !env['DISPLAY'] && env['WAYLAND_DISPLAY']
    ? 'This Wayland session does not tell how long nobody has used it.'
    : null;

/** What the desktop entry for start at login runs: the installed wrapper, or this very program. */
const autostartCommand = (): [string, ...string[]] => {
  const installed = join(dirname(process.execPath), 'bin', 'hypermesh-desktop');
  const program =
    app.isPackaged && platform === 'linux'
      ? [installed]
      : app.isPackaged
        ? [process.execPath]
        : [process.execPath, app.getAppPath()];
  const command = [...program, '--hidden'];
  // A folder of the owner's choice is part of what is to be started.
  if (platform === 'linux' && env['HYPERMESH_DATA'])
    return ['/usr/bin/env', `HYPERMESH_DATA=${dataFolder}`, ...command];
  return command as [string, ...string[]];
};

let desktop: Desktop | null = null;
let node: HyperMeshNode | null = null;
let ending: Promise<void> | null = null;
const profile = chooseProfileFolder();
// At the very last, since Chromium writes to it until then.
if (profile.temporary) process.on('exit', () => rmSync(profile.path, { recursive: true, force: true }));

/** Stops the node, waiting no longer than {@link STOP_DEADLINE_MS}, and ends the program. */
const end = (exitCode: number): Promise<void> => {
  ending ??= (async () => {
    desktop?.close();
    const stopped = node?.stop() ?? Promise.resolve();
    await Promise.race([stopped, outside.clock.sleep(STOP_DEADLINE_MS)]).catch((error: unknown) => {
      process.stderr.write(`HyperMesh did not stop cleanly: ${messageOf(error)}\n`);
    });
    checkpoint('node:stopped');
    app.exit(exitCode);
  })();
  return ending;
};

/** Says why there is no node, and ends. */
const fail = async (error: unknown): Promise<void> => {
  if (ending !== null) return;
  desktop?.abandon(error);
  const known = isNodeError(error);
  const { exitCodeOf } = await import('./api/cli/index.ts');
  const exitCode = known ? exitCodeOf(error.code) : EXIT_BUG;
  const code = known ? error.code : 'INTERNAL';
  const sentence = known
    ? error.message
    : `HyperMesh could not start because of a fault of its own (${messageOf(error)}); please report it.`;
  process.stderr.write(`${sentence} (${code})\n`);
  if (!known && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  if (desktop !== null && !withoutDialogs) {
    const running = code === 'DATA_FOLDER_IN_USE' ? await readRunningNode(dataFolder).catch(() => null) : null;
    const page = running?.url ?? null;
    const buttons = page === null ? ['Close'] : ['Open its page', 'Close'];
    const chosen = await desktop.tell({
      title: 'HyperMesh',
      message: page === null ? 'HyperMesh could not start' : 'A node is running already',
      detail: `${sentence}\n\n${code}`,
      buttons,
    });
    // The fragment carries the token, so that the page may ask; it never leaves this machine.
    if (page !== null && running !== null && chosen === 0)
      await shell.openExternal(`${page}#token=${running.token}`).catch(() => undefined);
  }
  await end(exitCode);
};

const start = async (): Promise<void> => {
  const paths = findProgramPaths(import.meta.url);
  const { promise: painted, resolve: setPainted } = Promise.withResolvers<void>();
  const shown = createDesktop(
    { clock: outside.clock, logger: early.logger },
    {
      pageFolder: paths.pageFolder,
      preloadPath: join(dirname(fileURLToPath(import.meta.url)), '..', 'preload', 'index.cjs'),
      iconFolder: join(app.getAppPath(), 'packaging', 'icons'),
      stateFolder: profile.path,
      developmentUrl: app.isPackaged ? null : (env['ELECTRON_RENDERER_URL'] ?? null),
      autostartCommand: autostartCommand(),
      configHome: env['XDG_CONFIG_HOME']?.startsWith('/') ? env['XDG_CONFIG_HOME'] : join(homedir(), '.config'),
      platform,
      presenceBlindReason,
      onQuit: () => app.quit(),
      onPainted: () => {
        checkpoint('window:painted');
        setPainted();
      },
    },
  );
  desktop = shown;
  if (!startHidden) {
    shown.windowControl.show();
    // Loading the node takes this thread for a moment; the first picture comes before.
    await Promise.race([painted, outside.clock.sleep(FIRST_PICTURE_DEADLINE_MS)]);
  }
  const [{ openNode }, { networkFromEnvironment }] = await Promise.all([import('./node.ts'), import('./config.ts')]);
  if (ending !== null) return;
  const opened = await openNode(
    {
      outside,
      presence: shown.presence,
      gpuProbe: shown.gpuProbe,
      gpuMultiplier: shown.gpuMultiplier,
      keyStore: createKeyStore(platform, safeStorage),
      approval: shown.approval,
      windowControl: shown.windowControl,
    },
    {
      dataFolder,
      paths,
      mode: 'desktop',
      version: readVersion(),
      environment: { DOCKER_HOST: env['DOCKER_HOST'], XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'] },
      network: networkFromEnvironment(env['HYPERMESH_NETWORK']),
      logToTerminal: false,
    },
  );
  node = opened;
  early.forwardTo(opened.logger);
  if (ending !== null) return;
  // Stopped from the command line or the page: the window goes too.
  opened.stopped.then(() => end(0)).catch((error: unknown) => fail(error));
  await shown.attach(opened.dispatcher);
  checkpoint(`node:ready ${opened.running.url ?? 'no page'}`);
};

/** A page that is slower than this to paint has a fault; the node need not wait for it. */
const FIRST_PICTURE_DEADLINE_MS = 1_500;

process.on('uncaughtException', (error) => {
  early.logger.error('Fault in HyperMesh itself', { error: error.stack ?? error.message });
  process.stderr.write(`HyperMesh ends because of a fault of its own: ${error.stack ?? error.message}\n`);
  void end(EXIT_BUG);
});

if (app.commandLine.hasSwitch('headless')) {
  process.stderr.write(
    'This program is the window; for a node without one run `hypermesh start --headless`. (HEADLESS_IS_THE_COMMAND_LINE)\n',
  );
  app.exit(EXIT_USAGE);
} else {
  app.setPath('userData', profile.path);
  // With it, Electron's own sandbox is off, and asking for it would end every page.
  if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
  registerPageScheme();
  if (!app.requestSingleInstanceLock()) {
    process.stdout.write('HyperMesh runs already; its window comes to the front.\n');
    app.exit(0);
  } else {
    app.on('second-instance', (_event, argv) => {
      if (!argv.includes('--hidden')) desktop?.windowControl.show();
    });
    // macOS: a click on the icon in the dock.
    app.on('activate', () => desktop?.windowControl.show());
    // Having this handler keeps the node running when the window is closed.
    app.on('window-all-closed', () => undefined);
    app.on('before-quit', (event) => {
      event.preventDefault();
      void end(0);
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => app.quit());
    app.whenReady().then(start).catch(fail);
  }
}
