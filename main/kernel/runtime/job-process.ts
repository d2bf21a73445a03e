import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { dirname, join, parse } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../../base/index.ts';
import { DIAGNOSTICS_BYTES_MAX } from './constants.ts';
import type { GovernedProcess } from './governor/index.ts';
import type { HostProgram } from './interface.ts';
import { giveWay, killGroup } from './processes.ts';
import type { EndReport, RunningReport, StartHeader } from './protocol.ts';
import { FRAME, FrameReader, PROTOCOL_VERSION, startMessage } from './protocol.ts';

/** Packages that a host loads when it is not bundled with them. */
const HOST_PACKAGES = [
  '@bjorn3/browser_wasi_shim',
  'quickjs-emscripten-core',
  '@jitl/quickjs-ffi-types',
  '@jitl/quickjs-wasmfile-release-sync',
];
/** Old space of V8 beside the program's own memory: the host's objects and V8's view of the module. */
const HEAP_MIB_MIN = 64;

/** What a host process says. Each is called at most once but for `output`; none after `closed`. */
export interface JobProcessListener {
  running(report: RunningReport): void;
  output(stream: 'stdout' | 'stderr', bytes: Buffer): void;
  ended(report: EndReport): void;
  refused(reason: string): void;
  /** The process is gone and everything that it wrote was heard. `explanation` is what it said beside the protocol. */
  closed(how: { signal: string | null; exitCode: number | null; explanation: string }): void;
}

export interface JobProcessInit {
  host: HostProgram;
  /** Path of `setpriv`, where it can tie the process to the node. */
  setpriv: string | null;
  platform: NodeJS.Platform;
  header: Omit<StartHeader, 'version' | 'nodePid' | 'watch' | 'moduleBytes' | 'stdinBytes' | 'engineBytes'>;
  module: Uint8Array;
  stdin: Uint8Array;
  engine: Uint8Array;
}

/**
 * Folders that the host may read: its own program, and the packages that it loads when run from source.
 *
 * @param script - `main/kernel/runtime/host/main.ts` or `out/main/job-host.cjs`
 */
export const hostReadPaths = (script: string): string[] => {
  const fromSource = script.endsWith('.ts');
  const program = fromSource ? dirname(dirname(script)) : dirname(script);
  const root = fromSource ? dirname(dirname(dirname(program))) : dirname(dirname(program));
  return [
    join(program, '/'),
    join(root, 'package.json'),
    ...HOST_PACKAGES.map((name) => join(root, 'node_modules', name, '/')),
  ];
};

/** Options of the plain Node that hosts one job. */
export const hostFlags = (script: string, memoryBytes: number, watch: boolean): string[] => [
  // No file but its own, no processes, no native code, no inspector; threads only to watch the pipe.
  '--permission',
  ...hostReadPaths(script).map((path) => `--allow-fs-read=${path}`),
  ...(watch ? ['--allow-worker'] : []),
  '--no-addons',
  '--disallow-code-generation-from-strings',
  '--disable-proto=delete',
  // V8 lets its young generation grow to 128 MiB while a program makes garbage quickly, as every call of the host does.
  // That is good for speed and would be counted against the job; at 1 MiB no call takes measurably longer.
  '--max-semi-space-size=1',
  `--max-old-space-size=${HEAP_MIB_MIN + Math.ceil(memoryBytes / 1024 / 1024)}`,
  // One helper thread compiles and collects: a job has one core, and each thread is time that its share pays for.
  '--v8-pool-size=1',
  '--no-warnings',
];

/** One host process and the conversation with it. */
export class JobProcess implements GovernedProcess {
  readonly pid: number;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #platform: NodeJS.Platform;
  readonly #listener: JobProcessListener;
  #closed = false;
  #running = false;
  #over = false;

  /** @throws {Error} when the system cannot start it; `code` is that of the system call */
  static async start(init: JobProcessInit, listener: JobProcessListener): Promise<JobProcess> {
    const watch = init.setpriv === null;
    const command = [
      init.host.execPath,
      ...hostFlags(init.host.script, init.header.memoryBytes, watch),
      init.host.script,
    ];
    const [file, args] =
      init.setpriv === null
        ? [command[0]!, command.slice(1)]
        : [init.setpriv, ['--pdeathsig', 'KILL', '--', ...command]];
    const child = spawn(file, args, {
      cwd: parse(init.host.script).root,
      env: init.host.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: init.platform !== 'win32',
      windowsHide: true,
    });
    if (child.pid === undefined) await new Promise((_, reject) => child.once('error', reject));
    else giveWay(child.pid);
    return new JobProcess(child, init, listener, watch);
  }

