import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 20,
  up: (db) => {
    db.exec(`
      -- The one row says how far the chain goes. Rows of any table here with a greater height are leftovers of an import
      -- that was cut short: they count for nothing and are deleted at the next start.
      CREATE TABLE chain_head (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        height INTEGER NOT NULL CHECK (height >= 0),
        pruned INTEGER NOT NULL CHECK (pruned >= 0)   -- so many of the oldest blocks have no body
      ) STRICT;

      CREATE TABLE blocks (
        height INTEGER PRIMARY KEY CHECK (height >= 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        stamped_at_ms INTEGER NOT NULL,
        header BLOB NOT NULL,             -- signed record in the domain 'block'
        sealed BLOB,                      -- sealed body; NULL: pruned
        sealed_bytes INTEGER NOT NULL,    -- of the body, even when it was pruned
        summary BLOB NOT NULL             -- dag-cbor for lists: number and kinds of transactions, asset
      ) STRICT;
      CREATE INDEX blocks_by_hash ON blocks (hash);

      -- Each asset's own chain, without the bodies.
      CREATE TABLE asset_events (
        asset TEXT NOT NULL,
        sequence INTEGER NOT NULL CHECK (sequence >= 0),
        kind TEXT NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        previous BLOB,
        height INTEGER NOT NULL,
        stamped_at_ms INTEGER NOT NULL,
        PRIMARY KEY (asset, sequence)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX asset_events_by_height ON asset_events (height);

      -- What proofs refer to, by SHA-256: openings of plots. Kept when the body that brought them is pruned.
      CREATE TABLE chain_attachments (
        hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
        height INTEGER NOT NULL,
        data BLOB NOT NULL
      ) STRICT;

      -- The ledger's state as of the head.
      CREATE TABLE ledger_state (
        key TEXT PRIMARY KEY,
        value BLOB NOT NULL               -- dag-cbor
      ) STRICT, WITHOUT ROWID;
      -- The state as of the newest pruned block; empty where none was pruned.
      CREATE TABLE ledger_base (
        key TEXT PRIMARY KEY,
        value BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;
      -- State that an import is bringing in; empty at any other time.
      CREATE TABLE ledger_incoming (
        base INTEGER NOT NULL CHECK (base IN (0, 1)),
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (base, key)
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
