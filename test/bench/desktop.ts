import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { findElectron } from '../../scripts/setup/electron.mjs';
import { startDisplay } from '../../scripts/test/services.mjs';
import { type Figure, percentile } from './figure.ts';

const run = promisify(execFile);
export const root = join(import.meta.dirname, '..', '..');
/** As the goals say. */
const IDLE_MS = 60_000;
/** Start-up work (first look at the hardware, caches of Chromium) is over by then. */
const SETTLE_MS = 15_000;
const PAINT_RUNS = 5;
const START_MS_MAX = 60_000;
/** Clock ticks per second that /proc counts in; fixed at 100 for programs on Linux. */
const TICKS_PER_SECOND = 100;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const sandboxArgs = process.getuid?.() === 0 ? ['--no-sandbox'] : [];

/** A screen: the one there is, or one in memory for as long as `body` runs. */
export const withDisplay = async <T>(body: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> => {
  if (process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY'] || process.platform !== 'linux')
    return await body(process.env);
  const display = await startDisplay();
  if (typeof display === 'string') throw new Error(`There is no screen and none can be made: ${display}`);
  try {
    return await body({ ...process.env, ...display.env });
  } finally {
    await display.stop();
  }
};

export const withFolder = async <T>(body: (folder: string) => Promise<T>): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
};

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });

/** A data folder as after the first run, on a port that nobody has. */
export const makeDataFolder = async (folder: string): Promise<string> => {
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  await writeFile(join(data, 'format'), 'hypermesh-data 1\n', { mode: 0o600 });
  await writeFile(
    join(data, 'config.json'),
    JSON.stringify({
      version: 1,
      apiPort: await freePort(),
      logLevel: 'info',
      theme: 'system',
      openAtLogin: false,
      closeHintShown: true,
      firstRunDone: true,
      containerEndpoint: null,
      network: { enabled: false },
    }),
    { mode: 0o600 },
  );
  return data;
};

interface Started {
  child: ChildProcess;
  /** From the start of the process to the line, in ms. */
  lineAfterMs: number;
}

/** Starts a program and waits for a line that starts with `checkpoint`; at once when it is null. */
export const start = (
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  checkpoint: string | null,
): Promise<Started> =>
  new Promise((resolve, reject) => {
    const beganMs = performance.now();
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${program} did not say ${checkpoint} within ${START_MS_MAX} ms:\n${text}`));
    }, START_MS_MAX);
    const settle = (): void => {
      clearTimeout(timer);
      resolve({ child, lineAfterMs: performance.now() - beganMs });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        if (checkpoint === null) return;
        text += chunk;
        if (text.startsWith(checkpoint) || text.includes(`\n${checkpoint}`)) settle();
      });
    }
    child.once('error', reject);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${program} ended with ${code}:\n${text}`));
    });
    if (checkpoint === null) child.once('spawn', settle);
  });

export const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await ended;
  clearTimeout(timer);
};

/** A process with all its descendants. */
const processTree = async (pid: number): Promise<number[]> => {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => null);
    // The name in brackets may hold spaces and brackets; fields are counted from the last one.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields !== undefined) parents.set(Number(name), Number(fields[1]));
  }
  const tree = [pid];
  for (let index = 0; index < tree.length; index += 1)
    for (const [child, parent] of parents) if (parent === tree[index]) tree.push(child);
  return tree;
};

const cpuTicks = async (pids: readonly number[]): Promise<number> => {
  let ticks = 0;
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields !== undefined) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks;
};

const pssMib = async (pids: readonly number[]): Promise<number> => {
  let kib = 0;
  for (const pid of pids) {
    const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
    kib += Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0);
  }
  return kib / 1024;
};

interface Idle {
  cpuPercentOfCore: number;
  pssMib: number;
}

/**
 * Leaves programs alone for a minute, side by side. All are read before any is stopped: pages that two programs share
 * count half for each only while both are there.
 *
 * @returns null for a program that did not stay: what is gone uses nothing, which would be no figure
 */
