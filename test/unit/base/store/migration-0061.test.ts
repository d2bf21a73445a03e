import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';

const upTo = (last: number) => migrations.filter(({ version }) => version <= last);
let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
  migrate(db, upTo(50));
});
afterEach(() => {
  db.close();
});

it('adds two tables and leaves every row that was there', () => {
  db.exec("INSERT INTO settings VALUES ('share', x'a0', 1); INSERT INTO peers VALUES ('12D3', x'a0', 2);");
  const dump = (): unknown[] => ['settings', 'peers'].map((table) => db.prepare(`SELECT * FROM ${table}`).all());
  const before = dump();
  expect(migrate(db, upTo(61))).toBe(50);
  expect(dump()).toEqual(before);
  for (const table of ['content_holds', 'images'])
    expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
});

it('holds rows, and refuses those that break its rules', () => {
  migrate(db, upTo(61));
  const hash = `x'${'11'.repeat(32)}'`;
  db.exec(
    `INSERT INTO content_holds VALUES ('job:1', ${hash}); INSERT INTO images VALUES ('sha256:aa', 1, 5, x'80', NULL);`,
  );
  for (const wrong of [
    `INSERT INTO content_holds VALUES ('job:1', ${hash})`,
    "INSERT INTO content_holds VALUES ('job:1', x'11')",
    "INSERT INTO images VALUES ('sha256:aa', 1, 5, x'80', NULL)",
    "INSERT INTO images VALUES ('sha256:bb', 2, 5, x'80', NULL)",
    "INSERT INTO images VALUES ('sha256:bb', 1, -1, x'80', NULL)",
  ])
    expect(() => db.exec(wrong), wrong).toThrow(/constraint failed/);
});
