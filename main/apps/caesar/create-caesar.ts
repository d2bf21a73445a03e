import {
  Emitter,
  type Logger,
  type MetricsRegistry,
  messageOf,
  type Outside,
  type Settings,
  type Store,
} from '../../base/index.ts';
import { parseKeyId } from '../../base/crypto/index.ts';
import type { Assets } from '../../kernel/assets/index.ts';
import type { Ledgers } from '../../kernel/consensus/index.ts';
import type { Leases } from '../../kernel/leases/index.ts';
import type { Prover } from '../../kernel/prover/index.ts';
import type { NetworkState, ResourceKey } from '../../../preload/contract/index.ts';
import { CaesarError } from './errors.ts';
import type { Caesar, CaesarEvents } from './interface.ts';
import { createAskedCounts } from './market/asked-counts.ts';
import { createForecast } from './market/forecast.ts';
import { createFunnel } from './market/funnel.ts';
import { createCaesarMetrics } from './metrics.ts';
import { createReceiptMaker } from './receipts/receipt-of-lease.ts';
import { createRewards } from './rewards/create-rewards.ts';
import { createEarnedIndex } from './rewards/earned-index.ts';
import { createEarnedRows } from './rewards/earned-rows.ts';
import { createSender, type SenderControl } from './sender.ts';
import type { AccountKeys } from './terms/account-keys.ts';
import { createTerms } from './terms/create-terms.ts';

/** `rewardsChanged` comes so often at most. */
const TELL_MS = 5_000;

export interface CaesarComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  store: Store;
  settings: Settings;
  /** Started before this is. */
  ledgers: Ledgers;
  /** The identity. */
  keys: AccountKeys;
  prover: Pick<Prover, 'list' | 'file' | 'assets' | 'state'>;
  assets: Pick<Assets, 'list' | 'share' | 'on'>;
  /** How this node stands in the network now. */
  network: () => NetworkState;
}
/** What is built with it before the leases, and is told of them afterwards. */
export interface CaesarControl extends Caesar {
  readonly sender: SenderControl;
  /** Once, before `start`. */
  attach(leases: Leases): void;
}

/** Economy of a node. Its `terms` are there at once, so that the leases can be made with them. */
export const createCaesar = (components: CaesarComponents): CaesarControl => {
  const { outside, store, settings, ledgers, keys, prover, assets, network } = components;
  const { clock } = outside;
  const logger = components.logger.child('caesar');
  const metrics = createCaesarMetrics(components.metrics);
  const emitter = new Emitter<CaesarEvents>();
  const endings: (() => void)[] = [];
  let attached: Leases | null = null;
  const leases = (): Leases | null => attached;

  const sender = createSender({ ledgers, store, clock, logger, metrics });
  const terms = createTerms({ clock, logger, metrics, store, ledgers, sender, keys, prover, assets });
  const rows = createEarnedRows({ store });
  const index = createEarnedIndex({ logger, metrics, ledgers, keys, rows, leases: terms.leases });
  const counts = createAskedCounts({ clock, logger, store });
  const desk = createRewards({ clock, ledgers, index, rows, terms, assets, leases });
  const funnel = createFunnel({ clock, network, prover, ledgers, terms, index, rows, counts, leases });
  const forecast = createForecast({ clock, settings, assets, ledgers, terms, leases });

  /** What costs nothing is paid to nobody, so nobody has to know the account. */
  const costs = (resource: ResourceKey): boolean => {
    const own = assets.share().resources.find((one) => one.resource === resource);
    return own !== undefined && terms.priceOf(resource, own.terms.price) > 0n;
  };

  let tell: (() => void) | null = null;
  const changed = (): void => {
    if (!emitter.hasListeners('rewardsChanged')) return;
    tell ??= clock.after(TELL_MS, () => {
      tell = null;
      desk
        .totals()
        .then((totals) => {
          emitter.emit('rewardsChanged', totals);
        })
        .catch((error: unknown) => {
          logger.warn('Rewards could not be summed up', { error: messageOf(error) });
        });
    });
  };
  return {
    on: (name, listener) => emitter.on(name, listener),
    sender,
    terms,
    accountOf: (node) => {
      const bytes = parseKeyId(node);
      return bytes === null ? null : terms.accountOf(bytes);
    },
    rewards: (query) => desk.rewards(query),
    explain: (id) => desk.explain(id),
    funnel,
    forecast: () => forecast.view(),
    setElectricity: (electricity) => forecast.setElectricity(electricity),
    receipt: async (lease) => {
      if (attached === null)
        throw new CaesarError(
          { code: 'NOT_SETTLED', lease },
          'The leases of this node are not there yet; try again in a moment.',
        );
      return await createReceiptMaker({ ledgers, leases: attached })(lease);
    },
    attach: (given) => {
      attached = given;
    },
    start: async () => {
      await sender.start();
      await terms.start();
      await index.start();
      endings.push(
        index.on('earned', changed),
        terms.onStep(changed),
        ...(attached === null
          ? []
          : [
              attached.on('leaseChanged', ({ side }) => {
                if (side === 'lent') changed();
              }),
              attached.on('asked', ({ resource, code }) => {
                counts.count(resource, code);
                if (code === 'granted' && costs(resource)) terms.needBinding();
              }),
            ]),
      );
    },
    stop: async () => {
      for (const end of endings.splice(0)) end();
      tell?.();
      tell = null;
      await counts.stop();
      await index.stop();
      await terms.stop();
      await sender.stop();
    },
  };
};
