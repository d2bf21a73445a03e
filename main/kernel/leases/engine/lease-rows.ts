import type { SqlValue, Statement, Store } from '../../../base/index.ts';
import type { LeaseId, LeaseState } from '../interface.ts';
import { parseLeaseId } from '../names.ts';
import { decodeFacts, encodeFacts } from './facts.ts';
import type { LeaseEntry, LeaseFacts } from './lease-entry.ts';

/** A receipt as it is kept: signed by the lender, and by the borrower once it has. */
export interface KeptReceipt {
  sequence: number;
  receipt: Uint8Array;
  countersigned: Uint8Array | null;
}
export interface LeaseRow {
  id: LeaseId;
  side: 'lent' | 'borrowed';
  state: LeaseState;
  facts: LeaseFacts;
  secret: Uint8Array | null;
  endedAtMs: number | null;
  settled: boolean;
  receipts: readonly KeptReceipt[];
}
/** What a lease is from now on. */
export interface LeaseChange {
  state: LeaseState;
  facts: LeaseFacts;
  endedAtMs?: number;
  grant?: Uint8Array;
  /** Receipts that were made. */
  made?: readonly { sequence: number; receipt: Uint8Array }[];
  /** The receipt that both signed now; older ones count no more. */
  signed?: { sequence: number; receipt: Uint8Array; countersigned: Uint8Array };
}
export interface LeaseRecords {
  offer: Uint8Array | null;
  request: Uint8Array | null;
  grant: Uint8Array | null;
  /** The last that both signed. */
  receipt: Uint8Array | null;
  countersigned: Uint8Array | null;
}
/** Rows of leases. Every call is one transaction, durable when it resolves. */
export interface LeaseRows {
  load(): Promise<{ rows: LeaseRow[]; unread: string[] }>;
  insert(
    entry: LeaseEntry,
    records: { offer: Uint8Array; request: Uint8Array; secret: Uint8Array | null },
  ): Promise<void>;
  update(id: LeaseId, change: LeaseChange): Promise<void>;
  settled(id: LeaseId): Promise<void>;
  records(id: LeaseId): Promise<LeaseRecords | null>;
  /** Leaves sums only: no keys, no records. @param facts - with nothing in them that names anybody */
  shred(id: LeaseId, facts: LeaseFacts): Promise<void>;
  remove(ids: readonly LeaseId[]): Promise<void>;
}

type Row = {
  id: string;
  side: 'lent' | 'borrowed';
  state: LeaseState;
  facts: Uint8Array;
  secret: Uint8Array | null;
  ended_at_ms: number | null;
  settled: number;
};
type ReceiptRow = { lease: string; sequence: number; receipt: Uint8Array; countersigned: Uint8Array | null };

const statement = (sql: string, params: readonly SqlValue[], changes?: number): Statement => ({
  sql,
  params,
  ...(changes !== undefined && { changes }),
});

export const createLeaseRows = ({ store }: { store: Store }): LeaseRows => ({
  load: async () => {
    const rows = await store.all<Row>(
      'leases.load',
      'SELECT id, side, state, facts, secret, ended_at_ms, settled FROM leases ORDER BY created_at_ms, id',
    );
    const receipts = Map.groupBy(
      await store.all<ReceiptRow>(
        'leases.receipts',
        'SELECT lease, sequence, receipt, countersigned FROM lease_receipts ORDER BY lease, sequence',
      ),
      ({ lease }) => lease,
    );
    const read: LeaseRow[] = [];
    const unread: string[] = [];
    for (const row of rows) {
      const id = parseLeaseId(row.id);
      try {
        if (id === null) throw new Error('the id is none');
        read.push({
          id,
          side: row.side,
          state: row.state,
          facts: decodeFacts(row.facts),
          secret: row.secret,
          endedAtMs: row.ended_at_ms,
          settled: row.settled === 1,
          receipts: (receipts.get(row.id) ?? []).map(({ sequence, receipt, countersigned }) => ({
            sequence,
            receipt,
            countersigned,
          })),
        });
      } catch {
        unread.push(row.id);
      }
    }
    return { rows: read, unread };
  },
  insert: async ({ id, side, state, facts }, { offer, request, secret }) => {
    await store.run(
      'leases.insert',
      'INSERT INTO leases (id, side, state, facts, offer, request, secret, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
      [id, side, state, encodeFacts(facts), offer, request, secret, facts.requestedAtMs],
    );
  },
  update: async (id, { state, facts, endedAtMs, grant, made = [], signed }) => {
    const statements = [
      statement(
        'UPDATE leases SET state = ?, facts = ?, ended_at_ms = COALESCE(?, ended_at_ms), grant_record = COALESCE(?, grant_record) WHERE id = ?',
        [state, encodeFacts(facts), endedAtMs ?? null, grant ?? null, id],
        1,
      ),
    ];
    for (const { sequence, receipt } of made)
      statements.push(
        statement('INSERT INTO lease_receipts (lease, sequence, receipt) VALUES (?, ?, ?)', [id, sequence, receipt]),
      );
    if (signed !== undefined) {
      statements.push(
        statement('DELETE FROM lease_receipts WHERE lease = ? AND sequence <= ?', [id, signed.sequence]),
        statement('INSERT INTO lease_receipts (lease, sequence, receipt, countersigned) VALUES (?, ?, ?, ?)', [
          id,
          signed.sequence,
          signed.receipt,
          signed.countersigned,
        ]),
      );
    }
    // What made the keys of one lease is of no use once it is over.
    if (endedAtMs !== undefined) statements.push(statement('UPDATE leases SET secret = NULL WHERE id = ?', [id]));
    await store.transaction('leases.update', statements);
  },
  settled: async (id) => {
    await store.run('leases.settled', 'UPDATE leases SET settled = 1 WHERE id = ?', [id]);
  },
  records: async (id) => {
    const row = await store.get<{
      offer: Uint8Array | null;
      request: Uint8Array | null;
      grant_record: Uint8Array | null;
      receipt: Uint8Array | null;
      countersigned: Uint8Array | null;
    }>(
      'leases.records',
      `SELECT offer, request, grant_record, receipt, countersigned FROM leases
        LEFT JOIN lease_receipts ON lease = id AND countersigned IS NOT NULL
        WHERE id = ? ORDER BY sequence DESC LIMIT 1`,
      [id],
    );
    if (row === undefined) return null;
    const { grant_record: grant, ...rest } = row;
    return { ...rest, grant };
  },
  shred: async (id, facts) => {
    await store.transaction('leases.shred', [
      // Over what is there first: pages that are given back are not wiped by every build of SQLite.
      statement('UPDATE lease_receipts SET receipt = ZEROBLOB(LENGTH(receipt)), countersigned = NULL WHERE lease = ?', [
        id,
      ]),
      statement(
        'UPDATE leases SET facts = ?, offer = NULL, request = ZEROBLOB(LENGTH(request)), grant_record = ZEROBLOB(LENGTH(grant_record)), secret = NULL WHERE id = ?',
        [encodeFacts(facts), id],
      ),
      statement('DELETE FROM lease_receipts WHERE lease = ?', [id]),
      statement('UPDATE leases SET request = NULL, grant_record = NULL WHERE id = ?', [id]),
    ]);
  },
  remove: async (ids) => {
    await store.transaction(
      'leases.remove',
      ids.map((id) => statement('DELETE FROM leases WHERE id = ?', [id])),
    );
  },
});
