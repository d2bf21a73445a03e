import {
  assert,
  Emitter,
  isNodeError,
  messageOf,
  type AssetId,
  type Logger,
  type MetricsRegistry,
  type Outside,
  type Settings,
  type Store,
} from '../../base/index.ts';
import type {
  Asset,
  BenchmarkState,
  CapacityUnit,
  Inventory,
  LendingTerms,
  Level,
  LiveSample,
  LiveUse,
  MachineRules,
  PauseState,
  PreviewConditions,
  Reading,
  ResourceKey,
  ResourceKind,
  ResourceShare,
  ShareState,
} from '../../../preload/contract/index.ts';
import type { ConditionName, Conditions, MachineSample, Monitor } from '../monitor/index.ts';
import type { Adapters } from './adapters/index.ts';
import { createAllocationBook, type BookedResource, type DrivenAllocationBook } from './allocation-book.ts';
import { createBenchmarkKeeper, type BenchmarkKeeper, type BenchmarkRunner } from './benchmark-keeper.ts';
import {
  CHANGES_PENDING_MAX,
  CONDITIONS_TIMEOUT_MS,
  EVALUATE_BUSY_MS,
  EVALUATE_IDLE_MS,
  EVALUATE_MS_MIN,
  INSTALL_ID_BYTES,
  PROMISES_EVENT_DELAY_MS,
} from './constants.ts';
import { LimitsError, RegistryError } from './errors.ts';
import type { AllocationBook, AssetAdapter, AssetEvents, Assets } from './interface.ts';
import {
  COOL,
  defaultRules,
  defaultShare,
  evaluateLevel,
  kindOf,
  nextTemperature,
  parseMachineRules,
  parseResourceShare,
  parseStoredPause,
  parseStoredShare,
  previewTemperature,
  readSensor,
  sensorOf,
  SHARE_VERSION,
  systemZoneOffset,
  type Evaluation,
  type TemperatureState,
  type ZoneOffset,
} from './limits/index.ts';
import { createAssetsMetrics, type AssetsMetrics } from './metrics.ts';
import { createNetworkMeter, type NetworkMeter } from './network-meter.ts';
import { createAssetRegistry, type AssetRegistry } from './registry.ts';

export interface AssetsComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  settings: Pick<Settings, 'get' | 'set'>;
  monitor: Monitor;
  adapters: Adapters;
  /** Reads the inventory's part on the machine as a whole. */
  system: SystemReader;
  benchmark: BenchmarkRunner;
}
/** Reads what the inventory says of the machine as a whole. */
export type SystemReader = (signal?: AbortSignal) => Promise<Inventory['system']>;
export interface AssetsInit {
  /** Time zone of week grids. @default the system's */
  zone?: ZoneOffset;
}

/** Resources that every machine has limits for, whether or not the hardware is there; cards come on top. */
const FIXED_RESOURCES = [
  'cpu',
  'memory',
  'storage',
  'network',
  'container',
  'economic',
] as const satisfies readonly ResourceKey[];
/** In the order in which faces list them. */
const KIND_ORDER: readonly ResourceKind[] = ['cpu', 'gpu', 'memory', 'storage', 'network', 'container', 'economic'];
/** Units of kinds, for what was never found on this machine and so has no asset that says it. */
const UNITS: Readonly<Record<ResourceKind, CapacityUnit>> = {
  cpu: 'millicores',
  gpu: 'millicards',
  memory: 'bytes',
  storage: 'bytes',
  network: 'bytesPerSecond',
  container: 'containers',
  economic: 'microCaes',
};

const unreadConditions = (reason: string): Conditions => ({
  idleMs: { known: false, reason },
  onBattery: { known: false, reason },
  metered: { known: false, reason },
  cpuTemperatureCelsius: { known: false, reason },
  gpuTemperatureCelsius: new Map(),
  programs: { known: false, reason },
});
/** Fields that a caller left undefined are not changes. */
const given = <T extends object>(change: T): Partial<T> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<T>;

/** Where the module stands. Never goes backwards. */
type Phase = 'new' | 'running' | 'stopped';

