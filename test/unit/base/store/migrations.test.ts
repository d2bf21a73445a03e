import { createHash } from 'node:crypto';
import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { APPLICATION_ID } from '../../../../main/base/store/constants.ts';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations, type Migration } from '../../../../main/base/store/migrations/index.ts';

let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
});
afterEach(() => {
  db.close();
});
const version = (): unknown => db.pragma('user_version', { simple: true });
const tables = (): unknown[] =>
  db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").pluck().all();
/** The whole schema in one hash. A shipped migration is never edited, so what it leads to never changes. */
const schemaHash = (): string =>
  createHash('sha256')
    .update(
      db
        .prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name')
        .pluck()
        .all()
        .join(';\n')
        .replaceAll(/\s+/g, ' '),
    )
    .digest('hex');

describe('the list', () => {
  it('ascends, no number twice', () => {
    const versions = migrations.map((migration) => migration.version);
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
  });

  it('leaves only STRICT tables', () => {
    migrate(db, migrations);
    const loose = (db.pragma('table_list') as { name: string; strict: number }[]).filter(
      ({ name, strict }) => !name.startsWith('sqlite_') && strict === 0,
    );
    expect(loose).toEqual([]);
  });
});

describe('0010, the first', () => {
  it('makes the tables from nothing, and is what was shipped', () => {
    expect(
      migrate(
        db,
        migrations.filter((migration) => migration.version <= 10),
      ),
    ).toBe(0);
    expect([version(), db.pragma('application_id', { simple: true })]).toEqual([10, APPLICATION_ID]);
    expect(tables()).toEqual(['allocations', 'assets', 'job_output', 'jobs', 'network_use', 'settings']);
    expect(schemaHash()).toBe('cbe8c3d3718f9efd0e313b318beafc228d85c68792f8c319b12def4eb7bc8b69');
  });

  it('holds rows of every table, and refuses those that break its rules', () => {
    migrate(
      db,
      migrations.filter((migration) => migration.version <= 10),
    );
    db.pragma('foreign_keys = ON');
    db.exec(`
      INSERT INTO settings VALUES ('share', x'a0', 1);
      INSERT INTO assets VALUES ('asset:cpu:b', 'cpu', 'cpu', 'CPU', 'percent', x'a0', 1, 2);
      INSERT INTO allocations VALUES ('alloc-1', 'asset:cpu:b', 'cpu', 5, 'job-1', 3);
      INSERT INTO jobs VALUES ('job-1', x'a0', 'aa', 8, 'running', 77, '123', 1, 2, NULL, NULL, NULL);
      INSERT INTO job_output VALUES ('job-1', 0, 'stdout', x'61'), ('job-1', 1, 'stderr', x'62');
      INSERT INTO network_use VALUES ('2026-01', 9);
    `);
    for (const wrong of [
      "INSERT INTO allocations VALUES ('alloc-2', 'asset:cpu:b', 'cpu', 0, '', 1)",
      "INSERT INTO allocations VALUES ('alloc-2', 'asset:gpu:b', 'gpu', 1, '', 1)",
      "INSERT INTO jobs VALUES ('job-2', x'a0', 'aa', 8, 'lost', NULL, NULL, 1, NULL, NULL, NULL, NULL)",
      "INSERT INTO job_output VALUES ('job-1', 2, 'stdin', x'61')",
      "INSERT INTO job_output VALUES ('job-1', 0, 'stdout', x'61')",
      "INSERT INTO network_use VALUES ('2026-02', 'many')",
      "INSERT INTO settings VALUES (NULL, x'a0', 1)",
      "DELETE FROM assets WHERE id = 'asset:cpu:b'",
    ]) {
      expect(() => db.exec(wrong), wrong).toThrow(/constraint failed|cannot store/);
    }
    db.exec("DELETE FROM jobs WHERE id = 'job-1'");
    expect(db.prepare('SELECT count(*) FROM job_output').pluck().get()).toBe(0);
  });
});

describe('0030, proofs', () => {
  const upTo = (last: number): Migration[] => migrations.filter((migration) => migration.version <= last);
  it('leaves what was there as it was, and makes three empty tables', () => {
    migrate(db, upTo(20));
    db.exec("INSERT INTO settings VALUES ('share', x'a0', 1)");
    const before = tables();
    expect(migrate(db, upTo(30))).toBe(20);
    expect(db.prepare('SELECT * FROM settings').all()).toEqual([
      { key: 'share', value: Buffer.from([0xa0]), updated_at_ms: 1 },
    ]);
    const added = tables().filter((name) => !before.includes(name));
    expect(added).toEqual(['proof_attachments', 'proof_uses', 'proofs']);
    for (const name of added) expect(db.prepare(`SELECT * FROM ${String(name)}`).all()).toEqual([]);
  });
  it('holds rows, and refuses those that break its rules', () => {
    migrate(db, upTo(30));
    db.pragma('foreign_keys = ON');
    const proof = "'asset:cpu:b', 'key:b', 'block', 'schedule', 1, 2.5, 3, 1, 50, NULL, x'a0', x'a0', NULL, x'a0'";
    db.exec(`
      INSERT INTO proofs VALUES ('aa', ${proof});
      INSERT INTO proof_attachments VALUES ('bb', x'00');
      INSERT INTO proof_uses VALUES ('aa', 'bb');
    `);
    for (const wrong of [
      `INSERT INTO proofs VALUES ('aa', ${proof})`,
      `INSERT INTO proofs VALUES ('ab', ${proof.replace('3, 1, 50', '3, 2, 50')})`,
      "INSERT INTO proof_uses VALUES ('ab', 'bb')",
      "INSERT INTO proof_uses VALUES ('aa', 'cc')",
      "DELETE FROM proof_attachments WHERE hash = 'bb'",
    ])
      expect(() => db.exec(wrong), wrong).toThrow(/constraint failed|cannot store/);
    db.exec("DELETE FROM proofs WHERE id = 'aa'");
    expect(db.prepare('SELECT count(*) FROM proof_uses').pluck().get()).toBe(0);
  });
});

