import type { ProofKind, RewardEntry, RewardsView } from '../../../preload/contract/index.ts';

export type Period = RewardsView['period'];

export const PERIODS: readonly { value: Period; label: string; step: string }[] = [
  { value: 'today', label: 'Today', step: 'hour' },
  { value: 'week', label: 'Week', step: 'day' },
  { value: 'month', label: 'Month', step: 'day' },
  { value: 'all', label: 'All', step: 'month' },
];

export const REWARD_KINDS: Record<RewardEntry['kind'], string> = {
  lease: 'Paid by a borrower',
  reward: 'Minted for proven use',
  yield: 'Yield of the stake',
  fees: 'Fees of a block',
};

export const PROOF_NAMES: Record<ProofKind, string> = { space: 'Space', stake: 'Stake', work: 'Work', time: 'Time' };

/** When a step of the series began, as its period counts. */
export const stepText = (atMs: number, period: Period): string => {
  const at = new Date(atMs);
  if (period === 'today') return at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  if (period === 'all') return at.toLocaleDateString([], { month: 'short', year: 'numeric' });
  return at.toLocaleDateString([], { weekday: 'short', day: 'numeric', month: 'short' });
};

/**
 * Micro-CAES as a number for a scale: a picture needs no more than a float's sixteen digits, while every text beside it is
 * exact.
 */
export const forScale = (micro: string): number => Number(BigInt(micro)) / 1_000_000;

/** A value in the owner's own currency, two places. */
export const currencyText = (value: number, currency: string): string =>
  `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(2)} ${currency}`;
