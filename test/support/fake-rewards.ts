import type {
  Call,
  ForecastView,
  FunnelView,
  PayloadOf,
  Push,
  Reply,
  RequestInputOf,
  ResourceKey,
  ResponseOf,
  RewardEntry,
  RewardExplanation,
  RewardsView,
} from '../../preload/contract/index.ts';
import { fakeHash } from './fake-proofs.ts';
import { FAKE_LEDGER } from './fake-wallet.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
export const FAKE_LEASE = '3f2a91c04be77d1082a6c5f0e19b4d77';

const entries = (): RewardEntry[] => {
  const common = { network: 'attic', ledger: FAKE_LEDGER };
  return [
    {
      ...common,
      id: 'lease-3f2a',
      kind: 'lease',
      amountMicro: '1250000',
      state: 'earned',
      resource: 'cpu',
      lease: FAKE_LEASE,
      atMs: Date.now() - 2 * HOUR_MS,
      height: 12_399,
      sentence: 'Two cores for an hour, paid by anna',
    },
    {
      ...common,
      id: 'reward-206',
      kind: 'reward',
      amountMicro: '830412',
      state: 'earned',
      resource: 'cpu',
      lease: null,
      atMs: Date.now() - 3 * HOUR_MS,
      height: 12_398,
      sentence: 'Share of epoch 206 for proven use',
    },
    {
      ...common,
      id: 'yield-206',
      kind: 'yield',
      amountMicro: '99870',
      state: 'earned',
      resource: null,
      lease: null,
      atMs: Date.now() - 3 * HOUR_MS,
      height: 12_398,
      sentence: 'Yield of 250 000 CAES in epoch 206',
    },
    {
      ...common,
      id: 'lease-77ab',
      kind: 'lease',
      amountMicro: '420000',
      state: 'coming',
      resource: 'memory',
      lease: '77ab91c04be77d1082a6c5f0e19b4d00',
      atMs: Date.now() - 10 * 60_000,
      height: null,
      sentence: '4 GiB, in use by a node of this network',
    },
  ];
};

export const sampleRewards = (period: RewardsView['period'] = 'month'): RewardsView => {
  const steps = { today: 24, week: 7, month: 30, all: 5 }[period];
  const stepMs = { today: HOUR_MS, week: DAY_MS, month: DAY_MS, all: 30 * DAY_MS }[period];
  return {
    period,
    fromMs: Date.now() - steps * stepMs,
    earnedMicro: '214812650',
    comingMicro: '420000',
    potentialMicro: '1980000000',
    series: Array.from({ length: steps }, (_, step) => ({
      atMs: Date.now() - (steps - 1 - step) * stepMs,
      earnedMicro: String(step % 7 === 3 ? 0 : Math.round(7_400_000 + 3_900_000 * Math.sin(step * 1.1))),
    })),
    byResource: [
      { resource: 'cpu', label: 'CPU', earnedMicro: '181000000', comingMicro: '0' },
      { resource: 'memory', label: 'Memory', earnedMicro: '30812780', comingMicro: '420000' },
      { resource: null, label: 'Stake', earnedMicro: '2999870', comingMicro: '0' },
    ],
    byNetwork: [{ ledger: FAKE_LEDGER, name: 'attic', earnedMicro: '214812650' }],
    entries: entries(),
    total: 4,
  };
};

export const noRewards = (period: RewardsView['period'] = 'month'): RewardsView => ({
  ...sampleRewards(period),
  earnedMicro: '0',
  comingMicro: '0',
  potentialMicro: '0',
  series: sampleRewards(period).series.map(({ atMs }) => ({ atMs, earnedMicro: '0' })),
  byResource: [],
  byNetwork: [],
  entries: [],
  total: 0,
});

export const sampleExplanation = (entry: RewardEntry): RewardExplanation => ({
  entry,
  formula: [
    'points = unitSeconds × weight × quality × privacy × demand',
    '       = 7 200 000 × 1.000 × 0.950 × 0.600 × 1.100 = 4 514 400',
    'reward = emission × points / all points = 100 × 4 514 400 / 543 633 221 = 0.830412 CAES',
  ],
  inputs: [
    { name: 'Weight of CPU', value: '1.000', sentence: 'By the rule economy.weightCpu' },
    { name: 'Quality', value: '0.950', sentence: 'Four of four proofs hold; uptime was 95 %' },
    { name: 'Privacy', value: '0.600', sentence: 'The asset is listed as PublicNetwork' },
    { name: 'Demand', value: '1.100', sentence: '55 % of what was offered of this kind was used in epoch 205' },
  ],
  receipts: [
    {
      lease: FAKE_LEASE,
      kind: 'cpu',
      unit: 'millicores',
      unitSeconds: 7_200_000,
      owedMicro: '1315789',
      paidMicro: '1250000',
      privacyLevel: 'PublicNetwork',
      proofId: fakeHash('proof'),
      proofs: [
        { kind: 'space', passed: true },
        { kind: 'stake', passed: true },
        { kind: 'work', passed: true },
        { kind: 'time', passed: false },
      ],
      transaction: fakeHash('settlement'),
      height: 12_399,
    },
  ],
});

