import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { burn, credit, debit } from './accounts.ts';
import type { Books } from './books.ts';
import type { Handlers } from './handler.ts';
import { dueKey, escrowKey, sameBytes, settlementKey } from './keys.ts';
import type { SettledUse } from './interface.ts';
import { accountOfNode } from './nodes.ts';
import {
  decodeEscrow,
  decodeSettlement,
  encodeEscrow,
  encodeSettlement,
  type EscrowRecord,
  NOTHING,
  type SettlementRecord,
} from './records.ts';
import { Refusal, refuseUnless } from './refusal.ts';
import { countReward, countUse } from './rewards.ts';

// A lease's money: set aside, paid by the last receipt that both signed, the rest given back. docs/economy.md, "Paying for a lease".

const PERMILLE = 1000n;

const escrowed = (books: Books, account: KeyIdBytes, by: bigint): void => {
  if (by === 0n) return;
  const record = books.account(account);
  books.setAccount(account, { ...record, escrowed: record.escrowed + by });
};

/** Pays by the best receipt that is known, and gives the rest back. */
const end = (
  books: Books,
  lease: Uint8Array,
  escrow: EscrowRecord,
  at: { height: number; timeMs: number },
): SettlementRecord => {
  const { account, lender, payee, borrower, most, best, closesAtMs } = escrow;
  const { burnPermille, keepEpochs, epochMs } = books.params;
  const owed = best === null ? 0n : best.owed < most ? best.owed : most;
  const burnt = (owed * BigInt(burnPermille)) / PERMILLE;
  const record: SettlementRecord = {
    account,
    payee,
    lender,
    borrower,
    most,
    paid: owed - burnt,
    burnt,
    back: most - owed,
    use: best,
    height: at.height,
    atMs: at.timeMs,
    rewarded: false,
  };
  escrowed(books, account, -most);
  credit(books, payee, record.paid);
  burn(books, burnt);
  credit(books, account, record.back);
  books.set(escrowKey(lease), null);
  books.set(dueKey(closesAtMs, 'e', lease), null);
  books.set(settlementKey(lease), encodeSettlement(record));
  books.set(dueKey(at.timeMs + keepEpochs * epochMs, 's', lease), NOTHING);
  if (best !== null) countUse(books, payee, best);
  return record;
};

/** An escrow whose time is over ends by itself. */
export const endDue = (books: Books, lease: Uint8Array, at: { height: number; timeMs: number }): void => {
  const escrow = books.read(escrowKey(lease), decodeEscrow);
  if (escrow !== null && escrow.closesAtMs <= at.timeMs) end(books, lease, escrow, at);
};