describe('0040, peers', () => {
  const upTo = (last: number): Migration[] => migrations.filter((migration) => migration.version <= last);
  it('leaves what was there as it was, and makes one empty table', () => {
    migrate(db, upTo(30));
    db.exec("INSERT INTO settings VALUES ('share', x'a0', 1)");
    const before = tables();
    expect(migrate(db, upTo(40))).toBe(30);
    expect(db.prepare('SELECT * FROM settings').all()).toEqual([
      { key: 'share', value: Buffer.from([0xa0]), updated_at_ms: 1 },
    ]);
    expect(tables().filter((name) => !before.includes(name))).toEqual(['peers']);
    expect(db.prepare('SELECT * FROM peers').all()).toEqual([]);
  });
  it('holds rows, and refuses those that break its rules', () => {
    migrate(db, upTo(40));
    db.exec("INSERT INTO peers VALUES ('12D3KooWa', x'a0', 1)");
    for (const wrong of [
      "INSERT INTO peers VALUES ('12D3KooWa', x'a0', 2)",
      "INSERT INTO peers VALUES ('12D3KooWb', NULL, 2)",
      "INSERT INTO peers VALUES ('12D3KooWc', x'a0', 'now')",
    ])
      expect(() => db.exec(wrong), wrong).toThrow(/constraint failed|cannot store/);
  });
});

describe('migrating', () => {
  const create: Migration = {
    version: 10,
    up: (on) => on.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT; INSERT INTO t VALUES (1, 'x')"),
  };
  const addColumn: Migration = { version: 20, up: (on) => on.exec('ALTER TABLE t ADD COLUMN c INTEGER') };
  const broken: Migration = {
    version: 30,
    up: (on) => {
      on.exec('DROP TABLE t');
      throw new Error('step failed');
    },
  };

  it('runs what is due and nothing twice', () => {
    expect(migrate(db, [create])).toBe(0);
    db.exec("INSERT INTO t VALUES (2, 'y')");
    expect(migrate(db, [create, addColumn])).toBe(10);
    expect(migrate(db, [create, addColumn])).toBe(20);
    expect(db.prepare('SELECT * FROM t').all()).toEqual([
      { a: 1, b: 'x', c: null },
      { a: 2, b: 'y', c: null },
    ]);
  });

  it('is all or nothing', () => {
    migrate(db, [create]);
    expect(() => migrate(db, [create, addColumn, broken])).toThrow('step failed');
    expect(version()).toBe(10);
    expect(db.prepare('SELECT * FROM t').all()).toEqual([{ a: 1, b: 'x' }]);
  });

  it('refuses a step that leaves rows that refer to nothing', () => {
    const parents: Migration = {
      version: 10,
      up: (on) =>
        on.exec(
          'CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT; CREATE TABLE c (p INTEGER REFERENCES p (id)) STRICT; INSERT INTO p VALUES (1); INSERT INTO c VALUES (1)',
        ),
    };
    const orphan: Migration = { version: 20, up: (on) => on.exec('DELETE FROM p') };
    migrate(db, [parents]);
    expect(() => migrate(db, [parents, orphan])).toThrow('refer to nothing');
    expect(version()).toBe(10);
  });

  it('keeps rows that refer to a table that a step builds anew', () => {
    migrate(
      db,
      migrations.filter((migration) => migration.version <= 10),
    );
    db.exec(
      "INSERT INTO jobs VALUES ('job-1', x'a0', 'aa', 8, 'ended', NULL, NULL, 1, NULL, NULL, NULL, NULL); INSERT INTO job_output VALUES ('job-1', 0, 'stdout', x'61')",
    );
    const rebuild: Migration = {
      version: 1000,
      up: (on) =>
        on.exec(
          'CREATE TABLE jobs_new AS SELECT * FROM jobs; DROP TABLE jobs; CREATE TABLE jobs (id TEXT PRIMARY KEY) STRICT; INSERT INTO jobs SELECT id FROM jobs_new; DROP TABLE jobs_new',
        ),
    };
    migrate(db, [...migrations, rebuild]);
    expect(db.prepare('SELECT count(*) FROM job_output').pluck().get()).toBe(1);
  });

  it('wants its steps in order', () => {
    expect(() => migrate(db, [addColumn, create])).toThrow('ascending');
  });
});
