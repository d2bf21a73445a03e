import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { LedgerState } from '../../../kernel/blocks/index.ts';
import { Books, createParamsReader } from '../ledger/books.ts';
import { rewardCap } from '../ledger/rewards.ts';

/** Most reward of an account in an epoch, as the ledger's own rules have it. */
export const rewardCapOf = (state: LedgerState, account: KeyIdBytes): bigint =>
  rewardCap(new Books(state, createParamsReader()), account);
