import {
  type AssetId,
  type SqlValue,
  type Statement,
  type Store,
  decodeCbor,
  encodeCbor,
  sha256,
} from '../../base/index.ts';
import type { AssetEvent } from '../../../preload/contract/index.ts';
import { hex } from './format/strict.ts';
import type { Hash, SignedTransaction, StateUpdate } from './interface.ts';

/** What a list of blocks shows of a body, so that it need not be opened for it. */
export interface BodySummary {
  transactions: number;
  kinds: string[];
  asset: string | null;
}

export interface BlockRow {
  height: number;
  hash: Hash;
  timeMs: number;
  header: Uint8Array;
  /** Null: pruned. */
  sealed: Uint8Array | null;
  sealedBytes: number;
  summary: BodySummary;
}
/** A row without the body, which is the large part. */
export type BlockLine = Omit<BlockRow, 'sealed'> & { pruned: boolean };

type Row = Record<string, SqlValue>;

export const summaryOf = (transactions: readonly SignedTransaction[]): BodySummary => {
  const assets = new Set(transactions.flatMap(({ transaction: { asset } }) => (asset === null ? [] : [asset])));
  return {
    transactions: transactions.length,
    kinds: [...new Set(transactions.map(({ transaction: { kind } }) => kind))],
    asset: assets.size === 1 ? ([...assets][0] ?? null) : null,
  };
};

/** An event of an asset as it is stored; its number comes from the state. */
export interface EventRow {
  asset: AssetId;
  sequence: number;
  kind: string;
  hash: Hash;
  previous: Hash | null;
  height: number;
  atMs: number;
}

const LINE = 'height, hash, stamped_at_ms, header, sealed IS NULL AS pruned, sealed_bytes, summary';

const toLine = (row: Row): BlockLine => ({
  height: row['height'] as number,
  hash: row['hash'] as Uint8Array,
  timeMs: row['stamped_at_ms'] as number,
  header: row['header'] as Uint8Array,
  pruned: row['pruned'] === 1,
  sealedBytes: row['sealed_bytes'] as number,
  summary: decodeCbor(row['summary'] as Uint8Array) as BodySummary,
});

/** Rows that are read at once where a whole table is gone through: some MB at most. */
const PAGE_ROWS = 1000;

