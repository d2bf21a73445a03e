import type { Clock } from '../../../base/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import { costOf, kindOfResource } from '../../../kernel/leases/formats/index.ts';
import { leaseIdOf, type Leases } from '../../../kernel/leases/index.ts';
import type { Assets } from '../../../kernel/assets/index.ts';
import type {
  LeaseView,
  ResourceKey,
  RewardEntry,
  RewardExplanation,
  RewardsView,
} from '../../../../preload/contract/index.ts';
import { CaesarError } from '../errors.ts';
import { readRewards } from '../ledger/read-state.ts';
import { kindOfAsset } from '../ledger/keys.ts';
import type { TermsControl } from '../terms/create-terms.ts';
import { openRewardOf } from './coming.ts';
import type { EarnedIndex } from './earned-index.ts';
import type { Earned, EarnedRows } from './earned-rows.ts';
import { explain } from './explain.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Newest entries of a period that a view lists. */
const LISTED_MAX = 200;
/** Live leases that are looked through, in pages of the engine. */
const LIVE_PAGES_MAX = 100;

type Period = RewardsView['period'];
const PERIODS: Readonly<Record<Period, { lengthMs: number; stepMs: number }>> = {
  today: { lengthMs: DAY_MS, stepMs: HOUR_MS },
  week: { lengthMs: 7 * DAY_MS, stepMs: DAY_MS },
  month: { lengthMs: 30 * DAY_MS, stepMs: DAY_MS },
  all: { lengthMs: 365 * DAY_MS, stepMs: 30 * DAY_MS },
};
const LABELS: Readonly<Record<string, string>> = {
  cpu: 'Processor',
  memory: 'Memory',
  storage: 'Storage',
  network: 'Network',
  container: 'Containers',
  economic: 'Stake',
};
export const labelOf = (resource: ResourceKey | null): string =>
  resource === null ? 'Stake and fees' : (LABELS[resource] ?? `Graphics card ${resource.slice(4)}`);

export interface RewardsDesk {
  rewards(query: { period: Period; resource: ResourceKey | null }): Promise<RewardsView>;
  /** @throws {CaesarError} `REWARD_UNKNOWN` */
  explain(id: string): Promise<RewardExplanation>;
  /** For whoever is told of changes. */
  totals(): Promise<{ earnedTodayMicro: bigint; comingMicro: bigint }>;
}
export interface RewardsComponents {
  clock: Clock;
  ledgers: Pick<Ledgers, 'list' | 'current'>;
  index: Pick<EarnedIndex, 'account' | 'settled'>;
  rows: EarnedRows;
  terms: Pick<TermsControl, 'leases' | 'priceOf'>;
  assets: Pick<Assets, 'share'>;
  /** Null until the leases are there. */
  leases: () => Pick<Leases, 'list' | 'ownOffers'> | null;
}

