import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 60,
  up: (db) => {
    db.exec(`
      -- Jobs that wait, run in containers, start again, and run for borrowers. SQLite cannot change a CHECK, so the table is made anew.
      CREATE TABLE jobs_new (
        id TEXT PRIMARY KEY,
        spec BLOB NOT NULL,               -- dag-cbor of the request without the module; without stdin once it has ended
        module_sha256 TEXT NOT NULL,      -- of the module or image
        module_bytes INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'preparing', 'starting', 'running', 'frozen', 'ended')),
        side TEXT NOT NULL CHECK (side IN ('own', 'lent')),
        origin BLOB NOT NULL,             -- dag-cbor: for whom it runs, and what its lease has reserved
        record BLOB,                      -- how its driver finds it again after a crash of the node
        facts BLOB NOT NULL,              -- dag-cbor: restarts, moves, files that it left
        created_at_ms INTEGER NOT NULL,
        started_at_ms INTEGER,
        ended_at_ms INTEGER,
        job_end BLOB,                     -- dag-cbor of JobEnd
        measured BLOB                     -- dag-cbor of the last measurement
      ) STRICT, WITHOUT ROWID;
      -- x'a0' is an empty map. Hosts of an older version have ended with their node, or end when they read their pipe.
      INSERT INTO jobs_new
        SELECT id, spec, module_sha256, module_bytes, state, 'own', x'a0', NULL, x'a0', created_at_ms, started_at_ms, ended_at_ms, job_end, measured
        FROM jobs;
      DROP TABLE jobs;
      ALTER TABLE jobs_new RENAME TO jobs;
      CREATE INDEX jobs_by_creation ON jobs (created_at_ms);
    `);
  },
};
