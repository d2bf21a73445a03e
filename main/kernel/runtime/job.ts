import type { Clock, JobId, Logger, Store } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import type { AllocationBook } from '../assets/index.ts';
import type { JobEnd, JobOutputChunk, JobSpec, JobView } from '../../../preload/contract/index.ts';
import { RESTART_MS_MAX, RESTART_MS_MIN } from './constants.ts';
import { contentHolderOf, type ContentStore } from './content/index.ts';
import type { DrivenJob, HeldBy, JobListener, PreparedJob, StartedJob } from './drivers/interface.ts';
import { isFailure, sentenceOf } from './job-end.ts';
import { keptOrigin, type JobFacts } from './job-facts.ts';
import { keepOutputs, type Program } from './job-files.ts';
import type { JobOrigin } from './interface.ts';
import type { JobRecords, JobState } from './job-records.ts';
import { JobRun, type RunEnd } from './job-run.ts';
import { millicoresOf, wholeSpec, type KeptSpec } from './job-spec.ts';
import { liveView } from './live-view.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { OutputLog } from './output-log.ts';
import { inputHashOf, inputOf } from './results/index.ts';
import { sizeText } from './size-text.ts';

export interface JobParts {
  clock: Clock;
  logger: Logger;
  metrics: RuntimeMetrics | null;
  store: Store;
  records: JobRecords;
  allocations: AllocationBook;
  content: ContentStore | null;
  changed(job: Job): void;
  wrote(chunk: JobOutputChunk, bytes: number): void;
  notice(job: Job, reason: string, noticeMs: number): void;
  /** It failed and may start again, or was put back: after a pause whoever decides about starting has it. */
  again(job: Job, pauseMs: number): void;
  position(job: Job): number | null;
  estimate(job: Job): JobView['estimate'];
}
export interface JobInit {
  id: JobId;
  /** The request, without its program. */
  spec: KeptSpec;
  origin: JobOrigin;
  facts: JobFacts;
  createdAtMs: number;
  held: boolean;
  /** Where its output goes on. */
  outputBytes: number;
}

/** A job that has not ended, as far as others have to know: `queued` waits in line, `paused` for its next start. */
type Life =
  | { status: 'queued' | 'preparing' | 'paused'; reason: string }
  | { status: 'starting' | 'running' }
  | { status: 'ended'; endedAtMs: number; end: JobEnd };

/** One job from its request to its end: its row, its output, its runs. */
export class Job {
  readonly id: JobId;
  readonly origin: JobOrigin;
  readonly createdAtMs: number;
  readonly held: boolean;
  readonly #parts: JobParts;
  readonly #output: OutputLog;
  #spec: KeptSpec;
  #facts: JobFacts;
  #module = { sha256: '', bytes: 0 };
  #life: Life = { status: 'preparing', reason: '' };
  #startedAtMs: number | null = null;
  #run: JobRun | null = null;
  #program: Program | null = null;
  #ending: JobEnd | null = null;
  #needs: PreparedJob['needs'] = [];
  #heldBy: HeldBy = 'none';
  #health: JobView['health'] = 'none';
  /** Why the module was refused. Such a job leaves no row. */
  #refusal: string | null = null;
  /** Of what its lease has reserved, 0 to 1. */
  #leasePart = 1;
  #putBack: string | null = null;
  #handedOver = false;
  #listed = false;
  #writes: Promise<void> = Promise.resolve();
  readonly #aborter = new AbortController();

  /** Resolves when it runs, is refused, waits for another start, or has ended. */
  readonly verdict: Promise<void>;
  readonly ended: Promise<void>;
  #tellVerdict!: () => void;
  #tellEnded!: () => void;

