import type { AllocationId, Clock, JobId, Logger, Store } from '../../base/index.ts';
import { messageOf } from '../../base/index.ts';
import type { AllocationBook, Holder } from '../assets/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { JobEnd, JobOutputChunk, JobView } from '../../../preload/contract/index.ts';
import {
  COMPILED_BYTES_PER_MODULE_BYTE,
  END_MESSAGE_CHARS_MAX,
  HOST_OVERHEAD_BYTES,
  SAMPLE_GAP_MS_MAX,
  SAMPLE_INTERVAL_MS,
  START_MS_MAX,
} from './constants.ts';
import type { CpuGovernor, CpuHold } from './governor/index.ts';
import { CpuMeter } from './governor/cpu-meter.ts';
import type { JobRecords, KeptSpec } from './job-records.ts';
import { promisedOf } from './job-records.ts';
import type { JobProcessInit } from './job-process.ts';
import { JobProcess } from './job-process.ts';
import type { RuntimeMetrics } from './metrics.ts';
import { OutputLog } from './output-log.ts';
import { processStarted, residentMemory } from './processes.ts';
import type { EndReport, RunningReport } from './protocol.ts';
import { sizeText } from './size-text.ts';

/** Share below which a mean says nothing: the first samples of a short job are mostly rounding. */
const MEAN_MS_MIN = 200;

/** Thousandths of a core in one percent of a core. */
const MILLICORES_PER_PERCENT = 10;
export const millicoresOf = (cpuPercent: number): number => cpuPercent * MILLICORES_PER_PERCENT;

/** What a job takes of the machine's memory at most: the program, its scratch folder, and what hosting it costs. */
export const allocatedMemoryBytes = (
  spec: Pick<KeptSpec, 'memoryBytes' | 'scratchBytesMax'>,
  moduleBytes: number,
): number =>
  spec.memoryBytes + spec.scratchBytesMax + HOST_OVERHEAD_BYTES + moduleBytes * COMPILED_BYTES_PER_MODULE_BYTE;

export interface JobParts {
  id: JobId;
  spec: KeptSpec;
  module: { sha256: string; bytes: number };
  /** When the request came, on both clocks. */
  createdAtMs: number;
  requestedAtMs: number;
  clock: Clock;
  logger: Logger;
  metrics: RuntimeMetrics | null;
  store: Store;
  records: JobRecords;
  allocations: AllocationBook;
  monitor: Pick<Monitor, 'countProcess'>;
  governor: CpuGovernor;
  changed(job: Job): void;
  wrote(chunk: JobOutputChunk, bytes: number): void;
}

/**
 * How far a job is. `starting -> running -> ended`, and `starting -> ended`. Once an end is decided (`#ending`), the
 * job stays where it is until its process is gone and everything is stored.
 */
type State =
  | { status: 'starting' }
  | { status: 'running'; startedAtMs: number }
  | { status: 'ended'; startedAtMs: number | null; endedAtMs: number; end: JobEnd };

/** One job: its process, its limits, its output and its row. */
export class Job {
  readonly id: JobId;
  readonly allocatedBytes: number;
  readonly #parts: JobParts;
  readonly #output: OutputLog;
  #state: State = { status: 'starting' };
  #process: JobProcess | null = null;
  #hold: CpuHold | null = null;
  #meter: CpuMeter | null = null;
  #uncount: () => void = () => undefined;
  #allocations: readonly AllocationId[] = [];
  /** Share that the level leaves it now; the book tells before `allocate` resolves. */
  #effectiveMillicores: number;
  #ending: JobEnd | null = null;
  /** Why the host would not run the module. Such a job leaves no row. */
  #refusal: string | null = null;
  #settled = false;
  /** Row updates under way, in order. */
  #writes: Promise<void> = Promise.resolve();
  #cancelTimeLimit: () => void = () => undefined;

  /** Unfrozen time since the start of the present state, ms. */
  #activeMs = 0;
  #activeAtMs: number;
  #sampledAtMs: number;
  #cpuMs: number | null = null;
  #cpuPercentNow: number | null = null;
  #residentBytesPeak: number | null = null;
  #startMs: number | null = null;
  /** What the host itself had taken when the program began. */
  #cpuMsBefore: number | null = null;
  #residentBytesBefore = 0;

  /** Resolves when the host runs the program, refuses it, or the job has ended. */
  readonly verdict: Promise<void>;
  readonly ended: Promise<void>;
  #tellVerdict!: () => void;
  #tellEnded!: () => void;

