import { Fd, WASI, wasi } from '@bjorn3/browser_wasi_shim';
import { finish, sendOutput, sleepMs } from './channel.ts';

/** Open files at once, as most systems allow a process by default. */
const OPEN_FILES_MAX = 256;
/** Events that one `poll_oneoff` may wait for. */
const POLL_SUBSCRIPTIONS_MAX = 1024;
/** Longest single sleep; a longer one is slept in pieces, as `Atomics.wait` takes milliseconds in a double. */
const SLEEP_MS_MAX = 3_600_000;

export class Stdin extends Fd {
  #data: Uint8Array;
  #at = 0;
  constructor(data: Uint8Array) {
    super();
    this.#data = data;
  }
  /** What there is to read, where that was not known at first. */
  give(data: Uint8Array): void {
    this.#data = data;
  }
  override fd_read(size: number): { ret: number; data: Uint8Array } {
    const data = this.#data.subarray(this.#at, this.#at + size);
    this.#at += data.length;
    return { ret: wasi.ERRNO_SUCCESS, data };
  }
  override fd_fdstat_get(): { ret: number; fdstat: wasi.Fdstat } {
    return { ret: wasi.ERRNO_SUCCESS, fdstat: streamStat(wasi.RIGHTS_FD_READ) };
  }
  override fd_filestat_get(): { ret: number; filestat: wasi.Filestat } {
    return { ret: wasi.ERRNO_SUCCESS, filestat: new wasi.Filestat(0n, wasi.FILETYPE_UNKNOWN, 0n) };
  }
}

class Output extends Fd {
  readonly #stream: 'stdout' | 'stderr';
  constructor(stream: 'stdout' | 'stderr') {
    super();
    this.#stream = stream;
  }
  override fd_write(data: Uint8Array): { ret: number; nwritten: number } {
    sendOutput(this.#stream, data);
    return { ret: wasi.ERRNO_SUCCESS, nwritten: data.byteLength };
  }
  override fd_fdstat_get(): { ret: number; fdstat: wasi.Fdstat } {
    return { ret: wasi.ERRNO_SUCCESS, fdstat: streamStat(wasi.RIGHTS_FD_WRITE) };
  }
  override fd_filestat_get(): { ret: number; filestat: wasi.Filestat } {
    return { ret: wasi.ERRNO_SUCCESS, filestat: new wasi.Filestat(0n, wasi.FILETYPE_UNKNOWN, 0n) };
  }
}

/** A pipe: of unknown type, so that programs do not take it for a terminal and write colours and single lines. */
const streamStat = (rights: number): wasi.Fdstat => {
  const stat = new wasi.Fdstat(wasi.FILETYPE_UNKNOWN, 0);
  stat.fs_rights_base = BigInt(rights);
  return stat;
};

type Imports = Record<string, (...args: never[]) => unknown>;

/**
 * WASI preview 1 with stdio, arguments, clocks, chance and the scratch folder, and nothing else. The shim's functions,
 * but for those that would burn processor time while they wait, count characters for bytes, or throw where an error
 * number is due.
 */
export const createWasiHost = (
  args: string[],
  env: Readonly<Record<string, string>>,
  stdin: Stdin,
  folders: readonly Fd[],
): { wasi: WASI; imports: Imports } => {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const shim = new WASI(args, variables, [stdin, new Output('stdout'), new Output('stderr'), ...folders], {
    debug: false,
  });
  const view = (): DataView => new DataView(shim.inst.exports.memory.buffer);
  const encoder = new TextEncoder();
  const clock = (id: number): number =>
    id === wasi.CLOCKID_REALTIME ? performance.timeOrigin + performance.now() : performance.now();

  const imports: Imports = {
    ...shim.wasiImport,
    proc_exit: (code: number) => finish({ why: 'exited', exitCode: code >>> 0 }),
    // The shim counts UTF-16 units here and writes UTF-8 bytes in `args_get`.
    args_sizes_get: (count: number, size: number) => {
      view().setUint32(count, args.length, true);
      view().setUint32(
        size,
        args.reduce((sum, arg) => sum + encoder.encode(arg).length + 1, 0),
        true,
      );
      return wasi.ERRNO_SUCCESS;
    },
    path_open: (...parts: never[]) => {
      if (shim.fds.reduce((open, fd) => open + (fd === undefined ? 0 : 1), 0) >= OPEN_FILES_MAX)
        return wasi.ERRNO_MFILE;
      return (shim.wasiImport['path_open'] as (...parts: never[]) => number)(...parts);
    },
    poll_oneoff: (input: number, output: number, count: number, ready: number) => {
      if (count === 0 || count > POLL_SUBSCRIPTIONS_MAX) return wasi.ERRNO_INVAL;
      return poll(view(), { input, output, count, ready }, clock);
    },
    sched_yield: () => wasi.ERRNO_SUCCESS,
    sock_accept: () => wasi.ERRNO_NOTSUP,
    sock_recv: () => wasi.ERRNO_NOTSUP,
    sock_send: () => wasi.ERRNO_NOTSUP,
    sock_shutdown: () => wasi.ERRNO_NOTSUP,
  };
  return { wasi: shim, imports };
};

/**
 * Waits for the earliest of several events. Files and streams are always ready; clocks are slept for.
 *
 * @see https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md#-poll_oneoff
 */
const poll = (
  view: DataView,
  at: { input: number; output: number; count: number; ready: number },
  clock: (id: number) => number,
): number => {
  const subscriptions = Array.from({ length: at.count }, (_, index) => {
    const start = at.input + index * 48;
    const type = view.getUint8(start + 8);
    const id = view.getUint32(start + 16, true);
    const timeoutMs = Number(view.getBigUint64(start + 24, true)) / 1e6;
    const absolute = (view.getUint16(start + 40, true) & wasi.SUBCLOCKFLAGS_SUBSCRIPTION_CLOCK_ABSTIME) !== 0;
    const dueMs =
      type === wasi.EVENTTYPE_CLOCK
        ? absolute
          ? performance.now() + timeoutMs - clock(id)
          : performance.now() + timeoutMs
        : 0;
    return { userdata: view.getBigUint64(start, true), type, dueMs };
  });
  const firstMs = Math.min(...subscriptions.map(({ dueMs }) => dueMs));
  for (let left = firstMs - performance.now(); left > 0; left = firstMs - performance.now())
    sleepMs(Math.min(left, SLEEP_MS_MAX));
  let written = 0;
  for (const { userdata, type, dueMs } of subscriptions) {
    if (dueMs > firstMs) continue;
    const start = at.output + written++ * 32;
    view.setBigUint64(start, userdata, true);
    view.setUint16(start + 8, wasi.ERRNO_SUCCESS, true);
    view.setUint8(start + 10, type);
    view.setBigUint64(start + 16, 0n, true);
    view.setUint16(start + 24, 0, true);
  }
  view.setUint32(at.ready, written, true);
  return wasi.ERRNO_SUCCESS;
};
