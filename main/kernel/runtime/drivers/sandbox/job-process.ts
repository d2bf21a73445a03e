import type { ChildProcessByStdio } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { dirname, join, parse } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../../../../base/index.ts';
import { DIAGNOSTICS_BYTES_MAX } from '../../constants.ts';
import type { GovernedProcess } from '../../governor/index.ts';
import type { HostProgram } from '../../interface.ts';
import { giveWay, killGroup } from '../../processes.ts';
import type { EndReport, FileReport, RunningReport, StartHeader } from '../../protocol.ts';
import { FRAME, FrameReader, OUTPUT_FILES_MAX, PROTOCOL_VERSION, startMessage } from '../../protocol.ts';
import { isWorkPath } from '../../work-path.ts';

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
  /** A piece of a file that the program left; a file without any has one empty piece. */
  file(path: string, piece: Buffer): void;
  ended(report: EndReport): void;
  refused(reason: string): void;
  /** The process is gone and everything that it wrote was heard. `explanation` is what it said beside the protocol. */
  closed(how: { signal: string | null; exitCode: number | null; explanation: string }): void;
}

/** How a host process is started. */
export interface HostInit {
  host: HostProgram;
  /** Path of `setpriv`, where it can tie the process to the node. */
  setpriv: string | null;
  platform: NodeJS.Platform;
  memoryBytes: number;
}
/** What a host is told to do; see {@link StartHeader}. */
export interface HostOrder {
  header: Omit<
    StartHeader,
    'version' | 'nodePid' | 'watch' | 'moduleBytes' | 'stdinBytes' | 'engineBytes' | 'files' | 'memoryBytes'
  >;
  module: Uint8Array;
  stdin: Uint8Array;
  engine: Uint8Array;
  files: readonly { path: string; bytes: number; diskPath: string }[];
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

const SILENT: JobProcessListener = {
  running: () => undefined,
  output: () => undefined,
  file: () => undefined,
  ended: () => undefined,
  refused: () => undefined,
  closed: () => undefined,
};

/** One host process and the conversation with it. */
export class JobProcess implements GovernedProcess {
  readonly pid: number;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #init: HostInit;
  #listener: JobProcessListener = SILENT;
  #closed: Parameters<JobProcessListener['closed']>[0] | null = null;
  #running = false;
  #over = false;
  /** Of the file that is coming in: its name, and how much is still to come. */
  #file: { path: string; bytesLeft: number } | null = null;
  #files = 0;
  #fileBytes = 0;
  #fileBytesMax = 0;

  /** @throws {Error} when the system cannot start it; `code` is that of the system call */
  static async start(init: HostInit): Promise<JobProcess> {
    const command = [
      init.host.execPath,
      ...hostFlags(init.host.script, init.memoryBytes, init.setpriv === null),
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
    return new JobProcess(child, init);
  }

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, init: HostInit) {
    this.#child = child;
    this.pid = child.pid!;
    this.#init = init;
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
      this.#closed = { exitCode, signal, explanation: Buffer.concat(explanation).toString('utf8') };
      this.#listener.closed(this.#closed);
    });
  }

  /** Whether the process is gone. */
  get closed(): boolean {
    return this.#closed !== null;
  }

  /** Whoever hears it from now on. */
  listen(listener: JobProcessListener): void {
    this.#listener = listener;
    if (this.#closed !== null) listener.closed(this.#closed);
  }

  /**
   * Tells it what to do: once, or once more when the first was `warm`. The pipe stays open: its end tells the host that the node is
   * gone. Resolves when everything is on its way.
   *
   * @throws {Error} when a file cannot be read, or is not as long as was said
   */
  async order({ header, module, stdin, engine, files }: HostOrder): Promise<void> {
    this.#fileBytesMax = header.scratchBytesMax;
    const whole: StartHeader = {
      version: PROTOCOL_VERSION,
      nodePid: process.pid,
      watch: this.#init.setpriv === null,
      ...header,
      memoryBytes: this.#init.memoryBytes,
      engineBytes: engine.length,
      moduleBytes: module.length,
      stdinBytes: stdin.length,
      files: files.map(({ path, bytes }) => ({ path, bytes })),
    };
    const { stdin: pipe } = this.#child;
    for (const part of startMessage(whole, [engine, module, stdin])) pipe.write(part);
    for (const { path, bytes, diskPath } of files) {
      let sent = 0;
      if (bytes === 0) continue;
      for await (const piece of createReadStream(diskPath, { end: bytes - 1 }) as AsyncIterable<Buffer>) {
        sent += piece.length;
        if (this.closed) return;
        if (!pipe.write(piece)) await this.#drained();
      }
      if (sent !== bytes) throw new Error(`${path} has ${sent} bytes in place of ${bytes}`);
    }
  }

  /** Resolves when the pipe takes more, or the process is gone. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#child.stdin.off('drain', done);
        this.#child.off('close', done);
        resolve();
      };
      this.#child.stdin.on('drain', done);
      this.#child.on('close', done);
    });
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
    if (this.#alive) killGroup(this.pid, this.#init.platform);
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
    return !this.closed && this.#child.exitCode === null && this.#child.signalCode === null;
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
      case FRAME.file: {
        if (!this.#running || this.#file !== null) throw new Error('a file out of turn');
        const { path, bytes } = parseObject(payload) as Partial<FileReport>;
        if (typeof path !== 'string' || !isWorkPath(path)) throw new Error('no path');
        const length = count(bytes);
        this.#fileBytes += length;
        if (++this.#files > OUTPUT_FILES_MAX || this.#fileBytes > this.#fileBytesMax) throw new Error('too many files');
        if (length === 0) this.#listener.file(path, Buffer.alloc(0));
        else this.#file = { path, bytesLeft: length };
        return;
      }
      case FRAME.fileData: {
        const file = this.#file;
        if (file === null || payload.length === 0 || payload.length > file.bytesLeft)
          throw new Error('no such file is coming');
        file.bytesLeft -= payload.length;
        if (file.bytesLeft === 0) this.#file = null;
        this.#listener.file(file.path, payload);
        return;
      }
      case FRAME.end: {
        if (this.#file !== null) throw new Error('a file is cut short');
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