/** The chain's tables. Knows rows and nothing of what they mean. */
export class ChainStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async head(): Promise<{ height: number; pruned: number } | null> {
    const row = await this.#store.get('chain.head', 'SELECT height, pruned FROM chain_head WHERE id = 1');
    return row === undefined ? null : { height: row['height'] as number, pruned: row['pruned'] as number };
  }
  /** Bytes of headers and bodies, and number of assets, up to a height. */
  async totals(height: number): Promise<{ storedBytes: number; assets: number }> {
    const bytes = await this.#store.get(
      'chain.bytes',
      'SELECT coalesce(sum(length(header) + coalesce(length(sealed), 0)), 0) AS bytes FROM blocks WHERE height <= ?',
      [height],
    );
    const assets = await this.#store.get(
      'chain.assets',
      'SELECT count(DISTINCT asset) AS assets FROM asset_events WHERE height <= ?',
      [height],
    );
    return { storedBytes: bytes!['bytes'] as number, assets: assets!['assets'] as number };
  }
  /** Deletes what an import that was cut short has left. */
  async sweep(height: number): Promise<void> {
    const left = await this.#store.get(
      'chain.left',
      'SELECT (SELECT count(*) FROM (SELECT 1 FROM blocks WHERE height > ? LIMIT 1)) + (SELECT count(*) FROM (SELECT 1 FROM chain_attachments WHERE height > ? LIMIT 1)) + (SELECT count(*) FROM (SELECT 1 FROM ledger_incoming LIMIT 1)) AS left',
      [height, height],
    );
    // A start writes nothing where there is nothing to do: the disk may be full.
    if (left!['left'] === 0) return;
    await this.#store.transaction('chain.sweep', [
      { sql: 'DELETE FROM blocks WHERE height > ?', params: [height] },
      { sql: 'DELETE FROM asset_events WHERE height > ?', params: [height] },
      { sql: 'DELETE FROM chain_attachments WHERE height > ?', params: [height] },
      { sql: 'DELETE FROM ledger_incoming', params: [] },
    ]);
  }

  /** Newest first. */
  async lines(below: number, limit: number): Promise<BlockLine[]> {
    const rows = await this.#store.all(
      'chain.list',
      `SELECT ${LINE} FROM blocks WHERE height < ? ORDER BY height DESC LIMIT ?`,
      [below, limit],
    );
    return rows.map(toLine);
  }
  async block(height: number): Promise<BlockRow | null> {
    const row = await this.#store.get('chain.block', `SELECT ${LINE}, sealed FROM blocks WHERE height = ?`, [height]);
    return row === undefined ? null : { ...toLine(row), sealed: row['sealed'] as Uint8Array | null };
  }
  async hashAt(height: number): Promise<Hash | null> {
    const row = await this.#store.get('chain.hash', 'SELECT hash FROM blocks WHERE height = ?', [height]);
    return row === undefined ? null : (row['hash'] as Uint8Array);
  }
  async events(asset: AssetId, height: number): Promise<AssetEvent[]> {
    const rows = await this.#store.all(
      'chain.asset',
      'SELECT sequence, kind, hash, previous, height, stamped_at_ms FROM asset_events WHERE asset = ? AND height <= ? ORDER BY sequence',
      [asset, height],
    );
    return rows.map((row) => ({
      asset,
      sequence: row['sequence'] as number,
      kind: row['kind'] as string,
      hash: hex(row['hash'] as Uint8Array),
      previous: row['previous'] === null ? null : hex(row['previous'] as Uint8Array),
      height: row['height'] as number,
      atMs: row['stamped_at_ms'] as number,
    }));
  }
  async stateValue(key: string): Promise<Uint8Array | undefined> {
    const row = await this.#store.get('chain.query', 'SELECT value FROM ledger_state WHERE key = ?', [key]);
    return row === undefined ? undefined : (row['value'] as Uint8Array);
  }
  async state(table: 'ledger_state' | 'ledger_base'): Promise<[key: string, value: Uint8Array][]> {
    const entries: [string, Uint8Array][] = [];
    for (let after = ''; ; ) {
      const rows = await this.#store.all(
        'chain.state',
        `SELECT key, value FROM ${table} WHERE key > ? ORDER BY key LIMIT ?`,
        [after, PAGE_ROWS],
      );
      for (const row of rows) entries.push([row['key'] as string, row['value'] as Uint8Array]);
      if (rows.length < PAGE_ROWS) return entries;
      after = entries.at(-1)![0];
    }
  }
  /** Names of all attachments up to a height; hex. */
  async attachmentNames(height: number): Promise<string[]> {
    const rows = await this.#store.all(
      'chain.attachments',
      'SELECT hash FROM chain_attachments WHERE height <= ? ORDER BY height, hash',
      [height],
    );
    return rows.map((row) => hex(row['hash'] as Uint8Array));
  }
  async attachment(name: string): Promise<Uint8Array | null> {
    const row = await this.#store.get('chain.attachment', 'SELECT data FROM chain_attachments WHERE hash = ?', [
      new Uint8Array(Buffer.from(name, 'hex')),
    ]);
    return row === undefined ? null : (row['data'] as Uint8Array);
  }

  async transaction(name: string, statements: readonly Statement[]): Promise<void> {
    await this.#store.transaction(name, statements);
  }
}

export const insertBlock = (row: BlockRow): Statement => ({
  sql: 'INSERT INTO blocks (height, hash, stamped_at_ms, header, sealed, sealed_bytes, summary) VALUES (?, ?, ?, ?, ?, ?, ?)',
  params: [row.height, row.hash, row.timeMs, row.header, row.sealed, row.sealedBytes, encodeCbor(row.summary)],
  changes: 1,
});
export const insertEvent = (event: EventRow): Statement => ({
  sql: 'INSERT INTO asset_events (asset, sequence, kind, hash, previous, height, stamped_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)',
  params: [event.asset, event.sequence, event.kind, event.hash, event.previous, event.height, event.atMs],
  changes: 1,
});
export const insertAttachment = (data: Uint8Array, height: number): Statement => ({
  sql: 'INSERT INTO chain_attachments (hash, height, data) VALUES (?, ?, ?)',
  params: [sha256(data), height, data],
  changes: 1,
});
export const writeState = (table: 'ledger_state' | 'ledger_base', { key, value }: StateUpdate): Statement =>
  value === null
    ? { sql: `DELETE FROM ${table} WHERE key = ?`, params: [key] }
    : {
        sql: `INSERT INTO ${table} (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        params: [key, value],
        changes: 1,
      };
/** Moves the head from one height to another; undoes the whole transaction where it is not at the first any more. */
export const moveHead = (from: number | null, to: number): Statement =>
  from === null
    ? { sql: 'INSERT INTO chain_head (id, height, pruned) VALUES (1, ?, 0)', params: [to], changes: 1 }
    : { sql: 'UPDATE chain_head SET height = ? WHERE id = 1 AND height = ?', params: [to, from], changes: 1 };
