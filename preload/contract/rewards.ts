import { z } from 'zod';
import { percent, proofKind, resourceKey, resourceKind, timestampMs } from './common.ts';
import { defineCalls, definePushes, nothing } from './define.ts';
import { capacityUnit } from './hardware.ts';
import { ledgerId, microCaes } from './ledger.ts';
import { privacyLevel } from './share.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What one lease brought, or one epoch. */
export const rewardEntry = z.strictObject({
  /** Names it, for `rewards:explain`. */
  id: z.string(),
  /** `lease`: paid by a borrower. `reward`: minted for proven use. `yield`: for the stake. */
  kind: z.enum(['lease', 'reward', 'yield', 'fees']),
  amountMicro: microCaes,
  /** `coming`: used, not settled yet. `potential`: would come when all that is offered were used. */
  state: z.enum(['earned', 'coming']),
  resource: resourceKey.nullable(),
  lease: z.string().nullable(),
  network: z.string(),
  ledger: ledgerId,
  atMs: timestampMs,
  height: z.int().nullable(),
  sentence: z.string(),
});
export type RewardEntry = z.infer<typeof rewardEntry>;
export const rewardsView = z.strictObject({
  period: z.enum(['today', 'week', 'month', 'all']),
  fromMs: timestampMs,
  earnedMicro: microCaes,
  comingMicro: microCaes,
  /** What all that is offered now would bring in the same time if it were used at the present price. */
  potentialMicro: microCaes,
  /** Per hour, day or month of the period; oldest first. */
  series: z.array(z.strictObject({ atMs: timestampMs, earnedMicro: microCaes })),
  byResource: z.array(
    z.strictObject({
      resource: resourceKey.nullable(),
      label: z.string(),
      earnedMicro: microCaes,
      comingMicro: microCaes,
    }),
  ),
  byNetwork: z.array(z.strictObject({ ledger: ledgerId, name: z.string(), earnedMicro: microCaes })),
  entries: z.array(rewardEntry),
  /** Entries of the period altogether; the list holds the newest 200. */
  total: z.int(),
});
export type RewardsView = z.infer<typeof rewardsView>;
/** A reward taken apart. */
export const rewardExplanation = z.strictObject({
  entry: rewardEntry,
  /** The formula with the numbers put in, a line each. */
  formula: z.array(z.string()),
  inputs: z.array(z.strictObject({ name: z.string(), value: z.string(), sentence: z.string() })),
  /** What it rests on. */
  receipts: z.array(
    z.strictObject({
      lease: z.string(),
      kind: resourceKind,
      unit: capacityUnit,
      unitSeconds: z.number(),
      owedMicro: microCaes,
      paidMicro: microCaes,
      privacyLevel: privacyLevel.nullable(),
      proofId: hash.nullable(),
      proofs: z.array(z.strictObject({ kind: proofKind, passed: z.boolean() })),
      transaction: hash.nullable(),
      height: z.int().nullable(),
    }),
  ),
});
export type RewardExplanation = z.infer<typeof rewardExplanation>;

export const funnelSteps = ['reachable', 'offered', 'matched', 'run', 'proof', 'settled', 'paid'] as const;
/** Why nothing is earned: the first step that fails is the reason. */
export const funnelView = z.strictObject({
  resource: resourceKey,
  steps: z.array(
    z.strictObject({
      step: z.enum(funnelSteps),
      title: z.string(),
      /** `waiting`: nothing is wrong, nobody came yet. `untried`: a step before it is not reached. */
      state: z.enum(['passed', 'failed', 'waiting', 'untried']),
      /** What was found, with numbers; one sentence. */
      sentence: z.string(),
      /** What to do; null where there is nothing to do. */
      fix: z
        .strictObject({ sentence: z.string(), page: z.string().nullable(), command: z.string().nullable() })
        .nullable(),
    }),
  ),
  /** The first that failed; where none has, the first that waits; null when all passed. */
  first: z.enum(funnelSteps).nullable(),
  /** The answer, one sentence. */
  answer: z.string(),
});
export type FunnelView = z.infer<typeof funnelView>;
export const electricity = z.strictObject({
  /** Per kWh in the owner's own currency. */
  pricePerKwh: z.number().min(0).max(1000),
  currency: z.string().trim().min(1).max(8),
  /** What one CAES is worth to the owner; null: not said, and then nothing is netted. */
  caesValue: z.number().min(0).max(1e9).nullable(),
  /** Watts that each resource takes more at full use, by the owner; absent where not said. */
  watts: z.partialRecord(
    z.enum(['cpu', 'gpu', 'memory', 'storage', 'network', 'container']),
    z.number().min(0).max(10_000),
  ),
});
export type Electricity = z.infer<typeof electricity>;
/** What another level of one resource would bring on this machine. */
export const forecastRow = z.strictObject({
  resource: resourceKey,
  label: z.string(),
  percent,
  /** Amount that the level lends, and its unit. */
  amount: z.int(),
  unit: capacityUnit,
  /** Per month of 30 days, if as much of it is used as was in the last 30 days of this node (or of the network where this node lent nothing). */
  microPerMonth: microCaes,
  utilisationPermille: z.int(),
  /** Where the utilisation comes from, one sentence. */
  basis: z.string(),
  kwhPerMonth: z.number().nullable(),
  costPerMonth: z.number().nullable(),
  netPerMonth: z.number().nullable(),
});
export const forecastView = z.strictObject({ electricity, rows: z.array(forecastRow) });
export type ForecastView = z.infer<typeof forecastView>;

export const rewardCalls = defineCalls({
  'rewards:get': {
    method: 'GET',
    path: '/v1/rewards',
    summary: 'What was earned, what is coming and what could be, by resource, lease and network',
    request: z.strictObject({
      period: z.enum(['today', 'week', 'month', 'all']).default('month'),
      resource: resourceKey.optional(),
    }),
    response: rewardsView,
    cli: { command: 'rewards', examples: ['hypermesh rewards', 'hypermesh rewards --period today'] },
  },
  'rewards:explain': {
    method: 'GET',
    path: '/v1/rewards/{id}',
    summary: 'Takes a reward apart, down to its receipts and proofs',
    request: z.strictObject({ id: z.string().min(1).max(96) }),
    response: rewardExplanation,
    errors: ['REWARD_UNKNOWN'],
    cli: { command: 'rewards explain', positionals: ['id'], examples: ['hypermesh rewards explain lease-3f2a'] },
  },
  'rewards:funnel': {
    method: 'GET',
    path: '/v1/rewards/funnel',
    summary: 'Why nothing is earned: seven steps, the first that fails, and what to do',
    request: z.strictObject({ resource: resourceKey.default('cpu') }),
    response: funnelView,
    cli: {
      command: 'rewards why',
      positionals: ['resource'],
      examples: ['hypermesh rewards why', 'hypermesh rewards why memory'],
    },
  },
  'rewards:forecast': {
    method: 'GET',
    path: '/v1/rewards/forecast',
    summary: 'What other levels would bring on this machine, net of electricity',
    request: nothing,
    response: forecastView,
    cli: { command: 'rewards forecast', examples: ['hypermesh rewards forecast'] },
  },
  'rewards:setElectricity': {
    method: 'PUT',
    path: '/v1/rewards/electricity',
    summary: 'Price of electricity, watts of this machine, and what a CAES is worth to its owner',
    request: electricity,
    response: forecastView,
  },
});
export const rewardPushes = definePushes({
  rewards: {
    summary: 'When something was earned or is coming; at most once in five seconds',
    payload: z.strictObject({ earnedTodayMicro: microCaes, comingMicro: microCaes }),
  },
});
