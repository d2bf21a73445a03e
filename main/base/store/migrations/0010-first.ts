import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 10,
  up: (db) => {
    db.exec(`
      -- One value per key, dag-cbor: share rules, pause, benchmark, install id.
      CREATE TABLE settings (
        key TEXT PRIMARY KEY,
        value BLOB NOT NULL,
        updated_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE assets (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        resource TEXT NOT NULL,
        label TEXT NOT NULL,
        unit TEXT NOT NULL,
        record BLOB NOT NULL,             -- dag-cbor registration record that the id names
        registered_at_ms INTEGER NOT NULL,
        last_seen_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX assets_by_resource_record ON assets (resource, id);

      -- A row exists before anything starts and is deleted after everything has ended.
      CREATE TABLE allocations (
        id TEXT PRIMARY KEY,
        asset_id TEXT NOT NULL REFERENCES assets (id),
        resource TEXT NOT NULL,
        amount INTEGER NOT NULL CHECK (amount > 0),
        purpose TEXT NOT NULL,            -- such as the job's id
        created_at_ms INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE jobs (
        id TEXT PRIMARY KEY,
        spec BLOB NOT NULL,               -- dag-cbor of the request without the module
        module_sha256 TEXT NOT NULL,
        module_bytes INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('starting', 'running', 'ended')),
        host_pid INTEGER,                 -- to end what a crash of the node left behind
        host_started TEXT,                -- start time of that process as the system tells it: pids are used again
        created_at_ms INTEGER NOT NULL,
        started_at_ms INTEGER,
        ended_at_ms INTEGER,
        job_end BLOB,                     -- dag-cbor of JobEnd
        measured BLOB                     -- dag-cbor of the last measurement
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX jobs_by_creation ON jobs (created_at_ms);

      CREATE TABLE job_output (
        job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        start INTEGER NOT NULL,           -- offset of the first byte in the whole output
        stream TEXT NOT NULL CHECK (stream IN ('stdout', 'stderr')),
        data BLOB NOT NULL,
        PRIMARY KEY (job_id, start)
      ) STRICT, WITHOUT ROWID;

      -- Bytes that the app sent and received, per calendar month in UTC.
      CREATE TABLE network_use (
        month TEXT PRIMARY KEY,           -- YYYY-MM
        bytes INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
    `);
  },
};
