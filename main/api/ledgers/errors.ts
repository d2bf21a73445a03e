import { NodeError } from '../../base/index.ts';

/** What the keeper of a network asked for and cannot have. */
export class LedgerDeskError extends NodeError<
  | { code: 'IDENTITY_NONE' }
  | { code: 'IDENTITY_LOCKED' }
  | { code: 'GENESIS_INVALID'; problem: string }
  | { code: 'NAME_TAKEN'; name: string }
  | { code: 'BLOCK_UNKNOWN'; height: number }
> {
  override readonly name = 'LedgerDeskError';
}
