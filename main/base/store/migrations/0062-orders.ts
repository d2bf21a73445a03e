import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 62,
  up: (db) => {
    db.exec(`
      -- Jobs of this owner on other nodes. Each is a row before its lease is asked for; kernel/runtime/remote bounds how many are kept.
      CREATE TABLE orders (
        id TEXT PRIMARY KEY,
        facts BLOB NOT NULL,              -- dag-cbor, docs/formats/job-messages.md
        created_at_ms INTEGER NOT NULL,
        ended_at_ms INTEGER               -- null while anything of it is left to do
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX orders_by_creation ON orders (created_at_ms);

      CREATE TABLE order_output (
        order_id TEXT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
        start INTEGER NOT NULL,           -- offset of the first byte in the whole output
        stream TEXT NOT NULL CHECK (stream IN ('stdout', 'stderr')),
        data BLOB NOT NULL,
        PRIMARY KEY (order_id, start)
      ) STRICT, WITHOUT ROWID;

      -- The signed result, as the node that ran it gave it.
      CREATE TABLE order_results (
        order_id TEXT PRIMARY KEY REFERENCES orders (id) ON DELETE CASCADE,
        result BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;

      -- Jobs of others here, as their borrowers call them. Gone with their lease.
      CREATE TABLE lent_jobs (
        lease TEXT NOT NULL,
        job TEXT NOT NULL,
        local_job TEXT,                   -- null until the runtime has taken it
        prepared BLOB NOT NULL,           -- what came with prepare, dag-cbor
        state TEXT NOT NULL,
        PRIMARY KEY (lease, job)
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
