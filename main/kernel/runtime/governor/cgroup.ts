import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock, Logger } from '../../../base/index.ts';
import { messageOf } from '../../../base/index.ts';
import { START_ALLOWANCE_CPU_MS } from '../constants.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { CpuGovernor, CpuHold, GovernedProcess, GovernorKind } from './interface.ts';

/** Quota period. The kernel hands quota out in slices of 5 ms, so that a shorter period would round small shares. */
const PERIOD_US = 100_000;
/** Smallest quota that the kernel takes. */
const QUOTA_US_MIN = 1000;
/** Folder that holds one group per job. */
const FOLDER = 'hypermesh';
/** How often a starting process is looked at until its allowance is used up. */
const START_LOOK_MS = 20;
/**
 * How often the quota is corrected by what was really taken. The kernel loses what a busy machine kept from a process
 * in its period, and rounds: left alone, a busy loop at 30 % got 26 to 29 %. Rarely and only when it matters, since each
 * write hands out a whole new quota at once: five corrections a second gave 5 % too much.
 */
const CORRECT_MS = 1000;
/** Unused share that may be caught up on, as wall time, and time over which it is. */
const CREDIT_WALL_MS = 500;
const CATCH_UP_MS = 2000;
/** Smallest correction that is worth a write, as a part of the share. */
const CORRECTION_PART_MIN = 0.03;
/** How often a group is tried to be removed after its process was killed: the kernel empties it a little later. */
const REMOVE_TRIES_MAX = 50;
const REMOVE_RETRY_MS = 100;

/** Where groups can be made, and how a quota is written there. */
interface Hierarchy {
  /** Folder in which `hypermesh/` is made. */
  base: string;
  version: 1 | 2;
}

/**
 * Holds a share by the kernel's own quota (`cpu.max` of cgroup v2, `cpu.cfs_quota_us` of v1) in a group per job, where
 * this user may make one: as root, or below a user service to which the processor is delegated. Level 0 stops the
 * process, as the smallest quota is not zero.
 *
 * @see https://docs.kernel.org/admin-guide/cgroup-v2.html#cpu-interface-files
 * @see https://docs.kernel.org/scheduler/sched-bwc.html
 */
export const createCgroupGovernor = (components: {
  clock: Clock;
  logger: Logger;
  fallback: CpuGovernor;
}): CpuGovernor => new CgroupGovernor(components);

/**
 * Hierarchies that might do, best first: the node's own group and those above it, in v2 and v1.
 *
 * @param mountInfo - /proc/self/mountinfo
 * @param ownGroups - /proc/self/cgroup
 */
export const cgroupCandidates = (mountInfo: string, ownGroups: string): Hierarchy[] => {
  const own = new Map(
    ownGroups.split('\n').flatMap((line): [string, string][] => {
      const [, controllers, path] = line.split(':');
      return controllers === undefined || path === undefined
        ? []
        : controllers === ''
          ? [['', path]]
          : controllers.split(',').map((name) => [name, path]);
    }),
  );
  const found: Hierarchy[] = [];
  for (const line of mountInfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4];
    const [type, , options] = after?.split(' ') ?? [];
    if (mountPoint === undefined) continue;
    if (type === 'cgroup2') {
      // A group that holds processes cannot give controllers to children, so siblings of our own group are made first.
      for (let path = dirname(own.get('') ?? '/'); ; path = dirname(path)) {
        found.push({ base: below(mountPoint, path), version: 2 });
        if (path === '/' || path === '.') break;
      }
    } else if (type === 'cgroup' && options?.split(',').includes('cpu') === true) {
      const path = own.get('cpu') ?? '/';
      found.push({ base: below(mountPoint, path), version: 1 });
      if (path !== '/') found.push({ base: mountPoint, version: 1 });
    }
  }
  return found.sort((a, b) => b.version - a.version);
};

/** `join` keeps a slash at the end. */
const below = (mountPoint: string, path: string): string =>
  path === '/' || path === '.' ? mountPoint : join(mountPoint, path);

const quotaFile = (hierarchy: Hierarchy): string => (hierarchy.version === 2 ? 'cpu.max' : 'cpu.cfs_quota_us');

