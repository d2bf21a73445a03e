import { NodeError } from '../../../base/index.ts';

/** Rows of a ledger that are not what was written. */
export class LedgerStoreError extends NodeError<
  | {
      code: 'ROWS_DAMAGED';
      network: string;
      table: 'ledger_networks' | 'ledger_blocks' | 'ledger_wal' | 'ledger_entries' | 'ledger_sets';
      problem: string;
    }
  /** Asked for before there was anything of the network. */
  | { code: 'LEDGER_NOT_BEGUN'; network: string }
> {
  override readonly name = 'LedgerStoreError';
}