  /** Holders to allocate with. */
  readonly cpuHolder: Holder = {
    setEffective: (amount) => this.#setEffective(amount),
    evict: (reason) => this.end({ why: 'owner', message: reason }),
  };
  readonly memoryHolder: Holder = {
    // Memory can only be kept or given back as a whole: the book evicts when the level does not cover it.
    setEffective: () => undefined,
    evict: (reason) => this.end({ why: 'owner', message: reason }),
  };

  constructor(parts: JobParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.allocatedBytes = allocatedMemoryBytes(parts.spec, parts.module.bytes);
    this.#effectiveMillicores = millicoresOf(parts.spec.cpuPercent);
    this.#activeAtMs = parts.requestedAtMs;
    this.#sampledAtMs = parts.requestedAtMs;
    this.verdict = new Promise((resolve) => (this.#tellVerdict = resolve));
    this.ended = new Promise((resolve) => (this.#tellEnded = resolve));
    this.#output = new OutputLog({
      id: parts.id,
      bytesMax: parts.spec.outputBytesMax,
      store: parts.store,
      clock: parts.clock,
      written: (chunk, bytes) => parts.wrote(chunk, bytes),
      drained: () => this.#process?.resumeOutput(),
      failed: (error) => {
        parts.logger.error('Output of a job could not be stored', { job: parts.id, reason: messageOf(error) });
        this.end({ why: 'lost', message: `Its output could not be stored: ${messageOf(error)}` });
      },
    });
  }

  get refusal(): string | null {
    return this.#refusal;
  }

  /** Takes over the allocations, to be released at the end. */
  holdAllocations(ids: readonly AllocationId[]): void {
    this.#allocations = ids;
  }

  /** Starts the process. The row must be there already. Resolves when the process is under way or has failed to start. */
  async launch(init: Omit<JobProcessInit, 'header'>): Promise<void> {
    const { spec, clock, governor, records, metrics } = this.#parts;
    if (this.#ending !== null) return this.#settle();
    this.#activeAtMs = clock.monotonicMs();
    try {
      this.#process = await JobProcess.start(
        {
          ...init,
          header: {
            kind: spec.kind,
            // The first argument of a WASI program is its own name; a script gets none.
            args: spec.kind === 'wasm' ? [spec.name, ...spec.args] : spec.args,
            memoryBytes: spec.memoryBytes,
            scratchBytesMax: spec.scratchBytesMax,
          },
        },
        {
          running: (report) => this.#heardRunning(report),
          output: (stream, bytes) => this.#heardOutput(stream, bytes),
          ended: (report) => this.#heardEnd(report),
          refused: (reason) => {
            this.#refusal = reason;
            this.end({ why: 'crashed', message: reason });
          },
          closed: (how) => this.#heardClosed(how),
        },
      );
    } catch (error) {
      this.end({
        why: 'crashed',
        message: `The job's process could not be started (${messageOf(error)}); install the app again if this stays.`,
      });
      return this.#settle();
    }
    const { pid } = this.#process;
    metrics?.started.inc(1, { kind: spec.kind });
    this.#meter = new CpuMeter(pid);
    this.#hold = governor.govern(this.#process, this.#effectiveMillicores);
    this.#uncount = this.#parts.monitor.countProcess(pid);
    this.#write(async () => records.setHost(this.id, pid, await processStarted(pid, init.platform)));
    // Ended while the process was being made.
    if (this.#ending !== null) this.#killNow();
  }

  /** Decides how the job ends, unless that is decided already, and ends the process. In any state; may be called often. */
  end(end: JobEnd): void {
    if (this.#ending !== null) return;
    this.#measure();
    this.#ending = 'message' in end ? { ...end, message: end.message.slice(0, END_MESSAGE_CHARS_MAX) } : end;
    this.#cancelTimeLimit();
    this.#killNow();
  }

  /** Once a second. */
  sample(): void {
    if (this.#ending !== null || this.#process === null) return;
    const { allocations, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const before = { cpuMs: this.#cpuMs, atMs: this.#sampledAtMs };
    this.#account(nowMs);
    const ownBytes = this.#measure();
    this.#sampledAtMs = nowMs;
    if (this.#cpuMs !== null && before.cpuMs !== null && nowMs > before.atMs) {
      this.#cpuPercentNow = ((this.#cpuMs - before.cpuMs) / (nowMs - before.atMs)) * 100;
      if (this.#allocations[0] !== undefined)
        allocations.reportUse(this.#allocations[0], this.#cpuPercentNow * MILLICORES_PER_PERCENT);
    }
    if (ownBytes !== null) {
      if (this.#allocations[1] !== undefined) allocations.reportUse(this.#allocations[1], ownBytes);
      if (ownBytes > this.allocatedBytes) {
        this.end({
          why: 'limit',
          limit: 'memory',
          message: `The job's process took ${sizeText(ownBytes)} of memory and was allowed ${sizeText(this.allocatedBytes)}; start it with more memory.`,
        });
        return;
      }
    }
    if (this.#state.status === 'starting' && this.#activeMs > START_MS_MAX) {
      this.end({
        why: 'limit',
        limit: 'time',
        message: `The program was not ready after ${START_MS_MAX / 1000} s; it is too large for its share of the processor.`,
      });
      return;
    }
    this.#parts.changed(this);
  }

  view(): JobView {
    const { id, spec, module, createdAtMs, governor } = this.#parts;
    const state = this.#state;
    const frozen = state.status === 'running' && this.#effectiveMillicores === 0;
    return {
      id,
      name: spec.name,
      kind: spec.kind,
      moduleBytes: module.bytes,
      moduleSha256: module.sha256,
      args: spec.args,
      state: frozen ? 'frozen' : state.status,
      createdAtMs,
      startedAtMs: state.status === 'starting' ? null : state.startedAtMs,
      endedAtMs: state.status === 'ended' ? state.endedAtMs : null,
      end: state.status === 'ended' ? state.end : null,
      promised: promisedOf(spec),
      effectiveCpuPercent: state.status === 'ended' ? 0 : this.#effectiveMillicores / MILLICORES_PER_PERCENT,
      governor: this.#hold?.kind ?? governor.kind,
      measured: {
        cpuMs: this.#cpuMs,
        cpuPercentMean: this.#mean,
        cpuPercentNow: state.status === 'ended' ? null : frozen ? 0 : this.#cpuPercentNow,
        memoryBytesPeak:
          this.#residentBytesPeak === null
            ? null
            : Math.max(0, Math.round(this.#residentBytesPeak - this.#residentBytesBefore)),
        outputBytes: this.#output.bytes,
        startMs: this.#startMs,
      },
    };
  }

  get #mean(): number | null {
    if (this.#cpuMs === null || this.#cpuMsBefore === null || this.#activeMs < MEAN_MS_MIN) return null;
    return (Math.max(0, this.#cpuMs - this.#cpuMsBefore) / this.#activeMs) * 100;
  }

  #setEffective(millicores: number): void {
    if (this.#effectiveMillicores === millicores) return;
    const { clock, governor } = this.#parts;
    this.#account(clock.monotonicMs());
    this.#effectiveMillicores = millicores;
    if (this.#ending !== null) return;
    if (governor.kind === 'none' && millicores < millicoresOf(this.#parts.spec.cpuPercent)) {
      this.end({
        why: 'owner',
        message: 'The level was lowered, and this system cannot hold a job to less than a whole core.',
      });
      return;
    }
    this.#hold?.setMillicores(millicores);
    this.#armTimeLimit();
    this.#parts.changed(this);
  }

  #heardRunning({ residentBytes }: RunningReport): void {
    if (this.#ending !== null || this.#state.status !== 'starting') return;
    const { clock, records, requestedAtMs, metrics } = this.#parts;
    const nowMs = clock.monotonicMs();
    this.#measure();
    this.#startMs = nowMs - requestedAtMs;
    this.#residentBytesBefore = residentBytes;
    this.#residentBytesPeak = residentBytes;
    this.#cpuMsBefore = this.#cpuMs;
    this.#activeMs = 0;
    this.#activeAtMs = nowMs;
    this.#sampledAtMs = nowMs;
    const startedAtMs = clock.nowMs();
    this.#state = { status: 'running', startedAtMs };
    this.#hold?.begin();
    this.#armTimeLimit();
    this.#write(() => records.setRunning(this.id, startedAtMs));
    metrics?.startSeconds.observe(this.#startMs / 1000);
    this.#parts.changed(this);
    this.#tellVerdict();
  }

  #heardOutput(stream: 'stdout' | 'stderr', bytes: Buffer): void {
    if (this.#ending !== null) return;
    const taken = this.#output.push(stream, bytes);
    if (taken === 'full') this.#process?.pauseOutput();
    else if (taken === 'exceeded') {
      this.end({
        why: 'limit',
        limit: 'output',
        message: `The program wrote more than the ${sizeText(this.#parts.spec.outputBytesMax)} that it may; start it with a higher limit.`,
      });
    }
  }

  #heardEnd({ end, cpuMs, residentBytesPeak }: EndReport): void {
    if (this.#ending !== null) return;
    this.end(end);
    this.#cpuMs = Math.max(cpuMs, this.#cpuMs ?? 0);
    this.#residentBytesPeak = Math.max(residentBytesPeak, this.#residentBytesPeak ?? 0);
  }

  #heardClosed({
    signal,
    exitCode,
    explanation,
  }: {
    signal: string | null;
    exitCode: number | null;
    explanation: string;
  }): void {
    if (/heap out of memory|allocation failed|out of memory/i.test(explanation)) {
      this.end({ why: 'limit', limit: 'memory', message: "The job's process ran out of memory; start it with more." });
    } else {
      const how = signal === null ? `code ${exitCode ?? 'unknown'}` : signal;
      this.end({
        why: 'crashed',
        message: `The job's process ended without a word (${how}).${explanation === '' ? '' : ` It said: ${explanation.trim()}`}`,
      });
    }
    void this.#settle();
  }

  #killNow(): void {
    this.#hold?.release();
    this.#process?.kill();
    this.#process?.resumeOutput();
  }

  /** The process is gone, or never was: everything else follows. */
  async #settle(): Promise<void> {
    if (this.#settled || this.#ending === null) return;
    this.#settled = true;
    const { clock, logger, records, allocations, metrics, governor } = this.#parts;
    this.#account(clock.monotonicMs());
    this.#hold?.release();
    this.#meter?.close();
    this.#uncount();
    await this.#output.close();
    const end = this.#ending;
    const startedAtMs = this.#state.status === 'running' ? this.#state.startedAtMs : null;
    this.#state = { status: 'ended', startedAtMs, endedAtMs: clock.nowMs(), end };
    const { endedAtMs } = this.#state;
    this.#write(() =>
      this.#refusal === null
        ? records.setEnded(this.id, end, endedAtMs, {
            measured: this.view().measured,
            governor: this.#hold?.kind ?? governor.kind,
          })
        : records.delete([this.id]),
    );
    await this.#writes;
    try {
      await allocations.release(this.#allocations);
    } catch (error) {
      logger.error('What a job took could not be given back', { job: this.id, reason: messageOf(error) });
    }
    metrics?.ended.inc(1, { why: this.#refusal === null ? end.why : 'refused' });
    this.#parts.changed(this);
    this.#tellVerdict();
    this.#tellEnded();
  }

  /** Adds the time since the last look to the time that counts against the job. */
  #account(nowMs: number): void {
    const elapsedMs = nowMs - this.#activeAtMs;
    this.#activeAtMs = nowMs;
    if (this.#effectiveMillicores === 0) return;
    // The machine slept, or the node hung: neither is the job's time.
    this.#activeMs += elapsedMs > SAMPLE_GAP_MS_MAX ? SAMPLE_INTERVAL_MS : elapsedMs;
  }

  /** @returns resident bytes that are its own now */
  #measure(): number | null {
    if (this.#process === null || this.#settled) return null;
    const cpuMs = this.#meter?.read() ?? null;
    if (cpuMs !== null) this.#cpuMs = Math.max(cpuMs, this.#cpuMs ?? 0);
    const resident = residentMemory(this.#process.pid);
    if (resident === null) return null;
    // Before the program runs, the peak is the host's own doing.
    if (this.#state.status === 'running')
      this.#residentBytesPeak = Math.max(resident.nowBytes, this.#residentBytesPeak ?? 0);
    return resident.ownBytes;
  }

  #armTimeLimit(): void {
    this.#cancelTimeLimit();
    if (this.#state.status !== 'running' || this.#effectiveMillicores === 0) return;
    const { clock, spec } = this.#parts;
    const leftMs = Math.max(0, spec.timeMsMax - this.#activeMs);
    // Looked at again at the end of each gap that may be a sleep of the machine.
    this.#cancelTimeLimit = clock.after(Math.min(leftMs, SAMPLE_GAP_MS_MAX), () => {
      this.#account(clock.monotonicMs());
      if (this.#activeMs < spec.timeMsMax) this.#armTimeLimit();
      else
        this.end({
          why: 'limit',
          limit: 'time',
          message: `The program ran for the ${spec.timeMsMax} ms that it may; start it with more time.`,
        });
    });
  }

  /** Row updates keep their order and never stop the job: an unsaved one is put right by the next start of the node. */
  #write(update: () => Promise<void>): void {
    this.#writes = this.#writes.then(update).catch((error: unknown) => {
      this.#parts.logger.error('The row of a job could not be written', { job: this.id, reason: messageOf(error) });
    });
  }
}
