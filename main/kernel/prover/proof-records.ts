import { decodeCbor, encodeCbor, type AssetId, type Statement, type Store } from '../../base/index.ts';
import type { ProofEntry, ProofVerdict, ProvenCapacity, Reading } from '../../../preload/contract/index.ts';
import { ENTRIES_MAX, ENTRIES_PER_ASSET_MAX, FILES_PER_ASSET_MAX } from './constants.ts';

/** A proof as this node keeps it: what faces see, and what the schedule has to know. */
export interface KeptEntry extends ProofEntry {
  /** What the owner lent of the asset when it was made, in percent. */
  level: number;
  /** All that the hardware had then; null: not known. */
  assetCapacity: number | null;
}

/** The table of proofs. One writer: the prover. */
export interface ProofRecords {
  /** Durable with its proof when it resolves; the oldest beyond the limits are dropped in the same step. */
  add(entry: KeptEntry, proof: Uint8Array, attachments: ReadonlyMap<string, Uint8Array>): Promise<void>;
  setHeight(id: string, height: number): Promise<void>;
  remove(id: string): Promise<void>;
  /** Entries made for blocks of which nothing says that the block was stored: what a crash left between the two. */
  pending(): Promise<KeptEntry[]>;
  /** Newest first. */
  list(query: { asset?: AssetId | undefined; limit: number }): Promise<KeptEntry[]>;
  /** Newest first; of every asset that has any, at most `limit` each. */
  newest(limit: number): Promise<Map<string, KeptEntry[]>>;
  /** @returns null when there is none, or only its verdict is kept */
  proof(id: string): Promise<{ entry: KeptEntry; proof: Uint8Array; attachments: Map<string, Uint8Array> } | null>;
}

type Row = {
  id: string;
  asset: string;
  purpose: string;
  cause: string;
  made_at_ms: number;
  took_ms: number;
  size_bytes: number;
  level: number;
  asset_capacity: number | null;
  verdict: Uint8Array;
  capacity: Uint8Array;
  height: number | null;
};
const COLUMNS =
  'id, asset, purpose, cause, made_at_ms, took_ms, size_bytes, level, asset_capacity, verdict, capacity, height';

const entryOf = (row: Row): KeptEntry => ({
  id: row.id,
  asset: row.asset,
  purpose: row.purpose,
  madeAtMs: row.made_at_ms,
  tookMs: row.took_ms,
  sizeBytes: row.size_bytes,
  verdict: decodeCbor(row.verdict) as ProofVerdict,
  capacity: decodeCbor(row.capacity) as Reading<ProvenCapacity>,
  cause: row.cause as ProofEntry['cause'],
  height: row.height,
  level: row.level,
  assetCapacity: row.asset_capacity,
});

/** What faces see of it. */
export const shownEntry = ({ level: _level, assetCapacity: _assetCapacity, ...entry }: KeptEntry): ProofEntry => entry;