  constructor(parts: JobParts, init: JobInit) {
    this.#parts = parts;
    this.id = init.id;
    this.origin = init.origin;
    this.createdAtMs = init.createdAtMs;
    this.held = init.held;
    this.#spec = init.spec;
    this.#facts = init.facts;
    this.verdict = new Promise((resolve) => (this.#tellVerdict = resolve));
    this.ended = new Promise((resolve) => (this.#tellEnded = resolve));
    this.#output = new OutputLog({
      id: init.id,
      bytesMax: init.spec.outputBytesMax,
      bytes: init.outputBytes,
      store: parts.store,
      clock: parts.clock,
      written: (chunk, bytes) => parts.wrote(chunk, bytes),
      drained: () => this.#run?.resumeOutput(),
      failed: (error) => {
        parts.logger.error('Output of a job could not be stored', { job: init.id, reason: messageOf(error) });
        this.end({ why: 'lost', message: `Its output could not be stored: ${messageOf(error)}` });
      },
    });
  }

  get spec(): KeptSpec {
    return this.#spec;
  }
  get refusal(): string | null {
    return this.#refusal;
  }
  get programSha256(): string {
    return this.#module.sha256;
  }
  get status(): Life['status'] {
    return this.#life.status;
  }
  get ending(): boolean {
    return this.#ending !== null;
  }
  get signal(): AbortSignal {
    return this.#aborter.signal;
  }
  get needs(): PreparedJob['needs'] {
    return this.#needs;
  }
  get run(): JobRun | null {
    return this.#run;
  }
  /** It was asked to end because it goes on elsewhere. */
  get leaves(): boolean {
    return this.#handedOver;
  }
  get facts(): JobFacts {
    return this.#facts;
  }
  get heldBy(): HeldBy {
    return this.#heldBy;
  }
  /** Promised share, thousandths of a core; null while that is not decided. */
  get millicores(): number | null {
    const percent = this.#spec.cpuPercent ?? this.#facts.cpuPercent;
    return percent === null ? null : millicoresOf(percent);
  }
  get startedAtMs(): number | null {
    return this.#startedAtMs;
  }

  /** What preparing found out. */
  prepared({ identity, needs, heldBy }: Pick<PreparedJob, 'identity' | 'needs' | 'heldBy'>, whole: JobSpec): void {
    this.#module = { sha256: identity.sha256, bytes: identity.bytes };
    this.#needs = needs;
    this.#heldBy = heldBy;
    const sum = (wanted: string): number =>
      needs.reduce((all, { resource, amount }) => all + (resource === wanted ? amount : 0), 0);
    const program = whole.kind === 'container' ? `sha256:${identity.sha256}` : identity.sha256;
    this.#facts = {
      ...this.#facts,
      needs: { memoryBytes: sum('memory'), containers: sum('container') },
      input: inputHashOf(inputOf(whole, program)),
    };
  }
  /** Where its program is found when it is needed again. */
  keepProgram(program: Program, stored: boolean): void {
    this.#program = program;
    this.#facts = { ...this.#facts, programStored: stored };
  }
  /** What a row of an earlier life of the node knows. */
  restore(module: { sha256: string; bytes: number }, startedAtMs: number | null): void {
    this.#module = module;
    this.#startedAtMs = startedAtMs;
    this.#listed = true;
    const { memoryBytes, containers } = this.#facts.needs;
    this.#needs = [
      { resource: 'memory', amount: memoryBytes },
      { resource: 'container', amount: containers },
    ];
  }
  /** It never was a job for anyone but its submitter. */
  async withdraw(reason: string): Promise<void> {
    this.#refusal = reason;
    await this.#finish({ why: 'crashed', message: reason });
  }
  /** Ends its run and leaves it to the next life of the node, as one of its restarts. */
  async shelve(reason: string): Promise<void> {
    if (this.#run !== null) {
      this.#facts = { ...this.#facts, restartsDone: this.#facts.restartsDone + 1 };
      const { over } = this.#run;
      this.putBack(reason);
      await over;
    }
    await this.#output.close();
    await this.#writes;
  }
  /** The whole request, to be prepared once more. */
  async request(): Promise<JobSpec> {
    return wholeSpec(this.#spec, (await this.#program?.read()) ?? '');
  }

  /** Writes its row, unless that is done. @throws {StoreError} */
  async list(state: JobState): Promise<void> {
    if (this.#listed) return;
    await this.#parts.records.insert({
      id: this.id,
      spec: this.#spec,
      module: this.#module,
      state,
      origin: keptOrigin(this.origin),
      facts: this.#facts,
      createdAtMs: this.createdAtMs,
    });
    this.#listed = true;
  }