/** Changes the quota alone. */
const correctQuota = (hierarchy: Hierarchy, group: string, millicores: number): void => {
  const quotaUs = Math.max(QUOTA_US_MIN, Math.round((millicores * PERIOD_US) / 1000));
  writeFileSync(join(group, quotaFile(hierarchy)), hierarchy.version === 2 ? `${quotaUs} ${PERIOD_US}` : `${quotaUs}`);
};

const writeQuota = (hierarchy: Hierarchy, group: string, millicores: number): void => {
  if (hierarchy.version === 1) writeFileSync(join(group, 'cpu.cfs_period_us'), `${PERIOD_US}`);
  correctQuota(hierarchy, group, millicores);
};

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** @returns whether the group is gone */
const removeGroup = (group: string): boolean => {
  try {
    rmdirSync(group);
    return true;
  } catch {
    return !existsSync(group);
  }
};

class CgroupGovernor implements CpuGovernor {
  readonly kind = 'cgroup';
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Takes a process that the kernel would not let us move. */
  readonly #fallback: CpuGovernor;
  #hierarchy: Hierarchy | null = null;

  constructor({ clock, logger, fallback }: { clock: Clock; logger: Logger; fallback: CpuGovernor }) {
    this.#clock = clock;
    this.#logger = logger;
    this.#fallback = fallback;
  }

