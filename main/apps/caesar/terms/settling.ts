import { type Clock, isNodeError, type Logger } from '../../../base/index.ts';
import type { Signer } from '../../../base/crypto/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import { decodeGrant, decodeReceipt } from '../../../kernel/leases/formats/index.ts';
import { leaseIdBytes, type Settlement } from '../../../kernel/leases/index.ts';
import type { Prover } from '../../../kernel/prover/index.ts';
import { insideOf } from './inside.ts';
import type { EscrowView, SettlementView } from '../ledger/interface.ts';
import { hexOf, sameBytes } from '../ledger/keys.ts';
import { rewardCapOf } from './reward-cap.ts';
import { readAccount, readEscrow, readParams, readSettlement } from '../ledger/read-state.ts';
import type { SenderControl } from '../sender.ts';
import { type PaidLease, paidLeaseOf, type PaidLeaseRows, type PayStep } from './lease-rows.ts';
import { proofFor, type ShownProof } from './shown-proof.ts';

/** The lender has so long from the end of a lease before its borrower settles it in its place. */
const LENDER_FIRST_MS = 15 * 60_000;
/** After the last moment at which the ledger could end it by itself, and some. */
const GIVEN_UP_MS = 7 * 24 * 3_600_000;
/** Room that a block keeps for the rest of a settlement. */
const BESIDE_PROOF_BYTES = 128 * 1024;

const settleKeyOf = (lease: string): string => `settle:${lease}`;

