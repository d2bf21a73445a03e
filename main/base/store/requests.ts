import type { StoreFailure } from './errors.ts';
import type { SqlParams, SqlValue, Statement } from './interface.ts';

/** What a store asks of its database, as it crosses to the thread. */
export type StoreRequest =
  | { kind: 'all' | 'get' | 'run'; name: string; sql: string; params: SqlParams }
  | { kind: 'transaction'; name: string; statements: readonly Statement[] }
  | { kind: 'size'; name: string };

export type StoreValue = Record<string, SqlValue>[] | Record<string, SqlValue> | number | undefined;

/** Answer to the request of the same place in the batch. */
export type StoreAnswer =
  | { ok: true; value: StoreValue; ms: number }
  | { ok: false; failure: StoreFailure; ms: number };

export interface BatchResult {
  answers: StoreAnswer[];
  /** Time that the shared commit took, 0 when there was none. */
  commitMs: number;
}

export type ToThread = { kind: 'batch'; requests: readonly StoreRequest[] } | { kind: 'close' };
export type FromThread =
  | { kind: 'opened' }
  | { kind: 'refused'; failure: StoreFailure }
  | ({ kind: 'batch' } & BatchResult)
  | { kind: 'closed' };
