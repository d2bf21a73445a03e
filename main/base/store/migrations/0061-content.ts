import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 61,
  up: (db) => {
    db.exec(`
      -- Who needs which file of the content store: what nobody holds may go. The files themselves have no rows; docs/formats/content-store.md.
      CREATE TABLE content_holds (
        holder TEXT NOT NULL,             -- such as job:<id>
        sha256 BLOB NOT NULL CHECK (LENGTH(sha256) = 32), -- may name what has yet to come
        PRIMARY KEY (holder, sha256)
      ) STRICT, WITHOUT ROWID;

      -- Images of the container engine that this node brought and so may take away, and those of the owner that jobs ran in.
      CREATE TABLE images (
        id TEXT PRIMARY KEY,              -- sha256:<64 hexadecimal digits>; pending:<name> while one is being pulled
        brought INTEGER NOT NULL CHECK (brought IN (0, 1)),
        bytes INTEGER NOT NULL CHECK (bytes >= 0),
        names BLOB NOT NULL,              -- dag-cbor, list of texts: those that this node gave it
        used_at_ms INTEGER
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
