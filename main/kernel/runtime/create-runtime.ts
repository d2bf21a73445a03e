import type { JobId, Logger, MetricsRegistry, Outside, Settings, Store } from '../../base/index.ts';
import { Emitter, assert, isNodeError, messageOf, newJobId } from '../../base/index.ts';
import type { Signer } from '../../base/crypto/index.ts';
import type { AllocationBook } from '../assets/index.ts';
import type {
  JobOutputChunk,
  JobSpec,
  JobView,
  LanguageView,
  QueueState,
  SchedulerAim,
} from '../../../preload/contract/index.ts';
import {
  CANCEL_GRACE_MS,
  JOBS_RUNNING_MAX,
  PREPARE_WAIT_MS_MAX,
  SAMPLE_INTERVAL_MS,
  SUBMIT_WAIT_MS_MAX,
} from './constants.ts';
import type { ContentStore } from './content/index.ts';
import type { JobNetwork, JobPipe, RuntimeDriver, WorkFolder } from './drivers/interface.ts';
import { RuntimeError, jobNotRunning, jobRunning, jobUnknown, moduleInvalid, notMovable, stopping } from './errors.ts';
import { FIRST_FACTS, type KeptOrigin } from './job-facts.ts';
import type { Runtime, RuntimeEvents } from './interface.ts';
import { OWN_ORIGIN } from './interface.ts';
import { Job, type JobParts } from './job.ts';
import { JobRecords } from './job-records.ts';
import { keptSpec } from './job-spec.ts';
import { languageViews } from './languages.ts';
import { createKeeper, type Keeper } from './keeper.ts';
import { createLine, type Line } from './line.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { createRuntimeMetrics } from './metrics.ts';
import { createMovedJobs, type MovedJobs, type MovedWork } from './moved-jobs.ts';
import { recoverJobs } from './recover-jobs.ts';
import { signResult } from './sign-result.ts';
import { createStarter, type Starter } from './starter.ts';

export interface RuntimeComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  /** Keeps the aim of the queue, and what was learned of jobs. Null: begins anew each time. */
  settings: Settings | null;
  allocations: AllocationBook;
  /** The runtime starts and stops them. */
  drivers: readonly RuntimeDriver[];
  /** Null: jobs have no files, and what waits is lost with the node. */
  content: ContentStore | null;
  /** Signs results. Null: there are none. */
  signer?: Signer | null;
  /** The way out for jobs that may have one and were given none: the owner's own, and those of an earlier life of the node. */
  networkOf?: ((origin: KeptOrigin) => JobNetwork | null) | null;
}
export interface RuntimeInit {
  /** How the queue is worked off until the owner says otherwise. @default 'balanced' */
  aim?: SchedulerAim;
}

export const createRuntime = (components: RuntimeComponents, init: RuntimeInit = {}): Runtime =>
  new JobRuntime(components, init);

class JobRuntime implements Runtime {
  readonly #components: RuntimeComponents;
  readonly #logger: Logger;
  readonly #metrics: RuntimeMetrics | null;
  readonly #records: JobRecords;
  readonly #events = new Emitter<RuntimeEvents>();
  readonly #jobs = new Map<JobId, Job>();
  /** Went on elsewhere, their work folders still here. */
  readonly #moved: MovedJobs;
  readonly #leaving = new Map<JobId, Promise<MovedWork>>();
  readonly #notices = new Set<Parameters<Runtime['onNotice']>[0]>();
  /** Of rows of ended jobs and their output. */
  readonly #keeper: Keeper;
  readonly #line: Line;
  readonly #starter: Starter;
  /** Requests under way that have no job yet; they count as running. */
  #admitted = 0;
  #mode: QueueState['mode'] = 'open';
  #stopSampling: (() => void) | null = null;
  #started = false;
  #stopped = false;

