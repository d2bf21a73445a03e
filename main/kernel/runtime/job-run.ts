import type { AllocationId, Clock, JobId } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import type { AllocationBook, Holder } from '../assets/index.ts';
import type { JobEnd, JobView } from '../../../preload/contract/index.ts';
import {
  END_MESSAGE_CHARS_MAX,
  EVICT_NOTICE_MS,
  FROZEN_NOTICE_MS,
  SAMPLE_GAP_MS_MAX,
  START_MS_MAX,
} from './constants.ts';
import type { DrivenJob, HeldBy, JobListener, PreparedJob, StartedJob } from './drivers/interface.ts';
import { millicoresOf, type KeptSpec } from './job-spec.ts';
import { createJobUsage, type JobUsage } from './job-usage.ts';
import { sizeText } from './size-text.ts';

export interface JobRunParts {
  id: JobId;
  spec: KeptSpec;
  /** What it was promised of the processor, and the part of that which its lease has reserved. */
  millicores: number;
  reservedMillicores: number;
  needs: PreparedJob['needs'];
  heldBy: HeldBy;
  requestedAtMs: number;
  /** Its program begins when it is told to. */
  held: boolean;
  clock: Clock;
  allocations: AllocationBook;
  /** The program's first instruction is next. */
  began(): void;
  /** Something that a view shows is another. */
  changed(): void;
  output(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
  health(state: JobView['health']): void;
  recorded(record: Uint8Array): Promise<void>;
  notice(reason: string, noticeMs: number): void;
}

/** What became of a run. */
export type RunEnd =
  | { kind: 'ended'; end: JobEnd }
  /** The driver would not run it: the module is no module. */
  | { kind: 'refused'; reason: string };

/**
 * One run of a job: what it has of the machine, its process or container, and its limits. A job that starts again has another run.
 * `idle -> allocated -> under way -> over -> released`.
 */
export class JobRun {
  readonly usage: JobUsage;
  readonly #parts: JobRunParts;
  #driven: DrivenJob | null = null;
  #allocations: { id: AllocationId; resource: string }[] = [];
  /** Of its own allocation, as the level leaves it now. */
  #bookMillicores = 0;
  /** Of what its lease has reserved, 0 to 1. */
  #leasePart = 1;
  /** Others go first: frozen, without any share of the processor. */
  #suspended = false;
  /** Its program is not to begin yet. */
  #held: boolean;
  /** What it still writes is not wanted. */
  #deaf = false;
  #running = false;
  #ending: RunEnd | null = null;
  #cancelTimers: (() => void)[] = [];
  #cancelTimeLimit: () => void = () => undefined;
  #frozenNoticed = false;
  #gone = false;
  #released: Promise<void> | null = null;
  /** What it did, once its processes are gone. */
  readonly over: Promise<RunEnd>;
  #tellOver!: (end: RunEnd) => void;

