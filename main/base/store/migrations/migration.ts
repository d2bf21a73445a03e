import type { Database } from 'better-sqlite3';

/** One step of the schema. A shipped one is never edited. All that are due run in one transaction. */
export interface Migration {
  /** Tens, ascending; becomes `user_version`. */
  readonly version: number;
  up(db: Database): void;
}
