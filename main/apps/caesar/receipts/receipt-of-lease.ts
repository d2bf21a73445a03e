import type { SignedTransaction } from '../../../kernel/blocks/index.ts';
import type { FollowedLedger, Ledgers } from '../../../kernel/consensus/index.ts';
import { decodeLeaseFile } from '../../../kernel/leases/formats/index.ts';
import { type LeaseId, leaseIdBytes, type Leases } from '../../../kernel/leases/index.ts';
import { CaesarError } from '../errors.ts';
import type { Caesar } from '../interface.ts';
import type { SettlementView } from '../ledger/interface.ts';
import { sameBytes, settlementKey } from '../ledger/keys.ts';
import { readSettlement } from '../ledger/read-state.ts';
import { makeReceipt } from './format.ts';

/** A settlement whose receipt waited for a later one is booked so many blocks after it came, at most. */
const BLOCKS_BACK_MAX = 2_000;

/** The transaction that brought the receipt which was paid by; null where its block is not kept here. */
const settlingTransaction = async (
  { replica }: FollowedLedger,
  { height, use }: SettlementView,
): Promise<SignedTransaction | null> => {
  if (use === null) return null;
  for (let at = height; at > Math.max(0, height - BLOCKS_BACK_MAX); at--) {
    const block = await replica.block(at);
    if (block === null) return null;
    const found = block.transactions.find(({ hash }) => sameBytes(hash, use.transaction));
    if (found !== undefined) return found;
  }
  return null;
};

/**
 * Receipts of leases that a ledger of this node paid for, docs/formats/receipt-file.md.
 *
 * @returns as {@link Caesar.receipt} has it; also throws as `Leases.find` does
 */
export const createReceiptMaker =
  ({ ledgers, leases }: { ledgers: Pick<Ledgers, 'list'>; leases: Pick<Leases, 'find' | 'file'> }): Caesar['receipt'] =>
  async (text) => {
    const id: LeaseId = await leases.find(text);
    const lease = leaseIdBytes(id);
    const notSettled = (why: string): CaesarError =>
      new CaesarError({ code: 'NOT_SETTLED', lease: id }, `There is no receipt for ${id} yet: ${why}`);
    for (const ledger of ledgers.list()) {
      const settlement = readSettlement(ledger.replica.state(), lease);
      if (settlement === null) continue;
      if (settlement.use === null)
        throw notSettled('its escrow ended without anybody bringing a receipt of its use, so nothing was paid.');
      const transaction = await settlingTransaction(ledger, settlement);
      if (transaction === null)
        throw notSettled('the block that it was settled in is not kept here; ask the other side for the file.');
      const { offer, request } = decodeLeaseFile((await leases.file(id)).bytes);
      if (offer === null || request === null)
        throw notSettled('its offer and request were not kept, as it was lent to somebody unknown.');
      const bytes = makeReceipt({
        genesis: ledger.genesisBytes,
        offer,
        request,
        transaction: transaction.encoded,
        proof: null,
        ledgerProof: await ledger.replica.prove(settlementKey(lease)),
      });
      return { fileName: `${id}.hmreceipt`, bytes };
    }
    throw notSettled('no ledger of this node has settled it; see `hypermesh rewards why`.');
  };
