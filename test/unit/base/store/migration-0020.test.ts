import { createHash } from 'node:crypto';
import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';

let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
  migrate(
    db,
    migrations.filter(({ version }) => version <= 10),
  );
});
afterEach(() => {
  db.close();
});
const upTo20 = migrations.filter(({ version }) => version <= 20);

it('adds the tables of the chain and leaves every row that was there', () => {
  db.exec(`
    INSERT INTO settings VALUES ('share', x'a0', 1);
    INSERT INTO assets VALUES ('asset:cpu:b', 'cpu', 'cpu', 'CPU', 'percent', x'a0', 1, 2);
    INSERT INTO allocations VALUES ('alloc-1', 'asset:cpu:b', 'cpu', 5, 'job-1', 3);
    INSERT INTO jobs VALUES ('job-1', x'a0', 'aa', 8, 'running', 77, '123', 1, 2, NULL, NULL, NULL);
    INSERT INTO job_output VALUES ('job-1', 0, 'stdout', x'61');
    INSERT INTO network_use VALUES ('2026-01', 9);
  `);
  const tables = ['settings', 'assets', 'allocations', 'jobs', 'job_output', 'network_use'];
  const dump = (): unknown[] => tables.map((table) => db.prepare(`SELECT * FROM ${table}`).all());
  const before = dump();
  expect(migrate(db, upTo20)).toBe(10);
  expect(db.pragma('user_version', { simple: true })).toBe(20);
  expect(dump()).toEqual(before);
  const added = [
    'chain_head',
    'blocks',
    'asset_events',
    'chain_attachments',
    'ledger_state',
    'ledger_base',
    'ledger_incoming',
  ];
  for (const table of added) expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
});

it('is what was shipped', () => {
  migrate(db, upTo20);
  const schema = db
    .prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name')
    .pluck()
    .all()
    .join(';\n')
    .replaceAll(/\s+/g, ' ');
  expect(createHash('sha256').update(schema).digest('hex')).toBe(
    'e14c13d9885b8a02e62192cdfe9fb2bd9fb5cb434f98a20118380874f532af26',
  );
});

it('holds rows, and refuses those that break its rules', () => {
  migrate(db, upTo20);
  const hash = "x'" + '11'.repeat(32) + "'";
  db.exec(`
    INSERT INTO chain_head VALUES (1, 0, 0);
    INSERT INTO blocks VALUES (0, ${hash}, 5, x'a0', x'a0', 1, x'a0');
    INSERT INTO asset_events VALUES ('asset:cpu:b', 0, 'asset.registered', ${hash}, NULL, 1, 5);
    INSERT INTO chain_attachments VALUES (${hash}, 1, x'00');
    INSERT INTO ledger_state VALUES ('chain/genesis', x'a0');
    INSERT INTO ledger_incoming VALUES (0, 'k', x'a0'), (1, 'k', x'a0');
  `);
  for (const wrong of [
    'INSERT INTO chain_head VALUES (2, 0, 0)',
    'INSERT INTO chain_head VALUES (1, 1, 0)',
    'UPDATE chain_head SET pruned = -1',
    `INSERT INTO blocks VALUES (0, ${hash}, 5, x'a0', NULL, 1, x'a0')`,
    "INSERT INTO blocks VALUES (1, x'11', 5, x'a0', NULL, 1, x'a0')",
    `INSERT INTO blocks VALUES (-1, ${hash}, 5, x'a0', NULL, 1, x'a0')`,
    `INSERT INTO asset_events VALUES ('asset:cpu:b', 0, 'x', ${hash}, NULL, 2, 5)`,
    `INSERT INTO chain_attachments VALUES (${hash}, 2, x'00')`,
    "INSERT INTO ledger_state VALUES ('chain/genesis', x'a1')",
    "INSERT INTO ledger_incoming VALUES (2, 'k', x'a0')",
  ])
    expect(() => db.exec(wrong), wrong).toThrow(/constraint failed/);
});
