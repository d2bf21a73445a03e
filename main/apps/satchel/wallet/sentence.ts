import { accountText } from '../../caesar/index.ts';
import type { WalletEntry } from '../../../../preload/contract/index.ts';
import { caesText } from './amount.ts';
import { hexOf } from './economy.ts';
import type { EntryRow } from './rows.ts';

/** What a transaction did whose account only paid its fee. */
const FEE_OF: Readonly<Record<string, string>> = {
  'node.bind': 'Fee for having what this node lends paid to the account.',
  'lease.settle': 'Fee for settling a lease by its last receipt.',
  'lease.reclaim': 'Fee for ending the escrow of a lease whose time was over.',
  'validator.join': 'Fee for becoming a validator.',
  'validator.leave': 'Fee for leaving as a validator.',
  'member.admit': 'Fee for admitting a member.',
  'member.remove': 'Fee for putting a member out.',
  'params.set': 'Fee for changing parameters of the network.',
  'asset.list': 'Fee for listing an asset that is lent.',
  'asset.unlist': 'Fee for taking an asset off the list.',
  proposed: 'Fees of a block that this account’s node proposed.',
};

/** One sentence about a line of the history. @param other - name of the other side, or its address */
export const sentenceOf = (row: EntryRow, other: string): string => {
  const amount = caesText(row.deltaMicro < 0n ? -row.deltaMicro - row.feeMicro : row.deltaMicro);
  const [what = '', value = ''] = row.detail.split(':');
  switch (row.kind) {
    case 'sent':
      return `Sent ${amount} to ${other}.`;
    case 'received':
      return `Received ${amount} from ${other}.`;
    case 'lent':
      return `${amount} for what was lent to ${other}.`;
    case 'borrowed':
      return what === 'setAside'
        ? `Set ${amount} aside for a lease; what it does not cost comes back.`
        : `A lease from ${other} cost ${caesText(BigInt(value))}; the rest of what was set aside came back.`;
    case 'reward':
      return `Reward for proven use in epoch ${value}.`;
    case 'yield':
      return 'Yield of the stake.';
    case 'staked':
      return `Staked ${amount}.`;
    case 'unstaked':
      return what === 'asked'
        ? `Asked for ${caesText(BigInt(value))} of the stake back; it is free after the waiting time.`
        : `${amount} of the stake became free.`;
    case 'fee':
      return FEE_OF[what] ?? 'Fee of a transaction.';
    case 'slashed':
      return `The network took ${amount} of the stake, because this account’s node contradicted itself.`;
    case 'genesis':
      return 'What the network gave this account at its beginning.';
    case 'other':
      return what === 'opening'
        ? `What the account had at block ${row.height}; what happened before is not known here.`
        : 'Changes of blocks that are not here.';
  }
};

/** @param nameOf - empty for an account without a name */
export const entryView = (
  row: EntryRow,
  account: string,
  state: WalletEntry['state'],
  nameOf: (address: string) => string,
): WalletEntry => {
  const other = row.other === null ? null : accountText(row.other);
  const otherName = other === null ? '' : nameOf(other);
  return {
    id: entryId(row),
    account,
    kind: row.kind,
    deltaMicro: row.deltaMicro.toString(),
    feeMicro: row.feeMicro.toString(),
    other,
    otherName,
    memo: row.memo,
    lease: row.lease === null ? null : `lease-${hexOf(row.lease)}`,
    transaction: row.transaction === null ? null : hexOf(row.transaction),
    height: state === 'final' ? row.height : null,
    atMs: row.atMs,
    state,
    sentence: sentenceOf(row, otherName === '' ? (other ?? 'somebody') : otherName),
  };
};

const entryId = ({ atMs, place, accountId }: Pick<EntryRow, 'atMs' | 'place' | 'accountId'>): string =>
  `${atMs}-${place}-${accountId}`;
const ENTRY_ID = /^(\d{1,16})-(\d{1,10})-(\d{1,10})$/;
/** @returns null for what is none */
export const parseEntryId = (id: string): Pick<EntryRow, 'atMs' | 'place' | 'accountId'> | null => {
  const found = ENTRY_ID.exec(id);
  return found === null ? null : { atMs: Number(found[1]), place: Number(found[2]), accountId: Number(found[3]) };
};
