import { type CaesarTransaction, readCaesarTransaction } from '../../caesar/index.ts';
import type { PendingTransaction, Sender } from '../../caesar/index.ts';
import type { FollowedLedger } from '../../../kernel/consensus/index.ts';
import type { SignedTransaction } from '../../../kernel/blocks/index.ts';
import { INCOMING_MAX } from './constants.ts';
import { hexOf } from './economy.ts';
import { type Tracked, explainTransactions } from './explain.ts';
import type { EntryRow } from './rows.ts';

/** What is on its way: own transactions that were sent from here, and those of others that the node heard of. */
export interface Waiting {
  /** Newest first. */
  lines: readonly EntryRow[];
  /** What owners agreed to and can never become final. */
  dropped: readonly EntryRow[];
  outgoingMicro(accountId: number): bigint;
  incomingMicro(accountId: number): bigint;
}

/** As the ledger would have it: a transaction of which only what was sent is known. */
const signedOf = (
  account: Uint8Array,
  network: Uint8Array,
  { hash, kind, fields, nonce, feeMicro, atMs }: PendingTransaction,
): Pick<SignedTransaction, 'hash' | 'transaction' | 'signerBytes'> => ({
  hash,
  signerBytes: account,
  transaction: {
    version: 1,
    network,
    kind,
    asset: null,
    previous: null,
    atMs,
    data: { ...fields, nonce, fee: feeMicro },
  },
});

/** Keys of what an owner agreed to; what the node sends by itself is sent again by itself. */
const OWN_KEY = /^wallet\./;

/** Whether it can be read at all: the pool of a node holds what its rules let through, and nothing else is shown. */
const readable = (signed: Pick<SignedTransaction, 'transaction'>): CaesarTransaction | null => {
  try {
    return readCaesarTransaction(signed);
  } catch {
    return null;
  }
};

export const waitingOf = (
  ledger: FollowedLedger,
  accounts: readonly Tracked[],
  sender: Pick<Sender, 'pending' | 'dropped'>,
): Waiting => {
  const byKey = new Map(accounts.map((one) => [hexOf(one.account), one]));
  const found = new Map<string, Pick<SignedTransaction, 'hash' | 'transaction' | 'signerBytes'>>();
  for (const { account } of accounts)
    for (const pending of sender.pending(account))
      if (pending.ledger === ledger.id)
        found.set(hexOf(pending.hash), signedOf(account, ledger.replica.network, pending));
  let incoming = 0;
  for (const signed of ledger.replica.waiting()) {
    const name = hexOf(signed.hash);
    if (found.has(name)) continue;
    const to = (signed.transaction.data as { to?: unknown } | null)?.to;
    const isOwn = byKey.has(hexOf(signed.signerBytes));
    if (!isOwn && !(to instanceof Uint8Array && byKey.has(hexOf(to)))) continue;
    if (!isOwn && ++incoming > INCOMING_MAX) continue;
    if (readable(signed) !== null) found.set(name, signed);
  }
  const lines = [...found.values()]
    .flatMap((signed, index) =>
      explainTransactions(byKey, { height: 0, atMs: signed.transaction.atMs }, [signed]).map((line) => ({
        ...line,
        place: index * 4 + (line.kind === 'received' ? 1 : 0),
      })),
    )
    .sort((one, other) => other.atMs - one.atMs || other.place - one.place || other.accountId - one.accountId);
  const total = (accountId: number, sign: 1n | -1n): bigint =>
    lines
      .filter((line) => line.accountId === accountId && (sign === 1n ? line.deltaMicro > 0n : line.deltaMicro < 0n))
      .reduce((sum, { deltaMicro }) => sum + sign * deltaMicro, 0n);
  const dropped = accounts.flatMap(({ id, account }) =>
    sender
      .dropped(account)
      .filter(({ ledger: of, key }) => of === ledger.id && OWN_KEY.test(key ?? ''))
      .flatMap((one) =>
        explainTransactions(byKey, { height: 0, atMs: one.atMs }, [signedOf(account, ledger.replica.network, one)]),
      )
      // Whom it would have paid got nothing.
      .filter(({ accountId }) => accountId === id),
  );
  return {
    lines,
    dropped,
    outgoingMicro: (accountId) => total(accountId, -1n),
    incomingMicro: (accountId) => total(accountId, 1n),
  };
};
