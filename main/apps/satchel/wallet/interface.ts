import type { EventSource, Startable } from '../../../base/index.ts';
import type {
  Contact,
  DraftRequest,
  PaymentRequest,
  WalletDraft,
  WalletEntry,
  WalletView,
} from '../../../../preload/contract/index.ts';

/** Asks the owner, where the page cannot answer for them: the desktop brings a dialog of the main process. */
export interface ApprovalDialog {
  /** Shows all that would be signed. Resolves false when it is declined, or closed. One at a time. */
  ask(draft: WalletDraft): Promise<boolean>;
}
/** By which way a request to sign came in. Only the window's own may be answered by the dialog. */
export interface Approver {
  face: 'window' | 'api';
  passphrase: string | undefined;
}
export interface HistoryQuery {
  account?: string | undefined;
  kind?: WalletEntry['kind'] | undefined;
  fromMs?: number | undefined;
  toMs?: number | undefined;
  text?: string | undefined;
  before?: string | undefined;
  /** So many are left out first. @default 0 */
  offset?: number | undefined;
  limit: number;
}
export interface WalletEvents {
  changed: null;
}
/** Accounts of one phrase on the current ledger. Keys never leave the workers; errors are {@link WalletError}. */
export interface Wallet extends Startable, EventSource<WalletEvents> {
  view(): Promise<WalletView>;
  /** @throws `ACCOUNTS_FULL` | `ACCOUNT_KNOWN` | `NAME_TAKEN` | `ADDRESS_WRONG` | `IDENTITY_LOCKED` */
  addAccount(request: { name: string; watch?: string | undefined }): Promise<WalletView>;
  rename(account: string, name: string): Promise<WalletView>;
  /** @throws `ACCOUNT_IN_USE` for the first one, which the node itself uses */
  removeAccount(account: string): Promise<WalletView>;
  history(query: HistoryQuery): Promise<{ entries: WalletEntry[]; total: number }>;
  exportHistory(account: string | undefined): Promise<{ fileName: string; csv: string }>;
  draft(request: DraftRequest): Promise<WalletDraft>;
  approve(
    draft: string,
    by: Approver,
  ): Promise<
    | { signed: 'transaction'; transaction: string; entry: WalletEntry }
    | { signed: 'message'; file: string; fileName: string }
  >;
  settled(
    transaction: string,
  ): Promise<{ state: 'waiting' | 'final' | 'dropped'; height: number | null; reason: string }>;
  verifyMessage(file: Uint8Array): Promise<{
    passed: boolean;
    address: string | null;
    name: string;
    message: string;
    atMs: number | null;
    sentence: string;
  }>;
  contacts(): Contact[];
  setContact(contact: Contact): Promise<Contact[]>;
  removeContact(address: string): Promise<Contact[]>;
  requests(): Promise<PaymentRequest[]>;
  request(request: {
    account?: string | undefined;
    amount?: string | undefined;
    memo: string;
  }): Promise<PaymentRequest>;
  removeRequest(id: string): Promise<PaymentRequest[]>;
  set(change: {
    lockAfterMinutes?: number | undefined;
    priceList?: WalletView['priceList'] | undefined;
  }): Promise<WalletView>;
  /** Name in the address book or of an own account; empty without one. */
  nameOf(address: string): string;
  /** The owner did something: the time until it locks begins again. */
  touch(): void;
}