  /** What it waits for. */
  waits(status: 'queued' | 'preparing' | 'paused', reason: string): void {
    if (this.#ending !== null || this.#life.status === 'ended') return;
    const before = this.#life;
    this.#life = { status, reason };
    if (before.status !== status && this.#listed) this.#save(status === 'paused' ? 'queued' : status);
    this.#parts.changed(this);
    if (status !== 'preparing') this.#tellVerdict();
  }

  /** Reserves what a run takes. @param cpuPercent - the share where its request names none @throws {AllocationError} */
  async allocate(cpuPercent: number, requestedAtMs: number): Promise<JobRun> {
    const { clock, allocations, metrics, notice } = this.#parts;
    if (this.#spec.cpuPercent === undefined) this.#facts = { ...this.#facts, cpuPercent };
    const { reserved } = this.origin;
    const run: JobRun = new JobRun({
      id: this.id,
      spec: this.#spec,
      millicores: millicoresOf(cpuPercent),
      reservedMillicores: Math.min(reserved.millicores, millicoresOf(cpuPercent)),
      needs: this.#needs.map(({ resource, amount }) => ({
        resource,
        amount: resource === 'container' ? Math.max(0, amount - reserved.containers) : amount,
      })),
      heldBy: this.#heldBy,
      requestedAtMs,
      held: this.held && this.#facts.restartsDone === 0,
      clock,
      allocations,
      began: () => {
        this.#startedAtMs = clock.nowMs();
        this.#life = { status: 'running' };
        this.#save('running');
        if (run.usage.startMs !== null) metrics?.startSeconds.observe(run.usage.startMs / 1000);
        this.#parts.changed(this);
        this.#tellVerdict();
      },
      changed: () => {
        if (this.#run === run) this.#parts.changed(this);
      },
      output: (stream, bytes) => this.#write(run, stream, bytes),
      health: (state) => (this.#health = state),
      recorded: (record) => this.#parts.records.setRecord(this.id, record),
      notice: (reason, noticeMs) => notice(this, reason, noticeMs),
    });
    // What is only taken up to be moved stands still: it is not asked of the book again.
    if (this.#facts.movedTo === undefined) await run.allocate();
    run.scale(this.#leasePart);
    this.#run = run;
    void run.over.then((end) => this.#settle(run, end));
    return run;
  }

  /** Starts the run that was allocated. */
  async start(
    prepared: PreparedJob,
    started: Pick<StartedJob, 'files' | 'network'>,
    whole: StartedJob['spec'],
  ): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    if (this.#ending !== null) run.end(this.#ending);
    else {
      this.#life = { status: 'starting' };
      this.#save('starting');
      this.#parts.metrics?.started.inc(1, { kind: this.#spec.kind });
      this.#parts.changed(this);
    }
    const held = this.held && this.#facts.restartsDone === 0;
    await run.start(prepared, { id: this.id, spec: whole, held, ...started });
    if (held) this.#tellVerdict();
  }

  /** Goes on with a run of an earlier life of the node. @returns false when nothing of it is left */
  async adopt(
    adopting: (job: Pick<StartedJob, 'millicores'>, listener: JobListener) => Promise<DrivenJob | null>,
  ): Promise<boolean> {
    const run = this.#run;
    if (run === null) return false;
    const { movedTo } = this.#facts;
    if (movedTo === undefined) return run.adopt(adopting);
    const end: JobEnd = { why: 'moved', to: movedTo, message: `It goes on at ${movedTo}.` };
    this.#handedOver = true;
    this.#ending = end;
    const found = await run.adopt(adopting, end);
    if (!found) this.#stays();
    return found;
  }

  /**
   * Decides how it ends, unless that is decided already, and ends what runs. In any state; may be called often.
   * @param graceMs - so long a program that can be asked to end has for that. @default 0
   */
  end(end: JobEnd, graceMs = 0): void {
    if (this.#ending !== null || this.#life.status === 'ended') return;
    this.#ending = end;
    this.#aborter.abort(new Error('The job has ended.'));
    if (this.#run !== null) this.#run.stop(end, graceMs);
    else void this.#finish(end);
  }

  /** Ends its run and lets it wait in line again. @param reason - why, one sentence */
  putBack(reason: string): void {
    if (this.#ending !== null || this.#run === null || this.#putBack !== null) return;
    this.#putBack = reason;
    this.#run.end({ why: 'owner', message: reason });
  }

  /**
   * Asks it to end, because it goes on elsewhere; its run, with the work folder, is kept by whoever asked. Resolves once its processes
   * are gone.
   * @returns false when it ended by itself before that
   */
  async handOver(to: string, graceMs: number): Promise<boolean> {
    const run = this.#run;
    if (run === null || run.ending || this.#ending !== null) return false;
    const end: JobEnd = { why: 'moved', to, message: `It goes on at ${to}.` };
    this.#handedOver = true;
    this.#ending = end;
    // On disk first: a node that goes down meanwhile must not take it for one that ended by itself.
    this.#facts = { ...this.#facts, movedTo: to };
    this.#save(this.#rowState);
    await this.#writes;
    run.stop(end, graceMs);
    return isMoved(await run.over);
  }

  /** The level leaves its lease another part of what was reserved. */
  limit(part: number): void {
    this.#leasePart = part;
    this.#run?.scale(part);
  }

  moved(move: JobView['moves'][number]): void {
    this.#facts = { ...this.#facts, moves: [...this.#facts.moves, move].slice(-100) };
    if (this.#life.status !== 'ended') this.#save(this.#rowState);
    this.#parts.changed(this);
  }

  sample(): void {
    this.#run?.sample();
  }

  view(): JobView {
    const life = this.#life;
    const { id, createdAtMs, origin } = this;
    return liveView(
      {
        id,
        spec: this.#spec,
        module: this.#module,
        origin,
        facts: this.#facts,
        createdAtMs,
        startedAtMs: this.#startedAtMs,
      },
      {
        status: life.status,
        reason: 'reason' in life ? life.reason : '',
        ended: life.status === 'ended' ? { atMs: life.endedAtMs, end: life.end } : null,
        run: this.#run,
        heldBy: this.#heldBy,
        health: this.#health,
        outputBytes: this.#output.bytes,
        position: () => this.#parts.position(this),
        estimate: () => this.#parts.estimate(this),
      },
    );
  }

  /** It was to go on elsewhere and does not. */
  #stays(): void {
    const { movedTo: _, ...facts } = this.#facts;
    this.#facts = facts;
    this.#handedOver = false;
    this.#ending = null;
  }

  get #rowState(): JobState {
    const { status } = this.#life;
    return status === 'paused' || status === 'ended' ? 'queued' : status;
  }

  #write(run: JobRun, stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    const taken = this.#output.push(stream, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (taken === 'full') run.pauseOutput();
    else if (taken === 'exceeded') {
      run.end({
        why: 'limit',
        limit: 'output',
        message: `The program wrote more than the ${sizeText(this.#spec.outputBytesMax)} that it may; start it with a higher limit.`,
      });
    }
  }

  /** A run is over: the job ends with it, starts again, or waits in line once more. */
  async #settle(run: JobRun, over: RunEnd): Promise<void> {
    if (over.kind === 'refused') {
      this.#refusal = over.reason;
      await this.#release(run);
      return this.#finish({ why: 'crashed', message: over.reason });
    }
    // It ended by itself before it could be asked to: there is nothing to go on with elsewhere.
    if (this.#handedOver && !isMoved(over)) this.#stays();
    const back = this.#putBack;
    this.#putBack = null;
    if (back !== null && this.#ending === null) {
      await this.#release(run);
      this.#run = null;
      return this.#parts.again(this, 0);
    }
    const failed = isFailure(over.end) && this.#ending === null;
    if (failed && this.#facts.restartsDone < this.#spec.restarts) {
      await this.#release(run);
      this.#facts = { ...this.#facts, restartsDone: this.#facts.restartsDone + 1 };
      const { restartsDone } = this.#facts;
      const pauseMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** (restartsDone - 1));
      if (this.#ending !== null) return this.#finish(this.#ending);
      this.waits(
        'paused',
        `Starts again in ${pauseMs / 1000} s, ${restartsDone} of ${this.#spec.restarts} times: ${sentenceOf(over.end)}`,
      );
      this.#run = null;
      return this.#parts.again(this, pauseMs);
    }
    await this.#keepFiles(run);
    if (!this.#handedOver) await this.#release(run);
    return this.#finish(over.end);
  }

  /** Files are kept however it ended: half a result may be worth much, and a service has its files when it is stopped. */
  async #keepFiles(run: JobRun): Promise<void> {
    const { content, logger } = this.#parts;
    const { outputs, scratchBytesMax } = this.#spec;
    const work = run.driven?.work ?? null;
    if (content === null || work === null || this.#handedOver) return;
    try {
      const kept = await keepOutputs(content, this.id, work, outputs, scratchBytesMax);
      this.#facts = { ...this.#facts, outputs: kept };
    } catch (error) {
      logger.warn('Files of a job could not be kept', { job: this.id, reason: messageOf(error) });
      this.#output.push('stderr', Buffer.from(`\nThe files that it left could not be kept: ${messageOf(error)}\n`));
    }
  }

  async #release(run: JobRun): Promise<void> {
    try {
      await run.release();
    } catch (error) {
      this.#parts.logger.error('What a job took could not be given back', { job: this.id, reason: messageOf(error) });
    }
  }

  /** Nothing of it runs any more. */
  async #finish(end: JobEnd): Promise<void> {
    if (this.#life.status === 'ended') return;
    this.#ending ??= end;
    const { clock, records, metrics, content } = this.#parts;
    await this.#output.close();
    this.#life = { status: 'ended', endedAtMs: clock.nowMs(), end };
    const { endedAtMs } = this.#life;
    const kept = { measured: this.view().measured, governor: this.#run?.heldBy ?? this.#heldBy };
    if (this.#listed) {
      this.#enqueue(() =>
        this.#refusal === null
          ? records.setEnded(this.id, end, endedAtMs, kept, this.#spec, this.#facts, this.#handedOver)
          : records.delete([this.id]),
      );
    }
    await this.#writes;
    if (this.#refusal !== null || !this.#listed)
      await content?.release(contentHolderOf(this.id)).catch(() => undefined);
    metrics?.ended.inc(1, { why: this.#refusal === null ? end.why : 'refused' });
    this.#parts.changed(this);
    this.#tellVerdict();
    this.#tellEnded();
  }

  #save(state: JobState): void {
    if (!this.#listed) return;
    this.#enqueue(() =>
      this.#parts.records.update(this.id, state, this.#spec, this.#module, this.#facts, this.#startedAtMs),
    );
  }

  /** Row updates keep their order and never stop the job: an unsaved one is put right by the next start of the node. */
  #enqueue(update: () => Promise<void>): void {
    this.#writes = this.#writes.then(update).catch((error: unknown) => {
      this.#parts.logger.error('The row of a job could not be written', { job: this.id, reason: messageOf(error) });
    });
  }
}

const isMoved = (over: RunEnd): boolean => over.kind === 'ended' && over.end.why === 'moved';