const measureIdle = async (all: readonly Started[]): Promise<(Idle | null)[]> => {
  try {
    await sleep(SETTLE_MS);
    const pids = all.map(({ child }) => child.pid as number);
    const before = await Promise.all(pids.map(async (pid) => await cpuTicks(await processTree(pid))));
    const beganMs = performance.now();
    await sleep(IDLE_MS);
    const trees = await Promise.all(pids.map(processTree));
    const after = await Promise.all(trees.map(cpuTicks));
    const seconds = (performance.now() - beganMs) / 1000;
    const memory = await Promise.all(trees.map(pssMib));
    return all.map(({ child }, index) =>
      child.exitCode !== null || child.signalCode !== null
        ? null
        : {
            cpuPercentOfCore:
              (((after[index] as number) - (before[index] as number)) / TICKS_PER_SECOND / seconds) * 100,
            pssMib: memory[index] as number,
          },
    );
  } finally {
    await Promise.all(all.map(({ child }) => stop(child)));
  }
};

/** The least that Electron can be: ready and nothing else, or with one empty window that says when it was painted. */
const writeEmptyApp = async (folder: string, withWindow: boolean): Promise<string> => {
  const path = join(folder, 'empty');
  await mkdir(path);
  await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0', main: 'main.cjs' }));
  await writeFile(join(path, 'empty.html'), '<!doctype html><title>empty</title><p>empty</p>');
  await writeFile(
    join(path, 'main.cjs'),
    withWindow
      ? `const { app, BrowserWindow } = require('electron');
app.setPath('userData', ${JSON.stringify(join(folder, 'profile'))});
app.whenReady().then(() => {
  const window = new BrowserWindow({ show: false, width: 1180, height: 800, webPreferences: { sandbox: true } });
  window.once('ready-to-show', () => { window.show(); process.stdout.write('window:painted\\n'); });
  window.loadFile('empty.html');
});`
      : `const { app } = require('electron');
app.setPath('userData', ${JSON.stringify(join(folder, 'profile'))});
app.on('window-all-closed', () => undefined);
app.whenReady().then(() => process.stdout.write('app:ready\\n'));`,
  );
  return path;
};

export const electronProgram = async (): Promise<string> => (await findElectron({ allowRepublished: true })).executable;
export const requireBuild = (): void => {
  if (!existsSync(join(root, 'out', 'main', 'index.js')))
    throw new Error('out/ is not built; run `npm run build` first');
};
const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Time from the start of the process to the first picture, against an empty Electron window in turns. */
export const benchWindowPaint = async (): Promise<Figure[]> => {
  requireBuild();
  const electron = await electronProgram();
  return await withDisplay(async (env) =>
    withFolder(async (folder) => {
      const empty = await writeEmptyApp(folder, true);
      const data = await makeDataFolder(folder);
      const ours: number[] = [];
      const floor: number[] = [];
      const ready: number[] = [];
      // One round unmeasured: profiles are made and files come into the cache.
      for (let round = -1; round < PAINT_RUNS; round += 1) {
        const bare = await start(electron, [...sandboxArgs, empty], env, 'window:painted');
        await stop(bare.child);
        const app = await start(
          electron,
          [...sandboxArgs, root, '--no-dialogs'],
          { ...env, HYPERMESH_DATA: data },
          'window:painted',
        );
        await stop(app.child);
        const whole = await start(
          electron,
          [...sandboxArgs, root, '--no-dialogs', '--hidden'],
          { ...env, HYPERMESH_DATA: data },
          'node:ready',
        );
        await stop(whole.child);
        if (round < 0) continue;
        floor.push(bare.lineAfterMs);
        ours.push(app.lineAfterMs);
        ready.push(whole.lineAfterMs);
      }
      const value = median(ours);
      const peer = { name: 'empty Electron window', value: median(floor) };
      return [
        {
          name: 'window painted after start, p50',
          unit: 'ms',
          value,
          peer,
          ratio: value / peer.value,
          target: '< 1000 ms more than an empty window',
          reached: value - peer.value < 1000,
        },
        {
          name: 'node ready after start, hidden, p50',
          unit: 'ms',
          value: median(ready),
          target: '< 5000 ms',
          reached: median(ready) < 5000,
        },
      ];
    }),
  );
};

