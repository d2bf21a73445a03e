import {
  assert,
  Emitter,
  isNodeError,
  messageOf,
  parseAssetId,
  type AssetId,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
  type Store,
} from '../../base/index.ts';
import type {
  Asset,
  AssetProofs,
  ProofEntry,
  ProofPlan,
  ProofVerdict,
  ProverState,
} from '../../../preload/contract/index.ts';
import { ASSET_STATE_PREFIX, assetStateOf, decodeAssetState, type AssetState, type Assets } from '../assets/index.ts';
import type { Chain, Draft } from '../blocks/index.ts';
import type { Challenge, ClockWatch } from '../proof/index.ts';
import {
  ASKED_MAX,
  CANCELLED_REST_MS,
  CHALLENGE_LIFETIME_MS,
  FIRST_PLOT_BYTES_MAX,
  HISTORY_MAX,
  LOOK_MS,
  MEMORY_BACK_MS,
  PROGRESS_EVENT_MS,
  RETRY_MS,
} from './constants.ts';
import { openCpuShare } from './cpu-share.ts';
import { ProverError, proofCancelled, proofFailed } from './errors.ts';
import { giveMemoryBack } from './give-memory-back.ts';
import type {
  GpuMultiplier,
  KeyHolder,
  PlotKeeper,
  PlotOnDisk,
  ProofEngine,
  Prover,
  ProverEvents,
} from './interface.ts';
import { assetProofsOf, provenOf } from './marks.ts';
import { createProverMetrics, type ProverMetrics } from './metrics.ts';
import { createPace } from './pace.ts';
import { defaultPlan, parsePlan, readPlan } from './plan.ts';
import { decodePlotState, plotStateOf, PLOT_STATE_PREFIX } from './plot-ledger.ts';
import { openPlotSpace, type PlotSpace } from './plot-space.ts';
import { createProofRecords, shownEntry, type KeptEntry, type ProofRecords } from './proof-records.ts';
import { dueCause, nextScheduledMs, type Moment, type ScheduleFacts } from './schedule.ts';

export interface ProverComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  settings: Pick<Settings, 'get' | 'set'>;
  assets: Assets;
  identity: KeyHolder;
  chain: Pick<Chain, 'tip' | 'begin' | 'append' | 'ledger' | 'state' | 'head' | 'on'>;
  plots: PlotKeeper;
  engine: ProofEngine;
  clockWatch: Pick<ClockWatch, 'look' | 'warning'> | null;
  /** Null where no face has a window: cards are not proved then, and their marks say so. */
  card: GpuMultiplier | null;
}
export interface ProverInit {
  /** Before the owner has said anything. @default plan.ts */
  plan?: Partial<ProofPlan>;
}

/** A proof that somebody waits for. */
interface Asked {
  asset: AssetId;
  purpose: string;
  nonce: Uint8Array | null;
  done: PromiseWithResolvers<ProofEntry>;
}
/** What is to be done next. */
type Task =
  | {
      kind: 'prove';
      asset: AssetId;
      purpose: string;
      nonce: Uint8Array | null;
      cause: ProofEntry['cause'];
      asked: Asked | null;
    }
  | { kind: 'plot'; bytes: number };

/** What is under way. */
interface Current {
  task: Task;
  asset: AssetId;
  abort: AbortController;
  step: NonNullable<ProverState['current']>['step'];
  progressPercent: number;
  startedAtMs: number;
}

/** What the schedule remembers of one asset, beside its proofs. */
interface Watched {
  level: number;
  levelSinceMs: number;
  capacity: number | null;
  capacitySinceMs: number;
  /** When its last proof was made, if this run made it. */
  provedMonotonicMs: number | null;
  /** Failures in a row, and until when the schedule leaves it alone, monotonic. */
  failures: number;
  restUntilMs: number;
  /** Sentence of the last failure; null after a success. */
  failure: string | null;
}

