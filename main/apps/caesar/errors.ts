import { NodeError } from '../../base/index.ts';

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
