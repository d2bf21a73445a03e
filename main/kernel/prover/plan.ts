import type { ProofPlan } from '../../../preload/contract/index.ts';
import { PLAN_SPACE_BYTES_MAX, PLAN_SPACE_BYTES_MIN } from './constants.ts';

/**
 * Once a day, as leases of type `Verified` count on proofs of the same day; 16 MiB, which is plotted within seconds at half
 * of one thread and is hardly noticed on any disk.
 */
export const defaultPlan = (): ProofPlan => ({ automatic: true, everyHours: 24, spaceBytes: 16 * 1024 * 1024 });

const whole = (value: unknown, min: number, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;

const isPlan = (value: Partial<Record<keyof ProofPlan, unknown>>): value is ProofPlan =>
  typeof value.automatic === 'boolean' &&
  whole(value.everyHours, 1, 720) &&
  whole(value.spaceBytes, PLAN_SPACE_BYTES_MIN, PLAN_SPACE_BYTES_MAX);

/** The plan with exactly its fields. The contract has checked a change; what comes from elsewhere is a bug. */
export const parsePlan = (plan: ProofPlan): ProofPlan => {
  const { automatic, everyHours, spaceBytes } = plan;
  const next = { automatic, everyHours, spaceBytes };
  if (!isPlan(next)) throw new RangeError('A plan of proofs lies within the limits of the contract.');
  return next;
};

/** The stored plan. One that cannot be understood costs its owner three settings, and never more space or time than the default. */
export const readPlan = (stored: unknown, otherwise: ProofPlan): ProofPlan => {
  if (typeof stored !== 'object' || stored === null || (stored as { version?: unknown }).version !== 1)
    return otherwise;
  const { automatic, everyHours, spaceBytes } = stored as Partial<Record<keyof ProofPlan, unknown>>;
  const plan = { automatic, everyHours, spaceBytes };
  return isPlan(plan) ? plan : otherwise;
};
