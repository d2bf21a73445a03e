import { closeSync, openSync, readFileSync, readdirSync, readSync } from 'node:fs';

/** `USER_HZ`: the kernel reports `utime` and `stime` in hundredths of a second on every architecture that Node runs on. */
const USER_HZ = 100;
/** Line of /proc/<pid>/stat: 52 numbers of at most 20 digits and a name of 64 characters. */
const STAT_BYTES_MAX = 2048;

/**
 * Fields of /proc/<pid>/stat after the name, field 3 (state) first. The name may hold spaces and brackets, so the last
 * bracket counts.
 *
 * @see proc_pid_stat(5)
 */
export const statFields = (text: string): string[] => text.slice(text.lastIndexOf(')') + 2).split(' ');

/**
 * Processor time of one process, all threads, read from /proc. Reads in nanoseconds from each thread's `schedstat`
 * where the kernel keeps it, otherwise in hundredths of a second from `stat`, which rests on the same exact counter.
 */
export class CpuMeter {
  readonly #pid: number;
  /** Open `schedstat` per thread: reading again at offset 0 costs a third of opening anew. */
  readonly #threads = new Map<string, { fd: number; ms: number }>();
  /** Time of threads that have ended. */
  #goneMs = 0;
  #last = 0;
  #reads = 0;
  readonly #buffer = Buffer.alloc(STAT_BYTES_MAX);

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** @returns ms of processor time since the process began, never less than before; null where the system does not tell */
  read(): number | null {
    // Threads come and go rarely (compiler, collector): their list is read every 16th time.
    if (this.#reads++ % 16 === 0) this.#findThreads();
    const ms = this.#threads.size > 0 ? this.#sumThreads() : this.#readStat();
    if (ms === null) return this.#last > 0 ? this.#last : null;
    this.#last = Math.max(this.#last, ms);
    return this.#last;
  }

  close(): void {
    for (const { fd } of this.#threads.values()) closeSync(fd);
    this.#threads.clear();
  }

  #findThreads(): void {
    let names: string[];
    try {
      names = readdirSync(`/proc/${this.#pid}/task`);
    } catch {
      return; // not Linux, or the process has ended: the last value stands
    }
    for (const name of names) {
      if (this.#threads.has(name)) continue;
      try {
        this.#threads.set(name, { fd: openSync(`/proc/${this.#pid}/task/${name}/schedstat`, 'r'), ms: 0 });
      } catch {
        // A kernel without CONFIG_SCHEDSTATS, or a thread that has ended in between.
      }
    }
  }

  #sumThreads(): number {
    let sum = this.#goneMs;
    for (const [name, thread] of this.#threads) {
      let length = 0;
      try {
        length = readSync(thread.fd, this.#buffer, 0, STAT_BYTES_MAX, 0);
      } catch {
        // ESRCH: the thread has ended.
      }
      if (length > 0) {
        thread.ms = Number.parseInt(this.#buffer.toString('latin1', 0, length), 10) / 1e6;
        sum += thread.ms;
      } else {
        closeSync(thread.fd);
        this.#threads.delete(name);
        this.#goneMs += thread.ms;
        sum += thread.ms;
      }
    }
    return sum;
  }

  #readStat(): number | null {
    try {
      const fields = statFields(readFileSync(`/proc/${this.#pid}/stat`, 'latin1'));
      // utime and stime are fields 14 and 15; the slice begins with field 3.
      return ((Number(fields[11]) + Number(fields[12])) * 1000) / USER_HZ;
    } catch {
      return null;
    }
  }
}
