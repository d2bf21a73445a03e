import { type CaesarTransaction, accountText, readCaesarTransaction } from '../../caesar/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { SignedTransaction } from '../../../kernel/blocks/index.ts';
import type { AccountFacts, Ledgered } from './facts.ts';
import { hexOf, type Outcomes, sameBytes } from './economy.ts';
import type { EntryRow } from './rows.ts';

// How what is available to an account changed: line by line, so that all lines together are its balance. docs/formats/wallet-rows.md

/** Places in a block: transactions, then what they and time did, then what is left. */
const TRANSACTION_PLACES = 4;
const SETTLEMENT_PLACE = 1_000_000;
const PAYOUT_PLACE = 2_000_000;
const REST_PLACE = 3_000_000;

export interface BlockPlace {
  height: number;
  atMs: number;
}
export interface Tracked {
  id: number;
  account: KeyIdBytes;
}

const sum = (amounts: Iterable<bigint>): bigint => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
};

type Parts = Pick<EntryRow, 'place' | 'kind' | 'deltaMicro'> &
  Partial<Pick<EntryRow, 'feeMicro' | 'other' | 'memo' | 'lease' | 'transaction' | 'detail'>>;
const entryOf = ({ id }: Tracked, { height, atMs }: BlockPlace, parts: Parts): EntryRow => {
  const { other = null, memo = '', lease = null, transaction = null } = parts;
  return {
    accountId: id,
    atMs,
    height,
    feeMicro: 0n,
    detail: '',
    ...parts,
    other,
    memo,
    lease,
    transaction,
    search: [
      memo.normalize('NFC').toLowerCase(),
      other === null ? '' : accountText(other),
      lease === null ? '' : `lease-${hexOf(lease)}`,
      transaction === null ? '' : hexOf(transaction),
    ].join('\n'),
  };
};

/** What an own transaction takes out of what is available, besides its fee. */
const ownPart = (
  transaction: CaesarTransaction,
): Pick<EntryRow, 'kind' | 'deltaMicro'> & Partial<Pick<EntryRow, 'other' | 'memo' | 'lease' | 'detail'>> => {
  switch (transaction.kind) {
    case 'account.transfer': {
      const { to, amount, memo } = transaction.fields;
      return { kind: 'sent', deltaMicro: -amount, other: to, memo };
    }
    case 'lease.escrow':
      return {
        kind: 'borrowed',
        deltaMicro: -transaction.fields.most,
        lease: transaction.fields.lease,
        detail: 'setAside',
      };
    case 'stake.bond':
      return { kind: 'staked', deltaMicro: -transaction.fields.amount };
    case 'stake.unbond':
      return { kind: 'unstaked', deltaMicro: 0n, detail: `asked:${transaction.fields.amount}` };
    case 'lease.settle':
    case 'lease.reclaim':
      return { kind: 'fee', deltaMicro: 0n, lease: transaction.fields.lease, detail: transaction.kind };
    default:
      return { kind: 'fee', deltaMicro: 0n, detail: transaction.kind };
  }
};

/** By key id in hex. */
export type TrackedAccounts = ReadonlyMap<string, Tracked>;

/** What the transactions of a block did to accounts. Most blocks are about none of them, and are passed over quickly. */
export const explainTransactions = (
  tracked: TrackedAccounts,
  block: BlockPlace,
  transactions: readonly Pick<SignedTransaction, 'hash' | 'transaction' | 'signerBytes'>[],
): EntryRow[] =>
  transactions.flatMap((signed, index) => {
    const { data } = signed.transaction;
    const to = (data as { to?: unknown } | null)?.to;
    const signer = tracked.get(hexOf(signed.signerBytes));
    const payee = to instanceof Uint8Array ? tracked.get(hexOf(to)) : undefined;
    if (signer === undefined && payee === undefined) return [];
    // A kind that a newer version brought: what it did shows in the rest.
    const found = readCaesarTransaction(signed);
    if (found === null) return [];
    const lines: EntryRow[] = [];
    const place = index * TRANSACTION_PLACES;
    if (signer !== undefined) {
      const part = ownPart(found);
      lines.push(
        entryOf(signer, block, {
          ...part,
          place,
          deltaMicro: part.deltaMicro - found.fee,
          feeMicro: found.fee,
          transaction: signed.hash,
        }),
      );
    }
    if (found.kind === 'account.transfer' && payee !== undefined)
      lines.push(
        entryOf(payee, block, {
          place: place + 1,
          kind: 'received',
          deltaMicro: found.fields.amount,
          other: signed.signerBytes,
          memo: found.fields.memo,
          transaction: signed.hash,
        }),
      );
    return lines;
  });

/** What accounts put into their stakes in a block, by id. */
export const bondedOf = (lines: readonly EntryRow[], accountId: number): bigint =>
  sum(
    lines
      .filter((line) => line.accountId === accountId && line.kind === 'staked')
      .map(({ deltaMicro, feeMicro }) => -deltaMicro - feeMicro),
  );
