import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 50,
  up: (db) => {
    db.exec(`
      -- What is lent and borrowed. A lease is a row before it is a process; kernel/leases bounds how many are kept.
      CREATE TABLE leases (
        id TEXT PRIMARY KEY,
        side TEXT NOT NULL CHECK (side IN ('lent', 'borrowed')),
        state TEXT NOT NULL
          CHECK (state IN ('requested', 'proving', 'granted', 'running', 'ending', 'ended', 'refused')),
        facts BLOB NOT NULL,              -- dag-cbor, docs/formats/lease-rows.md
        offer BLOB,                       -- signed records; all are gone from what was lent to somebody unknown once it has ended
        request BLOB,
        grant_record BLOB,
        secret BLOB CHECK (secret IS NULL OR LENGTH(secret) = 32), -- borrowed: what the keys of this one lease are made from
        created_at_ms INTEGER NOT NULL,
        ended_at_ms INTEGER,
        settled INTEGER NOT NULL DEFAULT 0 CHECK (settled IN (0, 1))
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX leases_ended ON leases (ended_at_ms) WHERE ended_at_ms IS NOT NULL;

      -- The last receipt that both signed, and those after it that the borrower has not signed yet.
      CREATE TABLE lease_receipts (
        lease TEXT NOT NULL REFERENCES leases (id) ON DELETE CASCADE,
        sequence INTEGER NOT NULL CHECK (sequence > 0),
        receipt BLOB NOT NULL,
        countersigned BLOB,
        PRIMARY KEY (lease, sequence)
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