class NodeAssets implements Assets {
  readonly #components: AssetsComponents;
  readonly #zone: ZoneOffset;
  readonly #metrics: AssetsMetrics | null;
  readonly #emitter = new Emitter<AssetEvents>();
  readonly #book: DrivenAllocationBook;
  readonly #meter: NetworkMeter;
  readonly #benchmark: BenchmarkKeeper;
  readonly #stopping = new AbortController();
  #phase: Phase = 'new';
  #registry: AssetRegistry | null = null;
  #inventory: Inventory | null = null;
  #detecting: Promise<Inventory> | null = null;

  /** Only what the owner has set; all others are at their defaults. */
  #shares = new Map<ResourceKey, ResourceShare>();
  #rules: MachineRules = defaultRules();
  #pause: PauseState = { paused: false };
  #conditions: Conditions = unreadConditions('not read yet');
  #conditionsInFlight: Promise<Conditions> | null = null;
  readonly #temperatures = new Map<string, TemperatureState>();
  #levels: Level[] = [];
  #levelsText = '';
  /** Percentages that adapters were told, by resource. */
  readonly #applied = new Map<ResourceKey, number>();

  /** The owner's changes, one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve();
  #changesPending = 0;
  #cancelTick: (() => void) | null = null;
  #ticking: Promise<void> | null = null;
  /** Whether the tick to come was set for a busy time. */
  #scheduledBusy = false;
  #cancelPromisesEvent: (() => void) | null = null;
  #liveListeners = 0;
  #stopWatching: (() => void) | null = null;
  #stopSampled: (() => void) | null = null;
  #liveInFlight = false;

