// The entry with no screen: the command line, and the node it can run in this very process. The half of the program that
// makes up a node is loaded only by `start`, so that every other command answers at once.
import { spawn } from 'node:child_process';
import { existsSync, fstatSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { dirname, join, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EXIT,
  type OpenDesktop,
  type RunHeadless,
  type Terminal,
  type VerifyChainFile,
  type VerifyJobResult,
  type VerifyLeaseFile,
  type VerifyReceiptFile,
  type VerifyProofFile,
  type WithSettings,
  runCli,
} from './api/cli/index.ts';
import type { Logger } from './base/index.ts';
import { defaultDataPath } from './base/data-folder/index.ts';
import { createSystemOutside } from './base/system-outside.ts';
import { findProgramPaths } from './paths.ts';

const { env, stdout, stderr, stdin } = process;
const paths = findProgramPaths(import.meta.url);
const outside = createSystemOutside();
const fromSource = import.meta.url.endsWith('.ts');

/** `package.json` lies two folders above the built entry and one above the source. */
const readVersion = (): string => {
  const folder = dirname(fileURLToPath(import.meta.url));
  for (const path of [join(folder, '..', 'package.json'), join(folder, '..', '..', 'package.json')]) {
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
  }
  return 'unknown';
};
const version = readVersion();

// A reader that went away, such as `head`, is no error of ours.
for (const stream of [stdout, stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.ok);
  });

const interruptListeners = new Set<() => void>();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    const listeners = [...interruptListeners];
    // A second one means it.
    interruptListeners.clear();
    if (listeners.length === 0) process.exit(EXIT.interrupted);
    for (const listener of listeners) listener();
  });

const readInput: Terminal['readInput'] = async (bytesMax) => {
  try {
    const found = fstatSync(0);
    // A terminal waits for a person, and /dev/null has nothing to say.
    if (!found.isFIFO() && !found.isFile() && !found.isSocket()) return null;
  } catch {
    return null;
  }
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stdin as AsyncIterable<Buffer>) {
    size += part.length;
    parts.push(part);
    // One byte too many is enough for the node to refuse it with the right words.
    if (size > bytesMax) break;
  }
  return Buffer.concat(parts);
};

/** One line from the keyboard. Ctrl-C ends the command, with the terminal as it was. */
const ask = async (prompt: string, echo: boolean): Promise<string | null> => {
  if (!stdin.isTTY || !stderr.isTTY) return null;
  const { createInterface } = await import('node:readline');
  const { Writable } = await import('node:stream');
  // Readline writes what is typed; where that is a secret, into nothing.
  const output = echo ? stderr : new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
  // Only now: before, the terminal itself would echo what is typed at once.
  stderr.write(prompt);
  try {
    return await new Promise((resolve) => {
      reader.once('line', resolve);
      reader.once('SIGINT', () => {
        reader.close();
        stderr.write('\n');
        process.exit(EXIT.interrupted);
      });
      reader.once('close', () => resolve(null));
    });
  } finally {
    reader.close();
    // Readline goes on holding the keyboard otherwise, and with it the process.
    stdin.pause();
    if (!echo) stderr.write('\n');
  }
};

const terminal: Terminal = {
  writeOut: (text) => void stdout.write(text),
  writeError: (text) => void stderr.write(text),
  columns: stdout.columns ?? (Number(env['COLUMNS']) || 80),
  colour: stdout.isTTY && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
  progress: stderr.isTTY && env['TERM'] !== 'dumb',
  readInput,
  // Node leaves the field out where there is no terminal, though its types say otherwise.
  interactive: [stdin, stdout, stderr].every((stream) => stream.isTTY),
  readSecret: (prompt) => ask(prompt, false),
  readLine: (prompt) => ask(prompt, true),
  // ECMA-48: cursor home, erase display; xterm's 3: its scrollback too.
  clearScreen: () => void (stdout.isTTY && stdout.write('\x1b[H\x1b[2J\x1b[3J')),
  onInterrupt: (listener) => {
    interruptListeners.add(listener);
    return () => interruptListeners.delete(listener);
  },
};

const runHeadless: RunHeadless = async ({ dataFolder, apiPort, passphrase }, onReady) => {
  // Whatever the node writes is for its own user alone.
  process.umask(0o077);
  const [{ openNode }, { createTerminalPresence }, { networkFromEnvironment }] = await Promise.all([
    import('./node.ts'),
    import('./kernel/monitor/index.ts'),
    import('./config.ts'),
  ]);
  const node = await openNode(
    {
      outside,
      presence: createTerminalPresence({ outside }),
      gpuProbe: null,
      gpuMultiplier: null,
      keyStore: null,
      approval: null,
      windowControl: null,
    },
    {
      dataFolder,
      paths,
      mode: 'headless',
      version,
      apiPort,
      passphrase,
      environment: { DOCKER_HOST: env['DOCKER_HOST'], XDG_RUNTIME_DIR: env['XDG_RUNTIME_DIR'] },
      network: networkFromEnvironment(env['HYPERMESH_NETWORK']),
      logToTerminal: false,
    },
  );
  terminal.onInterrupt(() => void node.stop());
  onReady(node.running);
  await node.stopped;
};

