import { NodeError } from '../../base/index.ts';
import type { ResourceKey } from '../../../preload/contract/index.ts';

/** The owner's limits could not be changed or read. */
export class LimitsError extends NodeError<
  /** No such resource on this machine. */
  | { code: 'RESOURCE_UNKNOWN'; resource: string }
  /** The end of a pause must lie ahead. */
  | { code: 'PAUSE_IN_THE_PAST'; untilMs: number; nowMs: number }
  /** A value that the rules' format does not allow; nothing was changed. */
  | { code: 'SHARE_INVALID'; path: string; problem: string }
  /** The stored rules were written by a newer version of the app; they are left as they are. */
  | { code: 'SHARE_RULES_NEWER'; version: number; versionMax: number }
  /** The stored rules are damaged; they are left as they are, never reset behind the owner's back. */
  | { code: 'SHARE_RULES_CORRUPT'; path: string; problem: string }
  /** More changes wait to be written than a person can make: a program floods us. */
  | { code: 'TOO_MANY_CHANGES'; changesMax: number }
> {
  override readonly name = 'LimitsError';
}

/** Something could not be promised. Nothing was taken. */
export class AllocationError extends NodeError<
  /** The level does not cover the amount beside what is promised already. */
  | { code: 'LEVEL_EXCEEDED'; resource: ResourceKey; amount: number; free: number; lendable: number; reason: string }
  /** The owner has paused lending. */
  | { code: 'PAUSED'; resource: ResourceKey; untilMs: number | null }
  | { code: 'RESOURCE_UNKNOWN'; resource: string }
  /** Nobody knows how much of it there is, so nothing of it can be promised. */
  | { code: 'CAPACITY_UNKNOWN'; resource: ResourceKey; reason: string }
  /** Not a whole number above 0. */
  | { code: 'AMOUNT_INVALID'; resource: ResourceKey; amount: number }
  | { code: 'TOO_MANY_ALLOCATIONS'; allocationsMax: number }
  /** The node is stopping, or has not started yet. */
  | { code: 'NOT_RUNNING' }
> {
  override readonly name = 'AllocationError';
}

/** The benchmark could not be started. */
export class BenchmarkError extends NodeError<{ code: 'BENCHMARK_RUNNING'; startedAtMs: number }> {
  override readonly name = 'BenchmarkError';
}

/** What the registry holds does not agree with itself. */
export class RegistryError extends NodeError<
  /** A stored registration record is not the one that its id names. */
  | { code: 'ASSET_RECORD_CORRUPT'; assetId: string; problem: string }
  /** A stored setting of this module is damaged. */
  | { code: 'SETTING_CORRUPT'; key: string; problem: string }
> {
  override readonly name = 'RegistryError';
}
