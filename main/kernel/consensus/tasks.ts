import { isNodeError, type Task } from '../../base/index.ts';
import type { Domain } from '../../base/crypto/index.ts';
import type { SignedTransaction } from '../blocks/index.ts';

/** A transaction that holds, without its bytes: whoever asked has them. */
export type OpenedTransaction = Omit<SignedTransaction, 'encoded'>;

/** FALCON takes two milliseconds to verify. Each task loads what it needs when it first runs. */
export const consensusTasks: Record<string, Task> = {
  /** Takes domain and encoded records, gives for each whether it holds. */
  'consensus.verifyRecords': async (input) => {
    const { domain, records } = input as { domain: Domain; records: readonly Uint8Array[] };
    const { verifyRecord } = await import('../../base/crypto/index.ts');
    return records.map((record) => {
      try {
        verifyRecord(record, { domain });
        return true;
      } catch (error) {
        // Expected ones only: a bug must end as one.
        if (isNodeError(error)) return false;
        throw error;
      }
    });
  },
  /** Takes encoded transactions, gives {@link OpenedTransaction} or null for each. */
  'consensus.openTransactions': async (input) => {
    const { openTransaction } = await import('../blocks/index.ts');
    return (input as readonly Uint8Array[]).map((encoded): OpenedTransaction | null => {
      try {
        const { encoded: _, ...opened } = openTransaction(encoded);
        return opened;
      } catch (error) {
        if (isNodeError(error)) return null;
        throw error;
      }
    });
  },
};