  async probe(): Promise<boolean> {
    for (const hierarchy of cgroupCandidates(readText('/proc/self/mountinfo'), readText('/proc/self/cgroup'))) {
      if (!this.#tryHierarchy(hierarchy)) continue;
      this.#hierarchy = hierarchy;
      return true;
    }
    return false;
  }

  govern(process: GovernedProcess, millicores: number): CpuHold {
    if (this.#hierarchy === null) return this.#fallback.govern(process, millicores);
    return new CgroupHold({
      process,
      millicores,
      hierarchy: this.#hierarchy,
      clock: this.#clock,
      logger: this.#logger,
      fallback: this.#fallback,
    });
  }

  close(): void {
    if (this.#hierarchy !== null) removeGroup(join(this.#hierarchy.base, FOLDER));
    this.#fallback.close();
  }

  /** Makes a group, sets a quota, removes the group; and removes empty groups that a crash left behind. */
  #tryHierarchy(hierarchy: Hierarchy): boolean {
    const folder = join(hierarchy.base, FOLDER);
    try {
      accessSync(hierarchy.base, constants.W_OK);
      // Moving a process needs this right on the common ancestor too (v2).
      if (hierarchy.version === 2) accessSync(join(hierarchy.base, 'cgroup.procs'), constants.W_OK);
      mkdirSync(folder, { recursive: true });
      if (hierarchy.version === 2) writeFileSync(join(folder, 'cgroup.subtree_control'), '+cpu');
      const probe = join(folder, `probe-${process.pid}`);
      mkdirSync(probe);
      try {
        if (!existsSync(join(probe, quotaFile(hierarchy)))) return false;
        writeQuota(hierarchy, probe, 500);
      } finally {
        removeGroup(probe);
      }
      // A group with a process in it cannot be removed, so those of another node that runs are safe.
      for (const name of readdirSync(folder)) if (name.startsWith('pid-')) removeGroup(join(folder, name));
      return true;
    } catch {
      removeGroup(folder);
      return false;
    }
  }
}

class CgroupHold implements CpuHold {
  readonly #process: GovernedProcess;
  readonly #hierarchy: Hierarchy;
  readonly #group: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #fallback: CpuGovernor;
  #stopLooking: () => void;
  readonly #meter: CpuMeter;
  #millicores: number;
  #moved = false;
  #stopped = false;
  #released = false;
  /** Processor time that it was promised and did not take, ms; below zero when it took more. */
  #creditCpuMs = 0;
  #lastAtMs = 0;
  #lastCpuMs = 0;
  /** What the kernel was told last, in millicores. */
  #written = 0;
  /** In use when the kernel refused the move. */
  #other: CpuHold | null = null;

  constructor(parts: {
    process: GovernedProcess;
    millicores: number;
    hierarchy: Hierarchy;
    clock: Clock;
    logger: Logger;
    fallback: CpuGovernor;
  }) {
    this.#process = parts.process;
    this.#millicores = parts.millicores;
    this.#hierarchy = parts.hierarchy;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#fallback = parts.fallback;
    this.#group = join(parts.hierarchy.base, FOLDER, `pid-${parts.process.pid}`);
    this.#meter = new CpuMeter(parts.process.pid);
    this.#stopLooking = this.#clock.every(START_LOOK_MS, () => {
      if ((this.#meter.read() ?? 0) >= START_ALLOWANCE_CPU_MS) this.begin();
    });
    this.#apply();
  }

  get kind(): GovernorKind {
    return this.#other?.kind ?? 'cgroup';
  }

  setMillicores(millicores: number): void {
    if (this.#released || millicores === this.#millicores) return;
    this.#millicores = millicores;
    // Credit and debt belong to the old share.
    this.#creditCpuMs = 0;
    this.#apply();
  }

  begin(): void {
    if (this.#moved || this.#released) return;
    this.#moved = true;
    this.#stopLooking();
    try {
      this.#enter();
      this.#lastAtMs = this.#clock.monotonicMs();
      this.#lastCpuMs = this.#meter.read() ?? 0;
      this.#stopLooking = this.#clock.every(CORRECT_MS, () => this.#correct());
    } catch (error) {
      this.#logger.warn('The kernel refused a process group; the share is held by stopping and continuing', {
        reason: messageOf(error),
      });
      this.#other = this.#fallback.govern(this.#process, this.#millicores);
      this.#other.begin();
    }
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#stopLooking();
    this.#meter.close();
    this.#other?.release();
    if (this.#moved) this.#remove(REMOVE_TRIES_MAX);
  }

  #enter(): void {
    // Another node that starts may remove the group while it is still empty: once more is enough.
    for (let attempt = 0; ; attempt++) {
      try {
        mkdirSync(this.#group, { recursive: true });
        writeQuota(this.#hierarchy, this.#group, this.#millicores);
        this.#written = this.#millicores;
        writeFileSync(join(this.#group, 'cgroup.procs'), `${this.#process.pid}`);
        return;
      } catch (error) {
        if (attempt === 1) throw error;
      }
    }
  }

  /** Adds to the quota, or takes from it, what brings the mean back to the promise. */
  #correct(): void {
    const nowMs = this.#clock.monotonicMs();
    const cpuMs = this.#meter.read();
    const earned = ((nowMs - this.#lastAtMs) * this.#millicores) / 1000;
    this.#lastAtMs = nowMs;
    if (cpuMs === null || this.#other !== null) return;
    const used = cpuMs - this.#lastCpuMs;
    this.#lastCpuMs = cpuMs;
    if (this.#millicores === 0) return;
    const creditMax = (this.#millicores / 1000) * CREDIT_WALL_MS;
    this.#creditCpuMs = Math.max(-creditMax, Math.min(creditMax, this.#creditCpuMs + earned - used));
    const wanted = this.#millicores + (this.#creditCpuMs / CATCH_UP_MS) * 1000;
    if (Math.abs(wanted - this.#written) > this.#millicores * CORRECTION_PART_MIN) this.#apply(wanted);
  }

  #apply(millicores = this.#millicores): void {
    if (this.#other !== null) {
      this.#other.setMillicores(this.#millicores);
      return;
    }
    if (this.#moved && this.#millicores > 0) {
      try {
        this.#written = millicores;
        correctQuota(this.#hierarchy, this.#group, millicores);
      } catch (error) {
        // Somebody removed the group: the promise is kept in the other way.
        this.#logger.warn('A process group is gone; the share is held by stopping and continuing', {
          reason: messageOf(error),
        });
        this.#other = this.#fallback.govern(this.#process, this.#millicores);
        this.#other.begin();
        return;
      }
    }
    const stop = this.#millicores === 0;
    if (stop === this.#stopped) return;
    this.#stopped = stop;
    this.#process.signal(stop ? 'SIGSTOP' : 'SIGCONT');
  }

  #remove(triesLeft: number): void {
    if (removeGroup(this.#group) || triesLeft === 0) return;
    this.#clock.after(REMOVE_RETRY_MS, () => this.#remove(triesLeft - 1));
  }
}
