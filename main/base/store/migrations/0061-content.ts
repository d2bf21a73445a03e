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

      -- Images that this node brought into the container engine, and so may take away; those of the owner have no rows.
      CREATE TABLE images (
        id TEXT PRIMARY KEY,              -- sha256:<64 hexadecimal digits>
        brought INTEGER NOT NULL CHECK (brought IN (0, 1)), -- 0: the owner's own, only seen in use
        bytes INTEGER NOT NULL CHECK (bytes >= 0),
        used_at_ms INTEGER
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
