import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import { readEpoch, readPayout, readPoints } from '../ledger/read-state.ts';
import { rewardCapOf } from '../terms/reward-cap.ts';

/** What the points of an epoch that is not paid yet come to, if nobody else earns any more. */
export interface OpenReward {
  epoch: number;
  points: bigint;
  allPoints: bigint;
  emission: bigint;
  share: bigint;
  cap: bigint;
  amountMicro: bigint;
  endsAtMs: number;
}
export const openRewardOf = ({ replica }: FollowedLedger, account: KeyIdBytes): OpenReward | null => {
  const state = replica.state();
  const epoch = readEpoch(state);
  const points = readPoints(state, epoch.number, account);
  if (points === 0n || epoch.points === 0n || readPayout(state, epoch.number, account) !== null) return null;
  const share = (epoch.forRewards * points) / epoch.points;
  const cap = rewardCapOf(state, account);
  return {
    epoch: epoch.number,
    points,
    allPoints: epoch.points,
    emission: epoch.forRewards,
    share,
    cap,
    amountMicro: share < cap ? share : cap,
    endsAtMs: epoch.endsAtMs,
  };
};
