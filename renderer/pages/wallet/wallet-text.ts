import type { WalletAccount, WalletEntry, WalletView } from '../../../preload/contract/index.ts';
import { nameOrAddress } from '../../components/address.tsx';
import { caesText } from '../../components/quantity.ts';

export type EntryKind = WalletEntry['kind'];

/** Kinds in the order of the filter, with the word that a person looks for. */
export const ENTRY_KINDS: readonly { kind: EntryKind; label: string }[] = [
  { kind: 'sent', label: 'Sent' },
  { kind: 'received', label: 'Received' },
  { kind: 'lent', label: 'Lent' },
  { kind: 'borrowed', label: 'Borrowed' },
  { kind: 'reward', label: 'Rewards' },
  { kind: 'yield', label: 'Yield of the stake' },
  { kind: 'staked', label: 'Staked' },
  { kind: 'unstaked', label: 'Taken out of the stake' },
  { kind: 'fee', label: 'Fees' },
  { kind: 'slashed', label: 'Slashed' },
  { kind: 'genesis', label: 'From the start' },
  { kind: 'other', label: 'Other' },
];

/** First line of an entry: what happened, and with whom. */
export const entryTitle = (entry: WalletEntry): string => {
  const other = nameOrAddress(entry.otherName, entry.other);
  switch (entry.kind) {
    case 'sent':
      return `Sent to ${other}`;
    case 'received':
      return `Received from ${other}`;
    case 'lent':
      return `Lent to ${other}`;
    case 'borrowed':
      return `Borrowed from ${other}`;
    case 'reward':
      return 'Reward for what was lent';
    case 'yield':
      return 'Yield of the stake';
    case 'staked':
      return 'Put into the stake';
    case 'unstaked':
      return 'Taken out of the stake';
    case 'fee':
      // A validator gets a part of the fees of the blocks that it proposes.
      return entry.deltaMicro.startsWith('-') ? 'Fee' : 'Part of the fees, for a block proposed';
    case 'slashed':
      return 'Slashed from the stake';
    case 'genesis':
      return 'From the start of the network';
    case 'other':
      return entry.other === null && entry.otherName === '' ? 'Other change' : `Other change with ${other}`;
  }
};

/** What several accounts have together, micro-CAES. */
export interface Sums {
  available: bigint;
  escrowed: bigint;
  staked: bigint;
  unbonding: bigint;
  incoming: bigint;
  outgoing: bigint;
}
export const sumsOf = (accounts: readonly WalletAccount[]): Sums => {
  const sum = (read: (account: WalletAccount) => string): bigint =>
    accounts.reduce((total, account) => total + BigInt(read(account)), 0n);
  return {
    available: sum((account) => account.availableMicro),
    escrowed: sum((account) => account.escrowedMicro),
    staked: sum((account) => account.stakedMicro),
    unbonding: sum((account) => account.unbondingMicro),
    incoming: sum((account) => account.incomingMicro),
    outgoing: sum((account) => account.outgoingMicro),
  };
};

export const ownAccounts = (view: WalletView): WalletAccount[] =>
  view.accounts.filter((account) => account.kind === 'own');

/** An account in a list to choose from: `main, 12.5 CAES available`. */
export const accountLabel = (account: WalletAccount): string =>
  `${account.name}, ${caesText(BigInt(account.availableMicro))} available`;

/** Per mille of a year as percent: `35` is `3.5 % a year`. */
export const yieldText = (permille: number): string => `${Number((permille / 10).toFixed(1))} % a year`;

/** Local midnight of a day as `<input type="date">` writes it, ms since 1970; undefined where it is none. */
export const dayStartMs = (day: string, daysLater = 0): number | undefined => {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  if (found === null) return undefined;
  const atMs = new Date(Number(found[1]), Number(found[2]) - 1, Number(found[3]) + daysLater).getTime();
  return Number.isNaN(atMs) || atMs < 0 ? undefined : atMs;
};
