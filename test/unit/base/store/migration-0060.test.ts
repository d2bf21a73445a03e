import Sqlite, { type Database } from 'better-sqlite3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../main/base/index.ts';
import { migrate } from '../../../../main/base/store/migrate.ts';
import { migrations } from '../../../../main/base/store/migrations/index.ts';

const upTo = (last: number) => migrations.filter(({ version }) => version <= last);
let db: Database;
beforeEach(() => {
  db = new Sqlite(':memory:');
  // As the store opens it.
  db.pragma('foreign_keys = ON');
  migrate(db, upTo(50));
});
afterEach(() => {
  db.close();
});
const insertOld = (): void => {
  const end = encodeCbor({ why: 'exited', exitCode: 3 });
  const insert = db.prepare('INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const spec = encodeCbor({ name: 'old', kind: 'wasm' });
  insert.run('job-1', spec, 'aa', 8, 'ended', null, null, 1, 2, 3, end, encodeCbor({ measured: {}, governor: 'none' }));
  insert.run('job-2', spec, 'bb', 9, 'running', 77, '123', 4, 5, null, null, null);
  insert.run('job-3', spec, 'cc', 10, 'starting', null, null, 6, null, null, null, null);
  db.exec("INSERT INTO job_output VALUES ('job-1', 0, 'stdout', x'6162'), ('job-2', 0, 'stderr', x'63')");
};

it('keeps jobs of an older version with their output, as those of the owner of which nothing more is known', () => {
  insertOld();
  const outputs = db.prepare('SELECT * FROM job_output ORDER BY job_id').all();
  expect(migrate(db, upTo(60))).toBe(50);
  expect(db.pragma('user_version', { simple: true })).toBe(60);
  const rows = db.prepare('SELECT * FROM jobs ORDER BY id').all() as Record<string, unknown>[];
  expect(rows.map(({ id, state, module_sha256: sha256, module_bytes: bytes }) => [id, state, sha256, bytes])).toEqual([
    ['job-1', 'ended', 'aa', 8],
    ['job-2', 'running', 'bb', 9],
    ['job-3', 'starting', 'cc', 10],
  ]);
  for (const { side, origin, facts, record, spec } of rows) {
    expect([side, record]).toEqual(['own', null]);
    expect([decodeCbor(origin as Uint8Array), decodeCbor(facts as Uint8Array)]).toEqual([{}, {}]);
    expect(decodeCbor(spec as Uint8Array)).toEqual({ name: 'old', kind: 'wasm' });
  }
  expect(rows.map(({ created_at_ms: a, started_at_ms: b, ended_at_ms: c }) => [a, b, c])).toEqual([
    [1, 2, 3],
    [4, 5, null],
    [6, null, null],
  ]);
  expect(decodeCbor(rows[0]!['job_end'] as Uint8Array)).toEqual({ why: 'exited', exitCode: 3 });
  expect(db.prepare('SELECT * FROM job_output ORDER BY job_id').all()).toEqual(outputs);
  expect(outputs.length).toBe(2);
  expect(db.pragma('foreign_key_check')).toEqual([]);
  // Output still goes with its job.
  db.exec("DELETE FROM jobs WHERE id = 'job-1'");
  expect(db.prepare('SELECT job_id FROM job_output').pluck().all()).toEqual(['job-2']);
});

it('holds the new states, and refuses what breaks its rules', () => {
  migrate(db, upTo(60));
  const row = (id: string, state: string, side: string, origin: string): string =>
    `INSERT INTO jobs VALUES ('${id}', x'a0', 'aa', 1, '${state}', '${side}', ${origin}, NULL, x'a0', 1, NULL, NULL, NULL, NULL)`;
  for (const state of ['queued', 'preparing', 'starting', 'running', 'frozen', 'ended'])
    db.exec(row(`job-${state}`, state, state === 'frozen' ? 'lent' : 'own', "x'a0'"));
  for (const wrong of [
    row('job-x', 'paused', 'own', "x'a0'"),
    row('job-x', 'queued', 'other', "x'a0'"),
    row('job-x', 'queued', 'own', 'NULL'),
    row('job-queued', 'queued', 'own', "x'a0'"),
    "INSERT INTO job_output VALUES ('job-none', 0, 'stdout', x'61')",
  ])
    expect(() => db.exec(wrong), wrong).toThrow(/constraint failed/);
});
