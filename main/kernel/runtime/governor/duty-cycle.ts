import type { Clock } from '../../../base/index.ts';
import { START_ALLOWANCE_CPU_MS } from '../constants.ts';
import { CpuMeter } from './cpu-meter.ts';
import type { CpuGovernor, CpuHold, GovernedProcess } from './interface.ts';

/** Time between two looks at a running process: what it can take too much before it is stopped and made to pay back. */
const TICK_MS = 20;
/** Looks per tick; with more jobs each is looked at less often, so that governing never costs more than about 1 % of a core. */
const LOOKS_PER_TICK_MAX = 16;
/** Unused share that may be caught up on, as wall time: covers a machine that was busy elsewhere, not a job that slept. */
const CREDIT_WALL_MS = 500;
/** Overdraft that is remembered, in ms of processor time: beyond it (the node itself hung) time is forgiven. */
const DEBT_CPU_MS_MAX = 4000;

/**
 * Holds a share by stopping and continuing the process: a token bucket of processor time, filled at the promised rate
 * and emptied by what the process is measured to have taken, so that errors of one cycle are paid back in the next.
 * Where processor time cannot be read (no /proc), a continued process is taken to use one core.
 */
export const createDutyCycleGovernor = (components: { clock: Clock; platform: NodeJS.Platform }): CpuGovernor =>
  new DutyCycleGovernor(components.clock, components.platform);

class DutyCycleGovernor implements CpuGovernor {
  readonly kind = 'duty-cycle';
  readonly #clock: Clock;
  readonly #platform: NodeJS.Platform;
  readonly #holds = new Set<DutyCycleHold>();
  #stopTicking: (() => void) | null = null;
  #ticks = 0;

  constructor(clock: Clock, platform: NodeJS.Platform) {
    this.#clock = clock;
    this.#platform = platform;
  }

  async probe(): Promise<boolean> {
    return this.#platform !== 'win32';
  }

  govern(process: GovernedProcess, millicores: number): CpuHold {
    const hold = new DutyCycleHold(
      process,
      millicores,
      this.#clock.monotonicMs(),
      () => this.#clock.monotonicMs(),
      () => this.#drop(hold),
    );
    this.#holds.add(hold);
    this.#stopTicking ??= this.#clock.every(TICK_MS, () => this.#tick());
    return hold;
  }

  close(): void {
    this.#stopTicking?.();
    this.#stopTicking = null;
    for (const hold of this.#holds) hold.release();
  }

  #drop(hold: DutyCycleHold): void {
    this.#holds.delete(hold);
    if (this.#holds.size > 0) return;
    this.#stopTicking?.();
    this.#stopTicking = null;
  }

  #tick(): void {
    const nowMs = this.#clock.monotonicMs();
    const stride = Math.ceil(this.#holds.size / LOOKS_PER_TICK_MAX);
    const turn = this.#ticks++ % stride;
    let index = 0;
    for (const hold of this.#holds) if (index++ % stride === turn) hold.look(nowMs);
  }
}

class DutyCycleHold implements CpuHold {
  readonly kind = 'duty-cycle';
  readonly #process: GovernedProcess;
  readonly #meter: CpuMeter;
  readonly #now: () => number;
  readonly #dropped: () => void;
  #millicores: number;
  /** Processor time in hand, ms; below zero the process has to wait. */
  #creditCpuMs = START_ALLOWANCE_CPU_MS;
  #starting = true;
  #stopped = false;
  #released = false;
  #lastAtMs: number;
  #lastCpuMs: number;

  constructor(process: GovernedProcess, millicores: number, nowMs: number, now: () => number, dropped: () => void) {
    this.#process = process;
    this.#millicores = millicores;
    this.#now = now;
    this.#dropped = dropped;
    this.#meter = new CpuMeter(process.pid);
    this.#lastAtMs = nowMs;
    this.#lastCpuMs = this.#meter.read() ?? 0;
    if (millicores === 0) this.#stop();
  }

  setMillicores(millicores: number): void {
    if (this.#released || millicores === this.#millicores) return;
    this.#account(this.#now());
    this.#millicores = millicores;
    // Credit and debt belong to the old share: a job lowered from 100 to 10 % must not run on, one raised must not wait.
    if (!this.#starting) this.#creditCpuMs = 0;
    if (millicores === 0) this.#stop();
    else this.#continue();
  }

  begin(): void {
    if (this.#released || !this.#starting) return;
    this.#account(this.#now());
    this.#starting = false;
    // What is left of the allowance is not carried over; what was overdrawn has to be paid back.
    this.#creditCpuMs = Math.min(0, this.#creditCpuMs);
  }

  look(nowMs: number): void {
    if (this.#millicores === 0) return;
    this.#account(nowMs);
    if (this.#creditCpuMs < 0) this.#stop();
    else this.#continue();
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#meter.close();
    this.#dropped();
  }

  #account(nowMs: number): void {
    const elapsedMs = nowMs - this.#lastAtMs;
    this.#lastAtMs = nowMs;
    const share = this.#millicores / 1000;
    const earned = elapsedMs * share;
    // A stopped process uses nothing, so it is not asked for until there is credit again.
    let used = 0;
    if (!this.#stopped || this.#creditCpuMs + earned >= 0) {
      const cpuMs = this.#meter.read();
      if (cpuMs === null) used = this.#stopped ? 0 : elapsedMs;
      else {
        used = cpuMs - this.#lastCpuMs;
        this.#lastCpuMs = cpuMs;
      }
    }
    const cap = this.#starting ? START_ALLOWANCE_CPU_MS : share * CREDIT_WALL_MS;
    this.#creditCpuMs = Math.max(-DEBT_CPU_MS_MAX, Math.min(cap, this.#creditCpuMs + earned - used));
  }

  #stop(): void {
    if (this.#stopped || this.#released) return;
    this.#stopped = true;
    this.#process.signal('SIGSTOP');
  }

  #continue(): void {
    if (!this.#stopped || this.#released) return;
    this.#stopped = false;
    this.#process.signal('SIGCONT');
  }
}
