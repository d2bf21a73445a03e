import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import { leaseIdBytes, parseLeaseId } from '../../../kernel/leases/index.ts';
import { UNIT_OF } from '../../../kernel/leases/formats/index.ts';
import type { RewardEntry, RewardExplanation } from '../../../../preload/contract/index.ts';
import { WEIGHT_UNIT_SECONDS } from '../ledger/constants.ts';
import { hexOf, kindOfAsset } from '../ledger/keys.ts';
import type { RewardView } from '../ledger/interface.ts';
import { readAccount, readEpoch, readParams, readPayout, readRewards, readSettlement } from '../ledger/read-state.ts';
import { caesText } from '../ledger/transactions.ts';
import type { Earned } from './earned-rows.ts';

type Input = RewardExplanation['inputs'][number];
type Receipt = RewardExplanation['receipts'][number];
const PROOF_KINDS = ['space', 'stake', 'work', 'time'] as const;

const input = (name: string, value: string | number | bigint, sentence: string): Input => ({
  name,
  value: String(value),
  sentence,
});

/** The lease that something rests on, as the ledger has it. */
const receiptOf = (ledger: FollowedLedger, lease: string, reward: RewardView | null): Receipt[] => {
  const id = parseLeaseId(lease);
  const settled = id === null ? null : readSettlement(ledger.replica.state(), leaseIdBytes(id));
  const asset = reward?.asset ?? settled?.use?.asset ?? null;
  if (settled === null || asset === null) return [];
  const kind = kindOfAsset(asset);
  return [
    {
      lease,
      kind,
      unit: UNIT_OF[kind],
      unitSeconds: Number(settled.use?.unitSeconds ?? 0n),
      owedMicro: (settled.use?.owed ?? 0n).toString(),
      paidMicro: settled.paid.toString(),
      privacyLevel: reward?.privacyLevel ?? null,
      proofId: reward === null || reward.proof === null ? null : hexOf(reward.proof),
      proofs: PROOF_KINDS.map((proof) => ({ kind: proof, passed: reward?.held.includes(proof) ?? false })),
      transaction: settled.use === null ? null : hexOf(settled.use.transaction),
      height: settled.height,
    },
  ];
};
const ofLease = (ledger: FollowedLedger, entry: RewardEntry, earned: Earned): RewardExplanation => {
  const id = parseLeaseId(earned.lease ?? '');
  const settled = id === null ? null : readSettlement(ledger.replica.state(), leaseIdBytes(id));
  if (settled === null)
    return {
      entry,
      formula: [`paid = ${earned.amountMicro} micro-CAES`],
      inputs: [input('paid', earned.amountMicro, 'What came in; the ledger has let go of the details since.')],
      receipts: [],
    };
  const owed = settled.use?.owed ?? 0n;
  return {
    entry,
    formula: [
      'paid = owed − burnt',
      `${settled.paid} = ${owed} − ${settled.burnt}`,
      'owed + back = set aside',
      `${owed} + ${settled.back} = ${settled.most}`,
    ],
    inputs: [
      input('owed', owed, 'By the last receipt that both signed, at most what was set aside.'),
      input('burnt', settled.burnt, 'The part of every payment that the network burns.'),
      input('set aside', settled.most, 'What the borrower set aside before the lease began.'),
      input('back', settled.back, 'What the borrower got back.'),
      input('receipt', settled.use?.sequence ?? 0, 'Number of the receipt that was paid by.'),
    ],
    receipts: receiptOf(ledger, earned.lease ?? '', null),
  };
};
const ofReward = (ledger: FollowedLedger, entry: RewardEntry, earned: Earned): RewardExplanation => {
  const state = ledger.replica.state();
  const epoch = earned.epoch ?? 0;
  const all = readRewards(state, epoch, earned.account);
  const reward = all.find(({ lease }) => earned.lease !== null && `lease-${hexOf(lease)}` === earned.lease) ?? null;
  const payout = readPayout(state, epoch, earned.account);
  if (reward === null)
    return {
      entry,
      formula: [`reward = ${earned.amountMicro} micro-CAES`],
      inputs: [input('reward', earned.amountMicro, 'What came in; the ledger has let go of the details since.')],
      receipts: [],
    };
  const params = readParams(state);
  const formula = [
    `points = unit-seconds × weight × quality × privacy × demand ÷ (${WEIGHT_UNIT_SECONDS} × 1000³)`,
    `${reward.points} = ${reward.unitSeconds} × ${reward.weight} × ${reward.quality} × ${reward.privacy} × ${reward.demand} ÷ ${WEIGHT_UNIT_SECONDS * 1_000_000_000n}`,
    `quality = ${params.qualityBase} + ${reward.held.map((kind) => params.qualityProof[kind]).join(' + ') || '0'} + ${params.qualityUptime} × ${reward.uptimePermille} ÷ 1000`,
  ];
  const inputs = [
    input('unit-seconds', reward.unitSeconds, 'Amount times seconds in effect, by the receipt that both signed.'),
    input(
      'weight',
      reward.weight,
      `What the network counts ${WEIGHT_UNIT_SECONDS} unit-seconds of ${reward.kind} for.`,
    ),
    input(
      'quality',
      reward.quality,
      `Of 1000: ${reward.held.length} of four proofs held, and ${reward.uptimePermille} ‰ of what was promised was in effect.`,
    ),
    input(
      'privacy',
      reward.privacy,
      `Of 1000: the asset was listed as ${reward.privacyLevel}; FullPublic counts most.`,
    ),
    input('demand', reward.demand, 'Of 1000: how much of that kind was used in the epoch before.'),
    input('points', reward.points, 'What the lease counted for.'),
    input('counted', reward.counted, 'Points up to the ceiling of the account: what is above counts for nobody.'),
  ];
  if (payout !== null) {
    formula.push(
      'share = emission × points of the account ÷ points of all',
      `${payout.share} = ${payout.emission} × ${payout.points} ÷ ${payout.allPoints}`,
      `paid = the lesser of share and ceiling = ${payout.paid}`,
      `this lease = paid × counted ÷ points of the account = ${payout.paid} × ${reward.counted} ÷ ${payout.points} = ${earned.amountMicro}`,
    );
    inputs.push(
      input('emission', payout.emission, `What the network minted at most for proven use in epoch ${epoch}.`),
      input('points of the account', payout.points, 'Of all its leases in that epoch.'),
      input('points of all', payout.allPoints, 'Of everybody in that epoch.'),
      input(
        'ceiling',
        payout.cap,
        `Most that an account gets in an epoch: ${params.rewardStakePermille} ‰ of its stake, and ${caesText(params.rewardFree)} for members.`,
      ),
    );
  } else {
    const now = readEpoch(state);
    formula.push(
      'share so far = emission × points of the account ÷ points of all so far',
      `coming = ${earned.amountMicro}, if nobody earns any more points in epoch ${epoch}`,
    );
    inputs.push(
      input('emission', now.forRewards, `What the network mints at most for proven use in epoch ${epoch}.`),
      input('points of all', now.points, 'Of everybody so far.'),
    );
  }
  return { entry, formula, inputs, receipts: receiptOf(ledger, earned.lease ?? '', reward) };
};
const ofStake = (ledger: FollowedLedger, entry: RewardEntry, earned: Earned): RewardExplanation => {
  const state = ledger.replica.state();
  const { staked } = readAccount(state, earned.account);
  const { totalStaked, forStakes } = readEpoch(state);
  return {
    entry,
    formula: ['yield = emission for stakes × stake ÷ stake of all', `${earned.amountMicro} at height ${earned.height}`],
    inputs: [
      input('yield', earned.amountMicro, 'What the epochs that ended with this block brought.'),
      input('stake', staked, 'What this account has staked now.'),
      input('stake of all', totalStaked, 'What is staked on the network now.'),
      input('emission for stakes', forStakes, 'What is minted for stakes in the present epoch.'),
    ],
    receipts: [],
  };
};
const ofFees = (ledger: FollowedLedger, entry: RewardEntry, earned: Earned): RewardExplanation => {
  const { feeBurnPermille } = readParams(ledger.replica.state());
  return {
    entry,
    formula: ['fees = sum over the transactions of others in the block of fee − fee × burnt ÷ 1000'],
    inputs: [
      input('fees', earned.amountMicro, `What the proposer of block ${earned.height} got.`),
      input('burnt', feeBurnPermille, 'Of 1000: the part of every fee that the network burns.'),
    ],
    receipts: [],
  };
};

/** Takes a reward apart by what the ledger knows of it now. */
export const explain = (ledger: FollowedLedger, entry: RewardEntry, earned: Earned): RewardExplanation => {
  switch (earned.kind) {
    case 'lease':
      return ofLease(ledger, entry, earned);
    case 'reward':
      return ofReward(ledger, entry, earned);
    case 'yield':
      return ofStake(ledger, entry, earned);
    case 'fees':
      return ofFees(ledger, entry, earned);
  }
};
