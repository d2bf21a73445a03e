import { decodeCbor, encodeCbor } from '../../../base/index.ts';
import { PROOF_KINDS, RESOURCE_KINDS } from '../../../kernel/leases/formats/index.ts';
import { AMOUNT_MAX, PRIVACY_LEVELS } from './constants.ts';
import type { EconomyParams, FixedParam } from './interface.ts';
import { big } from './records.ts';
import { Refusal } from './refusal.ts';

// docs/formats/economy-genesis.md

const DAY_MS = 24 * 3_600_000;
const PERMILLE = [0, 1000] as const;

/** Bounds of those that are numbers, both ends allowed. */
const WHOLE = {
  feeBurnPermille: PERMILLE,
  transactionMs: [10_000, DAY_MS],
  burnPermille: PERMILLE,
  disputeMs: [1000, 90 * DAY_MS],
  leaseMsMax: [1000, 730 * DAY_MS],
  unbondMs: [1000, 365 * DAY_MS],
  slashPermille: PERMILLE,
  signedMinPermille: PERMILLE,
  validatorsMax: [1, 100],
  epochMs: [1000, 365 * DAY_MS],
  halvingEpochs: [1, 1_000_000],
  stakePermille: PERMILLE,
  rewardPermille: PERMILLE,
  rewardStakePermille: PERMILLE,
  keepEpochs: [1, 10_000],
  qualityBase: PERMILLE,
  qualityUptime: PERMILLE,
  demandMin: PERMILLE,
  priceTargetPermille: [1, 999],
  priceStepPermille: PERMILLE,
} as const satisfies Partial<Record<keyof EconomyParams, readonly [number, number]>>;
/** Bounds of those that are amounts or weights. */
const AMOUNTS = {
  // Setting it back is a transaction too, which somebody must be able to pay: at the most, a transfer costs a few CAES.
  feePerByte: [0n, 1_000n],
  dustMicro: [1n, AMOUNT_MAX],
  validatorStakeMin: [1n, AMOUNT_MAX],
  stakePerPower: [1n, AMOUNT_MAX],
  emissionPerEpoch: [0n, 2n ** 60n],
  rewardFree: [0n, 2n ** 60n],
} as const satisfies Partial<Record<keyof EconomyParams, readonly [bigint, bigint]>>;
/** All parameters that are one number, from and to: for whoever shows them. */
export const ECONOMY_BOUNDS = { ...WHOLE, ...AMOUNTS } as const;
/** What never changes after genesis. */
export const FIXED_PARAMS: readonly FixedParam[] = [
  'epochMs',
  'emissionPerEpoch',
  'halvingEpochs',
  'stakePermille',
  'rewardPermille',
  'prices',
];

type Fields = Record<string, unknown>;
const malformed = (problem: string): Refusal =>
  new Refusal('PARAMS_INVALID', `The parameters do not hold: ${problem}.`);
const mapOf = (value: unknown, names: readonly string[], what: string): Fields => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed(`${what} is not a map`);
  const found = Object.keys(value);
  if (found.length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    throw malformed(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value as Fields;
};
const wholeOf = (value: unknown, [min, max]: readonly [number, number], what: string): number => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || Object.is(value, -0) || value < min || value > max)
    throw malformed(`${what} is no whole number from ${min} to ${max}`);
  return value;
};
const amountOf = (value: unknown, [min, max]: readonly [bigint, bigint], what: string): bigint => {
  if (
    (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) ||
    Object.is(value, -0)
  )
    throw malformed(`${what} is no whole amount`);
  const amount = BigInt(value);
  if (amount < min || amount > max) throw malformed(`${what} is not from ${min} to ${max}`);
  return amount;
};
const tableOf = <K extends string, V>(
  value: unknown,
  names: readonly K[],
  what: string,
  read: (value: unknown, what: string) => V,
): Record<K, V> => {
  const fields = mapOf(value, names, what);
  return Object.fromEntries(names.map((name) => [name, read(fields[name], `${what} of ${name}`)])) as Record<K, V>;
};
const permilleOf = (value: unknown, what: string): number => wholeOf(value, PERMILLE, what);