/** A minute in the tray with no window, beside an Electron that does nothing. */
export const benchIdleTray = async (): Promise<Figure[]> => {
  requireBuild();
  const electron = await electronProgram();
  return await withDisplay(async (env) =>
    withFolder(async (folder) => {
      const empty = await writeEmptyApp(folder, false);
      const data = await makeDataFolder(folder);
      // Side by side, so that both share the pages of Electron in the same way.
      const [ours, floor] = await measureIdle(
        await Promise.all([
          start(
            electron,
            [...sandboxArgs, root, '--no-dialogs', '--hidden'],
            { ...env, HYPERMESH_DATA: data },
            'node:ready',
          ),
          start(electron, [...sandboxArgs, empty], env, 'app:ready'),
        ]),
      );
      if (!ours || !floor) throw new Error('a program ended before the minute was over');
      const name = 'empty Electron, no window';
      return [
        {
          name: 'idle in the tray, processor, 60 s',
          unit: '%',
          value: ours.cpuPercentOfCore,
          peer: { name, value: floor.cpuPercentOfCore },
          target: '< 1 % of one core',
          reached: ours.cpuPercentOfCore < 1,
        },
        {
          name: 'idle in the tray, memory (PSS)',
          unit: 'MiB',
          value: ours.pssMib,
          peer: { name, value: floor.pssMib },
          ratio: ours.pssMib / floor.pssMib,
          target: '≤ 1.4 × an empty Electron',
          reached: ours.pssMib <= 1.4 * floor.pssMib,
        },
      ];
    }),
  );
};

const which = (program: string): string | null =>
  [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin']
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path)) ?? null;

/** The peers that this machine has, each in an empty folder of its own and on loopback only. */
const startPeers = async (folder: string): Promise<{ name: string; started: Started }[]> => {
  const peers: { name: string; started: Started }[] = [];
  const syncthing = which('syncthing');
  if (syncthing !== null) {
    const home = join(folder, 'syncthing');
    await run(syncthing, ['generate', `--home=${home}`, '--no-default-folder']);
    // Nothing that looks for others: only the program itself is compared.
    const path = join(home, 'config.xml');
    const config = (await readFile(path, 'utf8'))
      .replace(
        /<(globalAnnounceEnabled|localAnnounceEnabled|relaysEnabled|natEnabled|crashReportingEnabled)>true</g,
        '<$1>false<',
      )
      .replace(/<listenAddress>[^<]*</, `<listenAddress>tcp://127.0.0.1:${await freePort()}<`);
    await writeFile(path, config);
    peers.push({
      name: 'syncthing',
      started: await start(
        syncthing,
        [
          'serve',
          `--home=${home}`,
          '--no-browser',
          '--no-restart',
          '--no-upgrade',
          `--gui-address=127.0.0.1:${await freePort()}`,
        ],
        { ...process.env, HOME: folder, STNOUPGRADE: '1' },
        null,
      ),
    });
  }
  const boinc = which('boinc');
  if (boinc !== null) {
    const home = join(folder, 'boinc');
    await mkdir(home);
    peers.push({
      name: 'boinc-client',
      started: await start(
        boinc,
        ['--dir', home, '--no_gui_rpc', '--suppress_net_info'],
        { ...process.env, HOME: folder },
        null,
      ),
    });
  }
  return peers;
};

