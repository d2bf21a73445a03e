import type { SqlValue, Statement, Store } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { WalletEntry } from '../../../../preload/contract/index.ts';
import { PAYMENTS_SHARED_MAX } from './constants.ts';
import { type Ledgered, decodeLedgered, encodeLedgered } from './facts.ts';
import { sharePayments } from './request-payments.ts';

// Tables of the wallet, docs/formats/wallet-rows.md.

export interface AccountRow {
  id: number;
  account: KeyIdBytes;
  name: string;
  /** In the phrase; null for a watched one. */
  place: number | null;
  listed: boolean;
}
export interface CursorRow {
  accountId: number;
  /** Nothing is known of blocks up to this one. */
  fromHeight: number;
  /** The last block that was read. */
  height: number;
  known: Ledgered;
}
export interface EntryRow {
  accountId: number;
  /** Of the block. */
  atMs: number;
  /** In the block. */
  place: number;
  height: number;
  kind: WalletEntry['kind'];
  deltaMicro: bigint;
  feeMicro: bigint;
  other: KeyIdBytes | null;
  memo: string;
  lease: Uint8Array | null;
  transaction: Uint8Array | null;
  /** What the sentence is made of besides. */
  detail: string;
  /** In small letters. */
  search: string;
}
/** Place in the order of the history: newest first. */
export type EntryPlace = Pick<EntryRow, 'atMs' | 'place' | 'accountId'>;
export interface EntryQuery {
  accountIds: readonly number[];
  kind?: WalletEntry['kind'] | undefined;
  fromMs?: number | undefined;
  toMs?: number | undefined;
  /** In small letters, and the accounts whose names hold it. */
  text?: { text: string; others: readonly KeyIdBytes[] } | undefined;
}
export interface RequestRow {
  id: string;
  ledger: Uint8Array;
  accountId: number;
  amountMicro: bigint | null;
  memo: string;
  createdAtMs: number;
}
export interface ContactRow {
  account: KeyIdBytes;
  name: string;
  note: string;
}

/** Names in a query that are looked for one by one; more of them make no better search. */
const OTHERS_MAX = 64;
const COLUMNS =
  'account_id, at_ms, place, height, kind, delta_micro, fee_micro, other, memo, lease, tx, detail, search';

