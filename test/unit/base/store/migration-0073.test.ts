import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';

const upTo = (last: number) => migrations.filter(({ version }) => version <= last);
const hash = (digit: string): string => `x'${digit.repeat(64)}'`;
const sent = (digit: string): string =>
  `INSERT INTO caesar_sent VALUES (${hash(digit)}, '${'a'.repeat(64)}', ${hash('1')}, 0, NULL, 'account.transfer', NULL, 1, 'dropped', NULL, 'EXPIRED', 'Late.')`;
let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
  migrate(db, upTo(72));
});
afterEach(() => {
  db.close();
});

it('adds a table and leaves every row that was there', () => {
  db.exec(sent('2'));
  const dump = (): unknown[] => db.prepare('SELECT * FROM caesar_sent').all();
  const before = dump();
  migrate(db, upTo(73));
  expect(dump()).toEqual(before);
  expect(db.prepare('SELECT count(*) FROM caesar_dropped').pluck().get()).toBe(0);
});

it('keeps what was dropped as long as its row, and of nothing else', () => {
  migrate(db, upTo(73));
  db.exec(`${sent('2')}; INSERT INTO caesar_dropped VALUES (${hash('2')}, x'01')`);
  expect(() => db.exec(`INSERT INTO caesar_dropped VALUES (${hash('3')}, x'01')`)).toThrow(/constraint failed/);
  expect(() => db.exec(`INSERT INTO caesar_dropped VALUES (${hash('2')}, x'02')`)).toThrow(/constraint failed/);
  db.exec(`DELETE FROM caesar_sent WHERE hash = ${hash('2')}`);
  expect(db.prepare('SELECT count(*) FROM caesar_dropped').pluck().get()).toBe(0);
});
