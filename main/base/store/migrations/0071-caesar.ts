import type { Migration } from './migration.ts';

/** What this node sent to ledgers, what its leases cost and brought there, and how requests of others ended. docs/formats/caesar-rows.md */
export const migration: Migration = {
  version: 71,
  up: (db) => {
    db.exec(`
      CREATE TABLE caesar_sent (
        hash BLOB NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
        ledger TEXT NOT NULL CHECK (length(ledger) = 64),
        account BLOB NOT NULL CHECK (length(account) = 32),
        nonce INTEGER NOT NULL CHECK (nonce >= 0),
        key TEXT UNIQUE CHECK (length(key) BETWEEN 1 AND 128),
        kind TEXT NOT NULL,
        -- The signed record; null once it is final, or cannot be any more.
        encoded BLOB,
        at_ms INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'final', 'dropped')),
        -- Waiting: newest of the ledger when it was sent. Final: of its block; null where that was not seen.
        height INTEGER,
        code TEXT NOT NULL DEFAULT '',
        reason TEXT NOT NULL DEFAULT '',
        CHECK ((state = 'waiting') = (encoded IS NOT NULL))
      ) STRICT;
      CREATE INDEX caesar_sent_by_state ON caesar_sent (state, at_ms);

      CREATE TABLE caesar_leases (
        lease TEXT NOT NULL PRIMARY KEY,
        side TEXT NOT NULL CHECK (side IN ('lent', 'borrowed')),
        ledger TEXT NOT NULL CHECK (length(ledger) = 64),
        step TEXT NOT NULL CHECK (step IN ('agreed', 'escrowed', 'settling', 'settled', 'unpaid')),
        facts BLOB NOT NULL,
        at_ms INTEGER NOT NULL,
        reason TEXT NOT NULL DEFAULT ''
      ) STRICT;
      CREATE INDEX caesar_leases_by_step ON caesar_leases (step, at_ms);

      CREATE TABLE caesar_rewards (
        id TEXT NOT NULL PRIMARY KEY,
        ledger TEXT NOT NULL CHECK (length(ledger) = 64),
        kind TEXT NOT NULL CHECK (kind IN ('lease', 'reward', 'yield', 'fees')),
        account BLOB NOT NULL CHECK (length(account) = 32),
        -- Micro-CAES; below 2^63.
        amount_micro INTEGER NOT NULL CHECK (amount_micro >= 0),
        resource TEXT,
        lease TEXT,
        height INTEGER NOT NULL CHECK (height > 0),
        at_ms INTEGER NOT NULL,
        facts BLOB NOT NULL
      ) STRICT;
      CREATE INDEX caesar_rewards_by_time ON caesar_rewards (at_ms);
      CREATE INDEX caesar_rewards_by_height ON caesar_rewards (ledger, height);
      CREATE INDEX caesar_rewards_by_lease ON caesar_rewards (lease) WHERE lease IS NOT NULL;

      CREATE TABLE caesar_progress (
        ledger TEXT NOT NULL PRIMARY KEY CHECK (length(ledger) = 64),
        accounts BLOB NOT NULL,
        -- What final blocks brought is in caesar_rewards from one height to the other.
        from_height INTEGER NOT NULL,
        height INTEGER NOT NULL
      ) STRICT;

      CREATE TABLE caesar_counts (
        -- Days since 1970 in UTC.
        day INTEGER NOT NULL,
        resource TEXT NOT NULL,
        what TEXT NOT NULL,
        count INTEGER NOT NULL CHECK (count > 0),
        PRIMARY KEY (day, resource, what)
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
