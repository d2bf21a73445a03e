import Sqlite from 'better-sqlite3';
import { LOCK_WAIT_MS } from './constants.ts';

/**
 * A lock that ends with its process, however that ends: the operating system's lock on a file, taken by an exclusive
 * transaction of SQLite, which knows how to on every system. Nothing is ever written to the file.
 *
 * On POSIX systems a process loses its locks on a file when it closes *any* handle to it, so nothing else in the node
 * may open this file other than through SQLite (https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks_canceled_by_a_separate_thread_doing_close_).
 */
export interface FolderLock {
  /** May be called twice. */
  release(): void;
}

const isBusy = (error: unknown): boolean => error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY');

/** @returns null when another process holds it */
export const takeLock = (path: string): FolderLock | null => {
  const db = new Sqlite(path, { timeout: LOCK_WAIT_MS });
  try {
    // No journal beside it, as there is nothing to undo.
    db.pragma('journal_mode = MEMORY');
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (isBusy(error)) return null;
    throw error;
  }
  return { release: () => db.close() };
};

/** Whether a process holds the lock. Takes none itself but one to read, for an instant. */
export const isLocked = (path: string): boolean => {
  let db: Sqlite.Database | null = null;
  try {
    db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: 0 });
    db.prepare('SELECT 1 FROM sqlite_schema').get();
    return false;
  } catch (error) {
    return isBusy(error);
  } finally {
    db?.close();
  }
};
