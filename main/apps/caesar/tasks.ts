import type { Task } from '../../base/index.ts';
import type { FactInput } from './ledger/fact.ts';

/** Signatures of leases and certificates, and proofs: milliseconds to tenths of a second. */
export const caesarTasks: Record<string, Task> = {
  /** Takes a `FactInput`, gives a `TransactionFact`. */
  'caesar.fact': async (input) => (await import('./ledger/fact.ts')).findFact(input as FactInput),
  /** Takes the bytes of a receipt file, gives a `ReceiptOutcome`. */
  'caesar.verifyReceipt': async (input) => (await import('./receipts/verify.ts')).receiptOutcome(input as Uint8Array),
};
