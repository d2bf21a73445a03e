import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CLOCK_TICKS_PER_SECOND, PROCESS_BATCH, PROCESSES_MAX } from '../constants.ts';
import { parseProcessStat, parseStatusBytes, type ProcessStat } from './proc.ts';

// Files of /proc are answered by the kernel out of its memory, in about 10 µs, where the asynchronous way through
// Node's threads costs ten times that in processor time. So they are read synchronously, in small batches. Only
// `cmdline` may wait (for a process that holds its own memory map), and it is read once per process.
const readNow = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

const pidsNow = (procPath: string): number[] | null => {
  try {
    return readdirSync(procPath)
      .filter((name) => /^\d{1,10}$/.test(name))
      .slice(0, PROCESSES_MAX)
      .map(Number);
  } catch {
    return null;
  }
};

/** Processor time and memory of this process, its descendants, and others that were named. */
export interface OwnProcesses {
  /** Looks through the whole process table for descendants. */
  scan(): Promise<void>;
  /**
   * @returns processor time since the last call in ms, and memory now. A process counts from the second call on that
   *   sees it. Memory is all of this process and what each other holds for itself alone (`RssAnon`), so that pages
   *   shared between them count once.
   */
  read(): { cpuMs: number; memoryBytes: number };
  add(pid: number): void;
  remove(pid: number): void;
}

export const createOwnProcesses = (init: {
  procPath: string;
  pid: number;
  ownCpuMs: () => number;
  ownMemoryBytes: () => number;
}): OwnProcesses => {
  const { procPath } = init;
  const named = new Map<number, number>();
  let descendants = new Set<number>();
  let before = new Map<number, ProcessStat>();
  let ownBeforeMs = init.ownCpuMs();

  const descendantsOf = (roots: Iterable<number>, parents: Map<number, number>): Set<number> => {
    const children = new Map<number, number[]>();
    for (const [pid, parent] of parents) children.set(parent, [...(children.get(parent) ?? []), pid]);
    const found = new Set<number>();
    const open = [...roots];
    for (let pid = open.pop(); pid !== undefined; pid = open.pop()) {
      for (const child of children.get(pid) ?? []) {
        if (found.has(child)) continue;
        found.add(child);
        open.push(child);
      }
    }
    return found;
  };

  return {
    scan: async () => {
      const parents = new Map<number, number>();
      const pids = pidsNow(procPath) ?? [];
      for (const [index, pid] of pids.entries()) {
        if (index % PROCESS_BATCH === PROCESS_BATCH - 1) await nextTurn();
        const stat = parseProcessStat(readNow(`${procPath}/${pid}/stat`) ?? '');
        if (stat !== null) parents.set(pid, stat.parentPid);
      }
      descendants = descendantsOf([init.pid, ...named.keys()], parents);
    },
    read: () => {
      const ownMs = init.ownCpuMs();
      let cpuMs = Math.max(0, ownMs - ownBeforeMs);
      ownBeforeMs = ownMs;
      let memoryBytes = init.ownMemoryBytes();
      const now = new Map<number, ProcessStat>();
      for (const pid of new Set([...descendants, ...named.keys()])) {
        if (pid === init.pid) continue;
        const stat = parseProcessStat(readNow(`${procPath}/${pid}/stat`) ?? '');
        if (stat === null) continue;
        now.set(pid, stat);
        const earlier = before.get(pid);
        if (earlier !== undefined && earlier.startedTicks === stat.startedTicks)
          cpuMs += (Math.max(0, stat.ticks - earlier.ticks) * 1000) / CLOCK_TICKS_PER_SECOND;
        memoryBytes += parseStatusBytes(readNow(`${procPath}/${pid}/status`) ?? '', 'RssAnon') ?? 0;
      }
      before = now;
      return { cpuMs, memoryBytes };
    },
    add: (pid) => {
      named.set(pid, (named.get(pid) ?? 0) + 1);
    },
    remove: (pid) => {
      const count = (named.get(pid) ?? 0) - 1;
      if (count > 0) named.set(pid, count);
      else named.delete(pid);
    },
  };
};

/** File name of the program in /proc/PID/cmdline, whose parts end in NUL. Wine writes `C:\…\game.exe`. */
export const programOfCmdline = (cmdline: string): string | null => {
  const first = cmdline.split('\0', 1)[0] ?? '';
  const name = basename(first.replaceAll('\\', '/')).trim();
  return name === '' ? null : name;
};

/** Names of all running programs, both as `ps` shows them (`comm`, cut at 15 characters) and by their file's name. */
export interface ProgramList {
  /** @returns null when the process table cannot be read */
  read(): Promise<ReadonlySet<string> | null>;
}

export const createProgramList = (init: { procPath: string }): ProgramList => {
  let before = new Map<number, { comm: string; file: string | null }>();
  return {
    read: async () => {
      const pids = pidsNow(init.procPath);
      if (pids === null) return null;
      const now = new Map<number, { comm: string; file: string | null }>();
      for (const [index, pid] of pids.entries()) {
        if (index % PROCESS_BATCH === PROCESS_BATCH - 1) await nextTurn();
        const comm = readNow(`${init.procPath}/${pid}/comm`)?.trim();
        if (comm === undefined || comm === '') continue;
        const earlier = before.get(pid);
        now.set(
          pid,
          earlier?.comm === comm
            ? earlier
            : { comm, file: programOfCmdline(readNow(`${init.procPath}/${pid}/cmdline`) ?? '') },
        );
      }
      before = now;
      return new Set([...now.values()].flatMap(({ comm, file }) => (file === null ? [comm] : [comm, file])));
    },
  };
};
