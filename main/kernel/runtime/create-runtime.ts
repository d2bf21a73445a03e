import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { JobId, Logger, MetricsRegistry, Outside, Store, WorkerPool } from '../../base/index.ts';
import { Emitter, assert, newJobId } from '../../base/index.ts';
import type { AllocationBook } from '../assets/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { JobOutputChunk, JobSpec, JobView } from '../../../preload/contract/index.ts';
import {
  INSPECT_INLINE_BYTES_MAX,
  JOBS_RUNNING_MAX,
  MODULE_BYTES_MAX,
  OUTPUT_STORED_BYTES_MAX,
  SAMPLE_INTERVAL_MS,
  SUBMIT_WAIT_MS_MAX,
} from './constants.ts';
import { RuntimeError, jobRunning, jobUnknown, moduleInvalid, moduleTooLarge } from './errors.ts';
import type { CpuGovernor, GovernorKind } from './governor/index.ts';
import { chooseGovernor } from './governor/index.ts';
import type { Inspection } from './inspect-module.ts';
import { inspectModule } from './inspect-module.ts';
import type { HostProgram, Runtime, RuntimeEvents } from './interface.ts';
import { Job, millicoresOf } from './job.ts';
import { JobRecords, keptSpec, unmeasured } from './job-records.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { createRuntimeMetrics } from './metrics.ts';
import { findSetpriv, killGroup, processStarted } from './processes.ts';

export interface RuntimeComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  allocations: AllocationBook;
  monitor: Pick<Monitor, 'countProcess'>;
  workers: WorkerPool;
  host: HostProgram;
}

export interface RuntimeInit {
  /** Ways of holding a share that may be tried. @default ['cgroup', 'duty-cycle'] */
  governors?: readonly GovernorKind[];
  /** Whether the system may be asked to end hosts with the node; otherwise each host watches its pipe. @default true */
  dieWithNode?: boolean;
}

export const createRuntime = (components: RuntimeComponents, init: RuntimeInit = {}): Runtime =>
  new JobRuntime(components, init);