export const createProofRecords = ({ store }: { store: Store }): ProofRecords => ({
  add: async (entry, proof, attachments) => {
    const statements: Statement[] = [
      {
        sql: `INSERT INTO proofs (id, asset, node, purpose, cause, made_at_ms, took_ms, size_bytes, passed, level, asset_capacity, verdict, capacity, height, proof)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        params: [
          entry.id,
          entry.asset,
          entry.verdict.node,
          entry.purpose,
          entry.cause,
          entry.madeAtMs,
          entry.tookMs,
          entry.sizeBytes,
          entry.verdict.passed ? 1 : 0,
          entry.level,
          entry.assetCapacity,
          encodeCbor(entry.verdict),
          encodeCbor(entry.capacity),
          entry.height,
          proof,
        ],
      },
      ...Array.from(attachments).flatMap(([hash, bytes]): Statement[] => [
        {
          sql: 'INSERT INTO proof_attachments (hash, bytes) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING',
          params: [hash, bytes],
        },
        { sql: 'INSERT INTO proof_uses (proof, hash) VALUES (?, ?)', params: [entry.id, hash] },
      ]),
      {
        sql: `DELETE FROM proofs WHERE id IN
              (SELECT id FROM proofs WHERE asset = ? ORDER BY made_at_ms DESC, id LIMIT -1 OFFSET ?)`,
        params: [entry.asset, ENTRIES_PER_ASSET_MAX],
      },
      {
        sql: 'DELETE FROM proofs WHERE id IN (SELECT id FROM proofs ORDER BY made_at_ms DESC, id LIMIT -1 OFFSET ?)',
        params: [ENTRIES_MAX],
      },
      {
        sql: `UPDATE proofs SET proof = NULL WHERE proof IS NOT NULL AND id IN
              (SELECT id FROM proofs WHERE asset = ? ORDER BY made_at_ms DESC, id LIMIT -1 OFFSET ?)`,
        params: [entry.asset, FILES_PER_ASSET_MAX],
      },
      { sql: 'DELETE FROM proof_uses WHERE proof NOT IN (SELECT id FROM proofs WHERE proof IS NOT NULL)', params: [] },
      { sql: 'DELETE FROM proof_attachments WHERE hash NOT IN (SELECT hash FROM proof_uses)', params: [] },
    ];
    await store.transaction('proofs.add', statements);
  },
  setHeight: async (id, height) => {
    await store.run('proofs.setHeight', 'UPDATE proofs SET height = ? WHERE id = ?', [height, id]);
  },
  remove: async (id) => {
    await store.transaction('proofs.remove', [
      { sql: 'DELETE FROM proof_uses WHERE proof = ?', params: [id] },
      { sql: 'DELETE FROM proofs WHERE id = ?', params: [id] },
      { sql: 'DELETE FROM proof_attachments WHERE hash NOT IN (SELECT hash FROM proof_uses)', params: [] },
    ]);
  },
  pending: async () =>
    (
      await store.all<Row>(
        'proofs.pending',
        `SELECT ${COLUMNS} FROM proofs WHERE purpose = 'block' AND passed = 1 AND height IS NULL ORDER BY made_at_ms DESC, id LIMIT ?`,
        [ENTRIES_MAX],
      )
    ).map(entryOf),
  list: async ({ asset, limit }) =>
    (asset === undefined
      ? await store.all<Row>('proofs.list', `SELECT ${COLUMNS} FROM proofs ORDER BY made_at_ms DESC, id LIMIT ?`, [
          limit,
        ])
      : await store.all<Row>(
          'proofs.listOfAsset',
          `SELECT ${COLUMNS} FROM proofs WHERE asset = ? ORDER BY made_at_ms DESC, id LIMIT ?`,
          [asset, limit],
        )
    ).map(entryOf),
  newest: async (limit) => {
    const rows = await store.all<Row>(
      'proofs.newest',
      `SELECT ${COLUMNS} FROM (SELECT *, row_number() OVER (PARTITION BY asset ORDER BY made_at_ms DESC, id) AS place FROM proofs)
       WHERE place <= ? ORDER BY asset, place`,
      [limit],
    );
    const byAsset = new Map<string, KeptEntry[]>();
    for (const row of rows) {
      const list = byAsset.get(row.asset) ?? [];
      list.push(entryOf(row));
      byAsset.set(row.asset, list);
    }
    return byAsset;
  },
  proof: async (id) => {
    const row = await store.get<Row & { proof: Uint8Array | null }>(
      'proofs.proof',
      `SELECT ${COLUMNS}, proof FROM proofs WHERE id = ?`,
      [id],
    );
    if (row === undefined || row.proof === null) return null;
    const used = await store.all<{ hash: string; bytes: Uint8Array }>(
      'proofs.attachments',
      'SELECT hash, bytes FROM proof_attachments WHERE hash IN (SELECT hash FROM proof_uses WHERE proof = ?)',
      [id],
    );
    return {
      entry: entryOf(row),
      proof: row.proof,
      attachments: new Map(used.map(({ hash, bytes }) => [hash, bytes])),
    };
  },
});
