import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';

const upTo = (last: number) => migrations.filter(({ version }) => version <= last);
let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
  migrate(db, upTo(70));
});
afterEach(() => {
  db.close();
});
const TABLES = ['caesar_sent', 'caesar_leases', 'caesar_rewards', 'caesar_progress', 'caesar_counts'];

it('adds five tables and leaves every row that was there', () => {
  db.exec("INSERT INTO settings VALUES ('share', x'a0', 1); INSERT INTO peers VALUES ('12D3', x'a0', 2);");
  const dump = (): unknown[] => ['settings', 'peers'].map((table) => db.prepare(`SELECT * FROM ${table}`).all());
  const before = dump();
  migrate(db, upTo(71));
  expect(dump()).toEqual(before);
  for (const table of TABLES) expect(db.prepare(`SELECT count(*) FROM ${table}`).pluck().get()).toBe(0);
});

it('holds rows, and refuses those that break its rules', () => {
  migrate(db, upTo(71));
  const hash = (digit: string): string => `x'${digit.repeat(64)}'`;
  const id = `'${'a'.repeat(64)}'`;
  const sent = (digit: string, change: Partial<Record<'key' | 'encoded' | 'state', string>> = {}): string =>
    `INSERT INTO caesar_sent VALUES (${hash(digit)}, ${id}, ${hash('1')}, 0, ${change.key ?? 'NULL'}, 'account.transfer', ${change.encoded ?? "x'01'"}, 1, ${change.state ?? "'waiting'"}, 1, '', '')`;
  const reward = (kind: string, amount: string): string =>
    `INSERT INTO caesar_rewards VALUES ('${kind}:${amount}', ${id}, '${kind}', ${hash('1')}, ${amount}, NULL, NULL, 1, 1, x'a0')`;
  db.exec(`${sent('1', { key: "'once'" })}; ${sent('2')}; ${reward('lease', '9223372036854775807')};
    INSERT INTO caesar_leases VALUES ('lease-1', 'lent', ${id}, 'agreed', x'a0', 1, '');
    INSERT INTO caesar_counts VALUES (1, 'cpu', 'granted', 1)`);
  for (const wrong of [
    sent('1'),
    sent('3', { key: "'once'" }),
    sent('3', { key: "''" }),
    sent('3', { encoded: 'NULL' }),
    sent('3', { state: "'final'" }),
    sent('3', { state: "'lost'", encoded: 'NULL' }),
    reward('gift', '1'),
    reward('lease', '-1'),
    `INSERT INTO caesar_leases VALUES ('lease-2', 'both', ${id}, 'agreed', x'a0', 1, '')`,
    `INSERT INTO caesar_leases VALUES ('lease-2', 'lent', ${id}, 'gone', x'a0', 1, '')`,
    "INSERT INTO caesar_counts VALUES (1, 'cpu', 'granted', 1)",
    "INSERT INTO caesar_counts VALUES (2, 'cpu', 'granted', 0)",
  ])
    expect(() => db.exec(wrong), wrong).toThrow(/constraint failed/);
});