/** A minute with no screen, beside programs of the same kind that this machine has. */
export const benchIdleHeadless = async (): Promise<Figure[]> => {
  requireBuild();
  return await withFolder(async (folder) => {
    const data = await makeDataFolder(folder);
    const ours = await start(
      process.execPath,
      [join(root, 'out', 'main', 'cli.js'), 'start', '--headless'],
      { ...process.env, HYPERMESH_DATA: data },
      'HyperMesh runs',
    );
    const peers = await startPeers(folder);
    const [own, ...others] = await measureIdle([ours, ...peers.map(({ started }) => started)]);
    if (!own) throw new Error('the node ended before the minute was over');
    const cpuTarget = '< 1 % of one core';
    const memoryTarget = '≤ 120 MiB';
    const figures: Figure[] = [];
    if (peers.length === 0)
      console.log('Peers missing here: boinc-client and syncthing (Debian packages of these names).');
    const beside: ({ name: string } & Idle)[] = [];
    for (const [index, { name }] of peers.entries()) {
      const idle = others[index];
      if (idle) beside.push({ name, ...idle });
      else console.log(`${name} ended before the minute was over and is left out.`);
    }
    for (const peer of beside.length === 0 ? [null] : beside) {
      figures.push(
        {
          name: 'idle with no screen, processor, 60 s',
          unit: '%',
          value: own.cpuPercentOfCore,
          ...(peer && { peer: { name: peer.name, value: peer.cpuPercentOfCore } }),
          target: cpuTarget,
          reached: own.cpuPercentOfCore < 1,
        },
        {
          name: 'idle with no screen, memory (PSS)',
          unit: 'MiB',
          value: own.pssMib,
          ...(peer && { peer: { name: peer.name, value: peer.pssMib }, ratio: own.pssMib / peer.pssMib }),
          target: memoryTarget,
          reached: own.pssMib <= 120,
        },
      );
    }
    return figures;
  });
};

/** Jobs that run while the main thread is watched; each takes a tenth of a core. */
const WATCHED_JOBS = 4;
const WATCHED_JOB_CPU_PERCENT = 10;
const WATCHED_MODULE_BYTES = 2 ** 20;
/** The largest that a job may have. */
const LARGEST_MODULE_BYTES = 32 * 2 ** 20;
/** How long the benchmark of the hardware may take on a machine that is busy with other things. */
const HARDWARE_BENCHMARK_MS_MAX = 300_000;
const BLOCK_TARGET = '< 50 ms';

/** One look of the watcher: when it was, how late, and how late by the thread's own doing. All in ms. */
type Look = [atMs: number, lateMs: number, ownMs: number];

/**
 * A clock inside of the main thread. A timer each 5 ms; what it is late by is how long the thread was held. On a busy
 * machine that is mostly waiting for a core, which no program can help, so the kernel's count of that wait
 * (second field of schedstat, https://docs.kernel.org/scheduler/sched-stats.html) is taken off: what is left is work
 * and waiting in system calls, both the program's own.
 */
const writeWatcher = async (folder: string): Promise<string> => {
  const path = join(folder, 'watch.cjs');
  await writeFile(
    path,
    `const { isMainThread } = require('node:worker_threads');
const { openSync, readSync, writeFileSync } = require('node:fs');
const report = process.env.HYPERMESH_BENCH_REPORT;
if (isMainThread && report) {
  delete process.env.HYPERMESH_BENCH_REPORT;
  const stat = openSync('/proc/self/task/' + process.pid + '/schedstat', 'r');
  const buffer = Buffer.alloc(96);
  const waitedMs = () => Number(buffer.toString('latin1', 0, readSync(stat, buffer, 0, 96, 0)).split(' ')[1]) / 1e6;
  const looks = [];
  let last = performance.now();
  let lastWaited = waitedMs();
  setInterval(() => {
    const now = performance.now();
    const waited = waitedMs();
    const late = Math.max(0, now - last - 5);
    looks.push([performance.timeOrigin + now, late, Math.max(0, late - (waited - lastWaited))]);
    last = now;
    lastWaited = waited;
  }, 5).unref();
  process.on('SIGUSR2', () => writeFileSync(report, JSON.stringify(looks)));
}`,
  );
  return path;
};

