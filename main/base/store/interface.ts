/** What a column may hold. */
export type SqlValue = string | number | bigint | null | Uint8Array;
export type SqlParams = readonly SqlValue[];

/** One statement of a transaction. */
export interface Statement {
  sql: string;
  params: SqlParams;
  /** Rows that it must change; any other number rolls the transaction back with `CONFLICT`. */
  changes?: number;
}

/**
 * The node's one database. Answers from a worker thread in the app, inline on `:memory:` in tests. One writer: writes
 * take effect in the order of the calls. Every statement is durable when its promise resolves (WAL, synchronous=FULL).
 *
 * `name` is a fixed text for logs and metrics, such as `jobs.insert`; a query over 40 ms is logged with it.
 *
 * @throws {StoreError} from every method; see errors.ts
 */
export interface Store {
  all<Row extends Record<string, SqlValue>>(name: string, sql: string, params?: SqlParams): Promise<Row[]>;
  get<Row extends Record<string, SqlValue>>(name: string, sql: string, params?: SqlParams): Promise<Row | undefined>;
  /** @returns rows changed */
  run(name: string, sql: string, params?: SqlParams): Promise<number>;
  /** All or nothing. */
  transaction(name: string, statements: readonly Statement[]): Promise<void>;
  /** Bytes of the database with its log. */
  sizeBytes(): Promise<number>;
  /** Writes everything out and closes. May be called twice. */
  close(): Promise<void>;
}
