import type { AllocationId, AssetId, EventSource, Startable } from '../../base/index.ts';
import type {
  AllocationView,
  Asset,
  BenchmarkState,
  CapacityUnit,
  Inventory,
  Level,
  LiveSample,
  MachineRules,
  PauseState,
  PreviewConditions,
  Reading,
  ResourceKey,
  ResourceKind,
  ResourcePromise,
  ResourceShare,
  LendingTerms,
  ShareState,
} from '../../../preload/contract/index.ts';

/** What an adapter found: one lendable thing. */
export interface DetectedAsset {
  resource: ResourceKey;
  label: string;
  unit: CapacityUnit;
  capacity: Reading<number>;
  /** Facts that tell this piece of hardware from another of the same kind; they go into the registration record. */
  fingerprint: Record<string, string | number>;
}
export interface Detection<Part> {
  assets: DetectedAsset[];
  /** This adapter's part of the inventory. */
  inventory: Part;
}

/** Live use of one resource, in the asset's unit. */
export interface MeasuredUse {
  usedPercent: Reading<number>;
  used: Reading<number>;
  temperatureCelsius: Reading<number>;
}

/** Something that an allocation runs in and that a level bears on: a job's host process, later a container or a lease. */
export interface Holder {
  /** Told whenever the amount that the allocation may take changes, and once at the start. Must take effect within 1 s. */
  setEffective(amount: number): void;
  /** The level no longer covers what cannot shrink (memory, storage): end, and release the allocation. */
  evict(reason: string): void;
  /** Others asked for what this one was promised: from now on it is promised `amount`, maybe 0. Only for those that yield. */
  yielded?(amount: number): void;
}

/**
 * One adapter per kind. It detects the real thing, measures it, and says how a level becomes a real limit on what was
 * allocated. Compliance suite: test/compliance/asset-adapter.ts.
 */
export interface AssetAdapter<Part = unknown> {
  readonly kind: ResourceKind;
  /** Looks at the hardware. Reports what could not be read and why; never throws for missing hardware. */
  detect(signal?: AbortSignal): Promise<Detection<Part>>;
  /** Use of the resource now. */
  measure(resource: ResourceKey): Promise<MeasuredUse>;
  /**
   * Anything that must be reserved before a holder starts (quota, pool). Most need nothing.
   *
   * @param present - part of the amount that the holder has taken already, such as files of an earlier run; 0 by default
   */
  allocate(allocation: AllocationView, present?: number): Promise<void>;
  /** Puts a level into force beyond what holders are told: rate limiters, engine settings. Called within 1 s of a change. */
  applyLevel(level: Level): Promise<void>;
  /** Undoes `allocate`. May be called twice. */
  release(allocation: AllocationView): Promise<void>;
  /** Whether a promise can be squeezed when the level falls (`share`) or only kept or ended (`space`). */
  readonly elasticity: 'share' | 'space';
}

export interface AllocationRequest {
  resource: ResourceKey;
  /** In the asset's unit, > 0, a safe integer. */
  amount: number;
  /** What it is for, such as a job's id; at most 128 characters. */
  purpose: string;
  /** Part of the amount that the holder has taken already, such as files of an earlier run. @default 0 */
  present?: number;
  /**
   * Work of the node itself that can wait, such as proofs: gives back what anybody else asks for. Only for resources of
   * elasticity `share`. @default false
   */
  yields?: boolean;
  holder: Holder;
}

/**
 * Who may take how much. Never more than capacity × level in promises at the time of admission; never more than
 * capacity × level in effective amounts at any time. Rows are on disk before `allocate` resolves, and left-over rows of
 * a crash are deleted at start.
 */
export interface AllocationBook {
  /**
   * All or nothing over several resources.
   * @throws {AllocationError} `LEVEL_EXCEEDED` | `PAUSED` | `RESOURCE_UNKNOWN` | `CAPACITY_UNKNOWN` | `AMOUNT_INVALID` | `TOO_MANY_ALLOCATIONS`
   */
  allocate(requests: readonly AllocationRequest[]): Promise<AllocationId[]>;
  /** May be called twice. */
  release(ids: readonly AllocationId[]): Promise<void>;
  list(after?: string): AllocationView[];
  promises(): ResourcePromise[];
  /** What somebody who does not yield can ask for now, in the asset's unit: what is free, and what others would yield. */
  free(resource: ResourceKey): number;
  /** What an allocation really takes, told by its holder about once a second, in the asset's unit. */
  reportUse(id: AllocationId, used: number): void;
  readonly size: number;
}

export interface AssetEvents {
  inventoryChanged: Inventory;
  levelsChanged: Level[];
  shareChanged: ShareState;
  promisesChanged: ResourcePromise[];
  benchmarkChanged: BenchmarkState;
  liveSampled: LiveSample;
}

/** Front of `kernel/assets`: hardware, limits and allocations of this node. */
export interface Assets extends Startable, EventSource<AssetEvents> {
  readonly allocations: AllocationBook;
  inventory(): Inventory;
  detect(): Promise<Inventory>;
  list(): Asset[];
  asset(id: AssetId): Asset | undefined;
  /** Registration record that the id is the name of, canonical dag-cbor; docs/formats/asset-id.md. */
  record(id: AssetId): Uint8Array | undefined;
  live(): Promise<LiveSample>;

  benchmark(): BenchmarkState;
  /** @throws {BenchmarkError} `BENCHMARK_RUNNING` */
  startBenchmark(): BenchmarkState;
  cancelBenchmark(): BenchmarkState;

  share(): ShareState;
  levels(): Level[];
  /** @throws {LimitsError} `RESOURCE_UNKNOWN` */
  setShare(
    resource: ResourceKey,
    change: Partial<Omit<ResourceShare, 'resource' | 'terms'>> & { terms?: Partial<LendingTerms> | undefined },
  ): Promise<ResourceShare>;
  setRules(change: Partial<MachineRules>): Promise<MachineRules>;
  preview(conditions: PreviewConditions): Promise<Level[]>;
  /** @throws {LimitsError} `PAUSE_IN_THE_PAST` */
  pause(untilMs: number | null): Promise<PauseState>;
  resume(): Promise<PauseState>;
  /** Ends every allocation by evicting its holder. @returns how many */
  evictAll(reason: string): Promise<number>;
  /** Counts bytes that the app sent or received on behalf of others, for the monthly cap. */
  countNetworkBytes(bytes: number): void;
}
