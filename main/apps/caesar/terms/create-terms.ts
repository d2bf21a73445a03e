import type { Clock, Logger, Startable, Store } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Assets } from '../../../kernel/assets/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import { kindOfResource } from '../../../kernel/leases/formats/index.ts';
import { type LeaseDeal, LeaseError, leaseIdBytes, type Terms } from '../../../kernel/leases/index.ts';
import type { Prover } from '../../../kernel/prover/index.ts';
import { bytesOfHex, hexOf } from '../ledger/keys.ts';
import { readEscrow, readNodeAccount, readPrices } from '../ledger/read-state.ts';
import type { CaesarMetrics } from '../metrics.ts';
import type { SenderControl } from '../sender.ts';
import type { AccountKeys } from './account-keys.ts';
import { createEscrowDesk, problemOfEscrow } from './escrow.ts';
import { createPaidLeaseRows, type PaidLease, paidLeaseOf, type PaidLeaseRows, type PayStep } from './lease-rows.ts';
import { createListingKeeper } from './listings.ts';
import { createSettleDesk } from './settling.ts';

export interface TermsComponents {
  clock: Clock;
  logger: Logger;
  metrics: Pick<CaesarMetrics, 'escrows' | 'settlements'> | null;
  store: Store;
  ledgers: Pick<Ledgers, 'list' | 'current' | 'on'>;
  sender: Pick<SenderControl, 'send' | 'quote' | 'pending' | 'outcomeOf' | 'onOutcome'>;
  keys: AccountKeys;
  prover: Pick<Prover, 'list' | 'file'>;
  assets: Pick<Assets, 'list' | 'share' | 'on'>;
}
/** What the lease engine asks, answered by the current ledger. A home network alone costs nothing. */
export interface TermsControl extends Terms, Startable {
  readonly leases: PaidLeaseRows;
  /** Account that a node is bound to on the current ledger. */
  accountOf(node: KeyIdBytes): KeyIdBytes | null;
  /** Why this node cannot be paid, or is not listed, one sentence; null when nothing is in the way. */
  obstacle(): string | null;
  /** A lease of this node is to be paid on the current ledger, which then has to know its account. */
  needBinding(): void;
  /** Calls whenever the payment of a lease is a step further. @returns what ends that */
  onStep(listener: (lease: PaidLease) => void): () => void;
}