  constructor(components: RuntimeComponents, init: RuntimeInit) {
    this.#components = components;
    this.#logger = components.logger.child('runtime');
    this.#metrics = createRuntimeMetrics(components.metrics);
    this.#records = new JobRecords(components.store);
    this.#moved = createMovedJobs({
      clock: components.outside.clock,
      logger: this.#logger,
      records: this.#records,
      drivers: components.drivers,
    });
    this.#keeper = createKeeper({
      logger: this.#logger,
      records: this.#records,
      content: components.content,
      removing: (id) => this.#moved.forget(id),
      removed: (id) => this.#events.emit('jobRemoved', { id }),
    });
    this.#line = createLine(
      {
        clock: components.outside.clock,
        logger: this.#logger,
        settings: components.settings,
        allocations: components.allocations,
        jobs: this.#jobs,
        full: () => this.running - this.#admitted >= JOBS_RUNNING_MAX,
        bring: (job) => this.#starter.bring(job),
        notice: (job, reason, noticeMs) => this.#notice(job, reason, noticeMs),
        changed: () => this.#events.emit('queueChanged', null),
      },
      { aim: init.aim ?? 'balanced' },
    );
    this.#starter = createStarter({
      clock: components.outside.clock,
      allocations: components.allocations,
      content: components.content,
      drivers: components.drivers,
      line: this.#line,
      networkOf: (origin) => components.networkOf?.(origin) ?? null,
      stopped: () => this.#stopped,
      enter: (job) => this.#enter(job),
    });
  }

  get running(): number {
    let waiting = 0;
    for (const { status } of this.#jobs.values()) if (status === 'queued') waiting++;
    return this.#jobs.size - waiting + this.#admitted;
  }

  async start(): Promise<void> {
    assert(!this.#started, 'The runtime starts once.');
    this.#started = true;
    for (const driver of this.#components.drivers) await driver.start();
    await this.#keeper.load();
    await this.#line.load();
    await this.#moved.load();
    await recoverJobs({
      logger: this.#logger,
      records: this.#records,
      drivers: this.#components.drivers,
      content: this.#components.content,
      networkOf: (origin) => this.#components.networkOf?.(origin) ?? null,
      requestedAtMs: this.#components.outside.clock.monotonicMs(),
      make: (made) => new Job(this.#parts(), made),
      enter: (job) => this.#enter(job),
      keepMoved: (job) => this.#keepMoved(job),
      movedIds: () => this.#moved.list(),
      wait: (job) => this.#line.wait(job),
      bring: (job) => void this.#starter.bring(job),
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#line.stop();
    const why = 'The node was stopped while the job ran; start it again.';
    const shelved: Promise<void>[] = [];
    for (const job of this.#jobs.values()) {
      const waits = job.status === 'queued' || job.status === 'paused';
      if (job.spec.queue && waits) shelved.push(job.shelve(why));
      else if (job.run !== null && job.facts.restartsDone < job.spec.restarts && job.facts.programStored)
        shelved.push(job.shelve(why));
      else job.end({ why: 'lost', message: why });
    }
    await Promise.all(shelved);
    // A request under way sees `#stopped` before it makes a process, and a job that it made is ended above or by itself.
    await this.idle();
    this.#stopSampling?.();
    this.#stopSampling = null;
    await this.#keeper.settled();
    await this.#line.save();
    await this.#moved.stop();
    for (const driver of this.#components.drivers) await driver.stop();
  }

  async submit(
    spec: JobSpec,
    { origin = OWN_ORIGIN, held = false }: Parameters<Runtime['submit']>[1] = {},
  ): Promise<JobView> {
    const { clock, random } = this.#components.outside;
    assert(this.#started, 'The runtime has started.');
    const driver = this.#admit(spec, origin.who);
    const requestedAtMs = clock.monotonicMs();
    const job = new Job(this.#parts(), {
      id: newJobId(random),
      spec: keptSpec(spec, spec.cpuPercent),
      origin,
      facts: FIRST_FACTS,
      createdAtMs: clock.nowMs(),
      held,
      outputBytes: 0,
    });
    let tellListed: () => void = () => undefined;
    const listed = new Promise<void>((resolve) => (tellListed = resolve));
    let answered = false;
    this.#admitted++;
    const work = this.#starter
      .first(job, spec, driver, requestedAtMs, tellListed)
      .finally(() => this.#admitted--)
      .catch(async (error: unknown) => {
        if (answered) job.end({ why: 'crashed', message: messageOf(error) });
        else await job.withdraw(messageOf(error));
        if (!answered) throw error;
        if (!isNodeError(error)) this.#logger.warn('A job could not be started', { reason: messageOf(error) });
      });
    const waited = new AbortController();
    const wait = (ms: number): Promise<void> => clock.sleep(ms, waited.signal).catch(() => undefined);
    await Promise.race([
      work.then(() => Promise.race([job.verdict, wait(SUBMIT_WAIT_MS_MAX)])),
      // What takes long, such as an image that is fetched, is a job already.
      listed.then(() => wait(PREPARE_WAIT_MS_MAX)),
    ]);
    answered = true;
    waited.abort();
    if (job.refusal !== null) {
      await job.ended;
      throw moduleInvalid(job.refusal);
    }
    return job.view();
  }

  async list(): Promise<JobView[]> {
    const rows = await this.#records.list();
    return rows.flatMap(({ id, view }) => {
      const now = this.#jobs.get(id as JobId)?.view() ?? view;
      return now === null ? [] : [now];
    });
  }

  async get(id: JobId): Promise<JobView> {
    const live = this.#jobs.get(id);
    if (live !== undefined) return live.view();
    const view = (await this.#records.get(id))?.view;
    if (view === undefined || view === null) throw jobUnknown(id);
    return view;
  }

  async cancel(id: JobId): Promise<JobView> {
    const job = this.#jobs.get(id);
    if (job !== undefined) {
      job.end({ why: 'cancelled' }, CANCEL_GRACE_MS);
      await job.ended;
      return job.view();
    }
    return this.get(id);
  }

  async remove(id: JobId): Promise<void> {
    if (this.#jobs.has(id)) throw jobRunning(id);
    if ((await this.#records.get(id)) === null) throw jobUnknown(id);
    await this.#keeper.remove([id]);
  }

  async output(id: JobId, offset: number): Promise<{ chunks: JobOutputChunk[]; nextOffset: number; ended: boolean }> {
    const live = this.#jobs.has(id);
    if (!live && (await this.#records.get(id)) === null) throw jobUnknown(id);
    const { chunks, nextOffset, storedBytes } = await this.#records.output(id, offset);
    return { chunks, nextOffset, ended: !live && nextOffset >= storedBytes };
  }

  async connect(id: JobId, port: number): Promise<JobPipe> {
    const { driven } = await this.#running(id);
    return driven.connect(port);
  }

  async endAll(reason: string): Promise<number> {
    const jobs = [...this.#jobs.values()];
    for (const job of jobs) job.end({ why: 'owner', message: reason });
    await Promise.all(jobs.map((job) => job.ended));
    return jobs.length;
  }

  async idle(signal?: AbortSignal): Promise<void> {
    while (this.running > 0) {
      signal?.throwIfAborted();
      const aborted =
        signal === undefined
          ? []
          : [
              new Promise<never>((_, reject) =>
                signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
              ),
            ];
      const jobs = [...this.#jobs.values()].filter(({ status }) => status !== 'queued');
      // A request that has no job yet is looked at again a moment later, and so is one that may be put back into the line.
      await Promise.race([
        jobs.length > 0 ? Promise.all(jobs.map((job) => job.ended)) : this.#components.outside.clock.sleep(10),
        this.#components.outside.clock.sleep(SAMPLE_INTERVAL_MS),
        ...aborted,
      ]);
    }
  }

  queue(): QueueState {
    return { ...this.#line.state(), mode: this.#mode, running: this.running };
  }

  async setQueue({ aim, mode }: { aim?: SchedulerAim; mode?: 'open' | 'finish' }): Promise<QueueState> {
    if (mode !== undefined && mode !== this.#mode) {
      this.#mode = mode;
      this.#line.pause(mode === 'finish');
      this.#events.emit('queueChanged', null);
    }
    if (aim !== undefined) await this.#line.setAim(aim);
    return this.queue();
  }

  languages(): LanguageView[] {
    return languageViews((kind) => {
      const ready = this.#components.drivers.find(({ kinds }) => kinds.includes(kind))?.ready(kind);
      if (ready === undefined) return { ok: false, sentence: 'This node has nothing that runs it.' };
      return ready.ok ? { ok: true, sentence: '' } : { ok: false, sentence: ready.sentence };
    });
  }

  async work(id: JobId): Promise<WorkFolder> {
    const moved = await this.#findMoved(id);
    if (moved !== null) return moved.work;
    const { driven } = await this.#running(id);
    if (driven.work === null || driven.begin === undefined) throw notMovable(id);
    return driven.work;
  }

  async begin(id: JobId): Promise<JobView> {
    const { job, run } = await this.#running(id);
    await run.begin();
    return job.view();
  }

  async handOver(id: JobId, to: string, graceMs: number): Promise<{ work: WorkFolder; stoppedAtMs: number }> {
    let moving = this.#leaving.get(id);
    if (moving === undefined) {
      moving = this.#handOver(id, to, graceMs);
      this.#leaving.set(id, moving);
      moving.finally(() => this.#leaving.delete(id)).catch(() => undefined);
    }
    const { work, stoppedAtMs } = await moving;
    return { work, stoppedAtMs };
  }

  async forgetMoved(id: JobId): Promise<void> {
    await this.#leaving.get(id)?.catch(() => null);
    await this.#left(id);
    if (await this.#moved.forget(id)) return;
    if (!this.#jobs.has(id) && (await this.#records.get(id)) === null) throw jobUnknown(id);
  }

  async inSystem(): Promise<JobId[]> {
    return [...this.#jobs.keys(), ...(await this.#moved.list())];
  }

  async note(id: JobId, { moves }: { moves?: JobView['moves'][number] }): Promise<void> {
    if (moves === undefined) return;
    const live = this.#jobs.get(id);
    if (live !== undefined) return live.moved(moves);
    const facts = await this.#records.facts(id);
    if (facts === null) throw jobUnknown(id);
    await this.#records.setFacts(id, { ...facts, moves: [...facts.moves, moves].slice(-100) });
  }

  async spec(id: JobId): Promise<JobSpec> {
    const job = this.#jobs.get(id);
    if (job !== undefined && !job.ending) return job.request();
    if (job === undefined && (await this.#records.get(id)) === null) throw jobUnknown(id);
    throw jobNotRunning(id);
  }

  limit(id: JobId, part: number): void {
    this.#jobs.get(id)?.limit(part);
  }

  result(id: JobId): Promise<{ fileName: string; bytes: Uint8Array }> {
    return signResult({ records: this.#records, signer: this.#components.signer ?? null }, id);
  }

  async drain(reason: string, noticeMs: number): Promise<{ asked: number; stayed: number }> {
    const asked = [...this.#jobs.values()].filter((job) => job.run !== null && this.#notice(job, reason, noticeMs));
    const isHere = (job: Job): boolean => job.status !== 'ended' && this.#jobs.has(job.id);
    if (asked.length > 0) {
      await new Promise<void>((resolve) => {
        const over = (): void => {
          cancel();
          forget();
          resolve();
        };
        const cancel = this.#components.outside.clock.after(noticeMs, over);
        const forget = this.#events.on('jobChanged', () => {
          if (!asked.some(isHere)) over();
        });
      });
    }
    return { asked: asked.length, stayed: asked.filter(isHere).length };
  }

  onNotice(listener: Parameters<Runtime['onNotice']>[0]): () => void {
    this.#notices.add(listener);
    return () => void this.#notices.delete(listener);
  }

  on<K extends keyof RuntimeEvents>(name: K, listener: (payload: RuntimeEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  #parts(): JobParts {
    const { outside, store, allocations, content } = this.#components;
    return {
      clock: outside.clock,
      logger: this.#logger,
      metrics: this.#metrics,
      store,
      records: this.#records,
      allocations,
      content,
      changed: (job) => this.#changed(job),
      wrote: (chunk, bytes) => this.#wrote(chunk, bytes),
      notice: (job, reason, noticeMs) => this.#notice(job, reason, noticeMs),
      again: (job, pauseMs) => this.#starter.again(job, pauseMs),
      position: (job) => this.#line.positionOf(job),
      estimate: (job) => this.#line.estimateOf(job),
    };
  }

  /** Whether a request is taken at all. @returns what runs it @throws {RuntimeError} */
  #admit(spec: JobSpec, who: string): RuntimeDriver {
    if (this.#stopped) throw stopping();
    if (this.#mode === 'finish') {
      throw new RuntimeError(
        { code: 'FINISHING' },
        'This node finishes what runs and takes no new work; `hypermesh queue set --mode open` changes that.',
      );
    }
    const driver = this.#starter.driverFor(spec.kind);
    if (spec.queue) this.#line.admit(who);
    else if (this.running >= JOBS_RUNNING_MAX) {
      throw new RuntimeError(
        { code: 'TOO_MANY_JOBS', jobsMax: JOBS_RUNNING_MAX },
        `${JOBS_RUNNING_MAX} jobs are running, the most at once; wait for one to end or cancel one.`,
      );
    }
    return driver;
  }

  #enter(job: Job): void {
    if (this.#jobs.has(job.id) || job.status === 'ended') return;
    this.#jobs.set(job.id, job);
    this.#metrics?.running.set(this.running - this.#admitted);
    this.#stopSampling ??= this.#components.outside.clock.every(SAMPLE_INTERVAL_MS, () => this.#sample());
    void job.ended.then(() => this.#forget(job));
  }

  async #running(
    id: JobId,
  ): Promise<{ job: Job; run: NonNullable<Job['run']>; driven: NonNullable<NonNullable<Job['run']>['driven']> }> {
    const job = this.#jobs.get(id);
    const run = job?.run ?? null;
    if (job !== undefined && run?.driven != null && !job.ending) return { job, run, driven: run.driven };
    if (job === undefined && (await this.#records.get(id)) === null) throw jobUnknown(id);
    throw jobNotRunning(id);
  }

  async #handOver(id: JobId, to: string, graceMs: number): Promise<MovedWork> {
    const before = await this.#findMoved(id);
    if (before !== null) return before;
    const { job, driven } = await this.#running(id);
    if (driven.work === null || driven.begin === undefined) throw notMovable(id);
    if (!(await job.handOver(to, graceMs))) throw jobNotRunning(id);
    // Its row is written behind this: nobody answers for the job meanwhile.
    return this.#keepMoved(job);
  }
  /** The row of a job that goes on elsewhere is waited for. */
  async #left(id: JobId): Promise<void> {
    const job = this.#jobs.get(id);
    if (job?.leaves === true) await job.ended;
  }
  /** @returns null for what lives here, whatever its row says of earlier, and for what left nothing */
  async #findMoved(id: JobId): Promise<MovedWork | null> {
    await this.#left(id);
    return this.#jobs.has(id) ? null : this.#moved.find(id);
  }
  #keepMoved(job: Job): MovedWork {
    const run = job.run!;
    const moved: MovedWork = {
      work: run.driven!.work!,
      stoppedAtMs: this.#components.outside.clock.nowMs(),
      release: () => run.release(),
      leave: () => run.leave(),
    };
    this.#moved.keep(job.id, moved);
    return moved;
  }

  /** @returns whether anybody answers for the job */
  #notice(job: Job, reason: string, noticeMs: number): boolean {
    return [...this.#notices].map((listener) => listener({ id: job.id, reason, noticeMs })).includes(true);
  }

  #sample(): void {
    for (const job of this.#jobs.values()) {
      job.sample();
      this.#line.used(job, SAMPLE_INTERVAL_MS);
    }
  }

  #changed(job: Job): void {
    // A module that was refused never was a job for anyone but its submitter.
    if (job.refusal !== null) this.#events.emit('jobRemoved', { id: job.id });
    else if (this.#jobs.has(job.id)) this.#events.emit('jobChanged', job.view());
  }

  #wrote(chunk: JobOutputChunk, bytes: number): void {
    this.#keeper.wrote(bytes);
    this.#metrics?.outputBytes.inc(bytes);
    this.#events.emit('outputWritten', chunk);
  }

  #forget(job: Job): void {
    this.#jobs.delete(job.id);
    this.#line.ended(job);
    // Whoever waits for the last one to end looks at it each time.
    if (this.#mode === 'finish') this.#events.emit('queueChanged', null);
    this.#metrics?.running.set(this.running - this.#admitted);
    if (this.#jobs.size === 0) {
      this.#stopSampling?.();
      this.#stopSampling = null;
    }
    this.#keeper.clean();
  }
}