/** Brings what both signed to the ledger, once, and looks until it is final. */
export interface SettleDesk {
  /** @returns whether nothing is left to do */
  settle(settlement: Settlement, ledger: FollowedLedger, account: Signer | null): Promise<boolean>;
}
export const createSettleDesk = ({
  clock,
  logger,
  sender,
  prover,
  rows,
  onStep,
}: {
  clock: Clock;
  logger: Logger;
  sender: Pick<SenderControl, 'send' | 'quote' | 'outcomeOf'>;
  prover: Pick<Prover, 'list' | 'file'>;
  rows: PaidLeaseRows;
  onStep: (lease: PaidLease) => void;
}): SettleDesk => {
  const note = async (
    settlement: Settlement,
    ledger: FollowedLedger,
    step: PayStep,
    reason: string,
    proof?: string | null,
  ): Promise<void> => {
    const before = await rows.get(settlement.lease);
    if (before?.step === step && before.reason === reason && proof === undefined) return;
    const receipt = settlement.receipt === null ? null : decodeReceipt(insideOf(settlement.receipt));
    const row = paidLeaseOf(settlement, {
      ledger: ledger.id,
      step,
      owedMicro: receipt?.owedMicro ?? 0n,
      unitSeconds: receipt?.unitSeconds ?? 0,
      proof: proof === undefined ? (before?.proof ?? null) : proof,
      atMs: clock.nowMs(),
      reason,
    });
    await rows.put(row);
    if (before?.step !== step) onStep(row);
  };

  const fieldsOf = ({ lease, asset, grant, receipt, countersigned }: Settlement, proof: ShownProof | null) => ({
    lease: leaseIdBytes(lease),
    asset,
    grant,
    receipt,
    countersign: countersigned,
    proof: proof?.bytes ?? null,
  });
  /** What is worth its fee: without a share in the rewards a proof changes nothing. */
  const chooseProof = async (
    settlement: Settlement,
    { id, replica }: FollowedLedger,
    account: Signer,
  ): Promise<ShownProof | null> => {
    const state = replica.state();
    if (rewardCapOf(state, account.keyIdBytes) === 0n) return null;
    const { startsAtMs } = decodeGrant(insideOf(settlement.grant));
    const bytesMax = replica.params().blockBytesMax - BESIDE_PROOF_BYTES;
    const proof = await proofFor(prover, settlement.asset, startsAtMs, bytesMax);
    if (proof === null) return null;
    const { feeMicro } = sender.quote({
      signer: account,
      ledger: id,
      kind: 'lease.settle',
      fields: fieldsOf(settlement, proof),
    });
    return readAccount(state, account.keyIdBytes).balance >= feeMicro ? proof : null;
  };
  /** Sends, unless it was. @returns why it was not taken, a sentence; null when it is on its way */
  const bring = async (settlement: Settlement, ledger: FollowedLedger, account: Signer): Promise<string | null> => {
    let key = settleKeyOf(settlement.lease);
    let sent = await sender.outcomeOf(key);
    // Its nonce was used in a block that is not kept here, and what it was to end is open: another device of the owner had used it.
    if (sent?.state === 'final' && sent.height === null) {
      key = `${key}:again`;
      sent = await sender.outcomeOf(key);
    }
    if (sent !== null && sent.state !== 'dropped') return null;
    // A proof that the ledger does not take is left out: the rest is worth more.
    const proof =
      settlement.side === 'lent' && !(sent?.code.startsWith('PROOF_') ?? false)
        ? await chooseProof(settlement, ledger, account)
        : null;
    try {
      await sender.send({
        signer: account,
        ledger: ledger.id,
        kind: 'lease.settle',
        fields: fieldsOf(settlement, proof),
        key,
      });
      await note(settlement, ledger, 'settling', '', proof?.id ?? null);
      return null;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      logger.debug('A settlement was not taken', {
        leaseId: settlement.lease,
        code: error.code,
        reason: error.message,
      });
      return error.message;
    }
  };

  const lentOver = async (
    settlement: Settlement,
    ledger: FollowedLedger,
    account: Signer | null,
    over: SettlementView,
  ): Promise<boolean> => {
    const { replica } = ledger;
    const isMine =
      settlement.receipt !== null && account !== null && over.use !== null && sameBytes(over.payee, account.keyIdBytes);
    const isOpen = replica.status().timeMs <= over.atMs + readParams(replica.state()).disputeMs;
    // The borrower was quicker, or time was: what it counts for the rewards is still to be had.
    if (isMine && !over.rewarded && isOpen && rewardCapOf(replica.state(), account.keyIdBytes) > 0n) {
      const problem = await bring(settlement, ledger, account);
      if (problem === null) return false;
    }
    await note(settlement, ledger, over.paid > 0n || over.use !== null ? 'settled' : 'unpaid', '');
    return true;
  };
  const lentOpen = async (
    settlement: Settlement,
    ledger: FollowedLedger,
    account: Signer | null,
    escrow: EscrowView,
  ): Promise<boolean> => {
    if (settlement.receipt === null) {
      await note(settlement, ledger, 'unpaid', 'Nothing was signed by both, so there is nothing to be paid.');
      return true;
    }
    if (account === null) {
      await note(settlement, ledger, 'settling', 'The keys are locked; unlock them.');
      return false;
    }
    if (!sameBytes(escrow.payee, account.keyIdBytes)) {
      await note(settlement, ledger, 'unpaid', 'It is paid to another account than this wallet’s first.');
      return true;
    }
    const problem = await bring(settlement, ledger, account);
    await note(settlement, ledger, 'settling', problem ?? '');
    return false;
  };
  const borrowedOpen = async (
    settlement: Settlement,
    ledger: FollowedLedger,
    account: Signer | null,
    escrow: EscrowView,
  ): Promise<boolean> => {
    const { receipt, endedAtMs } = settlement;
    const isLate = clock.nowMs() >= endedAtMs + LENDER_FIRST_MS;
    let problem: string | null = null;
    if (receipt !== null && account !== null && isLate && escrow.best === null)
      problem = await bring(settlement, ledger, account);
    await note(settlement, ledger, 'settling', problem ?? '');
    return false;
  };

  return {
    settle: async (settlement, ledger, account) => {
      const id = leaseIdBytes(settlement.lease);
      const state = ledger.replica.state();
      const over = readSettlement(state, id);
      const escrow = readEscrow(state, id);
      const isLent = settlement.side === 'lent';
      if (over !== null) {
        if (isLent) return await lentOver(settlement, ledger, account, over);
        await note(settlement, ledger, 'settled', '');
        return true;
      }
      if (escrow !== null) {
        // Somebody else's money under the same name says nothing of this lease.
        if (!sameBytes(escrow.lender, settlement.lender) || !sameBytes(escrow.borrower, settlement.borrower))
          return true;
        return isLent
          ? await lentOpen(settlement, ledger, account, escrow)
          : await borrowedOpen(settlement, ledger, account, escrow);
      }
      if (settlement.priceMicro === 0n || settlement.receipt === null) return true;
      // It ran, so it was there: this ledger is behind, or has forgotten it.
      const sync = ledger.replica.status().sync.state;
      const isBehind = sync === 'blocks' || sync === 'snapshot';
      if (isBehind && clock.nowMs() < settlement.endsAtMs + GIVEN_UP_MS) return false;
      logger.warn('Nothing is set aside for a lease any more', { leaseId: settlement.lease, ledger: hexOf(id) });
      await note(settlement, ledger, 'unpaid', 'The ledger does not show any more that anything was set aside for it.');
      return true;
    },
  };
};