  constructor(parts: JobRunParts) {
    this.#parts = parts;
    this.usage = createJobUsage(parts.requestedAtMs);
    this.#held = parts.held;
    this.over = new Promise((resolve) => (this.#tellOver = resolve));
  }

  get heldBy(): HeldBy {
    return this.#driven?.heldBy ?? this.#parts.heldBy;
  }
  get running(): boolean {
    return this.#running;
  }
  get suspended(): boolean {
    return this.#suspended;
  }
  /** How it ends is decided; it may still be there. */
  get ending(): boolean {
    return this.#ending !== null;
  }
  get gone(): boolean {
    return this.#gone;
  }
  get driven(): DrivenJob | null {
    return this.#driven;
  }
  /** Thousandths of a core that it may take now. */
  get effectiveMillicores(): number {
    if (this.#suspended) return 0;
    return Math.floor((this.#bookMillicores + this.#parts.reservedMillicores) * this.#leasePart);
  }

  /** Reserves what it takes. @throws {AllocationError} */
  async allocate(): Promise<void> {
    const { allocations, id, needs } = this.#parts;
    const requests = [
      ...this.#cpuRequest(),
      ...needs
        .filter(({ amount }) => amount > 0)
        .map(({ resource, amount }) => ({ resource, amount, purpose: id, holder: this.#spaceHolder() })),
    ];
    if (requests.length === 0) return;
    const ids = await allocations.allocate(requests);
    this.#allocations = requests.map(({ resource }, index) => ({ id: ids[index]!, resource }));
  }

  /** Starts it. Resolves when it is under way or has failed, which `over` tells. */
  async start(prepared: PreparedJob, job: Omit<StartedJob, 'millicores'>): Promise<void> {
    if (this.#ending !== null) return this.#finish();
    this.usage.account(this.#parts.clock.monotonicMs(), false);
    try {
      this.#take(await prepared.start({ ...job, millicores: this.effectiveMillicores }, this.#listener()));
    } catch (error) {
      this.end({ why: 'crashed', message: messageOf(error) });
      this.#finish();
    }
  }

  /**
   * Goes on with what another life of the node started.
   * @param endAs - it was told to stop before: whatever is found of it ends as that
   * @returns false when it is gone
   */
  async adopt(
    adopting: (job: Pick<StartedJob, 'millicores'>, listener: JobListener) => Promise<DrivenJob | null>,
    endAs: JobEnd | null = null,
  ): Promise<boolean> {
    if (endAs !== null) this.#decide({ kind: 'ended', end: shortened(endAs) });
    const driven = await adopting({ millicores: this.effectiveMillicores }, this.#listener());
    if (driven === null) {
      if (endAs !== null) this.#ending = null;
      return false;
    }
    this.#take(driven);
    if (!this.#running && this.#ending === null) this.#begin();
    return true;
  }

  /** Decides how it ends, unless that is decided already. In any state; may be called often. */
  end(end: JobEnd): void {
    if (this.#ending === null) this.#deaf = true;
    this.#decide({ kind: 'ended', end: shortened(end) });
    if (this.#driven === null) return;
    this.#driven.kill();
    this.#driven.resumeOutput();
  }

  /** Nothing of it is there any more. */
  lost(end: JobEnd): void {
    this.end(end);
    this.#finish();
  }

  /** Lets a held one begin. */
  async begin(): Promise<void> {
    if (!this.#held || this.#ending !== null) return;
    this.usage.account(this.#parts.clock.monotonicMs(), false);
    this.#held = false;
    await this.#driven?.begin?.();
  }

  /** Asks it to end, waits for that, and ends it. */
  stop(end: JobEnd, graceMs: number): void {
    if (this.#ending !== null || this.#driven === null || graceMs <= 0) return this.end(end);
    this.#decide({ kind: 'ended', end });
    // A frozen program cannot answer.
    this.#driven.setMillicores(Math.max(1, this.#parts.millicores));
    this.#driven.stop(graceMs);
  }

  /** The level leaves its lease another part of what was reserved. */
  scale(part: number): void {
    this.#change(() => {
      this.#leasePart = Math.min(1, Math.max(0, part));
    });
  }

  /** Gives its share of the processor back and stands still until `resume`. */
  async suspend(): Promise<void> {
    if (this.#suspended || this.#ending !== null) return;
    this.#change(() => {
      this.#suspended = true;
    });
    const mine = this.#allocations.filter(({ resource }) => resource === 'cpu');
    this.#allocations = this.#allocations.filter(({ resource }) => resource !== 'cpu');
    this.#bookMillicores = 0;
    await this.#parts.allocations.release(mine.map(({ id }) => id));
  }

  /** @throws {AllocationError} when there is no room for it */
  async resume(): Promise<void> {
    if (!this.#suspended || this.#ending !== null) return;
    const requests = this.#cpuRequest();
    if (requests.length > 0) {
      const ids = await this.#parts.allocations.allocate(requests);
      const mine = ids.map((id) => ({ id, resource: 'cpu' }));
      if (this.#gone) return this.#parts.allocations.release(ids);
      this.#allocations.push(...mine);
    }
    this.#change(() => {
      this.#suspended = false;
    });
  }

  /** Once a second. */
  sample(): void {
    if (this.#ending !== null || this.#driven === null) return;
    const { allocations, clock, needs } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#account(nowMs);
    const measured = this.#driven.measured();
    this.usage.measure(measured);
    const cpuPercent = this.usage.sample(nowMs);
    for (const { id, resource } of this.#allocations) {
      if (resource === 'cpu' && cpuPercent !== null) allocations.reportUse(id, millicoresOf(cpuPercent));
      if (resource === 'memory' && measured.chargedBytes !== null) allocations.reportUse(id, measured.chargedBytes);
    }
    const allowed = needs.find(({ resource }) => resource === 'memory')?.amount;
    if (allowed !== undefined && measured.chargedBytes !== null && measured.chargedBytes > allowed) {
      return this.end({
        why: 'limit',
        limit: 'memory',
        message: `The job's process took ${sizeText(measured.chargedBytes)} of memory and was allowed ${sizeText(allowed)}; start it with more memory.`,
      });
    }
    if (!this.#running && this.usage.activeMs > START_MS_MAX) {
      return this.end({
        why: 'limit',
        limit: 'time',
        message: `The program was not ready after ${START_MS_MAX / 1000} s; it is too large for its share of the processor.`,
      });
    }
    this.#parts.changed();
  }

  pauseOutput(): void {
    this.#driven?.pauseOutput();
  }
  resumeOutput(): void {
    this.#driven?.resumeOutput();
  }

  /** Everything of it in the system is removed, and what it took given back. May be called twice. */
  release(): Promise<void> {
    this.#released ??= (async () => {
      await this.#driven?.release();
      await this.#parts.allocations.release(this.#allocations.map(({ id }) => id));
    })();
    return this.#released;
  }

  /** Gives back what it took of the book and leaves what is in the system to the next life of the node. May be called twice. */
  async leave(): Promise<void> {
    this.#released ??= this.#parts.allocations.release(this.#allocations.map(({ id }) => id));
    await this.#released;
  }

  #cpuRequest(): { resource: 'cpu'; amount: number; purpose: string; holder: Holder }[] {
    const { id, millicores, reservedMillicores } = this.#parts;
    const amount = millicores - reservedMillicores;
    if (amount <= 0) return [];
    const holder: Holder = {
      setEffective: (effective) =>
        this.#change(() => {
          this.#bookMillicores = effective;
        }),
      evict: (reason) => this.end({ why: 'owner', message: reason }),
    };
    return [{ resource: 'cpu', amount, purpose: id, holder }];
  }

  /** Memory and slots can only be kept or given back as a whole: the book evicts when the level does not cover them. */
  #spaceHolder(): Holder {
    return {
      setEffective: () => undefined,
      evict: (reason) => {
        if (this.#ending !== null) return;
        this.#parts.notice(reason, EVICT_NOTICE_MS);
        this.#after(EVICT_NOTICE_MS, () => this.end({ why: 'owner', message: reason }));
      },
    };
  }

  #listener(): JobListener {
    return {
      recorded: (record) => this.#parts.recorded(record),
      running: () => this.#begin(),
      output: (stream, bytes) => {
        if (!this.#deaf) this.#parts.output(stream, bytes);
      },
      ended: (end) => {
        this.#decide({ kind: 'ended', end: shortened(end) });
        // What it wrote before may still come in.
        this.#driven?.resumeOutput();
      },
      refused: (reason) => {
        this.#decide({ kind: 'refused', reason });
        this.#driven?.kill();
      },
      health: (state) => {
        this.#parts.health(state);
        if (state !== 'none') this.#parts.changed();
      },
      gone: ({ signal, exitCode, explanation }) => {
        const how = signal === null ? `code ${exitCode ?? 'unknown'}` : signal;
        this.end({
          why: 'crashed',
          message: `The job's process ended without a word (${how}).${explanation === '' ? '' : ` It said: ${explanation.trim()}`}`,
        });
        this.#finish();
      },
    };
  }

  #take(driven: DrivenJob): void {
    this.#driven = driven;
    // Changed, or ended, while it was being made.
    driven.setMillicores(this.effectiveMillicores);
    if (this.#ending !== null) {
      driven.kill();
      driven.resumeOutput();
    }
  }

  #begin(): void {
    if (this.#ending !== null || this.#running) return;
    this.#running = true;
    this.usage.began(this.#parts.clock.monotonicMs(), this.#driven?.measured() ?? null);
    this.#armTimeLimit();
    this.#parts.began();
  }

  /** Something changes what it may take: the time before counts as it was. */
  #change(apply: () => void): void {
    const before = this.effectiveMillicores;
    this.#account(this.#parts.clock.monotonicMs());
    apply();
    const now = this.effectiveMillicores;
    if (now === before || this.#ending !== null) return;
    if (this.heldBy === 'none' && now < this.#parts.millicores && this.#driven !== null) {
      return this.end({
        why: 'owner',
        message: 'The level was lowered, and this system cannot hold a job to less than a whole core.',
      });
    }
    this.#driven?.setMillicores(now);
    this.#armTimeLimit();
    if (now > 0) this.#frozenNoticed = false;
    else if (!this.#suspended && !this.#frozenNoticed && this.#running) {
      this.#frozenNoticed = true;
      this.#parts.notice('Its owner lends nothing of the processor now.', FROZEN_NOTICE_MS);
    }
    this.#parts.changed();
  }

  #decide(end: RunEnd): void {
    if (this.#ending !== null) return;
    this.#measureLast();
    this.#ending = end;
    this.#cancelTimeLimit();
  }

  #measureLast(): void {
    if (this.#driven !== null && !this.#gone) this.usage.measure(this.#driven.measured());
  }

  /** Its processes are gone, or never were. */
  #finish(): void {
    if (this.#gone || this.#ending === null) return;
    this.#account(this.#parts.clock.monotonicMs());
    this.#measureLast();
    this.#gone = true;
    for (const cancel of this.#cancelTimers) cancel();
    this.#cancelTimeLimit();
    this.#tellOver(this.#ending);
  }

  #account(nowMs: number): void {
    this.usage.account(nowMs, this.effectiveMillicores > 0 && !this.#held);
  }

  #after(ms: number, fire: () => void): void {
    this.#cancelTimers.push(this.#parts.clock.after(ms, fire));
  }

  #armTimeLimit(): void {
    this.#cancelTimeLimit();
    if (!this.#running || this.#ending !== null || this.effectiveMillicores === 0) return;
    const { clock, spec } = this.#parts;
    const leftMs = Math.max(0, spec.timeMsMax - this.usage.activeMs);
    // Looked at again at the end of each gap that may be a sleep of the machine.
    this.#cancelTimeLimit = clock.after(Math.min(leftMs, SAMPLE_GAP_MS_MAX), () => {
      this.#account(clock.monotonicMs());
      if (this.usage.activeMs < spec.timeMsMax) return this.#armTimeLimit();
      this.end({
        why: 'limit',
        limit: 'time',
        message: `The program ran for the ${spec.timeMsMax} ms that it may; start it with more time.`,
      });
    });
  }
}

const shortened = (end: JobEnd): JobEnd =>
  'message' in end ? { ...end, message: end.message.slice(0, END_MESSAGE_CHARS_MAX) } : end;