export const createRewards = (components: RewardsComponents): RewardsDesk => {
  const { clock, ledgers, index, rows, terms, assets } = components;

  const nameOf = (ledger: string): string =>
    ledgers.list().find(({ id }) => id === ledger)?.name ?? 'a network that was left';
  const say = ({ kind, lease, epoch, height }: Earned): string => {
    switch (kind) {
      case 'lease':
        return `Paid for the lease ${lease?.slice(0, 14) ?? ''}.`;
      case 'reward':
        return `Minted for proven use in epoch ${epoch ?? 0}, by the lease ${lease?.slice(0, 14) ?? ''}.`;
      case 'yield':
        return `Yield of the stake up to block ${height}.`;
      case 'fees':
        return `Fees of block ${height}, which this node proposed.`;
    }
  };
  const entryOf = (earned: Earned, state: RewardEntry['state'] = 'earned', sentence?: string): RewardEntry => ({
    id: earned.id,
    kind: earned.kind,
    amountMicro: earned.amountMicro.toString(),
    state,
    resource: earned.resource,
    lease: earned.lease,
    network: nameOf(earned.ledger),
    ledger: earned.ledger,
    atMs: earned.atMs,
    height: state === 'earned' ? earned.height : null,
    sentence: sentence ?? say(earned),
  });

  const live = async (): Promise<LeaseView[]> => {
    const leases = components.leases();
    const all: LeaseView[] = [];
    let after: string | null = null;
    for (let page = 0; leases !== null && page < LIVE_PAGES_MAX; page++) {
      const views: LeaseView[] = await leases.list({ side: 'lent', live: true, after });
      all.push(...views);
      const oldest = views.at(-1);
      if (oldest === undefined) break;
      after = oldest.id;
    }
    return all;
  };
  /** Used and signed for, not final yet; and points that were counted in the epoch that runs. */
  const coming = async (resource: ResourceKey | null): Promise<{ entry: RewardEntry; earned: Earned }[]> => {
    const found: { entry: RewardEntry; earned: Earned }[] = [];
    const account = index.account();
    const nowMs = clock.nowMs();
    const add = (earned: Earned, sentence: string): void => {
      if (earned.amountMicro === 0n || (resource !== null && earned.resource !== resource)) return;
      found.push({ earned, entry: entryOf(earned, 'coming', sentence) });
    };
    if (account === null) return found;
    const open = await terms.leases.list({ side: 'lent', steps: ['escrowed', 'settling'], limit: 1_000 });
    const running = new Map((await live()).map((view) => [view.id, view]));
    for (const { lease, ledger, resource: of, owedMicro, step, reason, atMs } of open) {
      const view = running.get(lease);
      const amountMicro = view === undefined ? owedMicro : BigInt(view.owedMicro);
      const base = { ledger, kind: 'lease', account, lease, height: 0, epoch: null } as const;
      add(
        { ...base, id: `lease:${lease}`, amountMicro, resource: of, atMs: view === undefined ? atMs : nowMs },
        view !== undefined
          ? 'Used and signed for so far; it is paid when the lease has ended.'
          : step === 'settling' && reason !== ''
            ? `Used and signed for, and not paid yet: ${reason}`
            : 'Used and signed for; the payment is on its way into a block.',
      );
    }
    for (const ledger of ledgers.list()) {
      const reward = openRewardOf(ledger, account);
      if (reward === null) continue;
      const all = readRewards(ledger.replica.state(), reward.epoch, account).filter(({ counted }) => counted > 0n);
      for (const { lease: bytes, counted, asset } of all) {
        const lease = leaseIdOf(bytes);
        const kept = await terms.leases.get(lease);
        add(
          {
            id: `reward:${ledger.id.slice(0, 12)}:${reward.epoch}:${lease}`,
            ledger: ledger.id,
            kind: 'reward',
            account,
            amountMicro: (reward.amountMicro * counted) / reward.points,
            resource: kept?.resource ?? kindOfAsset(asset),
            lease,
            height: 0,
            atMs: nowMs,
            epoch: reward.epoch,
          },
          `Counted for proven use in epoch ${reward.epoch}; how much it is depends on what others earn until its end.`,
        );
      }
    }
    return found;
  };
  /** What all that is offered would bring in a time at the present price, if all of it were used. */
  const potential = (lengthMs: number, resource: ResourceKey | null): bigint => {
    const offers = components.leases()?.ownOffers() ?? [];
    return offers
      .filter((offer) => offer.offered && (resource === null || offer.resource === resource))
      .reduce((sum, offer) => {
        const own = assets.share().resources.find((one) => one.resource === offer.resource);
        const price = own === undefined ? 0n : terms.priceOf(offer.resource, own.terms.price);
        return sum + costOf(kindOfResource(offer.resource), offer.amountMax, lengthMs, price);
      }, 0n);
  };
  const startOf = async (
    period: Period,
  ): Promise<{ fromMs: number; stepMs: number; steps: number; lengthMs: number }> => {
    const nowMs = clock.nowMs();
    const { lengthMs, stepMs } = PERIODS[period];
    // Steps end with the hour or day that runs, in UTC.
    const endMs = Math.ceil((nowMs + 1) / stepMs) * stepMs;
    if (period !== 'all') return { fromMs: endMs - lengthMs, stepMs, steps: lengthMs / stepMs, lengthMs };
    const { entries, total } = await rows.list(0, null, 1);
    const isNone = total === 0 || entries.length === 0;
    const oldestMs = isNone ? nowMs : await oldest(nowMs);
    const steps = Math.max(1, Math.ceil((endMs - oldestMs) / stepMs));
    return { fromMs: endMs - steps * stepMs, stepMs, steps, lengthMs };
  };
  const oldest = async (nowMs: number): Promise<number> => {
    const series = await rows.series(0, DAY_MS, null);
    const first = Math.min(...series.keys());
    return Number.isFinite(first) ? first * DAY_MS : nowMs;
  };

  return {
    rewards: async ({ period, resource }) => {
      await index.settled();
      const { fromMs, stepMs, steps, lengthMs } = await startOf(period);
      const [{ entries, total }, sums, series, open] = await Promise.all([
        rows.list(fromMs, resource, LISTED_MAX),
        rows.sums(fromMs, resource),
        rows.series(fromMs, stepMs, resource),
        coming(resource),
      ]);
      const byResource = new Map<ResourceKey | null, { earned: bigint; coming: bigint }>();
      const byNetwork = new Map<string, bigint>();
      const addTo = (of: ResourceKey | null, earned: bigint, more: bigint): void => {
        const before = byResource.get(of) ?? { earned: 0n, coming: 0n };
        byResource.set(of, { earned: before.earned + earned, coming: before.coming + more });
      };
      for (const { resource: of, ledger, amountMicro } of sums) {
        addTo(of, amountMicro, 0n);
        byNetwork.set(ledger, (byNetwork.get(ledger) ?? 0n) + amountMicro);
      }
      for (const { earned } of open) addTo(earned.resource, 0n, earned.amountMicro);
      const all = [...open.map(({ entry }) => entry), ...entries.map((one) => entryOf(one))];
      return {
        period,
        fromMs,
        earnedMicro: sums.reduce((sum, { amountMicro }) => sum + amountMicro, 0n).toString(),
        comingMicro: open.reduce((sum, { earned }) => sum + earned.amountMicro, 0n).toString(),
        potentialMicro: potential(lengthMs, resource).toString(),
        series: Array.from({ length: steps }, (_, step) => ({
          atMs: fromMs + step * stepMs,
          earnedMicro: (series.get(step) ?? 0n).toString(),
        })),
        byResource: [...byResource]
          .map(([of, sum]) => ({
            resource: of,
            label: labelOf(of),
            earnedMicro: sum.earned.toString(),
            comingMicro: sum.coming.toString(),
          }))
          .toSorted((one, other) => one.label.localeCompare(other.label)),
        byNetwork: [...byNetwork]
          .map(([ledger, earned]) => ({ ledger, name: nameOf(ledger), earnedMicro: earned.toString() }))
          .toSorted((one, other) => one.name.localeCompare(other.name)),
        entries: all.slice(0, LISTED_MAX),
        total: total + open.length,
      };
    },
    explain: async (id) => {
      await index.settled();
      const kept = await rows.get(id);
      const found =
        kept === null
          ? (await coming(null)).find(({ earned }) => earned.id === id)
          : { earned: kept, entry: entryOf(kept) };
      const ledger: FollowedLedger | undefined =
        found === undefined ? undefined : ledgers.list().find((one) => one.id === found.earned.ledger);
      if (found === undefined || ledger === undefined)
        throw new CaesarError(
          { code: 'REWARD_UNKNOWN', id: id.slice(0, 96) },
          found === undefined
            ? 'There is no such reward; `hypermesh rewards` lists them.'
            : 'It came in on a network that this node has left; join it again to see what it was for.',
        );
      return explain(ledger, found.entry, found.earned);
    },
    totals: async () => {
      await index.settled();
      const { fromMs } = await startOf('today');
      const sums = await rows.sums(fromMs, null);
      return {
        earnedTodayMicro: sums.reduce((sum, { amountMicro }) => sum + amountMicro, 0n),
        comingMicro: (await coming(null)).reduce((sum, { earned }) => sum + earned.amountMicro, 0n),
      };
    },
  };
};
