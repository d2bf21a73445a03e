import { isNodeError } from '../../../base/index.ts';
import { type Journal, totalsOf } from '../engine/journal.ts';
import { sameBytes } from '../engine/lease-entry.ts';
import type { EngineParts } from '../engine/ports.ts';
import { decodeReceipt, kindOfResource, problemOfReceipt } from '../formats/index.ts';
import type { LeaseReceipt } from '../interface.ts';
import type { LeaseAnswer } from '../protocol.ts';
import type { LenderAccess, Loan } from './loan.ts';

/**
 * How far the lender's clock may run ahead of ours, and what lies between its first instant and our question: a thousandth, and two
 * seconds. The lender begins after we ask it to, so nothing else makes its time longer than ours.
 */
const DRIFT = 1 / 1000;
const SLACK_MS = 2_000;

export type Taken =
  | { kind: 'signed'; answer: LeaseAnswer; receipt: LeaseReceipt }
  /** Not to be signed; `lie`: no honest lender sends it. */
  | { kind: 'refused'; answer: LeaseAnswer; lie: string | null };

/** Countersigns what the lender may claim. Within the lease's `alone`. */
export const createReceiptDesk = ({
  outside,
  metrics,
  records,
  journal,
  access,
}: Pick<EngineParts, 'outside' | 'metrics' | 'records'> & { journal: Journal; access: LenderAccess }) => {
  const refuse = (code: string, sentence: string, lie: string | null): Taken => {
    metrics?.receipts.inc(1, { side: 'borrowed', outcome: 'refused' });
    return { kind: 'refused', answer: { kind: 'refused', code, sentence }, lie };
  };
  return {
    /**
     * Checks, signs and keeps one receipt. Sent again, the last one gets the signature that it got before.
     *
     * @param final - whether it must be the last one
     */
    take: async (loan: Loan, record: Uint8Array, final: boolean): Promise<Taken> => {
      const { entry, grant, last } = loan;
      if (last !== null && sameBytes(last.record, record))
        return { kind: 'signed', answer: { kind: 'countersigned', record: last.countersigned }, receipt: last.receipt };
      if (grant === null || loan.beganAtMs === null)
        return refuse('WRONG_STATE', 'Nothing of this lease was used yet.', null);
      let payload: Uint8Array;
      let receipt: LeaseReceipt;
      try {
        const opened = await records.open('lease-receipt', record);
        if (!sameBytes(opened.keyIdBytes, entry.facts.far))
          return refuse('RECEIPT_FOREIGN', 'The receipt was signed by another than the lender.', null);
        payload = opened.payload;
        receipt = decodeReceipt(payload);
      } catch (error) {
        if (!isNodeError(error)) throw error;
        return refuse('RECEIPT_INVALID', 'The receipt does not hold.', 'a receipt that does not hold');
      }
      if (receipt.id !== entry.id || !sameBytes(receipt.grant, entry.facts.grantHash) || receipt.final !== final)
        return refuse('RECEIPT_FOREIGN', 'The receipt is of another lease or grant.', null);
      const before = last?.receipt ?? null;
      if (receipt.sequence <= (before?.sequence ?? 0))
        return refuse('RECEIPT_OLD', 'A later receipt has two signatures already.', null);
      if (receipt.sequence !== (before?.sequence ?? 0) + 1)
        return refuse('RECEIPT_GAP', 'A receipt before this one is missing; send that first.', null);
      const elapsedMs = outside.clock.monotonicMs() - loan.beganAtMs;
      // The format's own allowance is one tick, for readers who were not there; we were.
      const claimableMs = Math.max(0, elapsedMs * (1 + DRIFT) + SLACK_MS - grant.tickMs);
      const problem = problemOfReceipt(receipt, kindOfResource(entry.facts.resource), grant, before, claimableMs);
      if (problem !== null) return refuse('RECEIPT_WRONG', `The receipt cannot be right: ${problem}.`, problem);
      const countersigned = await (await access.signer(loan)).sign('lease-countersign', payload);
      await journal.note(
        entry,
        {},
        { signed: { sequence: receipt.sequence, receipt: record, countersigned }, totals: totalsOf(receipt) },
      );
      loan.last = { receipt, record, countersigned };
      metrics?.receipts.inc(1, { side: 'borrowed', outcome: 'signed' });
      return { kind: 'signed', answer: { kind: 'countersigned', record: countersigned }, receipt };
    },
  };
};