/** What a watcher has seen so far. */
const readLooks = async (child: ChildProcess, report: string): Promise<Look[]> => {
  child.kill('SIGUSR2');
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await sleep(100);
    const text = await readFile(report, 'utf8').catch(() => '');
    // Half a file is no JSON yet.
    if (text.endsWith(']]')) return JSON.parse(text) as Look[];
  }
  throw new Error('the watcher wrote no report');
};

/**
 * Watches the main thread of the app with its window open, under everything that an owner can ask for at once, beside
 * an Electron that does nothing on the same machine at the same time.
 */
export const benchMainThreadBlock = async (): Promise<Figure[]> => {
  requireBuild();
  if (process.platform !== 'linux') {
    console.log('The main thread is watched on Linux only, where the kernel tells waiting for a core from work.');
    return [];
  }
  const electron = await electronProgram();
  return await withDisplay(async (env) =>
    withFolder(async (folder) => {
      const data = await makeDataFolder(folder);
      const empty = await writeEmptyApp(folder, true);
      const watcher = await writeWatcher(folder);
      const reports = { ours: join(folder, 'ours.json'), floor: join(folder, 'floor.json') };
      const floor = await start(
        electron,
        [...sandboxArgs, '-r', watcher, empty],
        { ...env, HYPERMESH_BENCH_REPORT: reports.floor },
        'window:painted',
      );
      const ours = await start(
        electron,
        [...sandboxArgs, '-r', watcher, root, '--no-dialogs'],
        { ...env, HYPERMESH_DATA: data, HYPERMESH_BENCH_REPORT: reports.ours },
        'node:ready',
      );
      const readyAtMs = Date.now();
      try {
        const { url, token } = JSON.parse(await readFile(join(data, 'node.json'), 'utf8')) as {
          url: string;
          token: string;
        };
        const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
          const response = await fetch(new URL(path, url), {
            method,
            headers: {
              Authorization: `Bearer ${token}`,
              ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          });
          const text = await response.text();
          // A call that fails would measure nothing.
          if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
          return JSON.parse(text);
        };
        const phases: { name: string; fromMs: number; toMs: number }[] = [];
        const during = async <T>(name: string, body: () => Promise<T>): Promise<T> => {
          const fromMs = Date.now();
          const result = await body();
          phases.push({ name, fromMs, toMs: Date.now() });
          return result;
        };
        const moduleOf = (program: string, bytes: number): string =>
          Buffer.from(program.padEnd(bytes - 1, '/')).toString('base64');
        const job = (name: string, module: string) => ({
          name,
          kind: 'javascript',
          module,
          cpuPercent: WATCHED_JOB_CPU_PERCENT,
          memoryBytes: 64 * 2 ** 20,
          timeMsMax: 2 * HARDWARE_BENCHMARK_MS_MAX,
        });
        const state = async (id: string): Promise<string> =>
          ((await call('GET', `/v1/jobs/${id}`)) as { state: string }).state;

        // Loads of the first seconds (Chromium's caches, the first look at the hardware) are start-up too.
        await sleep(SETTLE_MS);
        const spinning = moduleOf(
          'for (let n = 0; ; n += 1) { for (let s = 0; s < 2e6; s += 1); console.log("turn", n); }\n//',
          WATCHED_MODULE_BYTES,
        );
        const ids: string[] = [];
        await during('starting the jobs', async () => {
          for (let index = 0; index < WATCHED_JOBS; index += 1)
            ids.push(((await call('POST', '/v1/jobs', job(`watched ${index}`, spinning))) as { id: string }).id);
        });
        const reads = ['/v1/hardware', '/v1/share', '/v1/share/levels', '/v1/jobs', '/v1/node', '/v1/hardware/live'];
        let loading = true;
        let readsDone = 0;
        const reader = async (): Promise<void> => {
          for (; loading; readsDone += 1) {
            await call('GET', reads[readsDone % reads.length] as string);
            await sleep(20);
          }
        };
        const reading = Promise.all([reader(), reader()]);
        reading.catch(() => undefined);
        await during('hardware benchmark', async () => {
          await call('POST', '/v1/benchmark', {});
          for (const untilMs = Date.now() + HARDWARE_BENCHMARK_MS_MAX; ; await sleep(250)) {
            const { status } = (await call('GET', '/v1/benchmark')) as { status: string };
            if (status === 'done') break;
            if (status !== 'running' || Date.now() > untilMs) throw new Error(`the hardware benchmark is ${status}`);
          }
        });
        await during('detecting the hardware', () => call('POST', '/v1/hardware/detect', {}));
        await during('reading the log', () => call('GET', '/v1/logs?level=debug&limit=5000'));
        await during('doctor', () => call('POST', '/v1/doctor', {}));
        await during('bundle', () => call('POST', '/v1/bundle', {}));
        for (const id of ids) {
          const now = await state(id);
          if (now !== 'running' && now !== 'frozen') throw new Error(`a watched job is ${now} before the end`);
        }
        const loadedUntilMs = Date.now();
        const largest = moduleOf('console.log("done")\n//', LARGEST_MODULE_BYTES);
        await during('largest module', async () => {
          const { id } = (await call('POST', '/v1/jobs', job('largest', largest))) as { id: string };
          await call('POST', `/v1/jobs/${id}/cancel`, {});
        });
        loading = false;
        await reading;
        const [looks, bare] = await Promise.all([
          readLooks(ours.child, reports.ours),
          readLooks(floor.child, reports.floor),
        ]);
        const load = phases[0] as (typeof phases)[number];
        const within = (all: readonly Look[], fromMs: number, toMs: number): Look[] =>
          all.filter(([atMs]) => atMs >= fromMs && atMs <= toMs);
        const loaded = within(looks, load.fromMs, loadedUntilMs);
        const beside = within(bare, load.fromMs, loadedUntilMs);
        const late = (all: readonly Look[]): number[] => all.map(([, lateMs]) => lateMs);
        const own = (all: readonly Look[]): number[] => all.map(([, , ownMs]) => ownMs);
        const what = `${WATCHED_JOBS} jobs of 1 MiB, live window, hardware benchmark, ${readsDone} reads`;
        for (const { name, fromMs, toMs } of phases)
          console.log(
            `  main thread held by its own work while ${name}: ${percentile(own(within(looks, fromMs, toMs + 100)), 1).toFixed(1)} ms at most`,
          );
        const peer = (value: number) => ({ name: 'empty Electron window, same moment', value });
        const figure = (name: string, value: number, floorValue: number): Figure => ({
          name,
          unit: 'ms',
          value,
          peer: peer(floorValue),
          target: BLOCK_TARGET,
          reached: value < 50,
        });
        const large = phases.at(-1) as (typeof phases)[number];
        return [
          figure(
            `main thread held by its own work, p99 (${what})`,
            percentile(own(loaded), 0.99),
            percentile(own(beside), 0.99),
          ),
          figure(
            `main thread held by its own work, longest (${what})`,
            percentile(own(loaded), 1),
            percentile(own(beside), 1),
          ),
          figure(
            'main thread held by its own work, longest (a module of 32 MiB comes in by HTTP)',
            percentile(own(within(looks, large.fromMs, large.toMs)), 1),
            percentile(own(within(bare, large.fromMs, large.toMs)), 1),
          ),
          {
            name: 'event loop late with the wait for a core, p99 (same load)',
            unit: 'ms',
            value: percentile(late(loaded), 0.99),
            peer: peer(percentile(late(beside), 0.99)),
            target: 'near the empty window: the machine decides this one',
          },
          {
            name: 'event loop late with the wait for a core, longest (same load)',
            unit: 'ms',
            value: percentile(late(loaded), 1),
            peer: peer(percentile(late(beside), 1)),
            target: 'near the empty window: the machine decides this one',
          },
          {
            name: 'main thread held by its own work, longest (start-up, until the node is ready)',
            unit: 'ms',
            value: percentile(own(looks.filter(([atMs]) => atMs < readyAtMs)), 1),
            target: 'for information',
          },
        ];
      } finally {
        await Promise.all([stop(ours.child), stop(floor.child)]);
      }
    }),
  );
};
