import { createHash } from 'node:crypto';
import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';

const upTo = (last: number) => migrations.filter(({ version }) => version <= last);
let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
  migrate(db, upTo(40));
});
afterEach(() => {
  db.close();
});
const LEASE = "'lease-1', 'lent', 'granted', x'a0', x'a0', x'a0', x'a0'";

it('adds two tables and leaves every row that was there', () => {
  db.exec(`
    INSERT INTO settings VALUES ('share', x'a0', 1);
    INSERT INTO peers VALUES ('12D3', x'a0', 2);
  `);
  const dump = (): unknown[] => ['settings', 'peers'].map((table) => db.prepare(`SELECT * FROM ${table}`).all());
  const before = dump();
  expect(migrate(db, upTo(50))).toBe(40);
  expect(db.pragma('user_version', { simple: true })).toBe(50);
  expect(dump()).toEqual(before);
  for (const table of ['leases', 'lease_receipts'])
    expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
});

it('is what was shipped', () => {
  migrate(db, upTo(50));
  const schema = db
    .prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type, name')
    .pluck()
    .all()
    .join(';\n')
    .replaceAll(/\s+/g, ' ');
  expect(createHash('sha256').update(schema).digest('hex')).toBe(
    '7a353ac35a5af5f9ae19653072d77bdf2f4c78d4f6a2ac2ed0cb1e8aabf85460',
  );
});

it('holds rows, and refuses those that break its rules', () => {
  migrate(db, upTo(50));
  db.pragma('foreign_keys = ON');
  db.exec(`
    INSERT INTO leases VALUES (${LEASE}, NULL, 5, NULL, 0);
    INSERT INTO lease_receipts VALUES ('lease-1', 1, x'a0', NULL), ('lease-1', 2, x'a0', x'a0');
  `);
  const second = LEASE.replace('lease-1', 'lease-2');
  for (const wrong of [
    `INSERT INTO leases VALUES (${LEASE}, NULL, 5, NULL, 0)`,
    `INSERT INTO leases VALUES (${second.replace('lent', 'stolen')}, NULL, 5, NULL, 0)`,
    `INSERT INTO leases VALUES (${second.replace('granted', 'lost')}, NULL, 5, NULL, 0)`,
    `INSERT INTO leases VALUES (${second}, x'00', 5, NULL, 0)`,
    `INSERT INTO leases VALUES (${second}, NULL, 5, NULL, 2)`,
    `INSERT INTO leases VALUES (${second}, NULL, NULL, NULL, 0)`,
    "INSERT INTO lease_receipts VALUES ('lease-1', 1, x'a0', NULL)",
    "INSERT INTO lease_receipts VALUES ('lease-1', 0, x'a0', NULL)",
    "INSERT INTO lease_receipts VALUES ('lease-2', 1, x'a0', NULL)",
    "INSERT INTO lease_receipts VALUES ('lease-1', 3, NULL, NULL)",
  ])
    expect(() => db.exec(wrong), wrong).toThrow(/constraint failed/);
  db.exec("DELETE FROM leases WHERE id = 'lease-1'");
  expect(db.prepare('SELECT count(*) FROM lease_receipts').pluck().get()).toBe(0);
});