/** Why a run was aborted; tells them apart. */
class Stopped extends Error {
  override readonly name = 'Stopped';
  readonly why: 'cancelled' | 'stopping' | 'identity' | 'space';
  constructor(why: Stopped['why'], message: string) {
    super(message);
    this.why = why;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

class NodeProver implements Prover {
  readonly #components: ProverComponents;
  readonly #logger: Logger;
  readonly #metrics: ProverMetrics | null;
  readonly #records: ProofRecords;
  readonly #emitter = new Emitter<ProverEvents>();
  readonly #space: PlotSpace;
  #plan: ProofPlan;
  #phase: 'new' | 'running' | 'stopped' = 'new';
  #startedMonotonicMs = 0;
  /** Newest first, at most {@link HISTORY_MAX} of each asset. */
  #entries = new Map<string, KeptEntry[]>();
  readonly #watched = new Map<string, Watched>();
  readonly #asked: Asked[] = [];
  #current: Current | null = null;
  #running: Promise<void> | null = null;
  /** Why what is under way waits; null when it does not. */
  #blocked: string | null = null;
  /** Why the chain takes nothing from this identity; null when it does. */
  #refusal: string | null = null;
  /** Which identity the records were compared with the chain for. */
  #reconciledFor: string | null = null;
  #endings: (() => void)[] = [];
  #stateText = '';
  #proofsText = '';
  #cancelEvent: (() => void) | null = null;
  #cancelMemory: (() => void) | null = null;
  /** Something was plotted since memory was given back. */
  #plotted = false;

  constructor(components: ProverComponents, init: ProverInit) {
    this.#components = components;
    this.#logger = components.logger.child('prover');
    this.#metrics = createProverMetrics(components.metrics);
    this.#records = createProofRecords({ store: components.store });
    this.#plan = { ...defaultPlan(), ...init.plan };
    this.#space = openPlotSpace(
      { logger: this.#logger, metrics: this.#metrics, assets: components.assets, plots: components.plots },
      { onEvicted: () => this.#abortCurrent(new Stopped('space', 'Its space has to go back to the owner.')) },
    );
  }

  on<K extends keyof ProverEvents>(name: K, listener: (payload: ProverEvents[K]) => void): () => void {
    return this.#emitter.on(name, listener);
  }

  // Life

  async start(): Promise<void> {
    assert(this.#phase === 'new', 'The prover is started once.');
    const { settings, identity, assets, chain, outside } = this.#components;
    this.#plan = readPlan(await settings.get('proof-plan'), this.#plan);
    this.#entries = await this.#records.newest(HISTORY_MAX);
    this.#startedMonotonicMs = outside.clock.monotonicMs();
    this.#phase = 'running';
    this.#watchAssets();
    this.#endings = [
      identity.on('changed', () => this.#identityChanged()),
      assets.on('inventoryChanged', () => this.#look()),
      assets.on('levelsChanged', () => this.#look()),
      chain.on('headChanged', () => this.#look()),
      outside.clock.every(LOOK_MS, () => this.#look()),
    ];
    this.#look();
  }

  async stop(): Promise<void> {
    const wasRunning = this.#phase === 'running';
    this.#phase = 'stopped';
    for (const end of this.#endings) end();
    this.#endings = [];
    this.#cancelEvent?.();
    this.#cancelEvent = null;
    this.#cancelMemory?.();
    this.#cancelMemory = null;
    this.#abortCurrent(new Stopped('stopping', 'The node is stopping.'));
    for (const asked of this.#asked.splice(0)) asked.done.reject(proofCancelled(asked.asset, 'the node is stopping'));
    await this.#running;
    if (wasRunning) await this.#space.close();
  }

  // What faces ask

  state(): ProverState {
    const { plots, outside } = this.#components;
    const plot = { wantedBytes: this.#plan.spaceBytes, plottedBytes: plots.plottedBytes() };
    const current = this.#current;
    const queue = this.#queue();
    const off = this.#offReason();
    if (off !== null) return { status: 'off', reason: off, current: null, queue: [], plot };
    const awaited = this.#awaitedReason();
    if (awaited !== null) return { status: 'waiting', reason: awaited, current: null, queue: [], plot };
    if (current !== null)
      return {
        status: this.#blocked === null ? 'working' : 'waiting',
        reason: this.#blocked ?? this.#workingSentence(current),
        current: {
          asset: current.asset,
          step: current.step,
          progressPercent: current.progressPercent,
          startedAtMs: current.startedAtMs,
          cancellable: true,
        },
        queue,
        plot,
      };
    const held = this.#heldReason();
    if (held !== null) return { status: 'waiting', reason: held, current: null, queue, plot };
    const nextMs = this.#nextMs();
    const reason = !this.#plan.automatic
      ? 'Automatic proofs are off; they are made when asked for.'
      : nextMs === null
        ? 'Nothing is to be proved now.'
        : `Nothing is to be proved now; the next proof is due ${new Date(Math.max(nextMs, outside.clock.nowMs())).toISOString()}.`;
    return { status: 'idle', reason, current: null, queue, plot };
  }

  assets(): AssetProofs[] {
    const { assets, outside, identity, card } = this.#components;
    const nowMs = outside.clock.nowMs();
    const node = identity.node()?.signer.keyId ?? null;
    const moment = this.#moment();
    return assets.list().map((asset) => {
      const entries = this.#entries.get(asset.id) ?? [];
      const failure = this.#watched.get(asset.id)?.failure ?? null;
      const missing =
        asset.present && asset.kind === 'gpu' && card === null
          ? NO_CARD_REASON
          : asset.present
            ? (this.#stillReason() ?? failure)
            : null;
      const provable = this.#isProvable(asset) && this.#plan.automatic && this.#stillReason() === null;
      return assetProofsOf(asset, entries, {
        nowMs,
        plan: this.#plan,
        node,
        missing,
        nextAtMs: provable ? nextScheduledMs(this.#factsOf(asset), this.#plan, moment) : null,
      });
    });
  }

  async list(query: { asset?: AssetId | undefined; limit: number }): Promise<ProofEntry[]> {
    return (await this.#records.list(query)).map(shownEntry);
  }

  make(request: { asset: AssetId; purpose: string; nonce: Uint8Array | null }): Promise<ProofEntry> {
    return this.#try(() => {
      const { identity, assets } = this.#components;
      const reason = identity.reason();
      if (reason !== null) throw new ProverError({ code: reason.code }, reason.sentence);
      const asset = assets.asset(request.asset);
      if (asset === undefined)
        throw new ProverError(
          { code: 'ASSET_UNKNOWN', asset: request.asset },
          'This node has no such asset; `hypermesh hardware assets` lists those it has.',
        );
      const still = this.#stillReason();
      if (still !== null) throw proofFailed(request.asset, still);
      if (!asset.present) throw proofFailed(request.asset, 'The hardware is not in this machine now.');
      if (!this.#isProvable(asset)) throw proofFailed(request.asset, NO_CARD_REASON);
      if (this.#asked.length >= ASKED_MAX)
        throw new ProverError(
          { code: 'PROVER_BUSY', waitingMax: ASKED_MAX },
          `${ASKED_MAX} proofs are asked for already; wait for them and ask again.`,
        );
      const asked: Asked = { ...request, done: Promise.withResolvers() };
      this.#asked.push(asked);
      // What the schedule does can wait; what somebody waits for cannot. Plotting goes on where it was.
      if (this.#current?.task.kind === 'plot' && this.#usableBytes() > 0)
        this.#abortCurrent(new Stopped('space', 'A proof was asked for.'));
      this.#changed();
      this.#kick();
      return asked.done.promise;
    });
  }

  cancel(): ProverState {
    const current = this.#current;
    if (current !== null) {
      // The rest of the row would begin at once otherwise, and the owner wants quiet.
      const restUntilMs = this.#components.outside.clock.monotonicMs() + CANCELLED_REST_MS;
      if (current.task.kind === 'plot' || current.task.asked === null)
        for (const watched of this.#watched.values()) watched.restUntilMs = Math.max(watched.restUntilMs, restUntilMs);
      this.#abortCurrent(new Stopped('cancelled', 'it was cancelled'));
    }
    return this.state();
  }

  async file(id: string): Promise<{ fileName: string; bytes: Uint8Array }> {
    const kept = await this.#records.proof(id);
    if (kept === null)
      throw new ProverError(
        { code: 'PROOF_UNKNOWN', id },
        'No such proof is kept whole here; `hypermesh proof list` shows what there is, and `hypermesh proof make` makes a new one.',
      );
    const { engine } = this.#components;
    const kind = kept.entry.asset.split(':')[1] ?? 'asset';
    const stamp = new Date(kept.entry.madeAtMs).toISOString().replaceAll(/[-:]/g, '').replace(/\.\d+/, '');
    return {
      fileName: `proof-${kind}-${stamp}-${id.slice(0, 8)}.hmproof`,
      bytes: engine.file(engine.decode(kept.proof), kept.attachments),
    };
  }

  verify(file: Uint8Array, nonce: Uint8Array | null): Promise<ProofVerdict> {
    return this.#components.engine.verifyFile(file, nonce);
  }

  plan(): ProofPlan {
    return { ...this.#plan };
  }

  async setPlan(change: Partial<ProofPlan>): Promise<ProofPlan> {
    const next = parsePlan({ ...this.#plan, ...change });
    await this.#components.settings.set('proof-plan', { version: 1, ...next });
    this.#plan = next;
    if (this.#phase === 'running') {
      // Less space: what is being plotted may be too much already.
      if (this.#current?.task.kind === 'plot') this.#abortCurrent(new Stopped('space', 'The plan was changed.'));
      if (this.#components.identity.node() !== null || this.#components.plots.plottedBytes() > next.spaceBytes)
        await this.#space.settle(next.spaceBytes);
      this.#look();
    }
    return { ...next };
  }

  // Below: what is to be done

  /** A rejection in place of an exception, whatever throws. */
  async #try<T>(work: () => T | Promise<T>): Promise<T> {
    return await work();
  }

  #moment(): Moment {
    const { clock } = this.#components.outside;
    return {
      wallMs: clock.nowMs(),
      monotonicMs: clock.monotonicMs(),
      startedMonotonicMs: this.#startedMonotonicMs,
    };
  }

  #isProvable(asset: Asset): boolean {
    return asset.present && (asset.kind !== 'gpu' || this.#components.card !== null);
  }

  /** Why nothing is proved at all; null when it is. */
  #offReason(): string | null {
    const reason = this.#components.identity.reason();
    if (reason !== null) return reason.sentence;
    return this.#refusal;
  }

  /** The chain may lie elsewhere: the owner imports it first, or says that there is none. Null: nothing is awaited. */
  #awaitedReason(): string | null {
    const { awaitsImport, blocked } = this.#components.chain.head();
    return awaitsImport ? blocked : null;
  }
  /** Why nothing at all can be proved now. */
  #stillReason(): string | null {
    return this.#offReason() ?? this.#awaitedReason();
  }

  /** Why what is due does not begin; null when it does, or nothing is due. */
  #heldReason(): string | null {
    if (this.#queue().length === 0) return null;
    if (this.#asked.length === 0) {
      const reason = this.#clockReason() ?? this.#spaceReason();
      if (reason !== null) return reason;
    }
    return this.#blocked;
  }

  /** Nothing can answer, and no room may be taken. */
  #spaceReason(): string | null {
    if (this.#usableBytes() > 0 || this.#space.reason === null || this.#space.allowedBytes > 0) return null;
    return `Proofs wait for room on disk, which every one needs: ${this.#space.reason}.`;
  }

  /** A wrong stamp in a block would stay in the way of all that follow: automatic proofs wait until the clock is trusted. */
  #clockReason(): string | null {
    const warning = this.#components.clockWatch?.warning() ?? null;
    if (warning === null || warning.event.kind === 'backward') return null;
    return `Proofs wait: ${warning.sentence}`;
  }

  #workingSentence(current: Current): string {
    const label = this.#components.assets.asset(current.asset)?.label ?? current.asset;
    switch (current.step) {
      case 'plot':
        return 'Plotting space that proofs are made of.';
      case 'check':
        return `Checking the proof of ${label}.`;
      case 'block':
        return `Writing the proof of ${label} into a block.`;
      default:
        return `Making the proof of ${current.step} of ${label}.`;
    }
  }

  /** Takes in levels and capacities as they are now. */
  #watchAssets(): void {
    const { assets, outside } = this.#components;
    const nowMs = outside.clock.monotonicMs();
    const levels = new Map(assets.levels().map(({ resource, percent }) => [resource, percent]));
    for (const asset of assets.list()) {
      const level = levels.get(asset.resource) ?? 0;
      const capacity = asset.capacity.known ? asset.capacity.value : null;
      const known = this.#watched.get(asset.id);
      if (known === undefined) {
        this.#watched.set(asset.id, {
          level,
          levelSinceMs: nowMs,
          capacity,
          capacitySinceMs: nowMs,
          provedMonotonicMs: null,
          failures: 0,
          restUntilMs: 0,
          failure: null,
        });
        continue;
      }
      if (known.level !== level) [known.level, known.levelSinceMs] = [level, nowMs];
      if (known.capacity !== capacity) [known.capacity, known.capacitySinceMs] = [capacity, nowMs];
    }
  }

  #factsOf(asset: Asset): ScheduleFacts {
    const watched = this.#watched.get(asset.id);
    const node = this.#components.identity.node()?.signer.keyId ?? null;
    const last = (this.#entries.get(asset.id) ?? []).find(
      ({ height, verdict }) => height !== null && verdict.passed && (node === null || verdict.node === node),
    );
    return {
      asset: asset.id as AssetId,
      last:
        last === undefined
          ? null
          : {
              madeAtMs: last.madeAtMs,
              monotonicMs: watched?.provedMonotonicMs ?? null,
              level: last.level,
              capacity: last.assetCapacity,
            },
      level: watched?.level ?? 0,
      levelSinceMs: watched?.levelSinceMs ?? 0,
      capacity: watched?.capacity ?? null,
      capacitySinceMs: watched?.capacitySinceMs ?? 0,
    };
  }

  /** Assets that are due, in the order in which faces list them, without the one under way. */
  #due(): { asset: AssetId; cause: ProofEntry['cause'] }[] {
    if (!this.#plan.automatic) return [];
    const moment = this.#moment();
    const due: { asset: AssetId; cause: ProofEntry['cause'] }[] = [];
    for (const asset of this.#components.assets.list()) {
      if (!this.#isProvable(asset)) continue;
      const watched = this.#watched.get(asset.id);
      if (watched !== undefined && watched.restUntilMs > moment.monotonicMs) continue;
      const cause = dueCause(this.#factsOf(asset), this.#plan, moment);
      if (cause !== null) due.push({ asset: asset.id as AssetId, cause });
    }
    return due;
  }

  #queue(): string[] {
    const current = this.#current?.task.kind === 'prove' ? this.#current.asset : null;
    const all = [...this.#asked.map(({ asset }) => asset), ...this.#due().map(({ asset }) => asset)];
    return [...new Set(all)].filter((asset) => asset !== current);
  }

  #usableBytes(): number {
    const keys = this.#components.identity.node();
    return keys === null ? 0 : this.#components.plots.usableBytes(keys.signer.keyIdBytes);
  }

  #nextMs(): number | null {
    const moment = this.#moment();
    const all = this.#components.assets
      .list()
      .filter((asset) => this.#isProvable(asset))
      .map((asset) => nextScheduledMs(this.#factsOf(asset), this.#plan, moment));
    return all.length === 0 ? null : Math.min(...all);
  }

  #next(): Task | null {
    if (this.#phase !== 'running' || this.#stillReason() !== null) return null;
    const asked = this.#asked.shift();
    if (asked !== undefined) {
      const { asset, purpose, nonce } = asked;
      return { kind: 'prove', asset, purpose, nonce, cause: 'asked', asked };
    }
    if (this.#clockReason() !== null || this.#spaceReason() !== null) return null;
    const [due] = this.#due();
    if (due !== undefined)
      return { kind: 'prove', asset: due.asset, purpose: 'block', nonce: null, cause: due.cause, asked: null };
    // What can be proved already does not wait for the rest of the space.
    const { plots } = this.#components;
    const resting = this.#storageWatched()?.restUntilMs ?? 0;
    if (
      this.#plan.automatic &&
      resting <= this.#components.outside.clock.monotonicMs() &&
      this.#usableBytes() < plots.fitting(this.#space.allowedBytes)
    )
      return { kind: 'plot', bytes: this.#space.allowedBytes };
    return null;
  }

  #storageWatched(): Watched | undefined {
    const storage = this.#components.assets.list().find(({ kind, present }) => kind === 'storage' && present);
    return storage === undefined ? undefined : this.#watched.get(storage.id);
  }

  // Below: what happens

  #identityChanged(): void {
    this.#refusal = null;
    if (this.#components.identity.node() === null)
      this.#abortCurrent(
        new Stopped('identity', this.#components.identity.reason()?.sentence ?? 'The keys are locked.'),
      );
    this.#look();
  }

  /** Something may be due now. */
  #look(): void {
    if (this.#phase !== 'running') return;
    this.#components.clockWatch?.look();
    this.#watchAssets();
    this.#changed();
    this.#kick();
  }

  #kick(): void {
    if (this.#phase !== 'running' || this.#running !== null) return;
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#logger.error('The prover stopped working', { reason: messageOf(error) });
      })
      .finally(() => {
        this.#running = null;
        this.#blocked = null;
        if (this.#plotted && this.#phase === 'running') {
          this.#plotted = false;
          this.#cancelMemory?.();
          this.#cancelMemory = this.#components.outside.clock.after(MEMORY_BACK_MS, giveMemoryBack);
        }
        this.#changed();
        // What was asked between the last look and the end.
        if (this.#asked.length > 0) this.#kick();
      });
  }

  async #run(): Promise<void> {
    if (this.#stillReason() !== null) return;
    if (!(await this.#prepare())) return;
    for (let task = this.#next(); task !== null; task = this.#next()) {
      const asset = task.kind === 'prove' ? task.asset : this.#plotAsset();
      if (asset === null) return;
      const current: Current = {
        task,
        asset,
        abort: new AbortController(),
        step: task.kind === 'plot' ? 'plot' : 'space',
        progressPercent: 0,
        startedAtMs: this.#components.outside.clock.nowMs(),
      };
      this.#current = current;
      this.#changed();
      try {
        if (task.kind === 'plot') await this.#plot(current, task.bytes);
        else await this.#prove(current, task);
      } catch (error) {
        this.#failed(current, error);
      } finally {
        this.#current = null;
        this.#blocked = null;
        this.#changed();
      }
    }
  }

  /** The storage asset stands for plots; any present one where storage is not known. */
  #plotAsset(): AssetId | null {
    const present = this.#components.assets.list().filter((asset) => asset.present);
    const asset = present.find(({ kind }) => kind === 'storage') ?? present[0];
    return asset === undefined ? null : parseAssetId(asset.id);
  }

  /** Genesis block, what a crash left, and room for plots. @returns whether proofs can be made */
  async #prepare(): Promise<boolean> {
    const { identity, chain } = this.#components;
    const keys = identity.node();
    if (keys === null) return false;
    try {
      await chain.begin();
      if (this.#reconciledFor !== keys.signer.keyId) {
        await this.#reconcile(keys.signer.keyId);
        this.#reconciledFor = keys.signer.keyId;
      }
      await this.#components.plots.keepOnly(keys.signer.keyIdBytes);
      await this.#space.settle(this.#plan.spaceBytes);
      return true;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      this.#logger.warn('Proofs cannot be made', { code: error.code, reason: error.message });
      // Locked meanwhile: the identity says so itself.
      if (identity.node() !== null) this.#refusal = error.message;
      for (const asked of this.#asked.splice(0)) asked.done.reject(proofFailed(asked.asset, error.message, error));
      return false;
    }
  }

  /**
   * A crash may lie between the block and the row that says where it is: the ledger knows which proof it took last, and
   * the row of a proof that no block holds is of no use to anybody.
   */
  async #reconcile(node: string): Promise<void> {
    const { chain } = this.#components;
    const pending = (await this.#records.pending()).filter(({ verdict }) => verdict.node === node);
    for (const entry of pending) {
      const asset = parseAssetId(entry.asset);
      const state = asset === null ? undefined : decodeAssetState(await chain.ledger.query(assetStateOf(asset)));
      const height =
        state?.proof !== null && state !== undefined && hex(state.proof.id) === entry.id ? state.proof.height : null;
      if (height === null) await this.#records.remove(entry.id);
      else await this.#records.setHeight(entry.id, height);
    }
    if (pending.length === 0) return;
    this.#logger.info('Found proofs that a crash had left between block and row', { proofs: pending.length });
    this.#entries = await this.#records.newest(HISTORY_MAX);
  }

  /** Runs work at the owner's pace, with its share of the processor on the books. */
  async #paced<T>(
    current: Current,
    purpose: string,
    work: (pace: ReturnType<typeof createPace>) => Promise<T>,
  ): Promise<T> {
    const { outside, assets } = this.#components;
    const { clock } = outside;
    const { signal } = current.abort;
    const pace = createPace({ clock }, { signal });
    const share = openCpuShare(
      { clock, logger: this.#logger, metrics: this.#metrics, assets, pace },
      {
        purpose,
        onBlocked: (reason) => {
          if (this.#current !== current || this.#blocked === reason) return;
          this.#blocked = reason;
          this.#changed();
        },
      },
    );
    try {
      return await work(pace);
    } finally {
      await share.close();
    }
  }

  #progress(current: Current, step: Current['step'], percent: number): void {
    if (step === 'plot') this.#plotted = true;
    if (this.#current !== current) return;
    current.step = step;
    current.progressPercent = Math.min(100, Math.max(0, percent));
    this.#changedSoon();
  }

  async #plot(current: Current, bytes: number): Promise<void> {
    const { identity, plots } = this.#components;
    const keys = identity.node();
    if (keys === null) return;
    await this.#paced(current, 'plotting space for proofs', (pace) =>
      plots.grow(
        bytes,
        keys.signer.keyIdBytes,
        pace,
        (percent) => this.#progress(current, 'plot', percent),
        current.abort.signal,
      ),
    );
    // A plot that was all but made when its owner asked for less is made all the same.
    await this.#space.settle(this.#plan.spaceBytes);
    this.#metrics?.plottedBytes.set(plots.plottedBytes());
    this.#logger.info('Plotted space for proofs', { bytes: plots.plottedBytes() });
  }

  async #prove(current: Current, task: Extract<Task, { kind: 'prove' }>): Promise<void> {
    const { outside, identity, chain, plots, engine, assets, card } = this.#components;
    const { clock, random } = outside;
    const startedMs = clock.monotonicMs();
    const asset = assets.asset(task.asset);
    const keys = identity.node();
    if (keys === null || asset === undefined) return;
    const { signal } = current.abort;
    const { keyIdBytes } = keys.signer;
    const entry = await this.#paced(current, `proof of ${task.asset.slice(0, 40)}`, async (pace) => {
      // The challenge's time begins to run once there is something to run on.
      await pace.slice(() => Promise.resolve());
      if (plots.usableBytes(keyIdBytes) === 0) await this.#firstPlot(current, keyIdBytes, pace);
      const tip = chain.tip();
      assert(tip !== null, 'The chain has begun before anything is proved.');
      const issuedAtMs = clock.nowMs();
      const challenge: Challenge = {
        version: 1,
        network: tip.network,
        node: keyIdBytes,
        asset: task.asset,
        purpose: task.purpose,
        nonce: task.nonce ?? random.bytes(32),
        issuer: keyIdBytes,
        issuedAtMs,
        expiresAtMs: issuedAtMs + CHALLENGE_LIFETIME_MS,
        anchor: { height: tip.height, hash: tip.hash },
      };
      const watched = this.#watched.get(task.asset);
      const level = watched?.level ?? 0;
      const assetCapacity = watched?.capacity ?? null;
      const { proof, attachments } = await engine.make({
        challenge,
        keys: { signer: keys.signer, certificate: keys.certificate },
        card: asset.kind === 'gpu' ? card : null,
        pace,
        signal,
        progress: (step, percent) => this.#progress(current, step, percent),
      });
      this.#progress(current, 'check', 0);
      const { verdict, findings } = await pace.slice(() =>
        engine.check({
          proof,
          attachments,
          challenge,
          // Node and asker are one: how long it took shows nothing to anybody.
          answeredAfterMs: null,
          anchorTimeMs: tip.timeMs,
          signal,
        }),
      );
      signal.throwIfAborted();
      const made: KeptEntry = {
        id: hex(engine.idOf(proof)),
        asset: task.asset,
        purpose: task.purpose,
        madeAtMs: clock.nowMs(),
        tookMs: clock.monotonicMs() - startedMs,
        sizeBytes: engine.encode(proof).length,
        verdict,
        capacity: provenOf(
          asset.kind,
          new Map(findings.filter(({ passed }) => passed).map(({ kind, shown }) => [kind, shown])),
        ),
        cause: task.cause,
        height: null,
        level,
        assetCapacity,
      };
      await this.#records.add(made, engine.encode(proof), attachments);
      if (!verdict.passed) {
        this.#remember(made);
        this.#metrics?.proofs.inc(1, { cause: task.cause, outcome: 'refused' });
        const wrong = verdict.checks.find(({ passed }) => !passed);
        throw proofFailed(task.asset, `Our own verifier refused it: ${wrong?.reason ?? 'it gave no reason'}`);
      }
      if (task.purpose !== 'block') return made;
      this.#progress(current, 'block', 0);
      try {
        const drafts = await this.#drafts(made, keyIdBytes, engine.idOf(proof));
        const block = await chain.append(drafts, proof, attachments);
        await this.#records.setHeight(made.id, block.height);
        return { ...made, height: block.height };
      } catch (error) {
        // The chain took nothing of it, so the proof stands for nothing. If it did take it, the next start finds that.
        if (isNodeError(error)) await this.#records.remove(made.id);
        throw error;
      }
    });
    this.#remember(entry);
    const watched = this.#watched.get(task.asset);
    if (watched !== undefined) {
      if (entry.height !== null) watched.provedMonotonicMs = clock.monotonicMs();
      [watched.failures, watched.restUntilMs, watched.failure] = [0, 0, null];
    }
    this.#metrics?.proofs.inc(1, { cause: task.cause, outcome: 'passed' });
    this.#metrics?.proofSeconds.observe(entry.tookMs / 1000);
    this.#logger.info('Asset proved', {
      asset: task.asset,
      cause: task.cause,
      purpose: task.purpose,
      height: entry.height,
      ms: Math.round(entry.tookMs),
    });
    task.asked?.done.resolve(shownEntry(entry));
  }

  /** The first window, without which nothing can be answered. @throws {ProverError} `NO_SPACE_PLOTTED` */
  async #firstPlot(current: Current, owner: Uint8Array, pace: ReturnType<typeof createPace>): Promise<void> {
    const { plots } = this.#components;
    const bytes = plots.fitting(Math.min(this.#space.allowedBytes, FIRST_PLOT_BYTES_MAX));
    if (bytes === 0) {
      const reason = this.#space.reason ?? 'the plan leaves less than one window';
      throw new ProverError(
        { code: 'NO_SPACE_PLOTTED', reason },
        `Every proof needs some space on disk, and none may be taken now: ${reason}. Raise the storage level or make room.`,
      );
    }
    this.#progress(current, 'plot', 0);
    await plots.grow(bytes, owner, pace, (percent) => this.#progress(current, 'plot', percent), current.abort.signal);
    this.#metrics?.plottedBytes.set(plots.plottedBytes());
  }

  /** Everything that the ledger does not know yet, and the proof itself. */
  async #drafts(entry: KeptEntry, owner: Uint8Array, proofId: Uint8Array): Promise<Draft[]> {
    const { assets, chain, plots } = this.#components;
    const state = chain.state();
    const drafts: Draft[] = [];
    const plotted = await plots.plots(owner);
    const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other);
    const known = Array.from(state.entries(PLOT_STATE_PREFIX), ([, value]) => decodePlotState(value)).filter((plot) =>
      isSame(plot.owner, owner),
    );
    for (const plot of known)
      if (!plotted.some(({ root }) => isSame(root, plot.root)))
        drafts.push({ kind: 'plot.removed', asset: null, data: { root: plot.root } });
    for (const plot of plotted) if (state.get(plotStateOf(plot.root)) === undefined) drafts.push(plotDraft(plot));
    const present = new Set(
      assets
        .list()
        .filter((asset) => asset.present)
        .map(({ id }) => id),
    );
    for (const [key, value] of state.entries(ASSET_STATE_PREFIX)) {
      const id = parseAssetId(key.slice(ASSET_STATE_PREFIX.length));
      const asset = decodeAssetState(value) as AssetState;
      if (id !== null && asset.present && !present.has(id) && isSame(asset.owner, owner))
        drafts.push({ kind: 'asset.withdrawn', asset: id, data: {} });
    }
    const asset = entry.asset as AssetId;
    if (state.get(assetStateOf(asset)) === undefined) {
      const record = assets.record(asset);
      assert(record !== undefined, 'What is proved is registered on this node.');
      drafts.push({ kind: 'asset.registered', asset, data: { record } });
    }
    drafts.push({
      kind: 'asset.proved',
      asset,
      data: { proof: proofId, capacity: entry.capacity.known ? entry.capacity.value : null, level: entry.level },
    });
    return drafts;
  }

  #remember(entry: KeptEntry): void {
    const list = this.#entries.get(entry.asset) ?? [];
    this.#entries.set(entry.asset, [entry, ...list].slice(0, HISTORY_MAX));
  }

  #failed(current: Current, error: unknown): void {
    const { task, asset } = current;
    const cause = task.kind === 'prove' ? task.cause : 'plot';
    const asked = task.kind === 'prove' ? task.asked : null;
    if (error instanceof Stopped) {
      this.#metrics?.proofs.inc(1, { cause, outcome: 'cancelled' });
      const reason = this.#components.identity.reason();
      if (error.why === 'identity' && reason !== null)
        asked?.done.reject(new ProverError({ code: reason.code }, reason.sentence));
      else asked?.done.reject(proofCancelled(asset, error.message));
      return;
    }
    this.#metrics?.proofs.inc(1, { cause, outcome: 'failed' });
    const watched = this.#watched.get(asset);
    const sentence = messageOf(error);
    if (watched !== undefined) {
      const wait = RETRY_MS[Math.min(watched.failures, RETRY_MS.length - 1)] ?? 0;
      watched.failures += 1;
      watched.failure = `The last try failed: ${sentence}`;
      watched.restUntilMs = this.#components.outside.clock.monotonicMs() + wait;
    }
    if (isNodeError(error))
      this.#logger.warn('A proof was not made', { asset, cause, code: error.code, reason: sentence });
    else
      this.#logger.error('A proof failed', {
        asset,
        cause,
        error: error instanceof Error ? (error.stack ?? sentence) : sentence,
      });
    asked?.done.reject(error instanceof ProverError ? error : proofFailed(asset, sentence, error));
  }

  #abortCurrent(reason: Stopped): void {
    this.#current?.abort.abort(reason);
  }

  // Below: telling

  #changedSoon(): void {
    if (this.#phase !== 'running' || this.#cancelEvent !== null) return;
    this.#cancelEvent = this.#components.outside.clock.after(PROGRESS_EVENT_MS, () => {
      this.#cancelEvent = null;
      this.#changed();
    });
  }

  #changed(): void {
    if (this.#phase === 'new') return;
    this.#metrics?.waiting.set(this.#queue().length);
    if (this.#emitter.hasListeners('stateChanged')) {
      const state = this.state();
      const text = JSON.stringify(state);
      if (text !== this.#stateText) {
        this.#stateText = text;
        this.#emitter.emit('stateChanged', state);
      }
    }
    if (this.#emitter.hasListeners('proofsChanged')) {
      const proofs = this.assets();
      // The next date moves with every look while the clocks differ by some ms; it is no news.
      const text = JSON.stringify(proofs.map(({ nextAtMs: _nextAtMs, ...rest }) => rest));
      if (text !== this.#proofsText) {
        this.#proofsText = text;
        this.#emitter.emit('proofsChanged', proofs);
      }
    }
  }
}

const NO_CARD_REASON =
  'A graphics card is proved by multiplying on it, which only the desktop app can do; this node runs without a window.';

const plotDraft = ({ opening }: PlotOnDisk): Draft => ({ kind: 'plot.registered', asset: null, data: { opening } });

/** Proves the assets of this node; see {@link Prover} for what it promises. */
export const createProver = (components: ProverComponents, init: ProverInit = {}): Prover =>
  new NodeProver(components, init);