const READERS: { [K in keyof EconomyParams]: (value: unknown) => EconomyParams[K] } = {
  ...(Object.fromEntries(
    Object.entries(WHOLE).map(([name, bounds]) => [name, (value: unknown) => wholeOf(value, bounds, name)]),
  ) as { [K in keyof typeof WHOLE]: (value: unknown) => number }),
  ...(Object.fromEntries(
    Object.entries(AMOUNTS).map(([name, bounds]) => [name, (value: unknown) => amountOf(value, bounds, name)]),
  ) as { [K in keyof typeof AMOUNTS]: (value: unknown) => bigint }),
  weights: (value) =>
    tableOf(value, RESOURCE_KINDS, 'the weight', (weight, what) => amountOf(weight, [0n, 2n ** 62n], what)),
  qualityProof: (value) => tableOf(value, PROOF_KINDS, 'the quality', permilleOf),
  privacy: (value) => tableOf(value, PRIVACY_LEVELS, 'the privacy', permilleOf),
  prices: (value) =>
    tableOf(value, RESOURCE_KINDS, 'the price', (price, what) => {
      const { start, min, max } = mapOf(price, ['start', 'min', 'max'], what) as Record<
        'start' | 'min' | 'max',
        unknown
      >;
      const low = amountOf(min, [0n, 2n ** 60n], `the least ${what}`);
      const high = amountOf(max, [low, 2n ** 60n], `the most ${what}`);
      return { min: low, max: high, start: amountOf(start, [low, high], what) };
    }),
};
const NAMES = Object.keys(READERS) as (keyof EconomyParams)[];

/** What only shows when all are together. */
const checkTogether = (params: EconomyParams): EconomyParams => {
  if (params.stakePermille + params.rewardPermille > 1000)
    throw malformed('the parts of the emission for stakes and for rewards are more than 1000 together');
  const proofs = PROOF_KINDS.reduce((sum, kind) => sum + params.qualityProof[kind], 0);
  if (params.qualityBase + params.qualityUptime + proofs > 1000)
    throw malformed('the parts of quality are more than 1000 together');
  return params;
};

/** @throws {Refusal} `PARAMS_INVALID` */
export const readEconomyParams = (value: unknown): EconomyParams => {
  const fields = mapOf(value, NAMES, 'the list of parameters');
  return checkTogether(
    Object.fromEntries(NAMES.map((name) => [name, READERS[name](fields[name])])) as unknown as EconomyParams,
  );
};
/** @param changes - some of those that may change; by name @throws {Refusal} `PARAMS_INVALID` | `PARAM_FIXED` */
export const changeEconomyParams = (params: EconomyParams, changes: Readonly<Fields>): EconomyParams => {
  for (const name of Object.keys(changes)) {
    if (!(NAMES as readonly string[]).includes(name)) throw malformed(`there is no parameter ${name.slice(0, 40)}`);
    if ((FIXED_PARAMS as readonly string[]).includes(name))
      throw new Refusal(
        'PARAM_FIXED',
        `The parameter ${name} was set when the network began, and nobody can change it.`,
      );
  }
  return readEconomyParams({ ...params, ...changes });
};
export const encodeEconomyParams = (params: EconomyParams): Uint8Array => encodeCbor(params);
/** Of the state: written by {@link encodeEconomyParams}. */
export const decodeEconomyParams = (value: Uint8Array): EconomyParams => {
  const fields = decodeCbor(value) as EconomyParams & Fields;
  const amounts = Object.fromEntries(Object.keys(AMOUNTS).map((name) => [name, big(fields[name])]));
  return {
    ...fields,
    ...amounts,
    weights: tableOf(fields.weights, RESOURCE_KINDS, 'the weight', big),
    prices: tableOf(fields.prices, RESOURCE_KINDS, 'the price', (price) => {
      const { start, min, max } = price as Record<string, unknown>;
      return { start: big(start), min: big(min), max: big(max) };
    }),
  };
};
