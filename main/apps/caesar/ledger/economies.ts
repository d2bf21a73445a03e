import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { REFERENCE_AMOUNTS } from '../../../kernel/leases/formats/index.ts';
import type { ResourceKind } from '../../../../preload/contract/index.ts';
import { WEIGHT_UNIT_SECONDS } from './constants.ts';
import type { EconomyGenesis, EconomyParams } from './interface.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Micro-CAES of one CAES. */
export const CAES = 1_000_000n;

/** Of the reference amounts: a core-hour is a million. */
const POINTS_PER_HOUR = {
  cpu: 1_000_000n,
  gpu: 20_000_000n,
  memory: 250_000n,
  storage: 2_000n,
  network: 500_000n,
  container: 100_000n,
  economic: 0n,
} as const;
/** Rounded up, so that an hour has the points that it is said to have. */
const weight = (kind: ResourceKind): bigint => {
  const unitSeconds = REFERENCE_AMOUNTS[kind] * 3600n;
  return (POINTS_PER_HOUR[kind] * WEIGHT_UNIT_SECONDS + unitSeconds - 1n) / unitSeconds;
};
/** Per reference amount and hour; bounds are a hundredth and a hundred times of where it begins. */
const price = (start: bigint): { start: bigint; min: bigint; max: bigint } => ({
  start,
  min: (start + 99n) / 100n,
  max: start * 100n,
});

/** What both kinds of network begin with. docs/economy.md gives the reasons. */
const COMMON: EconomyParams = {
  feePerByte: 1n,
  feeBurnPermille: 500,
  dustMicro: 10_000n,
  transactionMs: HOUR_MS,
  burnPermille: 10,
  disputeMs: HOUR_MS,
  leaseMsMax: 366 * DAY_MS,
  unbondMs: 7 * DAY_MS,
  slashPermille: 100,
  signedMinPermille: 500,
  validatorStakeMin: 1_000n * CAES,
  stakePerPower: CAES,
  validatorsMax: 100,
  epochMs: DAY_MS,
  emissionPerEpoch: 1_000n * CAES,
  halvingEpochs: 730,
  stakePermille: 300,
  rewardPermille: 700,
  rewardStakePermille: 10,
  rewardFree: 10n * CAES,
  keepEpochs: 400,
  weights: {
    cpu: weight('cpu'),
    gpu: weight('gpu'),
    memory: weight('memory'),
    storage: weight('storage'),
    network: weight('network'),
    container: weight('container'),
    economic: weight('economic'),
  },
  qualityBase: 400,
  qualityProof: { space: 125, stake: 125, work: 125, time: 125 },
  qualityUptime: 100,
  privacy: { Private: 400, PrivateNetwork: 550, P2P: 700, PublicNetwork: 850, FullPublic: 1000 },
  demandMin: 500,
  prices: {
    cpu: price(10_000n),
    gpu: price(200_000n),
    memory: price(2_500n),
    storage: price(20n),
    network: price(5_000n),
    container: price(1_000n),
    economic: price(0n),
  },
  priceTargetPermille: 600,
  priceStepPermille: 100,
};
/** An owner who lends to own machines waits for nobody. */
const HOME: Partial<EconomyParams> = { disputeMs: 5 * MINUTE_MS, unbondMs: DAY_MS, validatorStakeMin: CAES };

/** What the owner of a home network begins with, in micro-CAES. */
const HOME_BALANCE = 1_000_000n * CAES;
/** What each founder of a group begins with: free to be spent, and staked by those who sign. */
const GROUP_BALANCE = 100_000n * CAES;
export const GROUP_STAKE = 10_000n * CAES;

/** One owner with one node that signs: everything is the owner's. */
export const homeEconomy = (
  owner: { account: KeyIdBytes; node: KeyIdBytes },
  params: Partial<EconomyParams> = {},
): EconomyGenesis => ({
  kind: 'caesar',
  version: 1,
  params: { ...COMMON, ...HOME, ...params },
  accounts: [{ id: owner.account, balance: HOME_BALANCE, staked: 0n }],
  validators: [{ node: owner.node, account: owner.account }],
  admins: [owner.account],
  members: [{ account: owner.account, validator: true }],
});

/**
 * Some people who know each other: all begin alike, and those who bring a node sign with it. `members: null` in the result, where
 * nobody has to be admitted.
 */
export const groupEconomy = (
  founders: readonly { account: KeyIdBytes; node: KeyIdBytes | null; admin: boolean }[],
  params: Partial<EconomyParams> = {},
): EconomyGenesis => ({
  kind: 'caesar',
  version: 1,
  params: { ...COMMON, ...params },
  accounts: founders.map(({ account, node }) => ({
    id: account,
    balance: GROUP_BALANCE,
    staked: node === null ? 0n : GROUP_STAKE,
  })),
  validators: founders.flatMap(({ account, node }) => (node === null ? [] : [{ node, account }])),
  admins: founders.filter(({ admin }) => admin).map(({ account }) => account),
  members: founders.map(({ account, node }) => ({ account, validator: node !== null })),
});