const withSettings: WithSettings = async (dataFolder, { forReading }, work) => {
  const [{ openDataFolder }, { loadConfig }] = await Promise.all([
    import('./base/data-folder/index.ts'),
    import('./config.ts'),
  ]);
  const folder = await openDataFolder({}, { path: dataFolder, clientOnly: forReading });
  try {
    return await work(await loadConfig(folder.configPath));
  } finally {
    await folder.release();
  }
};

const verifyProofFile: VerifyProofFile = async (file, { nonce, whole, signal, onProgress }) => {
  const proof = await import('./kernel/proof/index.ts');
  const check = { nonce, nowMs: outside.clock.nowMs(), checkSeed: outside.random.bytes(32) };
  if (!whole) return proof.verifyProofFile(file, check);
  const { createWorkerPool } = await import('./base/workers/index.ts');
  const ignore = (): void => undefined;
  const silent: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore, child: () => silent };
  const workers = createWorkerPool(
    { logger: silent, metrics: null, clock: outside.clock },
    // Whoever asks for it waits for it: all processors.
    { workerPath: paths.worker, size: availableParallelism() },
  );
  const requirements = proof.requirementsFor('Public', proof.PROOF_KINDS, { time: { segments: 'whole' } });
  try {
    return await proof.verifyProofFileInWorkers(
      { workers },
      file,
      { ...check, requirements },
      { signal, progress: onProgress },
    );
  } finally {
    await workers.close();
  }
};

const verifyLeaseFile: VerifyLeaseFile = async (file) =>
  (await import('./kernel/leases/index.ts')).verifyLeaseFile(file);

const verifyReceiptFile: VerifyReceiptFile = async (file) =>
  (await import('./apps/caesar/index.ts')).verifyReceipt(file);

const verifyJobResult: VerifyJobResult = async (file) =>
  (await import('./kernel/runtime/results/index.ts')).verifyJobResult(file);

const verifyChainFile: VerifyChainFile = async (path, options) => {
  const [blocks, { createBlockProofCheck }, { ledgerModules }, { createWorkerPool }] = await Promise.all([
    import('./kernel/blocks/index.ts'),
    import('./kernel/prover/index.ts'),
    import('./ledger-modules.ts'),
    import('./base/workers/index.ts'),
  ]);
  const ignore = (): void => undefined;
  const silent: Logger = { error: ignore, warn: ignore, info: ignore, debug: ignore, child: () => silent };
  const { clock, random } = outside;
  const workers = createWorkerPool(
    { logger: silent, metrics: null, clock },
    { workerPath: paths.worker, size: availableParallelism() },
  );
  try {
    const verifyProof = createBlockProofCheck({ workers, random });
    return await blocks.verifyChainFile({ clock, workers, modules: ledgerModules(), verifyProof }, path, options);
  } finally {
    await workers.close();
  }
};

/** The installed app beside this program, or the one that development uses. */
const findDesktop = (): { program: string; args: string[] } | null => {
  const folder = dirname(fileURLToPath(import.meta.url));
  const executable = process.platform === 'win32' ? 'HyperMesh.exe' : 'hypermesh-desktop';
  // Installed: <app>/resources/app.asar/out/main/cli.js beside <app>/hypermesh-desktop.
  const installed = [
    env['HYPERMESH_DESKTOP'],
    join(folder, '..', '..', '..', '..', executable),
    join(folder, '..', '..', '..', executable),
  ].find((path) => path !== undefined && existsSync(path));
  if (installed !== undefined) return { program: installed, args: [] };
  const root = fromSource ? dirname(folder) : dirname(dirname(folder));
  const electron = join(
    root,
    'node_modules',
    'electron',
    'dist',
    process.platform === 'win32' ? 'electron.exe' : 'electron',
  );
  return existsSync(electron) && existsSync(join(root, 'out', 'main', 'index.js'))
    ? { program: electron, args: [root] }
    : null;
};

const openDesktop: OpenDesktop = async (dataFolder) => {
  const hasScreen = process.platform !== 'linux' || Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY']);
  if (!hasScreen) return { opened: false, reason: 'There is no screen here.' };
  const desktop = findDesktop();
  if (desktop === null) return { opened: false, reason: 'The desktop app is not installed here.' };
  // Chromium's sandbox refuses to run as root, https://crbug.com/638180.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const child = spawn(desktop.program, [...desktop.args, ...asRoot], {
    detached: true,
    stdio: 'ignore',
    env: { ...env, HYPERMESH_DATA: dataFolder },
  });
  const failed = await new Promise<Error | null>((resolve) => {
    child.once('spawn', () => resolve(null));
    child.once('error', resolve);
  });
  child.unref();
  return failed === null
    ? { opened: true }
    : { opened: false, reason: `The desktop app does not start (${failed.message}).` };
};

/** Where systemd puts what `LoadCredential=hypermesh-passphrase:…` names, https://systemd.io/CREDENTIALS/. */
const passphraseCredential = ((): string | null => {
  const folder = env['CREDENTIALS_DIRECTORY'] ?? '';
  const path = join(folder, 'hypermesh-passphrase');
  return folder !== '' && existsSync(path) ? path : null;
})();

process.exitCode = await runCli(
  {
    terminal,
    clock: outside.clock,
    runHeadless,
    openDesktop,
    withSettings,
    verifyProofFile,
    verifyLeaseFile,
    verifyReceiptFile,
    verifyJobResult,
    verifyChainFile,
  },
  { dataFolder: resolvePath(defaultDataPath(env, process.platform, homedir())), version, passphraseCredential },
  process.argv.slice(2),
);