/** Part of a block's fees that is its proposer's: each is split by itself. */
export const proposerPart = (transactions: readonly SignedTransaction[], burnPermille: number): bigint =>
  sum(
    transactions.map(({ transaction: { data } }) => {
      const fee = (data as { fee?: unknown } | null)?.fee;
      const paid = typeof fee === 'number' || typeof fee === 'bigint' ? BigInt(fee) : 0n;
      return paid - (paid * BigInt(burnPermille)) / 1000n;
    }),
  );
/** What lines say together of what is available. A stake that was slashed was not. */
export const toldOf = (lines: readonly EntryRow[]): bigint =>
  sum(lines.filter(({ kind }) => kind !== 'slashed').map(({ deltaMicro }) => deltaMicro));

/** What leases that ended and rewards that were paid did to an account, all of one block. */
export const explainOutcomes = (
  tracked: Tracked,
  block: BlockPlace,
  { settlements, payouts }: Outcomes,
): EntryRow[] => {
  const lines: EntryRow[] = [];
  const inOrder = [...settlements].sort((one, other) => Buffer.compare(one.lease, other.lease));
  inOrder.forEach((settlement, index) => {
    const { account, payee, lease, use, paid, back, burnt } = settlement;
    const place = SETTLEMENT_PLACE + index * 2;
    const transaction = use?.transaction ?? null;
    if (sameBytes(payee, tracked.account) && paid > 0n)
      lines.push(
        entryOf(tracked, block, { place, kind: 'lent', deltaMicro: paid, other: account, lease, transaction }),
      );
    if (sameBytes(account, tracked.account))
      lines.push(
        entryOf(tracked, block, {
          place: place + 1,
          kind: 'borrowed',
          deltaMicro: back,
          other: payee,
          lease,
          transaction,
          detail: `settled:${paid + burnt}`,
        }),
      );
  });
  payouts.forEach(({ account, epoch, paid }, index) => {
    if (paid > 0n && sameBytes(account, tracked.account))
      lines.push(
        entryOf(tracked, block, {
          place: PAYOUT_PLACE + index,
          kind: 'reward',
          deltaMicro: paid,
          detail: `epoch:${epoch}`,
        }),
      );
  });
  return lines;
};

/** What an account began a network with, or what it had when its history begins here. */
export const explainOpening = (tracked: Tracked, block: BlockPlace, { balanceMicro }: AccountFacts): EntryRow[] =>
  balanceMicro === 0n
    ? []
    : [
        entryOf(tracked, block, {
          place: 0,
          kind: block.height === 0 ? 'genesis' : 'other',
          deltaMicro: balanceMicro,
          detail: block.height === 0 ? '' : 'opening',
        }),
      ];

const least = (one: bigint, other: bigint): bigint => (one < other ? one : other);
const unbondingOf = ({ unbonding }: AccountFacts): bigint => sum(unbonding.map(({ amountMicro }) => amountMicro));

/**
 * What is left once all of the above is told: stakes that became free, yield that was booked, fees of blocks that the account's
 * node proposed, and what contradicting signatures cost.
 *
 * @param since.told - what all other lines since `before` say together
 * @param since.bonded - put into the stake
 * @param since.proposed - its part of the fees of blocks that its node proposed
 * @param since.accused - signatures that contradict each other, in those blocks: only they cost stake
 */
export const explainRest = (
  tracked: Tracked,
  block: BlockPlace,
  before: AccountFacts,
  after: AccountFacts,
  since: Ledgered['since'],
): EntryRow[] => {
  const lines: EntryRow[] = [];
  let place = REST_PLACE;
  const add = (parts: Omit<Parts, 'place'>): void => {
    lines.push(entryOf(tracked, block, { ...parts, place: place++ }));
  };
  let rest = after.balanceMicro - before.balanceMicro - since.told;
  const left = before.stakedMicro + unbondingOf(before) + since.bonded - (after.stakedMicro + unbondingOf(after));
  const isDue = ({ atMs }: { atMs: number }): boolean => atMs <= block.atMs;
  const dueOf = ({ unbonding }: AccountFacts): bigint =>
    sum(unbonding.filter(isDue).map(({ amountMicro }) => amountMicro));
  // What left the stake became free, unless somebody was accused: then only what was due did.
  const free = since.accused === 0n ? left : least(left, dueOf(before) - dueOf(after));
  const freed = free > 0n && rest > 0n ? least(free, rest) : 0n;
  if (freed > 0n) add({ kind: 'unstaked', deltaMicro: freed, detail: 'free' });
  rest -= freed;
  if (left > freed) add({ kind: 'slashed', deltaMicro: freed - left });
  if (since.proposed > 0n && rest >= since.proposed) {
    add({ kind: 'fee', deltaMicro: since.proposed, detail: 'proposed' });
    rest -= since.proposed;
  }
  if (rest === 0n) return lines;
  const hasStake = before.stakedMicro + since.bonded > 0n;
  add(
    rest > 0n && hasStake ? { kind: 'yield', deltaMicro: rest } : { kind: 'other', deltaMicro: rest, detail: 'rest' },
  );
  return lines;
};
