import { ECONOMY_BOUNDS, type EconomyParams, FIXED_PARAMS } from '../../apps/caesar/index.ts';
import { type ConsensusParams, PARAM_BOUNDS } from '../../kernel/consensus/index.ts';
import type { LedgerView } from '../../../preload/contract/index.ts';

type Parameter = LedgerView['parameters'][number];
interface Words {
  unit: string;
  sentence: string;
}

const CONSENSUS: Readonly<Record<keyof ConsensusParams, Words>> = {
  blockBytesMax: { unit: 'bytes', sentence: 'Largest block: all that stands in it together.' },
  transactionsMax: { unit: 'transactions', sentence: 'Most transactions in one block.' },
  heartbeatMs: { unit: 'ms', sentence: 'A block is made so often even when there is nothing to agree on.' },
  proposeMs: { unit: 'ms', sentence: 'How long validators wait for a proposal before they try the next proposer.' },
  voteMs: { unit: 'ms', sentence: 'How long validators wait for late votes.' },
  growMs: { unit: 'ms', sentence: 'Each further round of a block waits so much longer.' },
  commitMs: { unit: 'ms', sentence: 'Pause after a block in which slower validators may still sign it.' },
  clockAheadMs: { unit: 'ms', sentence: 'How far ahead of a validator’s own clock a block may be.' },
  evidenceBlocksMax: { unit: 'blocks', sentence: 'How far back a lie can be punished.' },
};
/** Those that are one number; tables of kinds are in the genesis. */
type PlainParam = keyof typeof ECONOMY_BOUNDS;
const ECONOMY: Readonly<Record<PlainParam, Words>> = {
  feePerByte: { unit: 'micro-CAES', sentence: 'Least fee of a transaction for each byte of it.' },
  feeBurnPermille: { unit: '‰', sentence: 'Part of each fee that is burnt; the rest is the proposer’s.' },
  dustMicro: { unit: 'micro-CAES', sentence: 'A transfer that begins an account is at least this.' },
  transactionMs: { unit: 'ms', sentence: 'How old a transaction may be when a block takes it.' },
  burnPermille: { unit: '‰', sentence: 'Part of every payment for a lease that is burnt.' },
  disputeMs: { unit: 'ms', sentence: 'How long the other side of a lease may bring a later receipt.' },
  leaseMsMax: { unit: 'ms', sentence: 'Longest time until the end of an escrow.' },
  unbondMs: { unit: 'ms', sentence: 'How long stake waits, and can still be lost, once it is let go of.' },
  slashPermille: { unit: '‰', sentence: 'Part of the stake that contradicting signatures cost.' },
  signedMinPermille: {
    unit: '‰',
    sentence: 'Who signs less of the last 100 blocks loses its power until it joins again.',
  },
  validatorStakeMin: {
    unit: 'micro-CAES',
    sentence: 'Least stake of a validator that was not one from the beginning.',
  },
  stakePerPower: { unit: 'micro-CAES', sentence: 'Stake that gives one of voting power.' },
  validatorsMax: { unit: 'validators', sentence: 'Most validators at a time.' },
  epochMs: { unit: 'ms', sentence: 'How often rewards and prices are worked out.' },
  emissionPerEpoch: {
    unit: 'micro-CAES',
    sentence: 'Minted at most in each of the first epochs.',
  },
  halvingEpochs: {
    unit: 'epochs',
    sentence: 'Half as much is minted after each so many epochs.',
  },
  stakePermille: { unit: '‰', sentence: 'Part of what is minted that goes to stakes.' },
  rewardPermille: { unit: '‰', sentence: 'Part of what is minted that goes to proven use.' },
  rewardStakePermille: { unit: '‰', sentence: 'Most reward of an account in an epoch: so much of its stake.' },
  rewardFree: { unit: 'micro-CAES', sentence: 'And so much without any stake, for members.' },
  keepEpochs: { unit: 'epochs', sentence: 'How long settlements and rewards stay in the state.' },
  qualityBase: { unit: '‰', sentence: 'Quality of a lease with nothing proved.' },
  qualityUptime: { unit: '‰', sentence: 'Quality that a lease adds by running to its end.' },
  demandMin: { unit: '‰', sentence: 'Demand of a kind that nobody used in the last epoch.' },
  priceTargetPermille: { unit: '‰', sentence: 'Use at which a price stays where it is.' },
  priceStepPermille: { unit: '‰', sentence: 'Most that a price moves in an epoch.' },
};

const parameter = (
  name: string,
  value: bigint | number,
  [min, max]: readonly [bigint | number, bigint | number],
  fixed: boolean,
  words: Words,
): Parameter => ({ name, value: String(value), min: String(min), max: String(max), fixed, ...words });

/** What a network goes by, with what each may be. */
export const parametersOf = (consensus: ConsensusParams, economy: EconomyParams): Parameter[] => [
  ...(Object.entries(CONSENSUS) as [keyof ConsensusParams, Words][]).map(([name, words]) =>
    parameter(`consensus.${name}`, consensus[name], PARAM_BOUNDS[name], false, words),
  ),
  ...(Object.entries(ECONOMY) as [PlainParam, Words][]).map(([name, words]) => {
    const fixed = (FIXED_PARAMS as readonly string[]).includes(name);
    return parameter(`economy.${name}`, economy[name], ECONOMY_BOUNDS[name], fixed, words);
  }),
];