const TITLES: Record<FunnelView['steps'][number]['step'], string> = {
  reachable: 'Others can reach this node',
  offered: 'Something is offered',
  matched: 'Somebody took it',
  run: 'It was used',
  proof: 'It was proved',
  settled: 'It was settled',
  paid: 'It was paid',
};

/** A funnel that stops at one step, or at none. */
export const sampleFunnel = (resource: ResourceKey, first: FunnelView['first']): FunnelView => {
  const order = Object.keys(TITLES) as FunnelView['steps'][number]['step'][];
  const at = first === null ? order.length : order.indexOf(first);
  return {
    resource,
    steps: order.map((step, index) => ({
      step,
      title: TITLES[step],
      state: index < at ? 'passed' : index === at ? (step === 'matched' ? 'waiting' : 'failed') : 'untried',
      sentence:
        index < at
          ? 'All is well here'
          : index === at
            ? 'The level of this resource was 0 % in 19 of the last 24 hours'
            : 'It was not reached',
      fix:
        index === at
          ? {
              sentence: 'Lend more while you are away: set the level on Share',
              page: `share/${resource}`,
              command: 'hypermesh share set cpu --away-percent 100',
            }
          : null,
    })),
    first,
    answer:
      first === null
        ? 'You are earning with it: the last reward came 2 hours ago'
        : 'Nothing is offered most of the day, so nobody can take it',
  };
};

export const sampleForecast = (): ForecastView => ({
  electricity: { pricePerKwh: 0.31, currency: 'EUR', caesValue: null, watts: { cpu: 65 } },
  rows: [
    {
      resource: 'cpu',
      label: 'CPU',
      percent: 75,
      amount: 12_000,
      unit: 'millicores',
      microPerMonth: '324000000',
      utilisationPermille: 412,
      basis: 'By the use of this node in the last 30 days',
      kwhPerMonth: 14.46,
      costPerMonth: 4.48,
      netPerMonth: null,
    },
    {
      resource: 'cpu',
      label: 'CPU',
      percent: 100,
      amount: 16_000,
      unit: 'millicores',
      microPerMonth: '432000000',
      utilisationPermille: 412,
      basis: 'By the use of this node in the last 30 days',
      kwhPerMonth: 19.28,
      costPerMonth: 5.98,
      netPerMonth: null,
    },
    {
      resource: 'memory',
      label: 'Memory',
      percent: 50,
      amount: 17_179_869_184,
      unit: 'bytes',
      microPerMonth: '61600000',
      utilisationPermille: 150,
      basis: 'By the use in the network; this node lent none',
      kwhPerMonth: null,
      costPerMonth: null,
      netPerMonth: null,
    },
  ],
});

/** What a fake node keeps of rewards. */
export interface FakeRewards {
  view(period: RewardsView['period']): RewardsView;
  funnel: FunnelView['first'];
  forecast: ForecastView;
}
export const sampleRewardsState = (): FakeRewards => ({
  view: sampleRewards,
  funnel: 'offered',
  forecast: sampleForecast(),
});

type RewardCall = Extract<Call, `rewards:${string}`>;
type RewardHandlers = { [C in RewardCall]: (request: RequestInputOf<C>) => Reply<ResponseOf<C>> };

/** What a fake node answers on rewards. */
export const fakeRewardsHandlers = (
  state: FakeRewards,
  push: <P extends Push>(name: P, payload: PayloadOf<P>) => void,
): RewardHandlers => ({
  'rewards:get': ({ period }) => ({ ok: true, value: state.view(period ?? 'month') }),
  'rewards:explain': ({ id }) => {
    const found = state.view('all').entries.find((entry) => entry.id === id);
    return found === undefined
      ? {
          ok: false,
          error: { name: 'RewardError', code: 'REWARD_UNKNOWN', message: 'There is no reward of that name.' },
        }
      : { ok: true, value: sampleExplanation(found) };
  },
  'rewards:funnel': ({ resource }) => ({ ok: true, value: sampleFunnel(resource ?? 'cpu', state.funnel) }),
  'rewards:forecast': () => ({ ok: true, value: state.forecast }),
  'rewards:setElectricity': (electricity) => {
    state.forecast = {
      electricity,
      rows: state.forecast.rows.map((row) => ({
        ...row,
        netPerMonth:
          electricity.caesValue === null || row.costPerMonth === null
            ? null
            : (Number(row.microPerMonth) / 1e6) * electricity.caesValue - row.costPerMonth,
      })),
    };
    push('rewards', { earnedTodayMicro: '0', comingMicro: '0' });
    return { ok: true, value: state.forecast };
  },
});
