import type { Migration } from './migration.ts';

/** What sent transactions were that came to nothing, so that they can be shown. docs/formats/caesar-rows.md */
export const migration: Migration = {
  version: 73,
  up: (db) => {
    db.exec(`
      CREATE TABLE caesar_dropped (
        hash BLOB NOT NULL PRIMARY KEY REFERENCES caesar_sent (hash) ON DELETE CASCADE,
        -- The signed record.
        encoded BLOB NOT NULL
      ) STRICT;
    `);
  },
};