type EntryColumns = {
  account_id: number;
  at_ms: number;
  place: number;
  height: number;
  kind: string;
  delta_micro: number | bigint;
  fee_micro: number | bigint;
  other: Uint8Array | null;
  memo: string;
  lease: Uint8Array | null;
  tx: Uint8Array | null;
  detail: string;
  search: string;
};
const entryOf = (row: EntryColumns): EntryRow => ({
  accountId: row.account_id,
  atMs: row.at_ms,
  place: row.place,
  height: row.height,
  kind: row.kind as EntryRow['kind'],
  deltaMicro: BigInt(row.delta_micro),
  feeMicro: BigInt(row.fee_micro),
  other: row.other,
  memo: row.memo,
  lease: row.lease,
  transaction: row.tx,
  detail: row.detail,
  search: row.search,
});
/** Both sides are in small letters. It jumps from one first letter to the next, and so takes half the time that `instr` takes. */
const LIKE = "search LIKE ? ESCAPE '\\'";
const likePattern = (text: string): string => `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ');

/** Rows of the wallet. Every change is one transaction, durable when it resolves. */
export type WalletRows = ReturnType<typeof createWalletRows>;

export const createWalletRows = (store: Store) => {
  const where = (
    ledger: Uint8Array,
    { accountIds, kind, fromMs, toMs, text }: EntryQuery,
  ): { sql: string; params: SqlValue[] } => {
    const parts = ['ledger = ?', `account_id IN (${marks(accountIds.length)})`];
    const params: SqlValue[] = [ledger, ...accountIds];
    const add = (sql: string, ...values: SqlValue[]): void => {
      parts.push(sql);
      params.push(...values);
    };
    if (kind !== undefined) add('kind = ?', kind);
    if (fromMs !== undefined) add('at_ms >= ?', fromMs);
    if (toMs !== undefined) add('at_ms <= ?', toMs);
    if (text !== undefined) {
      const others = text.others.slice(0, OTHERS_MAX);
      const pattern = likePattern(text.text);
      if (others.length === 0) add(LIKE, pattern);
      else add(`(${LIKE} OR other IN (${marks(others.length)}))`, pattern, ...others);
    }
    return { sql: parts.join(' AND '), params };
  };
  const indexFor = ({ kind, text }: EntryQuery): string =>
    `wallet_entries_by_${text !== undefined ? 'text' : kind !== undefined ? 'kind' : 'account'}`;

  return {
    accounts: async (owner: KeyIdBytes): Promise<AccountRow[]> =>
      (
        await store.all<{ id: number; account: Uint8Array; name: string; place: number | null; listed: number }>(
          'wallet.accounts',
          'SELECT id, account, name, place, listed FROM wallet_accounts WHERE owner = ? ORDER BY place IS NULL, place, id',
          [owner],
        )
      ).map(({ listed, ...row }) => ({ ...row, listed: listed === 1 })),
    /** @throws {StoreError} `CONFLICT` when it, its name or its place is there */
    addAccount: async (owner: KeyIdBytes, { account, name, place, listed }: Omit<AccountRow, 'id'>): Promise<void> => {
      await store.run(
        'wallet.addAccount',
        'INSERT INTO wallet_accounts (owner, account, name, place, listed) VALUES (?, ?, ?, ?, ?)',
        [owner, account, name, place, listed ? 1 : 0],
      );
    },
    changeAccount: async (id: number, { name, listed }: { name: string; listed: boolean }): Promise<void> => {
      await store.run('wallet.changeAccount', 'UPDATE wallet_accounts SET name = ?, listed = ? WHERE id = ?', [
        name,
        listed ? 1 : 0,
        id,
      ]);
    },
    /** With its history. */
    removeAccount: async (id: number): Promise<void> => {
      await store.run('wallet.removeAccount', 'DELETE FROM wallet_accounts WHERE id = ?', [id]);
    },

    cursors: async (ledger: Uint8Array): Promise<CursorRow[]> =>
      (
        await store.all<{ account_id: number; from_height: number; height: number; facts: Uint8Array }>(
          'wallet.cursors',
          'SELECT account_id, from_height, height, facts FROM wallet_cursors WHERE ledger = ?',
          [ledger],
        )
      ).map((row) => ({
        accountId: row.account_id,
        fromHeight: row.from_height,
        height: row.height,
        known: decodeLedgered(row.facts),
      })),
    /** Lines of the history and how far it goes now, together. A line that is there already stays as it is. */
    write: async (ledger: Uint8Array, entries: readonly EntryRow[], cursors: readonly CursorRow[]): Promise<void> => {
      const statements: Statement[] = entries.map((entry) => ({
        sql: `INSERT INTO wallet_entries (ledger, ${COLUMNS}) VALUES (?, ${marks(13)}) ON CONFLICT DO NOTHING`,
        params: [
          ledger,
          entry.accountId,
          entry.atMs,
          entry.place,
          entry.height,
          entry.kind,
          entry.deltaMicro,
          entry.feeMicro,
          entry.other,
          entry.memo,
          entry.lease,
          entry.transaction,
          entry.detail,
          entry.search,
        ],
      }));
      for (const { accountId, fromHeight, height, known } of cursors)
        statements.push({
          sql: 'INSERT INTO wallet_cursors (ledger, account_id, from_height, height, facts) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET from_height = excluded.from_height, height = excluded.height, facts = excluded.facts',
          params: [ledger, accountId, fromHeight, height, encodeLedgered(known)],
        });
      await store.transaction('wallet.write', statements);
    },
    /** The history of an account on a ledger: it will be read again. */
    forget: async (ledger: Uint8Array, accountId: number): Promise<void> => {
      await store.transaction('wallet.forget', [
        { sql: 'DELETE FROM wallet_entries WHERE ledger = ? AND account_id = ?', params: [ledger, accountId] },
        { sql: 'DELETE FROM wallet_cursors WHERE ledger = ? AND account_id = ?', params: [ledger, accountId] },
      ]);
    },

    /**
     * @param before - leaves out what is not older than it
     * @param offset - and so many after that
     */
    page: async (
      ledger: Uint8Array,
      query: EntryQuery,
      before: EntryPlace | null,
      limit: number,
      offset = 0,
    ): Promise<EntryRow[]> => {
      if (query.accountIds.length === 0 || limit === 0) return [];
      const { sql, params } = where(ledger, query);
      const older = before === null ? '' : ' AND (at_ms, place, account_id) < (?, ?, ?)';
      const place = before === null ? [] : [before.atMs, before.place, before.accountId];
      const order = 'ORDER BY at_ms DESC, place DESC, account_id DESC LIMIT ? OFFSET ?';
      const only = query.accountIds.length === 1;
      // One account without a search: an index is in the order that is wanted. A search reads the index with the texts in it, and
      // rows only of what was found: the cross join keeps that order. Otherwise the table itself is in that order.
      if (query.text !== undefined) {
        const keys = `SELECT at_ms AS t, place AS p, account_id AS a FROM wallet_entries INDEXED BY ${indexFor(query)} WHERE ${sql}${older} ${order}`;
        const rows = await store.all<EntryColumns>(
          'wallet.search',
          `SELECT ${COLUMNS} FROM (${keys}) CROSS JOIN wallet_entries NOT INDEXED ON ledger = ? AND at_ms = t AND place = p AND account_id = a ORDER BY at_ms DESC, place DESC, account_id DESC`,
          [...params, ...place, limit, offset, ledger],
        );
        return rows.map(entryOf);
      }
      const from = only ? `wallet_entries INDEXED BY ${indexFor(query)}` : 'wallet_entries NOT INDEXED';
      const rows = await store.all<EntryColumns>(
        'wallet.page',
        `SELECT ${COLUMNS} FROM ${from} WHERE ${sql}${older} ${order}`,
        [...params, ...place, limit, offset],
      );
      return rows.map(entryOf);
    },
    count: async (ledger: Uint8Array, query: EntryQuery): Promise<number> => {
      if (query.accountIds.length === 0) return 0;
      const { sql, params } = where(ledger, query);
      const row = await store.get<{ count: number }>(
        'wallet.count',
        `SELECT count(*) AS count FROM wallet_entries INDEXED BY ${indexFor(query)} WHERE ${sql}`,
        params,
      );
      return row?.count ?? 0;
    },
    byTransaction: async (ledger: Uint8Array, transaction: Uint8Array): Promise<EntryRow[]> =>
      (
        await store.all<EntryColumns>(
          'wallet.byTransaction',
          `SELECT ${COLUMNS} FROM wallet_entries WHERE tx = ? AND ledger = ? ORDER BY place`,
          [transaction, ledger],
        )
      ).map(entryOf),
    /** Whether an own account ever paid this one. */
    everPaid: async (ledger: Uint8Array, accountIds: readonly number[], other: KeyIdBytes): Promise<boolean> => {
      if (accountIds.length === 0) return false;
      const row = await store.get<{ found: number }>(
        'wallet.everPaid',
        `SELECT 1 AS found FROM wallet_entries INDEXED BY wallet_entries_by_text WHERE ledger = ? AND account_id IN (${marks(accountIds.length)}) AND kind = 'sent' AND other = ? LIMIT 1`,
        [ledger, ...accountIds, other],
      );
      return row !== undefined;
    },
    /** Accounts that own ones were paid by or paid, newest first. */
    others: async (ledger: Uint8Array, accountIds: readonly number[], limit: number): Promise<KeyIdBytes[]> => {
      if (accountIds.length === 0) return [];
      const rows = await store.all<{ other: Uint8Array }>(
        'wallet.others',
        `SELECT other FROM wallet_entries INDEXED BY wallet_entries_by_text WHERE ledger = ? AND account_id IN (${marks(accountIds.length)}) AND other IS NOT NULL GROUP BY other ORDER BY max(at_ms) DESC LIMIT ?`,
        [ledger, ...accountIds, limit],
      );
      return rows.map(({ other }) => other);
    },
    /** What came in for the request with a note that was made at a time; what paid another request with that note is left out. */
    paidWith: async (ledger: Uint8Array, accountId: number, memo: string, createdAtMs: number): Promise<bigint> => {
      const asked = await store.all<{ id: string; amount: number | bigint | null; at: number }>(
        'wallet.asked',
        'SELECT id, amount_micro AS amount, created_at_ms AS at FROM wallet_requests WHERE ledger = ? AND account_id = ? AND memo = ? ORDER BY created_at_ms, id',
        [ledger, accountId, memo],
      );
      const requests = asked.map(({ id, amount, at }) => ({
        id,
        amountMicro: amount === null ? null : BigInt(amount),
        createdAtMs: at,
      }));
      const own = requests.find((one) => one.createdAtMs === createdAtMs);
      const [oldest] = requests;
      if (own === undefined || oldest === undefined) return 0n;
      const from = `FROM wallet_entries INDEXED BY wallet_entries_by_kind WHERE ledger = ? AND account_id = ? AND kind = 'received' AND at_ms >= ? AND memo = ?`;
      const params = [ledger, accountId, oldest.createdAtMs, memo];
      if (requests.length === 1) {
        const row = await store.get<{ paid: number | bigint | null }>(
          'wallet.paidWith',
          `SELECT sum(delta_micro) AS paid ${from}`,
          params,
        );
        return BigInt(row?.paid ?? 0);
      }
      const payments = await store.all<{ amount: number | bigint; at: number }>(
        'wallet.paidWithEach',
        `SELECT delta_micro AS amount, at_ms AS at ${from} ORDER BY at_ms DESC, place DESC LIMIT ?`,
        [...params, PAYMENTS_SHARED_MAX],
      );
      const shared = sharePayments(
        requests,
        payments.map(({ amount, at }) => ({ amountMicro: BigInt(amount), atMs: at })).reverse(),
      );
      return shared.get(own.id) ?? 0n;
    },

    contacts: async (): Promise<ContactRow[]> =>
      await store.all<{ account: Uint8Array; name: string; note: string }>(
        'wallet.contacts',
        'SELECT account, name, note FROM wallet_contacts ORDER BY name',
      ),
    /** @throws {StoreError} `CONFLICT` when another has the name */
    setContact: async ({ account, name, note }: ContactRow): Promise<void> => {
      await store.run(
        'wallet.setContact',
        'INSERT INTO wallet_contacts (account, name, note) VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET name = excluded.name, note = excluded.note',
        [account, name, note],
      );
    },
    removeContact: async (account: KeyIdBytes): Promise<boolean> =>
      (await store.run('wallet.removeContact', 'DELETE FROM wallet_contacts WHERE account = ?', [account])) > 0,

    requests: async (ledger: Uint8Array, accountIds: readonly number[]): Promise<RequestRow[]> => {
      if (accountIds.length === 0) return [];
      const rows = await store.all<{
        id: string;
        ledger: Uint8Array;
        account_id: number;
        amount_micro: number | bigint | null;
        memo: string;
        created_at_ms: number;
      }>(
        'wallet.requests',
        `SELECT id, ledger, account_id, amount_micro, memo, created_at_ms FROM wallet_requests WHERE ledger = ? AND account_id IN (${marks(accountIds.length)}) ORDER BY created_at_ms DESC, id`,
        [ledger, ...accountIds],
      );
      return rows.map((row) => ({
        id: row.id,
        ledger: row.ledger,
        accountId: row.account_id,
        amountMicro: row.amount_micro === null ? null : BigInt(row.amount_micro),
        memo: row.memo,
        createdAtMs: row.created_at_ms,
      }));
    },
    requestCount: async (): Promise<number> =>
      (await store.get<{ count: number }>('wallet.requestCount', 'SELECT count(*) AS count FROM wallet_requests'))
        ?.count ?? 0,
    addRequest: async ({ id, ledger, accountId, amountMicro, memo, createdAtMs }: RequestRow): Promise<void> => {
      await store.run(
        'wallet.addRequest',
        'INSERT INTO wallet_requests (id, ledger, account_id, amount_micro, memo, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)',
        [id, ledger, accountId, amountMicro, memo, createdAtMs],
      );
    },
    removeRequest: async (id: string): Promise<boolean> =>
      (await store.run('wallet.removeRequest', 'DELETE FROM wallet_requests WHERE id = ?', [id])) > 0,
  };
};