  constructor(components: AssetsComponents, init: AssetsInit) {
    const logger = components.logger.child('assets');
    this.#components = { ...components, logger };
    this.#zone = init.zone ?? systemZoneOffset;
    this.#metrics = createAssetsMetrics(components.metrics);
    const { store, outside, settings } = components;
    this.#book = createAllocationBook({
      outside,
      logger,
      metrics: this.#metrics,
      store,
      onChange: () => {
        this.#promisesMayHaveChanged();
      },
    });
    this.#meter = createNetworkMeter({ clock: outside.clock, logger, store });
    this.#benchmark = createBenchmarkKeeper({
      clock: outside.clock,
      logger,
      runner: components.benchmark,
      save: (stored) => settings.set('benchmark', stored),
      onChange: (state) => {
        this.#emitter.emit('benchmarkChanged', state);
      },
    });
  }

  get allocations(): AllocationBook {
    return this.#book;
  }

  on<K extends keyof AssetEvents>(name: K, listener: (payload: AssetEvents[K]) => void): () => void {
    const off = this.#emitter.on(name, listener);
    let listens = true;
    if (name === 'liveSampled') this.#changeLiveListeners(1);
    // Whoever watches promises gets them each second from now on, not only after the next slow tick.
    if (name === 'promisesChanged') this.#schedule();
    return () => {
      if (!listens) return;
      listens = false;
      off();
      if (name === 'liveSampled') this.#changeLiveListeners(-1);
    };
  }

  // Life

  async start(): Promise<void> {
    assert(this.#phase === 'new', 'The assets are started once.');
    const { settings, store, outside, logger, monitor } = this.#components;
    const installId = await this.#readInstallId();
    const share = await settings.get('share');
    if (share !== undefined) {
      const stored = parseStoredShare(share);
      this.#shares = new Map(stored.resources.map((one) => [one.resource, one]));
      this.#rules = stored.rules;
    }
    const pause = await settings.get('pause');
    if (pause !== undefined) this.#pause = parseStoredPause(pause);
    this.#benchmark.load(await settings.get('benchmark'));
    await this.#meter.load();
    this.#registry = createAssetRegistry({ clock: outside.clock, store }, { installId });
    await this.#registry.load();
    const deleted = await this.#book.open();
    if (deleted > 0) logger.info('Deleted allocations that the last run left behind', { rows: deleted });
    await this.detect();
    this.#phase = 'running';
    await this.#readConditions();
    this.#evaluate();
    this.#stopSampled = monitor.on('sampled', (sample) => {
      this.#onSampled(sample);
    });
    this.#schedule();
  }

  async stop(): Promise<void> {
    const wasRunning = this.#phase === 'running';
    this.#phase = 'stopped';
    this.#stopping.abort(new DOMException('The node is stopping.', 'AbortError'));
    this.#cancelTick?.();
    this.#cancelTick = null;
    this.#cancelPromisesEvent?.();
    this.#cancelPromisesEvent = null;
    this.#stopSampled?.();
    this.#stopSampled = null;
    this.#stopWatching?.();
    this.#stopWatching = null;
    await this.#benchmark.stop();
    if (!wasRunning) return;
    await this.#ticking;
    await this.#lastChange;
    await this.#detecting?.catch(() => undefined);
    await this.#meter.flush();
    await this.#book.close();
  }

  // Hardware

  inventory(): Inventory {
    assert(this.#inventory !== null, 'The hardware was looked at when the assets started.');
    return this.#inventory;
  }

  detect(): Promise<Inventory> {
    // Two who ask at once look at the same hardware.
    this.#detecting ??= this.#detect().finally(() => {
      this.#detecting = null;
    });
    return this.#detecting;
  }

  list(): Asset[] {
    return this.#startedRegistry()
      .list()
      .map((asset) => ({ ...asset, capacity: this.#capacityOf(asset) }));
  }
  /** Radio and virtual links do not tell their speed: what the owner lets pass both ways is how much there is then. */
  #capacityOf({ resource, capacity, present }: Asset): Asset['capacity'] {
    if (resource !== 'network' || capacity.known || !present) return capacity;
    const { sendBytesPerSecondMax: send, receiveBytesPerSecondMax: receive } = this.#rules.network;
    if (send !== null && receive !== null) return { known: true, value: Math.min(send, receive) };
    return {
      known: false,
      reason: `${capacity.reason}; say how much may pass, \`hypermesh share rules --send-max 5MB --receive-max 5MB\``,
    };
  }

  asset(id: AssetId): Asset | undefined {
    const asset = this.#startedRegistry().get(id);
    return asset && { ...asset, capacity: this.#capacityOf(asset) };
  }

  record(id: AssetId): Uint8Array | undefined {
    return this.#startedRegistry().record(id);
  }

  async live(): Promise<LiveSample> {
    return this.#liveFrom(await this.#components.monitor.sample());
  }

  // Benchmark

  benchmark(): BenchmarkState {
    return this.#benchmark.state();
  }
  startBenchmark(): BenchmarkState {
    assert(this.#phase === 'running', 'A benchmark is started on a running node.');
    return this.#benchmark.start();
  }
  cancelBenchmark(): BenchmarkState {
    return this.#benchmark.cancel();
  }

  // Limits

  share(): ShareState {
    return {
      version: SHARE_VERSION,
      resources: this.#resources().map((resource) => structuredClone(this.#shareOf(resource))),
      rules: structuredClone(this.#rules),
      pause: this.#pause,
      monthlyBytesUsed: this.#meter.bytesOf(this.#nowMs()),
    };
  }

  levels(): Level[] {
    return this.#levels;
  }

  setShare(
    resource: ResourceKey,
    change: Partial<Omit<ResourceShare, 'resource' | 'terms'>> & { terms?: Partial<LendingTerms> | undefined },
  ): Promise<ResourceShare> {
    return this.#change(async () => {
      if (!this.#resources().includes(resource))
        throw new LimitsError(
          { code: 'RESOURCE_UNKNOWN', resource },
          `This machine has no ${resource}; \`hypermesh share get\` lists what it has.`,
        );
      const old = this.#shareOf(resource);
      const { terms, ...rest } = change;
      const next = parseResourceShare({
        ...old,
        ...given(rest),
        resource,
        terms: { ...old.terms, ...given(terms ?? {}) },
      });
      const shares = new Map(this.#shares).set(resource, next);
      await this.#saveShare(shares, this.#rules);
      this.#shares = shares;
      this.#ownerChanged();
      return structuredClone(next);
    });
  }

  setRules(change: Partial<MachineRules>): Promise<MachineRules> {
    return this.#change(async () => {
      const next = parseMachineRules({ ...this.#rules, ...given(change) });
      await this.#saveShare(this.#shares, next);
      this.#rules = next;
      this.#ownerChanged();
      return structuredClone(next);
    });
  }

  async preview(conditions: PreviewConditions): Promise<Level[]> {
    const wanted = this.#wanted();
    const now = await this.#askConditions(wanted);
    const { present, onBattery, metered, temperatureCelsius, programs } = conditions;
    const known = <T>(value: T | undefined, otherwise: Reading<T>): Reading<T> =>
      value === undefined ? otherwise : { known: true, value };
    const idleMs = present === undefined ? undefined : present ? 0 : Number.MAX_SAFE_INTEGER;
    const assumed: Conditions = {
      idleMs: known(idleMs, now.idleMs),
      onBattery: known(onBattery, now.onBattery),
      metered: known(metered, now.metered),
      cpuTemperatureCelsius: known(temperatureCelsius, now.cpuTemperatureCelsius),
      gpuTemperatureCelsius:
        temperatureCelsius === undefined
          ? now.gpuTemperatureCelsius
          : new Map(
              this.#resources()
                .filter((resource) => kindOf(resource) === 'gpu')
                .map((resource) => [
                  resource.slice('gpu:'.length),
                  { known: true as const, value: temperatureCelsius },
                ]),
            ),
      programs: known(programs === undefined ? undefined : new Set(programs), now.programs),
    };
    const nowMs = this.#nowMs();
    const atMs = conditions.atMs ?? nowMs;
    const monotonicMs = this.#components.outside.clock.monotonicMs();
    return this.#resources().map((resource) => {
      const sensor = sensorOf(resource);
      let state = (sensor === null ? undefined : this.#temperatures.get(sensor)) ?? COOL;
      // An assumed temperature is looked at at once: what it leads to is what the owner asks about.
      if (temperatureCelsius !== undefined) state = { ...state, steppedAtMs: null };
      const { percent } =
        sensor === null
          ? COOL
          : previewTemperature(state, readSensor(sensor, assumed), this.#rules.temperature, monotonicMs, atMs - nowMs);
      return this.#evaluateOne(resource, assumed, percent, atMs).level;
    });
  }

  pause(untilMs: number | null): Promise<PauseState> {
    return this.#change(async () => {
      const nowMs = this.#nowMs();
      if (untilMs !== null && untilMs <= nowMs)
        throw new LimitsError(
          { code: 'PAUSE_IN_THE_PAST', untilMs, nowMs },
          `A pause until ${new Date(untilMs).toISOString()} would be over already; give a later time.`,
        );
      const sinceMs = this.#pause.paused ? this.#pause.sinceMs : nowMs;
      await this.#setPause({ paused: true, sinceMs, untilMs });
      this.#ownerChanged();
      return this.#pause;
    });
  }

  resume(): Promise<PauseState> {
    return this.#change(async () => {
      if (this.#pause.paused) {
        await this.#setPause({ paused: false });
        this.#ownerChanged();
      }
      return this.#pause;
    });
  }

  evictAll(reason: string): Promise<number> {
    return Promise.resolve(this.#book.evictAll(reason));
  }

  countNetworkBytes(bytes: number): void {
    const cap = this.#rules.network.monthlyBytesMax;
    const before = this.#meter.bytesOf(this.#nowMs());
    this.#meter.count(bytes);
    if (cap !== null && before < cap && before + bytes >= cap && this.#phase === 'running') this.#evaluate();
  }

  // Below: how it works

  #nowMs(): number {
    return this.#components.outside.clock.nowMs();
  }

  #startedRegistry(): AssetRegistry {
    assert(this.#registry !== null, 'The registry is loaded when the assets start.');
    return this.#registry;
  }

  #adapterOf(kind: ResourceKind): AssetAdapter {
    return this.#components.adapters[kind];
  }

  /** Every resource that has limits, in the order in which faces list them. */
  #resources(): ResourceKey[] {
    const cards = [...(this.#registry?.resources() ?? []), ...this.#shares.keys()].filter(
      (resource) => kindOf(resource) === 'gpu',
    );
    return Array.from(new Set<ResourceKey>([...FIXED_RESOURCES, ...cards.sort()])).sort(
      (a, b) => KIND_ORDER.indexOf(kindOf(a)) - KIND_ORDER.indexOf(kindOf(b)),
    );
  }

  #shareOf(resource: ResourceKey): ResourceShare {
    return this.#shares.get(resource) ?? defaultShare(resource);
  }

  async #readInstallId(): Promise<Uint8Array> {
    const { settings, outside } = this.#components;
    const stored = await settings.get('install-id');
    if (stored === undefined) {
      const made = outside.random.bytes(INSTALL_ID_BYTES);
      await settings.set('install-id', made);
      return made;
    }
    if (!(stored instanceof Uint8Array) || stored.length !== INSTALL_ID_BYTES)
      throw new RegistryError(
        { code: 'SETTING_CORRUPT', key: 'install-id', problem: `is not ${INSTALL_ID_BYTES} bytes` },
        'The id of this installation in the database is damaged, so assets cannot be named; restore hypermesh.db from a backup, or start with another data folder.',
      );
    return stored;
  }

  async #detect(): Promise<Inventory> {
    const { adapters, system, outside } = this.#components;
    const { signal } = this.#stopping;
    const startedAtMs = outside.clock.monotonicMs();
    const [machine, cpu, gpu, memory, storage, network, container, economic] = await Promise.all([
      system(signal),
      adapters.cpu.detect(signal),
      adapters.gpu.detect(signal),
      adapters.memory.detect(signal),
      adapters.storage.detect(signal),
      adapters.network.detect(signal),
      adapters.container.detect(signal),
      adapters.economic.detect(signal),
    ]);
    await this.#startedRegistry().update(
      [cpu, gpu, memory, storage, network, container, economic].flatMap((detection) => detection.assets),
    );
    const inventory: Inventory = {
      detectedAtMs: this.#nowMs(),
      tookMs: outside.clock.monotonicMs() - startedAtMs,
      system: machine,
      cpu: cpu.inventory,
      memory: memory.inventory,
      disks: storage.inventory,
      interfaces: network.inventory,
      gpus: gpu.inventory,
      container: container.inventory,
      economic: economic.inventory,
    };
    this.#inventory = inventory;
    if (this.#phase === 'running') {
      this.#evaluate();
      this.#tickNow();
    }
    this.#emitter.emit('inventoryChanged', inventory);
    return inventory;
  }

  /** Why a resource cannot be lent at all; null when its hardware is there. */
  #absentReason(resource: ResourceKey): string | null {
    if (this.#registry?.presentFor(resource) !== undefined) return null;
    if (resource === 'container' && this.#inventory?.container.known === false) return this.#inventory.container.reason;
    return kindOf(resource) === 'gpu' ? 'this card is not in the machine now' : 'this machine does not have it now';
  }

  /** Conditions that set rules need, and no others: reading some of them costs power. */
  #wanted(): Set<ConditionName> {
    const wanted = new Set<ConditionName>();
    for (const resource of this.#resources()) {
      if (this.#absentReason(resource) !== null) continue;
      const share = this.#shareOf(resource);
      // What lends nothing anyway has no use for the rest.
      if (share.percentMax === 0) continue;
      if (share.usingPercent < 100 || share.awayPercent < 100) wanted.add('idle');
      if (share.batteryPercent < 100) wanted.add('battery');
      if (share.meteredPercent < 100) wanted.add('metered');
      if (this.#rules.temperature !== null && sensorOf(resource) !== null) wanted.add('temperature');
    }
    if (this.#rules.programs.length > 0) wanted.add('programs');
    return wanted;
  }

  /** Asks the monitor, and gives up on it after {@link CONDITIONS_TIMEOUT_MS}: a hanging tool must not hold a level up. */
  async #askConditions(wanted: ReadonlySet<ConditionName>): Promise<Conditions> {
    if (wanted.size === 0) return unreadConditions('not asked for');
    const { monitor, outside, logger } = this.#components;
    // A question that hangs is not asked a second time beside itself.
    if (this.#conditionsInFlight === null) {
      const asked = monitor.conditions(wanted).catch((error: unknown) => {
        logger.warn('The conditions could not be read', { reason: messageOf(error) });
        return unreadConditions(messageOf(error));
      });
      this.#conditionsInFlight = asked;
      void asked.then(() => {
        if (this.#conditionsInFlight === asked) this.#conditionsInFlight = null;
      });
    }
    const { promise, resolve } = Promise.withResolvers<Conditions>();
    const late = unreadConditions(`the system did not answer within ${CONDITIONS_TIMEOUT_MS / 1000} s`);
    const cancel = outside.clock.after(CONDITIONS_TIMEOUT_MS, () => {
      resolve(late);
    });
    const onStop = (): void => {
      resolve(unreadConditions('the node is stopping'));
    };
    this.#stopping.signal.addEventListener('abort', onStop, { once: true });
    if (this.#stopping.signal.aborted) onStop();
    try {
      return await Promise.race([this.#conditionsInFlight, promise]);
    } finally {
      cancel();
      this.#stopping.signal.removeEventListener('abort', onStop);
    }
  }

  async #readConditions(): Promise<void> {
    this.#conditions = await this.#askConditions(this.#wanted());
  }

  #evaluateOne(resource: ResourceKey, conditions: Conditions, temperaturePercent: number, nowMs: number): Evaluation {
    return evaluateLevel({
      share: this.#shareOf(resource),
      elasticity: this.#adapterOf(kindOf(resource)).elasticity,
      rules: this.#rules,
      pause: this.#pause,
      conditions,
      temperaturePercent,
      monthBytes: resource === 'network' ? this.#meter.bytesOf(nowMs) : 0,
      absentReason: this.#absentReason(resource),
      nowMs,
      zone: this.#zone,
    });
  }

  /** Works out all levels from what is known now and puts them into force before it returns. */
  #evaluate(): void {
    assert(this.#phase === 'running', 'Levels are worked out while the assets run.');
    const nowMs = this.#nowMs();
    const monotonicMs = this.#components.outside.clock.monotonicMs();
    this.#endPauseIfOver(nowMs);
    const resources = this.#resources();
    for (const sensor of new Set(resources.map(sensorOf)))
      if (sensor !== null)
        this.#temperatures.set(
          sensor,
          nextTemperature(
            this.#temperatures.get(sensor) ?? COOL,
            readSensor(sensor, this.#conditions),
            this.#rules.temperature,
            monotonicMs,
          ),
        );
    const booked = resources.map((resource) => {
      const sensor = sensorOf(resource);
      const { percent } = (sensor === null ? undefined : this.#temperatures.get(sensor)) ?? COOL;
      return this.#bookedOf(resource, this.#evaluateOne(resource, this.#conditions, percent, nowMs));
    });
    this.#levels = booked.map((one) => one.evaluation.level);
    this.#metrics?.evaluations.inc();
    this.#book.apply(booked);
    this.#applyInAdapters();
    const text = JSON.stringify(this.#levels);
    if (text === this.#levelsText) return;
    this.#levelsText = text;
    this.#emitter.emit('levelsChanged', this.#levels);
    this.#promisesMayHaveChanged();
  }

  #bookedOf(resource: ResourceKey, evaluation: Evaluation): BookedResource {
    const asset = this.#registry?.presentFor(resource);
    const { sendBytesPerSecondMax, receiveBytesPerSecondMax } = this.#rules.network;
    // A promised rate may be used in either direction, so the narrower one bounds it.
    const rateMax = Math.min(sendBytesPerSecondMax ?? Infinity, receiveBytesPerSecondMax ?? Infinity);
    return {
      resource,
      assetId: (asset?.id as AssetId | undefined) ?? null,
      unit: asset?.unit ?? UNITS[kindOf(resource)],
      capacity:
        asset === undefined
          ? { known: false, reason: this.#absentReason(resource) ?? 'it was not found' }
          : this.#capacityOf(asset),
      amountMax: resource === 'network' && rateMax !== Infinity ? rateMax : null,
      adapter: this.#adapterOf(kindOf(resource)),
      evaluation,
    };
  }

  /** Adapters hear of percentages that changed. Their failures are theirs to log; holders have been told already. */
  #applyInAdapters(): void {
    for (const level of this.#levels) {
      if (this.#applied.get(level.resource) === level.percent) continue;
      this.#applied.set(level.resource, level.percent);
      this.#metrics?.level.set(level.percent, { resource: level.resource });
      this.#adapterOf(kindOf(level.resource))
        .applyLevel(level)
        .catch((error: unknown) => {
          // Told again at the next evaluation.
          if (this.#applied.get(level.resource) === level.percent) this.#applied.delete(level.resource);
          this.#components.logger.warn('A level could not be put into force', {
            resource: level.resource,
            percent: level.percent,
            reason: messageOf(error),
          });
        });
    }
  }

  /** A pause ends by the wall clock, looked at anew each time: a clock that jumps ends it early or late, as it should. */
  #endPauseIfOver(nowMs: number): void {
    const { paused } = this.#pause;
    if (!paused || this.#pause.untilMs === null || nowMs < this.#pause.untilMs) return;
    this.#pause = { paused: false };
    // If the disk refuses, the next start finds a pause that is over and ends it again.
    this.#components.settings.set('pause', { version: SHARE_VERSION, ...this.#pause }).catch((error: unknown) => {
      this.#components.logger.warn('The end of the pause could not be stored', { reason: messageOf(error) });
    });
    this.#emitter.emit('shareChanged', this.share());
  }

  async #setPause(pause: PauseState): Promise<void> {
    await this.#components.settings.set('pause', { version: SHARE_VERSION, ...pause });
    this.#pause = pause;
  }

  async #saveShare(shares: ReadonlyMap<ResourceKey, ResourceShare>, rules: MachineRules): Promise<void> {
    const resources = Array.from(shares.values());
    await this.#components.settings.set('share', { version: SHARE_VERSION, resources, rules });
  }

  /** One change after the other, so that none is lost between reading and writing. */
  #change<T>(work: () => Promise<T>): Promise<T> {
    assert(this.#phase !== 'new', 'Limits are changed on a running node.');
    if (this.#changesPending >= CHANGES_PENDING_MAX)
      return Promise.reject(
        new LimitsError(
          { code: 'TOO_MANY_CHANGES', changesMax: CHANGES_PENDING_MAX },
          `${CHANGES_PENDING_MAX} changes wait to be written already; wait for them and try again.`,
        ),
      );
    this.#changesPending++;
    const done = this.#lastChange.then(work).finally(() => {
      this.#changesPending--;
    });
    this.#lastChange = done.catch(() => undefined);
    return done;
  }

  /** Puts what the owner has changed into force at once, then reads the conditions that only now matter. */
  #ownerChanged(): void {
    if (this.#phase !== 'running') return;
    this.#emitter.emit('shareChanged', this.share());
    this.#evaluate();
    this.#tickNow();
  }

  #isBusy(): boolean {
    return (
      this.#book.size > 0 || this.#emitter.hasListeners('promisesChanged') || this.#emitter.hasListeners('liveSampled')
    );
  }

  /** Sets the next look at the conditions. Never one long wait for a boundary: the clock may be set meanwhile. */
  #schedule(): void {
    if (this.#phase !== 'running' || this.#ticking !== null) return;
    this.#cancelTick?.();
    const nowMs = this.#nowMs();
    const nextMs = this.#levels.reduce((min, level) => Math.min(min, level.untilMs ?? Infinity), Infinity);
    this.#scheduledBusy = this.#isBusy();
    const waitMs = Math.min(this.#scheduledBusy ? EVALUATE_BUSY_MS : EVALUATE_IDLE_MS, nextMs - nowMs);
    this.#cancelTick = this.#components.outside.clock.after(Math.max(EVALUATE_MS_MIN, waitMs), () => {
      this.#cancelTick = null;
      this.#tickNow();
    });
  }

  #tickNow(): void {
    if (this.#phase !== 'running' || this.#ticking !== null) return;
    this.#cancelTick?.();
    this.#cancelTick = null;
    this.#ticking = this.#tick().finally(() => {
      this.#ticking = null;
      this.#schedule();
    });
  }

  async #tick(): Promise<void> {
    await this.#readConditions();
    if (this.#phase !== 'running') return;
    this.#evaluate();
    if (this.#book.size > 0) this.#promisesMayHaveChanged();
    await this.#meter.tick();
  }

  /** Tells of promises a little later, so that a thousand changes in a row make one event. */
  #promisesMayHaveChanged(): void {
    if (this.#phase !== 'running') return;
    // The first allocation of a quiet time: look at the conditions each second from now on.
    if (this.#cancelTick !== null && !this.#scheduledBusy && this.#isBusy()) this.#schedule();
    if (this.#cancelPromisesEvent !== null || !this.#emitter.hasListeners('promisesChanged')) return;
    this.#cancelPromisesEvent = this.#components.outside.clock.after(PROMISES_EVENT_DELAY_MS, () => {
      this.#cancelPromisesEvent = null;
      this.#emitter.emit('promisesChanged', this.#book.promises());
    });
  }

  #changeLiveListeners(by: 1 | -1): void {
    this.#liveListeners += by;
    assert(this.#liveListeners >= 0, 'Nobody stops listening twice.');
    if (this.#phase === 'stopped') return;
    if (this.#liveListeners > 0) this.#stopWatching ??= this.#components.monitor.watch();
    else {
      this.#stopWatching?.();
      this.#stopWatching = null;
    }
    this.#schedule();
  }

  #onSampled(sample: MachineSample): void {
    // A slow adapter costs samples, never a queue of them.
    if (this.#liveListeners === 0 || this.#liveInFlight) return;
    this.#liveInFlight = true;
    this.#liveFrom(sample)
      .then((live) => {
        this.#emitter.emit('liveSampled', live);
      })
      .catch((error: unknown) => {
        if (!isNodeError(error)) throw error;
        this.#components.logger.warn('Live use could not be measured', { reason: messageOf(error) });
      })
      .finally(() => {
        this.#liveInFlight = false;
      });
  }

  /** What the monitor saw and adapters measure, beside what holders report. */
  async #liveFrom(sample: MachineSample): Promise<LiveSample> {
    const promises = new Map(this.#book.promises().map((promise) => [promise.resource, promise]));
    const present = this.#resources().filter((resource) => this.#registry?.presentFor(resource) !== undefined);
    const uses = await Promise.all(
      present.map(async (resource): Promise<LiveUse> => {
        const { usedPercent, used, temperatureCelsius } = await this.#adapterOf(kindOf(resource)).measure(resource);
        const measured = promises.get(resource)?.measured ?? null;
        const lentUsed: Reading<number> =
          measured === null
            ? { known: false, reason: 'no holder has reported its use lately' }
            : { known: true, value: measured };
        return { resource, usedPercent, used, lentUsed, temperatureCelsius };
      }),
    );
    return {
      atMs: sample.atMs,
      uses,
      cpuThreadsPercent: sample.cpuThreadsPercent,
      networkReceivedBytesPerSecond: sample.networkReceivedBytesPerSecond,
      networkSentBytesPerSecond: sample.networkSentBytesPerSecond,
      diskReadBytesPerSecond: sample.diskReadBytesPerSecond,
      diskWrittenBytesPerSecond: sample.diskWrittenBytesPerSecond,
      app: sample.app,
    };
  }
}

/** Hardware, limits and allocations of this node; see {@link Assets} for what it promises. */
export const createAssets = (components: AssetsComponents, init: AssetsInit = {}): Assets =>
  new NodeAssets(components, init);
