import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSystemOutside, createWorkerPool } from '../../main/base/index.ts';
import { createSandboxDriver, type RuntimeDriver } from '../../main/kernel/runtime/index.ts';
import type { SandboxSpec } from '../../preload/contract/index.ts';
import { specOf, testHost } from '../support/runtime.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { testRuntimeDriver, type DriverPrograms, type DriverWorld } from './runtime-driver.ts';

const { clock } = createSystemOutside();
const MIB = 1024 * 1024;

const javascript = (code: string, given: Partial<SandboxSpec> = {}): Promise<SandboxSpec> =>
  Promise.resolve(specOf(code, { memoryBytes: 32 * MIB, ...given }));
const python = (code: string, given: Partial<SandboxSpec> = {}): Promise<SandboxSpec> =>
  Promise.resolve(specOf(code, { kind: 'python', memoryBytes: 96 * MIB, ...given }));

const inJavaScript: DriverPrograms = {
  exit: (code) => javascript(`print('out'); console.error('err'); exit(${code});`),
  echo: javascript("print(args.join('|')); print(env.GREETING); stdout.write(stdin.bytes());"),
  spin: javascript('for (;;);'),
  sleep: javascript("print('ready'); setInterval(() => {}, 60000);"),
  flood: javascript("for (;;) print('0123456789'.repeat(10));", { outputBytesMax: 16 * MIB }),
  memoryBomb: javascript('const all = []; for (;;) all.push(new Uint8Array(1e6).fill(7));'),
  copy: javascript("scratch.writeFile('out/copy.txt', scratch.readFile('data/in.txt'));", { outputs: ['out'] }),
  fillDisk: javascript("for (let i = 0; ; i++) scratch.writeFile('f' + i, new Uint8Array(100000));"),
  askable: null,
  deaf: javascript("print('ready'); for (;;);"),
};
const inPython: DriverPrograms = {
  exit: (code) => python(`import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(${code})`),
  echo: python(
    "import sys, os\nprint('|'.join(sys.argv[1:]))\nprint(os.environ['GREETING'])\nsys.stdout.write(sys.stdin.read())",
  ),
  spin: python('while True: pass'),
  sleep: python("import time\nprint('ready', flush=True)\ntime.sleep(100000)"),
  flood: python("while True: print('0123456789' * 10)", { outputBytesMax: 16 * MIB }),
  memoryBomb: python("all = []\nwhile True: all.append(b'7' * 1000000)"),
  copy: python(
    "import os\nos.mkdir('out')\nwith open('data/in.txt', 'rb') as source, open('out/copy.txt', 'wb') as copy: copy.write(source.read())",
    { outputs: ['out'] },
  ),
  fillDisk: python("for n in range(10000):\n  with open(f'f{n}', 'wb') as file: file.write(bytes(100000))"),
  askable: null,
  deaf: python("print('ready', flush=True)\nwhile True: pass"),
};

const openWorld = async (programs: DriverPrograms): Promise<DriverWorld> => {
  const logger = createSilentLogger();
  const workers = createWorkerPool(
    { logger, metrics: null, clock },
    { workerPath: join(import.meta.dirname, '..', 'support', 'runtime-worker.ts'), size: 1 },
  );
  const pids = new Set<number>();
  let current: RuntimeDriver;
  const drivers: RuntimeDriver[] = [];
  const start = async (): Promise<RuntimeDriver> => {
    const driver = createSandboxDriver(
      {
        clock,
        logger,
        workers,
        host: testHost,
        monitor: {
          countProcess: (pid) => {
            pids.add(pid);
            return () => undefined;
          },
        },
      },
      { warmMs: 0 },
    );
    await driver.start();
    drivers.push(driver);
    return driver;
  };
  current = await start();
  return {
    get driver() {
      return current;
    },
    programs,
    // A node that goes down takes its hosts with it.
    reopen: async () => {
      await current.stop();
      current = await start();
      return start();
    },
    leftovers: async () =>
      [...pids]
        .filter((pid) => existsSync(`/proc/${pid}`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')))
        .map(String),
    close: async () => {
      for (const driver of drivers) await driver.stop();
      await workers.close();
    },
  };
};

testRuntimeDriver('JavaScript in a sandbox', () => openWorld(inJavaScript), {
  adopts: false,
  asks: false,
  holds: false,
  startMsMax: 15_000,
});
testRuntimeDriver('Python in a sandbox', () => openWorld(inPython), {
  adopts: false,
  asks: false,
  holds: false,
  startMsMax: 30_000,
});
