import type { Database } from 'better-sqlite3';
import { assert } from '../errors.ts';
import { APPLICATION_ID } from './constants.ts';
import type { Migration } from './migrations/index.ts';

/**
 * Brings the schema up to the last of `migrations`, in one transaction: either all steps that are due have run, or none.
 * `user_version` and `application_id` are part of the file's header and so of the transaction.
 *
 * @returns the version before
 */
export const migrate = (db: Database, migrations: readonly Migration[]): number => {
  const before = db.pragma('user_version', { simple: true }) as number;
  const due = migrations.filter((migration) => migration.version > before);
  if (due.length === 0) return before;
  migrations.forEach((migration, i) => {
    assert(i === 0 || migration.version > migrations[i - 1]!.version, 'Migrations must be listed in ascending order.');
  });
  // A step that builds a table anew would otherwise delete the rows that refer to it.
  // https://www.sqlite.org/lang_altertable.html#otheralter
  db.pragma('foreign_keys = OFF');
  db.transaction(() => {
    for (const migration of due) {
      migration.up(db);
      db.pragma(`user_version = ${migration.version}`);
    }
    db.pragma(`application_id = ${APPLICATION_ID}`);
    assert((db.pragma('foreign_key_check') as unknown[]).length === 0, 'A migration left rows that refer to nothing.');
  }).exclusive();
  db.pragma('foreign_keys = ON');
  return before;
};