  private constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    init: JobProcessInit,
    listener: JobProcessListener,
    watch: boolean,
  ) {
    this.#child = child;
    this.pid = child.pid!;
    this.#platform = init.platform;
    this.#listener = listener;
    const explanation: Buffer[] = [];
    let explanationBytes = 0;
    // Errors of pipes and of the process are told by `close`, which always follows.
    for (const source of [child, child.stdin, child.stdout, child.stderr]) source.on('error', () => undefined);
    child.stderr.on('data', (piece: Buffer) => {
      if (explanationBytes < DIAGNOSTICS_BYTES_MAX)
        explanation.push(piece.subarray(0, DIAGNOSTICS_BYTES_MAX - explanationBytes));
      explanationBytes += piece.length;
    });
    const reader = new FrameReader();
    child.stdout.on('data', (piece: Buffer) => {
      try {
        for (const frame of reader.push(piece)) this.#hear(frame.type, frame.payload);
      } catch (error) {
        this.#over = true;
        explanation.push(Buffer.from(`broken protocol: ${messageOf(error)}`));
        this.kill();
      }
    });
    child.on('close', (exitCode: number | null, signal: string | null) => {
      this.#closed = true;
      listener.closed({ exitCode, signal, explanation: Buffer.concat(explanation).toString('utf8') });
    });
    const { header, module, stdin, engine } = init;
    const whole: StartHeader = {
      version: PROTOCOL_VERSION,
      nodePid: process.pid,
      watch,
      ...header,
      moduleBytes: module.length,
      stdinBytes: stdin.length,
      engineBytes: engine.length,
    };
    // The pipe stays open: its end tells the host that the node is gone.
    for (const part of startMessage(whole, [module, stdin, engine])) child.stdin.write(part);
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.#alive) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // It ended in between.
    }
  }

  kill(): void {
    if (this.#alive) killGroup(this.pid, this.#platform);
    // A killed process leaves what it wrote in the pipe; reading on lets `close` come.
    this.resumeOutput();
  }

  /** Stops reading, so that the program blocks in its next write. */
  pauseOutput(): void {
    this.#child.stdout.pause();
  }
  resumeOutput(): void {
    this.#child.stdout.resume();
  }

  /** Until the child is reaped its number belongs to it. */
  get #alive(): boolean {
    return !this.#closed && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** A frame of the host. The program may have broken out into it, so nothing is believed that is not checked. */
  #hear(type: number, payload: Buffer): void {
    if (this.#over) return;
    switch (type) {
      case FRAME.stdout:
      case FRAME.stderr:
        if (!this.#running) throw new Error('output before the start');
        this.#listener.output(type === FRAME.stdout ? 'stdout' : 'stderr', payload);
        return;
      case FRAME.running: {
        if (this.#running) throw new Error('started twice');
        const { residentBytes } = parseObject(payload);
        this.#running = true;
        this.#listener.running({ residentBytes: count(residentBytes) });
        return;
      }
      case FRAME.refused: {
        const { reason } = parseObject(payload);
        if (this.#running || typeof reason !== 'string') throw new Error('refused out of turn');
        this.#over = true;
        this.#listener.refused(reason);
        return;
      }
      case FRAME.end: {
        const report = parseObject(payload);
        const end = parseEnd(report['end']);
        this.#over = true;
        this.#listener.ended({
          end,
          cpuMs: count(report['cpuMs']),
          residentBytesPeak: count(report['residentBytesPeak']),
        });
        return;
      }
      default:
        throw new Error(`frame of type ${type}`);
    }
  }
}

const parseObject = (payload: Buffer): Record<string, unknown> => {
  const value: unknown = JSON.parse(payload.toString('utf8'));
  if (typeof value !== 'object' || value === null) throw new Error('no object');
  return value as Record<string, unknown>;
};

const count = (value: unknown): number => {
  if (typeof value !== 'number' || !(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new Error('no count');
  return value;
};

const parseEnd = (value: unknown): EndReport['end'] => {
  const end = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const { why, exitCode, message, limit } = end;
  if (why === 'exited' && Number.isSafeInteger(exitCode)) return { why, exitCode: exitCode as number };
  if (why === 'crashed' && typeof message === 'string') return { why, message };
  if (why === 'limit' && (limit === 'memory' || limit === 'scratch') && typeof message === 'string')
    return { why, limit, message };
  throw new Error('no end');
};
