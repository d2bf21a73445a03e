import { sha256, type AssetId } from '../../base/index.ts';
import type { ProofEntry, ProofPlan } from '../../../preload/contract/index.ts';
import { INVENTORY_GAP_MS, INVENTORY_SETTLED_MS, LEVEL_GAP_MS, LEVEL_SETTLED_MS, SPREAD_PART } from './constants.ts';

const HOUR_MS = 3_600_000;

/** All that the schedule looks at for one asset. */
export interface ScheduleFacts {
  asset: AssetId;
  /** The newest proof that passed and stands in a block of this identity's chain; null before the first. */
  last: {
    madeAtMs: number;
    /** When it was made on the monotonic clock; null when an earlier run of the node made it. */
    monotonicMs: number | null;
    level: number;
    capacity: number | null;
  } | null;
  /** What the owner lends of it now, and since when on the monotonic clock. */
  level: number;
  levelSinceMs: number;
  /** All that the hardware has now, and since when. */
  capacity: number | null;
  capacitySinceMs: number;
}

/** Both clocks, and when this run of the node began. */
export interface Moment {
  wallMs: number;
  monotonicMs: number;
  startedMonotonicMs: number;
}

/** Period of one asset: between 3/4 of the plan's and all of it, always the same for the same asset. */
export const periodOf = (asset: AssetId, plan: Pick<ProofPlan, 'everyHours'>): number => {
  const digest = sha256(Buffer.from(asset));
  const place = new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** 32;
  return Math.floor(plan.everyHours * HOUR_MS * (1 - SPREAD_PART * place));
};

/**
 * Time since the last proof, by the clock that shows more. The monotonic one may stand still while the machine sleeps, and
 * the wall clock may be set back; a wall clock that is set forward brings one proof too many, once.
 */
const elapsedOf = (last: NonNullable<ScheduleFacts['last']>, moment: Moment): number =>
  Math.max(surelyElapsedOf(last, moment), moment.wallMs - last.madeAtMs);

/** The same by what cannot be set: what bounds the number of proofs goes by this, so that no clock can raise it. */
const surelyElapsedOf = (last: NonNullable<ScheduleFacts['last']>, moment: Moment): number =>
  last.monotonicMs !== null
    ? moment.monotonicMs - last.monotonicMs
    : Math.max(moment.monotonicMs - moment.startedMonotonicMs, moment.wallMs - last.madeAtMs);

/** Why an asset is to be proved now; null when nothing calls for it. Pure. */
export const dueCause = (
  facts: ScheduleFacts,
  plan: Pick<ProofPlan, 'everyHours'>,
  moment: Moment,
): ProofEntry['cause'] | null => {
  const { last, asset, level, levelSinceMs, capacity, capacitySinceMs } = facts;
  if (last === null) return 'registered';
  const sureMs = surelyElapsedOf(last, moment);
  if (
    capacity !== last.capacity &&
    moment.monotonicMs - capacitySinceMs >= INVENTORY_SETTLED_MS &&
    sureMs >= INVENTORY_GAP_MS
  )
    return 'inventoryChanged';
  if (level !== last.level && moment.monotonicMs - levelSinceMs >= LEVEL_SETTLED_MS && sureMs >= LEVEL_GAP_MS)
    return 'levelChanged';
  return elapsedOf(last, moment) >= periodOf(asset, plan) ? 'schedule' : null;
};

/** When the schedule makes the next proof by the wall clock, if nothing calls for one before. Never in the past. */
export const nextScheduledMs = (facts: ScheduleFacts, plan: Pick<ProofPlan, 'everyHours'>, moment: Moment): number =>
  facts.last === null
    ? moment.wallMs
    : moment.wallMs + Math.max(0, periodOf(facts.asset, plan) - elapsedOf(facts.last, moment));
