import { NodeError, type Verdict } from '../../base/index.ts';

/** Why a text is no account. Its sentence says where to look. */
export class AccountTextError extends NodeError<
  /** It has blanks, marks of a link, or something else that is never in one. */
  | { code: 'ACCOUNT_NOT_TEXT'; at: number | null }
  | { code: 'ACCOUNT_LENGTH'; characters: number; expected: number }
  | { code: 'ACCOUNT_PREFIX'; found: string }
  /** Large and small letters side by side. `at` counts from 1. */
  | { code: 'ACCOUNT_MIXED_CASE'; at: number }
  /** Its check does not fit. `at`: the only place (from 1) where one other character would make it fit; null: several are wrong. */
  | { code: 'ACCOUNT_CHECK'; at: number | null; swapped: boolean }
> {
  override readonly name = 'AccountTextError';
}

/** What the economy of a node refuses, or cannot do now. */
export class CaesarError extends NodeError<
  /** There is no identity yet, or it follows no such network. */
  | { code: 'LEDGER_NONE' }
  | { code: 'NOT_ENOUGH'; reason: string }
  /** `refusal` is the code of the ledger's rules. */
  | { code: 'TRANSACTION_REFUSED'; refusal: string; reason: string }
  | { code: 'REWARD_UNKNOWN'; id: string }
  | { code: 'NOT_SETTLED'; lease: string }
> {
  override readonly name = 'CaesarError';
}

/** Bytes that are no receipt file, or one of a newer version. */
export class ReceiptError extends NodeError<
  | { code: 'RECEIPT_MALFORMED'; problem: string; verdict: Verdict }
  | { code: 'RECEIPT_NEWER'; found: number; verdict: Verdict }
> {
  override readonly name = 'ReceiptError';
}
