import { NodeError } from '../../../base/errors.ts';

/** Why the wallet did not do something. Its sentence says what to do. */
export class WalletError extends NodeError<
  | { code: 'IDENTITY_NONE' }
  | { code: 'IDENTITY_LOCKED' }
  /** This node follows no network. */
  | { code: 'LEDGER_NONE' }
  | { code: 'ACCOUNT_UNKNOWN' }
  | { code: 'ACCOUNT_AMBIGUOUS' }
  | { code: 'ACCOUNT_KNOWN'; name: string }
  | { code: 'ACCOUNT_IN_USE' }
  | { code: 'ACCOUNTS_FULL'; max: number }
  | { code: 'WATCH_ONLY' }
  | { code: 'NAME_TAKEN'; name: string }
  /** A name that could be mistaken for something else. */
  | { code: 'NAME_WRONG' }
  /** `at`: character that is probably wrong, from 1; null where none can be told. */
  | { code: 'ADDRESS_WRONG'; at: number | null }
  | { code: 'LINK_WRONG'; problem: string }
  | { code: 'LINK_OF_ANOTHER_NETWORK'; network: string }
  /** A note that cannot be shown as it is. */
  | { code: 'MEMO_WRONG' }
  | { code: 'AMOUNT_MISSING' }
  | { code: 'AMOUNT_WRONG' }
  | { code: 'NOT_ENOUGH'; availableMicro: string; neededMicro: string }
  /** The network’s rules do not let this account do it. */
  | { code: 'NOT_ALLOWED' }
  | { code: 'PARAMETER_WRONG'; parameter: string }
  | { code: 'DRAFTS_FULL'; max: number }
  /** Never there, used, or its time is over. */
  | { code: 'DRAFT_UNKNOWN' }
  /** What would have been signed is not what was shown. Nothing was. */
  | { code: 'DRAFT_CHANGED'; what: string }
  | { code: 'DECLINED' }
  | { code: 'PASSPHRASE_NEEDED' }
  | { code: 'TRANSACTION_REFUSED'; refusal: string }
  | { code: 'TRANSACTION_UNKNOWN' }
  | { code: 'MESSAGE_MALFORMED'; problem: string }
  | { code: 'MESSAGE_NEWER'; found: number }
  | { code: 'CONTACT_UNKNOWN' }
  | { code: 'CONTACTS_FULL'; max: number }
  | { code: 'REQUEST_UNKNOWN' }
  | { code: 'REQUESTS_FULL'; max: number }
  | { code: 'HISTORY_TOO_LONG'; entries: number; max: number }
  /** What a newer version of this program kept. */
  | { code: 'WALLET_NEWER'; found: number }
> {
  override readonly name = 'WalletError';
}

export const ledgerNone = (): WalletError =>
  new WalletError(
    { code: 'LEDGER_NONE' },
    'This node follows no network yet; make an identity first, which founds one, or join a network with its genesis file.',
  );
export const draftUnknown = (): WalletError =>
  new WalletError(
    { code: 'DRAFT_UNKNOWN' },
    'There is nothing of that name to sign: it was signed already, or more than five minutes have passed. Prepare it again and look at it once more.',
  );
