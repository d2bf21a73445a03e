import type { Clock, Settings } from '../../../base/index.ts';
import type { Assets } from '../../../kernel/assets/index.ts';
import type { Ledgers } from '../../../kernel/consensus/index.ts';
import { costOf, kindOfResource } from '../../../kernel/leases/formats/index.ts';
import type { Leases } from '../../../kernel/leases/index.ts';
import type { Electricity, ForecastView, LeaseView, ResourceKey } from '../../../../preload/contract/index.ts';
import { readPrices } from '../ledger/read-state.ts';
import { labelOf } from '../rewards/create-rewards.ts';
import type { TermsControl } from '../terms/create-terms.ts';

const SETTING = 'caesar.electricity';
const LEVELS = [10, 25, 50, 75, 100] as const;
const DAYS = 30;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const HOURS = DAYS * 24;
/** Leases that are looked through, in pages of the engine. */
const PAGES_MAX = 60;
const UNSAID: Electricity = { pricePerKwh: 0, currency: 'EUR', caesValue: null, watts: {} };

const isElectricity = (value: unknown): value is Electricity => {
  if (typeof value !== 'object' || value === null) return false;
  const { pricePerKwh, currency, caesValue, watts } = value as Partial<Record<keyof Electricity, unknown>>;
  return (
    typeof pricePerKwh === 'number' &&
    typeof currency === 'string' &&
    (caesValue === null || typeof caesValue === 'number') &&
    typeof watts === 'object' &&
    watts !== null
  );
};

/** What other levels would bring on this machine. */
export interface Forecast {
  view(): Promise<ForecastView>;
  setElectricity(electricity: Electricity): Promise<ForecastView>;
}
export interface ForecastComponents {
  clock: Clock;
  settings: Settings;
  assets: Pick<Assets, 'list' | 'share'>;
  ledgers: Pick<Ledgers, 'current'>;
  terms: Pick<TermsControl, 'priceOf'>;
  /** Null until the leases are there. */
  leases: () => Pick<Leases, 'list'> | null;
}
export const createForecast = (components: ForecastComponents): Forecast => {
  const { clock, settings, assets, ledgers, terms } = components;

  const lent = async (): Promise<LeaseView[]> => {
    const leases = components.leases();
    const sinceMs = clock.nowMs() - DAYS * DAY_MS;
    const all: LeaseView[] = [];
    let after: string | null = null;
    for (let page = 0; leases !== null && page < PAGES_MAX; page++) {
      const views: LeaseView[] = await leases.list({ side: 'lent', live: null, after });
      all.push(...views.filter(({ endedAtMs }) => endedAtMs === null || endedAtMs >= sinceMs));
      const oldest = views.at(-1);
      if (oldest === undefined || (oldest.endedAtMs !== null && oldest.endedAtMs < sinceMs)) break;
      after = oldest.id;
    }
    return all;
  };
  /** Unit-seconds of the last days: of a longer lease the part that lies in them. */
  const usedOf = (leases: readonly LeaseView[], resource: ResourceKey): number => {
    const nowMs = clock.nowMs();
    const sinceMs = nowMs - DAYS * DAY_MS;
    return leases
      .filter((lease) => lease.resource === resource && lease.startedAtMs !== null)
      .reduce((sum, { unitSeconds, startedAtMs, endedAtMs }) => {
        const fromMs = startedAtMs ?? nowMs;
        const wholeMs = Math.max(1, (endedAtMs ?? nowMs) - fromMs);
        const insideMs = Math.min(wholeMs, (endedAtMs ?? nowMs) - Math.max(fromMs, sinceMs));
        return sum + unitSeconds * (Math.max(0, insideMs) / wholeMs);
      }, 0);
  };
  const utilisationOf = (
    resource: ResourceKey,
    offered: number,
    leases: readonly LeaseView[],
  ): { permille: number; basis: string } => {
    const used = usedOf(leases, resource);
    if (used > 0 && offered > 0) {
      const permille = Math.min(1000, Math.round((used * 1000) / (offered * HOURS * 3600)));
      return { permille, basis: `Of what you lend now, ${permille / 10} % was used in the last ${DAYS} days.` };
    }
    const ledger = ledgers.current();
    const price =
      ledger === null
        ? undefined
        : readPrices(ledger.replica.state()).find(({ kind }) => kind === kindOfResource(resource));
    if (price === undefined)
      return { permille: 0, basis: 'Nothing was lent yet, and no network is followed that could tell.' };
    return {
      permille: price.utilisationPermille,
      basis: `You lent none of it in the last ${DAYS} days; on ${ledger?.name ?? ''} ${price.utilisationPermille / 10} % of what is listed was used in the last epoch.`,
    };
  };
  const electricity = async (): Promise<Electricity> => {
    const kept = await settings.get(SETTING);
    return isElectricity(kept) ? kept : UNSAID;
  };
  const view = async (): Promise<ForecastView> => {
    const said = await electricity();
    const leases = await lent();
    const rows = assets.share().resources.flatMap(({ resource, percentMax, terms: own }) => {
      const asset = assets.list().find((one) => one.resource === resource && one.present);
      if (asset === undefined || !asset.capacity.known || asset.kind === 'economic') return [];
      const capacity = asset.capacity.value;
      const price = terms.priceOf(resource, own.price);
      const { permille, basis } = utilisationOf(resource, Math.floor((capacity * percentMax) / 100), leases);
      const watts = said.watts[asset.kind];
      return LEVELS.map((percent) => {
        const amount = Math.floor((capacity * percent) / 100);
        const micro = (costOf(asset.kind, amount, HOURS * HOUR_MS, price) * BigInt(permille)) / 1000n;
        const kwh = watts === undefined ? null : ((watts / 1000) * HOURS * percent * permille) / 100_000;
        const cost = kwh === null ? null : kwh * said.pricePerKwh;
        return {
          resource,
          label: labelOf(resource),
          percent,
          amount,
          unit: asset.unit,
          microPerMonth: micro.toString(),
          utilisationPermille: permille,
          basis,
          kwhPerMonth: kwh,
          costPerMonth: cost,
          netPerMonth: said.caesValue === null || cost === null ? null : (Number(micro) / 1e6) * said.caesValue - cost,
        };
      });
    });
    return { electricity: said, rows };
  };
  return {
    view,
    setElectricity: async (said) => {
      await settings.set(SETTING, said);
      return await view();
    },
  };
};
