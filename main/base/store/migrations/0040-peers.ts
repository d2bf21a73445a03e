import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 40,
  up: (db) => {
    db.exec(`
      -- Who is known in the network and how they behaved; transport/stoq/standing bounds how many.
      CREATE TABLE peers (
        peer TEXT PRIMARY KEY,            -- libp2p peer id
        row BLOB NOT NULL,                -- docs/formats/stoq-peer-book.md
        written_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
