import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 70,
  up: (db) => {
    db.exec(`
      -- Ledgers of networks, docs/formats/ledger-rows.md. (ledger_state, ledger_base and ledger_incoming are of this node's own chain.)
      -- A network's rows all belong to one copy of it. One that comes in is written beside the old one and then becomes the live one
      -- in one step; copies that are not live are leftovers: they count for nothing and are deleted at the next start.
      CREATE TABLE ledger_networks (
        copy INTEGER PRIMARY KEY AUTOINCREMENT,
        network BLOB NOT NULL CHECK (length(network) = 32), -- SHA-256 of the genesis
        live INTEGER NOT NULL CHECK (live IN (0, 1)),
        genesis BLOB NOT NULL,
        height INTEGER NOT NULL CHECK (height >= 0),        -- of the newest block, and of the state; 0 before the first block
        pruned INTEGER NOT NULL DEFAULT 0,                  -- blocks below have no body
        begun_at_ms INTEGER NOT NULL,
        voter BLOB CHECK (length(voter) = 32),              -- whose signatures ledger_wal has; NULL: nobody's yet
        voter_since_ms INTEGER,
        voter_vouched INTEGER CHECK (voter_vouched IN (0, 1))
      ) STRICT;
      CREATE UNIQUE INDEX ledger_networks_live ON ledger_networks (network) WHERE live = 1;

      CREATE TABLE ledger_blocks (
        copy INTEGER NOT NULL REFERENCES ledger_networks (copy),
        height INTEGER NOT NULL CHECK (height > 0),
        hash BLOB NOT NULL CHECK (length(hash) = 32),       -- SHA-256 of the header
        header BLOB NOT NULL,
        commit_sum BLOB NOT NULL CHECK (length(commit_sum) = 32),
        block_sum BLOB CHECK (length(block_sum) = 32),
        commit_bytes BLOB NOT NULL,                         -- the signatures that made it final
        block BLOB,                                         -- with its header; NULL: pruned, or before a snapshot
        PRIMARY KEY (copy, height)
      ) STRICT;

      -- What a validator is about to sign at the height that follows; gone with its block.
      CREATE TABLE ledger_wal (
        copy INTEGER NOT NULL REFERENCES ledger_networks (copy),
        sequence INTEGER NOT NULL CHECK (sequence > 0),
        sum BLOB NOT NULL CHECK (length(sum) = 32),
        entry BLOB NOT NULL,
        PRIMARY KEY (copy, sequence)
      ) STRICT;

      -- The state as of the newest block.
      CREATE TABLE ledger_entries (
        copy INTEGER NOT NULL REFERENCES ledger_networks (copy),
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (copy, key)
      ) STRICT, WITHOUT ROWID;

      -- Who signs the blocks from a height on, up to the next row.
      CREATE TABLE ledger_sets (
        copy INTEGER NOT NULL REFERENCES ledger_networks (copy),
        height INTEGER NOT NULL CHECK (height > 0),
        sum BLOB NOT NULL CHECK (length(sum) = 32),
        validators BLOB NOT NULL,
        PRIMARY KEY (copy, height)
      ) STRICT;
    `);
  },
};