export const escrowHandlers: Handlers<'lease.escrow' | 'lease.settle' | 'lease.reclaim'> = {
  'lease.escrow': ({ books, signer, fields, timeMs }) => {
    const { lease, lender, borrower, most, endsAtMs } = fields;
    refuseUnless(
      !books.has(escrowKey(lease)) && !books.has(settlementKey(lease)),
      'ESCROW_EXISTS',
      'Money was set aside for a lease of this name already; ask for the lease again under a new one.',
    );
    const payee = accountOfNode(books, lender);
    refuseUnless(
      payee !== null,
      'LENDER_UNBOUND',
      'The lender’s node has told the network of no account, so nobody could be paid; ask its owner to bind it.',
    );
    const { leaseMsMax, disputeMs } = books.params;
    refuseUnless(
      endsAtMs > timeMs && endsAtMs <= timeMs + leaseMsMax,
      'END_WRONG',
      `The end of the lease is over already, or more than ${leaseMsMax} ms ahead; set money aside for a shorter one.`,
    );
    debit(books, signer, most, 'This lease');
    escrowed(books, signer, most);
    const closesAtMs = endsAtMs + disputeMs;
    books.set(
      escrowKey(lease),
      encodeEscrow({
        account: signer,
        lender,
        payee,
        borrower,
        most,
        endsAtMs,
        openedAtMs: timeMs,
        best: null,
        closesAtMs,
      }),
    );
    books.set(dueKey(closesAtMs, 'e', lease), NOTHING);
  },

  'lease.settle': ({ books, signer, fields, fact, hash, height, timeMs }) => {
    const { lease, asset } = fields;
    const escrow = books.read(escrowKey(lease), decodeEscrow);
    const settled = escrow === null ? books.read(settlementKey(lease), decodeSettlement) : null;
    const parties = escrow ?? settled;
    refuseUnless(
      parties !== null,
      'ESCROW_UNKNOWN',
      'No money was set aside for this lease, or it was settled long ago, so there is nothing to pay.',
    );
    const isLender = sameBytes(signer, parties.payee);
    refuseUnless(
      isLender || sameBytes(signer, parties.account),
      'NOT_A_PARTY',
      'Only the accounts of lender and borrower may settle a lease.',
    );
    if (fact === null) return;
    if (!fact.ok) throw new Refusal(fact.code, fact.reason);
    if (fact.what !== 'settlement') throw new Error('A settlement was checked as something else.');
    refuseUnless(
      sameBytes(fact.lender, parties.lender) && sameBytes(fact.borrower, parties.borrower),
      'LEASE_OF_ANOTHER',
      'Grant and receipt were signed by others than those for whom the money was set aside.',
    );
    const use: SettledUse = {
      receipt: fact.receipt,
      transaction: hash,
      sequence: fact.sequence,
      final: fact.final,
      owed: fact.owed < parties.most ? fact.owed : parties.most,
      unitSeconds: fact.unitSeconds,
      asset,
    };
    if (settled !== null) {
      claimReward(books, lease, settled, { isLender, use, fact, hash, height, timeMs });
      return;
    }
    if (escrow === null) throw new Error('One of both was there.');
    refuseUnless(
      escrow.best === null ||
        use.sequence > escrow.best.sequence ||
        (isLender && use.sequence === escrow.best.sequence),
      'RECEIPT_OLDER',
      `Receipt ${escrow.best?.sequence ?? 0} of this lease is here already; settle with a later one.`,
    );
    const next: EscrowRecord = { ...escrow, best: use };
    if (isLender) {
      const record = end(books, lease, next, { height, timeMs });
      books.set(settlementKey(lease), encodeSettlement({ ...record, rewarded: true }));
      countReward(books, { lease, record, use, fact, hash, height });
    } else if (use.final) end(books, lease, next, { height, timeMs });
    else {
      // The first one opens the window; later ones do not make it longer.
      const closesAtMs = escrow.best === null ? timeMs + books.params.disputeMs : escrow.closesAtMs;
      books.set(dueKey(escrow.closesAtMs, 'e', lease), null);
      books.set(dueKey(closesAtMs, 'e', lease), NOTHING);
      books.set(escrowKey(lease), encodeEscrow({ ...next, closesAtMs }));
    }
  },

  'lease.reclaim': ({ books, fields: { lease }, height, timeMs }) => {
    const escrow = books.read(escrowKey(lease), decodeEscrow);
    refuseUnless(
      escrow !== null,
      'ESCROW_UNKNOWN',
      'No money is set aside for this lease, so there is nothing to end.',
    );
    refuseUnless(
      escrow.closesAtMs <= timeMs,
      'TOO_EARLY',
      `The other side may still bring a receipt for ${escrow.closesAtMs - timeMs} ms; after that the network ends it by itself.`,
    );
    end(books, lease, escrow, { height, timeMs });
  },
};

/** The borrower settled, or time did: what the lender showed of the lease still counts for its reward, once. */
const claimReward = (
  books: Books,
  lease: Uint8Array,
  record: SettlementRecord,
  claim: {
    isLender: boolean;
    use: SettledUse;
    fact: Parameters<typeof countReward>[1]['fact'];
    hash: Uint8Array;
    height: number;
    timeMs: number;
  },
): void => {
  const { isLender, use, fact, hash, height, timeMs } = claim;
  refuseUnless(
    isLender && !record.rewarded,
    'SETTLED_ALREADY',
    'The lease is settled, and nothing is left to be paid or counted.',
  );
  refuseUnless(
    record.use !== null && sameBytes(record.use.receipt, use.receipt) && record.use.asset === use.asset,
    'SETTLED_OTHERWISE',
    'The lease was settled by another receipt; show that one to have it counted for the reward.',
  );
  refuseUnless(
    timeMs <= record.atMs + books.params.disputeMs,
    'TOO_LATE',
    'The lease was settled too long ago to be counted for a reward.',
  );
  books.set(settlementKey(lease), encodeSettlement({ ...record, rewarded: true }));
  countReward(books, { lease, record, use, fact, hash, height });
};
