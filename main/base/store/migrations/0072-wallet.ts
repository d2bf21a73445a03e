import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 72,
  up: (db) => {
    db.exec(`
      -- Accounts that the wallet knows. Those of the phrase that were derived and never used are kept unlisted, so that their use is seen.
      CREATE TABLE wallet_accounts (
        id INTEGER PRIMARY KEY,
        owner BLOB NOT NULL,              -- key id of the phrase's first account
        account BLOB NOT NULL,            -- key id
        name TEXT NOT NULL COLLATE NOCASE,
        place INTEGER,                    -- in the phrase, from 0; null for somebody's that is watched
        listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
        UNIQUE (owner, account)
      ) STRICT;
      CREATE UNIQUE INDEX wallet_account_names ON wallet_accounts (owner, name) WHERE listed = 1;
      CREATE UNIQUE INDEX wallet_account_places ON wallet_accounts (owner, place) WHERE place IS NOT NULL;

      -- How far the history of an account on a ledger was read.
      CREATE TABLE wallet_cursors (
        ledger BLOB NOT NULL,             -- SHA-256 of the genesis
        account_id INTEGER NOT NULL REFERENCES wallet_accounts (id) ON DELETE CASCADE,
        from_height INTEGER NOT NULL,     -- nothing is known of blocks up to this one
        height INTEGER NOT NULL,          -- the last block that was read
        facts BLOB NOT NULL,              -- what the account had after it, dag-cbor, docs/formats/wallet-rows.md
        PRIMARY KEY (ledger, account_id)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE wallet_entries (
        ledger BLOB NOT NULL,
        at_ms INTEGER NOT NULL,           -- of the block: no two of one ledger share it
        place INTEGER NOT NULL,           -- in the block
        account_id INTEGER NOT NULL REFERENCES wallet_accounts (id) ON DELETE CASCADE,
        height INTEGER NOT NULL,
        kind TEXT NOT NULL,
        delta_micro INTEGER NOT NULL,     -- what it did to what is available, fee included
        fee_micro INTEGER NOT NULL,
        other BLOB,                       -- key id of the other side
        memo TEXT NOT NULL,
        lease BLOB,
        tx BLOB,                          -- hash of the transaction
        detail TEXT NOT NULL,             -- what the sentence is made of besides
        search TEXT NOT NULL,             -- memo and addresses in small letters
        PRIMARY KEY (ledger, at_ms, place, account_id)
      ) STRICT, WITHOUT ROWID;
      -- Each answers one kind of question without reading the rows themselves.
      CREATE INDEX wallet_entries_by_account ON wallet_entries (ledger, account_id, at_ms, place);
      CREATE INDEX wallet_entries_by_kind ON wallet_entries (ledger, account_id, kind, at_ms, place);
      CREATE INDEX wallet_entries_by_text ON wallet_entries (ledger, account_id, at_ms, place, kind, other, search);
      CREATE INDEX wallet_entries_by_transaction ON wallet_entries (tx) WHERE tx IS NOT NULL;

      CREATE TABLE wallet_contacts (
        account BLOB PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        note TEXT NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE wallet_requests (
        id TEXT PRIMARY KEY,
        ledger BLOB NOT NULL,
        account_id INTEGER NOT NULL REFERENCES wallet_accounts (id) ON DELETE CASCADE,
        amount_micro INTEGER,             -- null: the payer says
        memo TEXT NOT NULL,
        created_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
