import { type Clock, isNodeError } from '../../../base/index.ts';
import type { KeyIdBytes, Signer } from '../../../base/crypto/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import { type LeaseDeal, LeaseError, leaseIdBytes } from '../../../kernel/leases/index.ts';
import { readAccount, readAssetListing, readEscrow, readNodeAccount, readSettlement } from '../ledger/read-state.ts';
import { sameBytes } from '../ledger/keys.ts';
import type { EscrowView } from '../ledger/interface.ts';
import type { SenderControl } from '../sender.ts';

/** Looked at so often besides what the sender tells: a ledger may have taken over a whole state. */
const LOOK_MS = 1_000;
/** A lease that costs something waits no longer for its money; a little less than the lease itself waits. */
const PAYING_MS = 270_000;
/** Receipts come a little after the end, and clocks differ. */
const AFTER_END_MS = 10 * 60_000;
/** A lease that costs nothing is told to the ledger where that is a small part of what there is. */
const FREE_FEE_PART = 1_000n;

const escrowKeyOf = (lease: string): string => `escrow:${lease}`;

/** What is wrong with what was set aside for a lease, for a sentence; null when it is as agreed. */
export const problemOfEscrow = (
  escrow: EscrowView,
  deal: Pick<LeaseDeal, 'lender' | 'borrower' | 'mostMicro' | 'endsAtMs'>,
  payee: KeyIdBytes | null,
): string | null => {
  if (!sameBytes(escrow.lender, deal.lender)) return 'it is for another lender';
  if (!sameBytes(escrow.borrower, deal.borrower)) return 'it names another borrower';
  if (payee !== null && !sameBytes(escrow.payee, payee)) return 'it would be paid to another account';
  if (escrow.most < deal.mostMicro)
    return `it is ${escrow.most} micro-CAES, and the lease may come to ${deal.mostMicro}`;
  if (escrow.endsAtMs < deal.endsAtMs) return 'it ends before the lease does';
  return null;
};
const notPaid = (deal: LeaseDeal, sentence: string): LeaseError =>
  new LeaseError({ code: 'NOT_PAID', lease: deal.lease }, sentence);

export interface EscrowDesk {
  /** Resolves once it is final. @throws {LeaseError} `NOT_PAID` */
  open(deal: LeaseDeal, ledger: FollowedLedger, account: Signer, signal: AbortSignal): Promise<void>;
  /** A lease that costs nothing: told to the ledger, so that it counts for its lender, where that is public already. Waits for nothing. */
  tell(deal: LeaseDeal, ledger: FollowedLedger, account: Signer): Promise<boolean>;
}
export const createEscrowDesk = ({
  clock,
  sender,
}: {
  clock: Clock;
  sender: Pick<SenderControl, 'send' | 'quote' | 'outcomeOf' | 'onOutcome'>;
}): EscrowDesk => {
  const fieldsOf = (deal: LeaseDeal) => ({
    lease: leaseIdBytes(deal.lease),
    lender: deal.lender,
    borrower: deal.borrower,
    most: deal.mostMicro,
    endsAtMs: deal.endsAtMs + AFTER_END_MS,
  });
  /** Null while it is not there. @throws {LeaseError} `NOT_PAID` when it cannot come any more */
  const found = (deal: LeaseDeal, { replica }: FollowedLedger, account: KeyIdBytes): EscrowView | null => {
    const id = leaseIdBytes(deal.lease);
    const state = replica.state();
    if (readSettlement(state, id) !== null)
      throw notPaid(deal, 'What was set aside for this lease is settled already.');
    const escrow = readEscrow(state, id);
    if (escrow === null) return null;
    const problem = sameBytes(escrow.account, account) ? problemOfEscrow(escrow, deal, null) : 'another account did it';
    if (problem !== null) throw notPaid(deal, `Money was set aside under the name of this lease, but ${problem}.`);
    return escrow;
  };
  /** Until something may be different. */
  const pause = async (signal: AbortSignal): Promise<void> => {
    const woken = new AbortController();
    const end = sender.onOutcome(() => {
      woken.abort();
    });
    try {
      await clock.sleep(LOOK_MS, AbortSignal.any([woken.signal, signal])).catch(() => undefined);
    } finally {
      end();
    }
  };
  return {
    open: async (deal, ledger, account, signal) => {
      const key = escrowKeyOf(deal.lease);
      const untilMs = clock.monotonicMs() + PAYING_MS;
      let problem = `The network ${ledger.name} has not taken it up yet.`;
      while (!signal.aborted) {
        if (found(deal, ledger, account.keyIdBytes) !== null) return;
        const sent = await sender.outcomeOf(key);
        if (sent?.state === 'dropped') problem = sent.reason;
        // What was dropped is tried again: the ledger's rules say whether that helps.
        if (sent === null || sent.state === 'dropped')
          try {
            await sender.send({
              signer: account,
              ledger: ledger.id,
              kind: 'lease.escrow',
              fields: fieldsOf(deal),
              key,
            });
          } catch (error) {
            if (!isNodeError(error)) throw error;
            problem = error.message;
            // A lender binds its node when the first lease is to be paid, which takes a block.
            const { refusal } = error.data as { refusal?: string };
            const isFinal = ['NOT_ENOUGH', 'TRANSACTION_REFUSED', 'LOCKED'].includes(error.code);
            if (isFinal && refusal !== 'LENDER_UNBOUND')
              throw notPaid(deal, `What the lease may cost could not be set aside: ${problem}`);
          }
        if (clock.monotonicMs() >= untilMs)
          throw notPaid(deal, `What the lease may cost was not set aside in time: ${problem}`);
        await pause(signal);
      }
      signal.throwIfAborted();
    },
    tell: async (deal, ledger, account) => {
      const state = ledger.replica.state();
      const payee = readNodeAccount(state, deal.lender);
      // Whoever leases from itself gets nothing for it, and what is not listed is nobody's business.
      if (payee === null || sameBytes(payee, account.keyIdBytes)) return false;
      if (readAssetListing(state, deal.asset, payee) === null) return false;
      const request = { signer: account, ledger: ledger.id, kind: 'lease.escrow', fields: fieldsOf(deal) };
      try {
        const { feeMicro } = sender.quote(request);
        if (readAccount(state, account.keyIdBytes).balance < feeMicro * FREE_FEE_PART) return false;
        await sender.send({ ...request, key: escrowKeyOf(deal.lease) });
        return true;
      } catch (error) {
        // It runs all the same.
        if (!isNodeError(error)) throw error;
        return false;
      }
    },
  };
};