class JobRuntime implements Runtime {
  readonly #components: RuntimeComponents;
  readonly #init: RuntimeInit;
  readonly #logger: Logger;
  readonly #metrics: RuntimeMetrics | null;
  readonly #records: JobRecords;
  readonly #events = new Emitter<RuntimeEvents>();
  readonly #jobs = new Map<JobId, Job>();
  /** Requests under way that have no job yet; they count as running. */
  #admitted = 0;
  #governor: CpuGovernor | null = null;
  #setpriv: string | null = null;
  #engine: Promise<Uint8Array> | null = null;
  #stopSampling: (() => void) | null = null;
  #storedOutputBytes = 0;
  /** Removals under way, one after the other. */
  #cleaning: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(components: RuntimeComponents, init: RuntimeInit) {
    this.#components = components;
    this.#init = init;
    this.#logger = components.logger.child('runtime');
    this.#metrics = createRuntimeMetrics(components.metrics);
    this.#records = new JobRecords(components.store);
  }

  get running(): number {
    return this.#jobs.size + this.#admitted;
  }

  async start(): Promise<void> {
    assert(this.#governor === null, 'The runtime starts once.');
    const { platform } = process;
    await this.#endLeftOver();
    if (this.#init.dieWithNode ?? true) this.#setpriv = await findSetpriv(platform);
    this.#storedOutputBytes = await this.#records.outputBytes();
    this.#governor = await chooseGovernor(
      { clock: this.#components.outside.clock, logger: this.#logger, platform },
      this.#init.governors ?? ['cgroup', 'duty-cycle'],
    );
    this.#logger.info('Jobs can run', { shareHeldBy: this.#governor.kind, hostsEndWithNode: this.#setpriv !== null });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const job of this.#jobs.values())
      job.end({ why: 'lost', message: 'The node was stopped while the job ran; start it again.' });
    // A request under way sees `#stopped` before it makes a process, and a job that it made is ended above or by itself.
    await this.idle();
    this.#stopSampling?.();
    this.#stopSampling = null;
    await this.#cleaning;
    this.#governor?.close();
  }

  async submit(spec: JobSpec): Promise<JobView> {
    const { outside, allocations, host } = this.#components;
    const governor = this.#governor;
    assert(governor !== null, 'The runtime has started.');
    if (this.#stopped) throw stopping();
    const requestedAtMs = outside.clock.monotonicMs();
    const createdAtMs = outside.clock.nowMs();
    if (governor.kind === 'none' && spec.cpuPercent !== undefined && spec.cpuPercent < 100) {
      throw new RuntimeError(
        { code: 'SHARE_NOT_HELD', cpuPercent: spec.cpuPercent },
        `This system cannot hold a job to ${spec.cpuPercent} % of a core; start it with 100 %.`,
      );
    }
    if (this.running >= JOBS_RUNNING_MAX) {
      throw new RuntimeError(
        { code: 'TOO_MANY_JOBS', jobsMax: JOBS_RUNNING_MAX },
        `${JOBS_RUNNING_MAX} jobs are running, the most at once; wait for one to end or cancel one.`,
      );
    }
    let job: Job;
    this.#admitted++;
    try {
      const module = await this.#inspect(spec);
      if (this.#stopped) throw stopping();
      // From here to the reservation nothing waits, so that what is free now is free then.
      const kept = keptSpec(spec, spec.cpuPercent ?? (governor.kind === 'none' ? 100 : this.#freePercent()));
      job = new Job({
        id: newJobId(outside.random),
        spec: kept,
        module: { sha256: module.sha256, bytes: module.bytes.length },
        createdAtMs,
        requestedAtMs,
        clock: outside.clock,
        logger: this.#logger,
        metrics: this.#metrics,
        store: this.#components.store,
        records: this.#records,
        allocations,
        monitor: this.#components.monitor,
        governor,
        changed: (changed) => this.#changed(changed),
        wrote: (chunk, bytes) => this.#wrote(chunk, bytes),
      });
      job.holdAllocations(
        await allocations.allocate([
          { resource: 'cpu', amount: millicoresOf(kept.cpuPercent), purpose: job.id, holder: job.cpuHolder },
          { resource: 'memory', amount: job.allocatedBytes, purpose: job.id, holder: job.memoryHolder },
        ]),
      );
      this.#jobs.set(job.id, job);
      this.#metrics?.running.set(this.#jobs.size);
      void job.ended.then(() => this.#forget(job));
      try {
        await this.#records.insert(job.id, kept, { sha256: module.sha256, bytes: module.bytes.length }, createdAtMs);
        const engine = spec.kind === 'javascript' ? await this.#readEngine() : new Uint8Array();
        if (this.#stopped)
          job.end({ why: 'lost', message: 'The node was stopped before the job began; start it again.' });
        this.#stopSampling ??= outside.clock.every(SAMPLE_INTERVAL_MS, () => this.#sample());
        this.#changed(job);
        await job.launch({
          host,
          setpriv: this.#setpriv,
          platform: process.platform,
          module: module.bytes,
          stdin: Buffer.from(spec.stdin, 'base64'),
          engine,
        });
      } catch (error) {
        // The store refused the row, or the engine cannot be read: nothing was started.
        job.end({ why: 'lost', message: 'It could not be started.' });
        await job.launch({
          host,
          setpriv: null,
          platform: process.platform,
          module: module.bytes,
          stdin: new Uint8Array(),
          engine: new Uint8Array(),
        });
        throw error;
      }
    } finally {
      this.#admitted--;
    }
    const waited = new AbortController();
    await Promise.race([job.verdict, outside.clock.sleep(SUBMIT_WAIT_MS_MAX, waited.signal).catch(() => undefined)]);
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
      job.end({ why: 'cancelled' });
      await job.ended;
      return job.view();
    }
    return this.get(id);
  }

  async remove(id: JobId): Promise<void> {
    if (this.#jobs.has(id)) throw jobRunning(id);
    if ((await this.#records.get(id)) === null) throw jobUnknown(id);
    await this.#delete([id]);
  }

  async output(id: JobId, offset: number): Promise<{ chunks: JobOutputChunk[]; nextOffset: number; ended: boolean }> {
    const live = this.#jobs.has(id);
    if (!live && (await this.#records.get(id)) === null) throw jobUnknown(id);
    const { chunks, nextOffset, storedBytes } = await this.#records.output(id, offset);
    return { chunks, nextOffset, ended: !live && nextOffset >= storedBytes };
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
      const jobs = [...this.#jobs.values()];
      // A request that has no job yet is looked at again a moment later.
      await Promise.race([
        jobs.length > 0 ? Promise.all(jobs.map((job) => job.ended)) : this.#components.outside.clock.sleep(10),
        ...aborted,
      ]);
    }
  }

  on<K extends keyof RuntimeEvents>(name: K, listener: (payload: RuntimeEvents[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Share of a core that can be promised now, up to a whole one; 1 when there is none, for the book to refuse. */
  #freePercent(): number {
    return Math.max(1, Math.min(100, Math.floor(this.#components.allocations.free('cpu') / millicoresOf(1))));
  }

  async #inspect(spec: JobSpec): Promise<Extract<Inspection, { ok: true }>> {
    if (spec.module.length > Math.ceil(MODULE_BYTES_MAX / 3) * 4) throw moduleTooLarge(MODULE_BYTES_MAX);
    const input = { kind: spec.kind, module: spec.module, memoryBytes: spec.memoryBytes };
    const small = spec.module.length <= INSPECT_INLINE_BYTES_MAX;
    const result = small
      ? inspectModule(input)
      : await this.#components.workers.run<typeof input, Inspection>('runtime.inspectModule', input);
    if (result.ok) return result;
    throw result.code === 'MODULE_TOO_LARGE'
      ? moduleTooLarge(MODULE_BYTES_MAX)
      : moduleInvalid(result.reason, result.limit ?? undefined);
  }

  /** QuickJS. The host may read no file of ours when bundled, so the node reads it once and sends it along. */
  #readEngine(): Promise<Uint8Array> {
    this.#engine ??= readFile(createRequire(import.meta.url).resolve('@jitl/quickjs-wasmfile-release-sync/wasm')).catch(
      (error: unknown) => {
        this.#engine = null;
        throw error;
      },
    );
    return this.#engine;
  }

  #sample(): void {
    for (const job of this.#jobs.values()) job.sample();
  }

  #changed(job: Job): void {
    // A module that was refused never was a job for anyone but its submitter.
    if (job.refusal !== null) this.#events.emit('jobRemoved', { id: job.id });
    else if (this.#jobs.has(job.id)) this.#events.emit('jobChanged', job.view());
  }

  #wrote(chunk: JobOutputChunk, bytes: number): void {
    this.#storedOutputBytes += bytes;
    this.#metrics?.outputBytes.inc(bytes);
    this.#events.emit('outputWritten', chunk);
  }

  #forget(job: Job): void {
    this.#jobs.delete(job.id);
    this.#metrics?.running.set(this.#jobs.size);
    if (this.#jobs.size === 0) {
      this.#stopSampling?.();
      this.#stopSampling = null;
    }
    this.#cleaning = this.#cleaning
      .then(() => this.#clean())
      .catch((error: unknown) => {
        this.#logger.warn('Old jobs could not be removed', {
          reason: error instanceof Error ? error.message : String(error),
        });
      });
  }

  /** Keeps the number of jobs and their output within bounds. */
  async #clean(): Promise<void> {
    const surplus = await this.#records.surplus();
    if (surplus.length > 0) await this.#delete(surplus);
    while (this.#storedOutputBytes > OUTPUT_STORED_BYTES_MAX) {
      const oldest = await this.#records.oldestWithOutput();
      if (oldest === null) break;
      await this.#delete([oldest]);
    }
  }

  async #delete(ids: readonly string[]): Promise<void> {
    let bytes = 0;
    for (const id of ids) bytes += await this.#records.outputBytes(id);
    await this.#records.delete(ids);
    this.#storedOutputBytes -= bytes;
    for (const id of ids) this.#events.emit('jobRemoved', { id: id as JobId });
  }

  /** Ends what a node that went down left behind. Most hosts have ended by themselves; one that is stopped cannot. */
  async #endLeftOver(): Promise<void> {
    for (const { id, pid, started } of await this.#records.leftOver()) {
      const survived =
        pid !== null &&
        started !== null &&
        (await processStarted(pid, process.platform)) === started &&
        killGroup(pid, process.platform);
      this.#logger.info('A job of the last run was ended', { job: id, survived });
      const outputBytes = await this.#records.outputBytes(id);
      await this.#records.setEnded(
        id,
        { why: 'lost', message: 'The node went down while the job ran; start it again.' },
        this.#components.outside.clock.nowMs(),
        { measured: unmeasured(outputBytes), governor: 'none' },
      );
    }
  }
}

const stopping = (): RuntimeError =>
  new RuntimeError({ code: 'STOPPING' }, 'The node is being stopped and takes no more jobs; start it again first.');
