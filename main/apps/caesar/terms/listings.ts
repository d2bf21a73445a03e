import { type AssetId, type Clock, isNodeError, type Logger, messageOf } from '../../../base/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import { UNIT_OF } from '../../../kernel/leases/formats/index.ts';
import type { Assets } from '../../../kernel/assets/index.ts';
import type { AssetListing } from '../ledger/interface.ts';
import { sameBytes } from '../ledger/keys.ts';
import { readAccount, readAssetListings, readMembers, readNodeAccount } from '../ledger/read-state.ts';
import type { SenderControl } from '../sender.ts';
import type { AccountKeys } from './account-keys.ts';

/** The ledger is told of changes so often at most: each costs a fee. */
const LOOK_MS = 60_000;
/** A change of the amount by less than this part is not worth a fee. */
const AMOUNT_PART = 10;
const PUBLIC: ReadonlySet<string> = new Set(['PublicNetwork', 'FullPublic']);

/** Keeps the ledger's list of assets as the owner's terms have it, and binds the node to the account. */
export interface ListingKeeper {
  /** Why this node can neither be paid nor listed now, one sentence; null when it can. */
  obstacle(): string | null;
  start(): void;
  stop(): Promise<void>;
  /** Looks now. */
  look(): Promise<void>;
  /** Somebody is about to pay for what this node lends, so it has to be bound on that ledger; hex id. */
  need(ledger: string): void;
}
export const createListingKeeper = ({
  clock,
  logger,
  ledgers,
  sender,
  keys,
  assets,
  current,
}: {
  clock: Clock;
  logger: Logger;
  ledgers: Pick<Ledgers, 'on'>;
  sender: Pick<SenderControl, 'send' | 'pending'>;
  keys: AccountKeys;
  assets: Pick<Assets, 'list' | 'share' | 'on'>;
  /** Where this node lends for money; null: nowhere. */
  current: () => FollowedLedger | null;
}): ListingKeeper => {
  const endings: (() => void)[] = [];
  let looking: Promise<void> = Promise.resolve();
  let waiting = false;
  let problem: string | null = null;
  /** Ledgers on which a lease of this node was to be paid. */
  const needed = new Set<string>();

  /** What is to stand there. */
  const wanted = (): Omit<AssetListing, 'account' | 'sinceHeight'>[] =>
    assets.share().resources.flatMap(({ resource, percentMax, terms }) => {
      const asset = assets.list().find((one) => one.resource === resource && one.present);
      if (asset === undefined || !asset.capacity.known || percentMax === 0 || !PUBLIC.has(terms.privacyLevel))
        return [];
      const amountMax = Math.floor((asset.capacity.value * percentMax) / 100);
      if (amountMax < 1) return [];
      const { price, privacyLevel } = terms;
      return [
        {
          asset: asset.id as AssetId,
          kind: asset.kind,
          unit: UNIT_OF[asset.kind],
          amountMax,
          privacyLevel,
          priceMicro: price.mode === 'fixed' ? BigInt(price.microPerHour) : null,
        },
      ];
    });
  const isSame = (
    there: AssetListing | undefined,
    { amountMax, privacyLevel, priceMicro }: Omit<AssetListing, 'account' | 'sinceHeight'>,
  ): boolean =>
    there !== undefined &&
    there.privacyLevel === privacyLevel &&
    there.priceMicro === priceMicro &&
    Math.abs(there.amountMax - amountMax) * AMOUNT_PART <= there.amountMax;

  /**
   * Whether its owner opened anything to others. What own nodes alone may have is mostly never lent, so that nobody pays for a binding
   * without having asked for one: it is made when the first of such leases is to be paid.
   */
  const lends = (): boolean =>
    assets
      .share()
      .resources.some(
        ({ percentMax, terms }) =>
          percentMax > 0 && terms.privacyLevel !== 'Private' && terms.allocationType !== 'Private',
      );
  const update = async (): Promise<void> => {
    problem = null;
    const ledger = current();
    const account = keys.account()?.signer;
    const node = keys.node();
    if (ledger === null || account === undefined || node === null) return;
    const state = ledger.replica.state();
    const bound = readNodeAccount(state, node.signer.keyIdBytes);
    const listed = readAssetListings(state, account.keyIdBytes);
    const send = async (kind: string, fields: { asset?: AssetId; [name: string]: unknown }): Promise<void> => {
      const isOnItsWay = sender
        .pending(account.keyIdBytes)
        .some((one) => one.ledger === ledger.id && one.kind === kind && one.fields['asset'] === fields.asset);
      if (!isOnItsWay) await sender.send({ signer: account, ledger: ledger.id, kind, fields });
    };
    if (bound === null || !sameBytes(bound, account.keyIdBytes)) {
      if (!lends() && !needed.has(ledger.id)) return;
      if (readAccount(state, account.keyIdBytes).balance === 0n) {
        problem = `Your account on ${ledger.name} has nothing to pay the fee with that binds this node to it; have somebody send it a little.`;
        return;
      }
      await send('node.bind', { certificate: node.certificate });
      return;
    }
    const all = wanted();
    const isMember = readMembers(state).some((member) => sameBytes(member.account, account.keyIdBytes));
    for (const listing of isMember ? all : []) {
      const there = listed.find(({ asset }) => asset === listing.asset);
      if (isSame(there, listing)) continue;
      await send('asset.list', { ...listing });
    }
    for (const { asset } of listed)
      if (!all.some((listing) => listing.asset === asset)) await send('asset.unlist', { asset });
    if (!isMember && all.length > 0)
      problem = `Your account is no member of ${ledger.name}, so what you lend is not listed there and counts less; ask an admin to admit it.`;
  };
  const look = (): Promise<void> => {
    if (waiting) return looking;
    waiting = true;
    looking = looking
      .then(() => {
        waiting = false;
        return update();
      })
      .catch((error: unknown) => {
        problem = messageOf(error);
        if (isNodeError(error)) logger.debug('The list of assets is not up to date', { reason: problem });
        else logger.warn('The list of assets could not be brought up to date', { error: problem });
      });
    return looking;
  };
  return {
    obstacle: () => problem,
    look,
    need: (ledger) => {
      if (needed.has(ledger)) return;
      needed.add(ledger);
      void look();
    },
    start: () => {
      endings.push(
        clock.every(LOOK_MS, () => void look()),
        ledgers.on('changed', () => void look()),
        assets.on('shareChanged', () => void look()),
        keys.on('changed', () => void look()),
      );
      void look();
    },
    stop: async () => {
      for (const end of endings.splice(0)) end();
      await looking;
    },
  };
};
