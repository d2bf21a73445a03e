import type { Migration } from './migration.ts';

export const migration: Migration = {
  version: 30,
  up: (db) => {
    db.exec(`
      -- Combined proofs that this node made of its own assets, newest kept; kernel/prover drops the oldest.
      CREATE TABLE proofs (
        id TEXT PRIMARY KEY,              -- SHA-256 of the combined proof, hex
        asset TEXT NOT NULL,
        node TEXT NOT NULL,               -- key id of the identity that made it
        purpose TEXT NOT NULL,
        cause TEXT NOT NULL,
        made_at_ms INTEGER NOT NULL,
        took_ms REAL NOT NULL,
        size_bytes INTEGER NOT NULL,
        passed INTEGER NOT NULL CHECK (passed IN (0, 1)),
        level INTEGER NOT NULL,           -- what the owner lent of the asset then, in percent
        asset_capacity INTEGER,           -- all that the hardware had then, in the asset's unit; null: not known
        verdict BLOB NOT NULL,            -- dag-cbor of what the verifier said
        capacity BLOB NOT NULL,           -- dag-cbor of what was shown, or why nothing was
        height INTEGER,                   -- of the block that holds it; null while it is not in one
        proof BLOB                        -- dag-cbor of the combined proof; null once only the verdict is kept
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX proofs_by_asset ON proofs (asset, made_at_ms);
      CREATE INDEX proofs_by_time ON proofs (made_at_ms);

      -- What kept proofs refer to (openings of plots), each once, by the SHA-256 of its bytes.
      CREATE TABLE proof_attachments (
        hash TEXT PRIMARY KEY,
        bytes BLOB NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE proof_uses (
        proof TEXT NOT NULL REFERENCES proofs (id) ON DELETE CASCADE,
        hash TEXT NOT NULL REFERENCES proof_attachments (hash),
        PRIMARY KEY (proof, hash)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX proof_uses_by_hash ON proof_uses (hash);
    `);
  },
};
