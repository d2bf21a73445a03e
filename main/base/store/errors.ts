import { NodeError } from '../errors.ts';

/** Everything that a database can refuse with. */
export type StoreErrorType =
  /** Not a database, or damaged. Nothing was changed. */
  | { code: 'DATABASE_CORRUPT'; path: string; detail: string }
  /** The file or its folder cannot be written to. */
  | { code: 'DATABASE_READ_ONLY'; path: string }
  /** Written by a newer version of the app. Nothing was changed. */
  | { code: 'DATABASE_NEWER'; path: string; foundVersion: number; knownVersion: number }
  /** A database of another program. Nothing was changed. */
  | { code: 'DATABASE_FOREIGN'; path: string; applicationId: number }
  /** Another program holds a lock on it for too long. */
  | { code: 'DATABASE_LOCKED'; path: string }
  /** No room. The change was undone as a whole. */
  | { code: 'DISK_FULL'; path: string }
  /** The disk refused to read or write. The change was undone as a whole. */
  | { code: 'DISK_FAILED'; path: string; detail: string }
  /** A statement changed another number of rows than it had to, or the key exists. The transaction was undone. */
  | { code: 'CONFLICT'; name: string; reason: 'changes'; expected: number; actual: number }
  | { code: 'CONFLICT'; name: string; reason: 'unique'; detail: string }
  /** SQLite refused a statement: a fault of its author. The transaction was undone. */
  | { code: 'STATEMENT_FAILED'; name: string; sqliteCode: string; detail: string }
  /** More requests wait than there may. The caller does not wait for its answers. */
  | { code: 'TOO_MANY_REQUESTS'; limit: number }
  /** Asked after `close`, or the thread that held the database has ended. */
  | { code: 'STORE_CLOSED' };

/** What every method of `Store`, and opening one, rejects with. */
export class StoreError extends NodeError<StoreErrorType> {
  override readonly name = 'StoreError';
}

/** A `StoreError` as it crosses from the thread. */
export interface StoreFailure {
  type: StoreErrorType;
  message: string;
}

export const failureOf = (error: StoreError): StoreFailure => ({
  type: { code: error.code, ...error.data } as StoreErrorType,
  message: error.message,
});
export const errorOf = (failure: StoreFailure): StoreError => new StoreError(failure.type, failure.message);