/** Started after the sender, and there before the leases are. */
export const createTerms = (components: TermsComponents): TermsControl => {
  const { clock, metrics, store, ledgers, sender, keys, prover } = components;
  const logger = components.logger.child('terms');
  const rows = createPaidLeaseRows({ store });
  const listeners = new Set<(lease: PaidLease) => void>();
  const onStep = (lease: PaidLease): void => {
    if (lease.step === 'settled' || lease.step === 'unpaid')
      metrics?.settlements.inc(1, { side: lease.side, outcome: lease.step });
    for (const listener of listeners) listener(lease);
  };
  const escrows = createEscrowDesk({ clock, sender });
  const settling = createSettleDesk({ clock, logger, sender, prover, rows, onStep });

  /** Where money is: on its own home network everything is the owner's. */
  const paying = (): FollowedLedger | null => {
    const ledger = ledgers.current();
    return ledger === null || ledger.home ? null : ledger;
  };
  const followed = (id: Uint8Array | null): FollowedLedger | null =>
    id === null ? null : (ledgers.list().find((one) => one.id === hexOf(id)) ?? null);
  const listings = createListingKeeper({ ...components, logger, current: paying });

  const begin = async (deal: LeaseDeal, ledger: FollowedLedger, step: PayStep, reason = ''): Promise<void> => {
    const before = await rows.get(deal.lease);
    if (before !== null && (before.step !== 'agreed' || step === 'agreed')) return;
    const row = paidLeaseOf(deal, {
      ledger: ledger.id,
      step,
      owedMicro: 0n,
      unitSeconds: 0,
      proof: null,
      atMs: clock.nowMs(),
      reason,
    });
    await rows.put(row);
    onStep(row);
  };
  const notPaid = (deal: LeaseDeal, sentence: string): LeaseError => {
    metrics?.escrows.inc(1, { side: deal.side, outcome: 'refused' });
    return new LeaseError({ code: 'NOT_PAID', lease: deal.lease }, sentence);
  };
  /** A lease that costs nothing, which its borrower has told to a ledger all the same. */
  const toldTo = async (deal: LeaseDeal): Promise<FollowedLedger | null> => {
    const before = await rows.get(deal.lease);
    if (before !== null) return followed(bytesOfHex(before.ledger));
    const ledger = paying();
    return ledger !== null && readEscrow(ledger.replica.state(), leaseIdBytes(deal.lease)) !== null ? ledger : null;
  };

  return {
    leases: rows,
    ledger: () => {
      const ledger = paying();
      return ledger === null ? null : { id: ledger.replica.network, name: ledger.name };
    },
    priceOf: (resource, price) => {
      const ledger = paying();
      if (ledger === null) return 0n;
      if (price.mode === 'fixed') return BigInt(price.microPerHour);
      const kind = kindOfResource(resource);
      const market = readPrices(ledger.replica.state()).find((one) => one.kind === kind);
      return market?.priceMicro ?? 0n;
    },
    escrow: async (deal, signal) => {
      if (deal.anonymous) {
        if (deal.priceMicro > 0n)
          throw notPaid(
            deal,
            'It costs something, and a payment would tell who borrows; borrow it over a direct connection.',
          );
        return;
      }
      const account = keys.account()?.signer ?? null;
      if (deal.priceMicro === 0n) {
        const ledger = paying();
        if (ledger !== null && account !== null && (await escrows.tell(deal, ledger, account)))
          await begin(deal, ledger, 'escrowed');
        return;
      }
      const ledger = followed(deal.ledger);
      if (ledger === null)
        throw notPaid(
          deal,
          'This node does not follow the network that the lease is paid on any more; join it again, or ask for another lease.',
        );
      if (account === null) throw notPaid(deal, 'The keys of this wallet are locked; unlock them and ask again.');
      await begin(deal, ledger, 'agreed');
      await escrows.open(deal, ledger, account, signal);
      metrics?.escrows.inc(1, { side: deal.side, outcome: 'done' });
      await begin(deal, ledger, 'escrowed');
    },
    secured: async (deal) => {
      const ledger = followed(deal.ledger);
      if (ledger === null) return 'The lender does not follow the network any more that the lease is paid on.';
      const state = ledger.replica.state();
      const escrow = readEscrow(state, leaseIdBytes(deal.lease));
      if (escrow === null)
        return `The network ${ledger.name} does not show the lender yet that the money is set aside.`;
      // Whoever brings an early receipt has it closed by that one soon, however long the lease still runs.
      if (escrow.best !== null)
        return 'The borrower has begun to settle this lease, so what it uses now is paid by nothing.';
      const problem = problemOfEscrow(escrow, deal, keys.account()?.signer.keyIdBytes ?? null);
      if (problem !== null) return `What was set aside does not do: ${problem}.`;
      if ((await rows.get(deal.lease)) === null) metrics?.escrows.inc(1, { side: deal.side, outcome: 'done' });
      await begin(deal, ledger, 'escrowed');
      return null;
    },
    settle: async (settlement) => {
      if (settlement.anonymous) return true;
      const ledger = settlement.priceMicro > 0n ? followed(settlement.ledger) : await toldTo(settlement);
      if (ledger === null) {
        if (settlement.priceMicro > 0n && settlement.receipt !== null)
          logger.warn('A lease is settled on a network that this node has left', { leaseId: settlement.lease });
        return true;
      }
      return await settling.settle(settlement, ledger, keys.account()?.signer ?? null);
    },
    accountOf: (node) => {
      const ledger = ledgers.current();
      return ledger === null ? null : readNodeAccount(ledger.replica.state(), node);
    },
    obstacle: () => listings.obstacle(),
    needBinding: () => {
      const ledger = paying();
      if (ledger !== null) listings.need(ledger.id);
    },
    onStep: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    start: () => {
      listings.start();
      return Promise.resolve();
    },
    stop: () => listings.stop(),
  };
};
