import { sha256, type Store } from '../../../base/index.ts';
import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import { readTransaction } from '../../../kernel/blocks/index.ts';
import { fieldsOf } from './rules.ts';

/** Concluded ones are kept so long, for those who ask what became of them. */
const KEPT_MS = 90 * 24 * 3_600_000;
/** Of ledgers that this node does not follow any more. */
const WAITING_KEPT_MS = 30 * 24 * 3_600_000;
/** Nobody looks through more of what came to nothing, nor for longer. */
export const DROPPED_TOLD_MAX = 50;
export const DROPPED_TOLD_MS = 7 * 24 * 3_600_000;

/** A transaction that was sent from here; docs/formats/caesar-rows.md. */
export interface SentRow {
  hash: Uint8Array;
  ledger: string;
  account: KeyIdBytes;
  nonce: number;
  key: string | null;
  kind: string;
  /** Without nonce and fee; empty once it is final. */
  fields: Record<string, unknown>;
  feeMicro: bigint;
  encoded: Uint8Array | null;
  atMs: number;
  state: 'waiting' | 'final' | 'dropped';
  height: number | null;
  /** Why it was dropped: of the ledger's rules, or `NONCE_USED` | `EXPIRED`; empty otherwise. */
  code: string;
  reason: string;
}
/** Every call is one transaction, durable when it resolves. */
export interface SentRows {
  hashOf(encoded: Uint8Array): Uint8Array;
  /** Oldest first. */
  waiting(): Promise<SentRow[]>;
  byKey(key: string): Promise<SentRow | null>;
  byHash(hash: Uint8Array): Promise<SentRow | null>;
  /** In place of one with the same key, which was dropped. */
  insert(row: SentRow): Promise<void>;
  remove(hash: Uint8Array): Promise<void>;
  conclude(hash: Uint8Array, end: Pick<SentRow, 'state' | 'height' | 'code' | 'reason'>): Promise<void>;
  /** Newest first. */
  dropped(sinceMs: number): Promise<SentRow[]>;
  prune(nowMs: number): Promise<void>;
}

type Row = {
  hash: Uint8Array;
  ledger: string;
  account: Uint8Array;
  nonce: number;
  key: string | null;
  kind: string;
  encoded: Uint8Array | null;
  at_ms: number;
  state: SentRow['state'];
  height: number | null;
  code: string;
  reason: string;
};
const COLUMNS = 'hash, ledger, account, nonce, key, kind, encoded, at_ms, state, height, code, reason';

const rowOf = (row: Row): SentRow => {
  const { at_ms: atMs, account, ...rest } = row;
  const { fields, feeMicro } =
    row.encoded === null ? { fields: {}, feeMicro: 0n } : fieldsOf(readTransaction(row.encoded));
  return { ...rest, account, atMs, fields, feeMicro };
};

export const createSentRows = ({ store }: { store: Store }): SentRows => {
  const one = async (name: string, where: string, value: string | Uint8Array): Promise<SentRow | null> => {
    const row = await store.get<Row>(name, `SELECT ${COLUMNS} FROM caesar_sent WHERE ${where} = ?`, [value]);
    return row === undefined ? null : rowOf(row);
  };
  return {
    hashOf: (encoded) => new Uint8Array(sha256(encoded)),
    waiting: async () =>
      (
        await store.all<Row>(
          'caesar.waiting',
          `SELECT ${COLUMNS} FROM caesar_sent WHERE state = 'waiting' ORDER BY at_ms, nonce`,
        )
      ).map(rowOf),
    byKey: (key) => one('caesar.byKey', 'key', key),
    byHash: (hash) => one('caesar.byHash', 'hash', hash),
    insert: async (row) => {
      await store.transaction('caesar.sending', [
        { sql: 'UPDATE caesar_sent SET key = NULL WHERE key = ?', params: [row.key] },
        {
          sql: `INSERT INTO caesar_sent (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, '', '')`,
          params: [row.hash, row.ledger, row.account, row.nonce, row.key, row.kind, row.encoded, row.atMs, row.height],
        },
      ]);
    },
    remove: async (hash) => {
      await store.run('caesar.unsent', 'DELETE FROM caesar_sent WHERE hash = ?', [hash]);
    },
    conclude: async (hash, { state, height, code, reason }) => {
      await store.transaction('caesar.sent', [
        // A final one stands in a block; of a dropped one nothing else tells what it was.
        ...(state === 'dropped'
          ? [
              {
                sql: `INSERT INTO caesar_dropped (hash, encoded) SELECT hash, encoded FROM caesar_sent
                      WHERE hash = ? AND encoded IS NOT NULL ON CONFLICT DO NOTHING`,
                params: [hash],
              },
            ]
          : []),
        {
          sql: 'UPDATE caesar_sent SET state = ?, height = ?, code = ?, reason = ?, encoded = NULL WHERE hash = ?',
          params: [state, height, code, reason, hash],
        },
      ]);
    },
    dropped: async (sinceMs) =>
      (
        await store.all<Row>(
          'caesar.dropped',
          `SELECT ${COLUMNS.replace('encoded', 'caesar_dropped.encoded')} FROM caesar_sent JOIN caesar_dropped USING (hash)
           WHERE state = 'dropped' AND at_ms >= ? ORDER BY at_ms DESC, nonce DESC LIMIT ?`,
          [sinceMs, DROPPED_TOLD_MAX],
        )
      ).map(rowOf),
    prune: async (nowMs) => {
      await store.run(
        'caesar.prune',
        "DELETE FROM caesar_sent WHERE (state <> 'waiting' AND at_ms < ?) OR (state = 'waiting' AND at_ms < ?)",
        [nowMs - KEPT_MS, nowMs - WAITING_KEPT_MS],
      );
    },
  };
};
