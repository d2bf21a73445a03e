import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite, { type Database, type Statement as Prepared } from 'better-sqlite3';
import { assert, messageOf } from '../errors.ts';
import {
  APPLICATION_ID,
  BUSY_TIMEOUT_MS,
  CHECK_BYTES_MAX,
  STATEMENTS_MAX,
  VALUE_BYTES_MAX,
  WAL_BYTES_KEPT,
} from './constants.ts';
import { failureOf, StoreError } from './errors.ts';
import type { SqlParams, SqlValue, Statement } from './interface.ts';
import { migrate } from './migrate.ts';
import { migrations as allMigrations, type Migration } from './migrations/index.ts';
import type { BatchResult, StoreAnswer, StoreRequest, StoreValue } from './requests.ts';

export const IN_MEMORY = ':memory:';

export interface EngineComponents {
  /** For durations. */
  monotonicMs: () => number;
}
export interface EngineInit {
  /** Path of the file, or `:memory:`. */
  path: string;
  /** Steps of the schema. @default all of them */
  migrations?: readonly Migration[];
}

/** One open database, synchronous. Lives in the store's thread, or inline in tests. */
export interface Engine {
  /**
   * Runs the requests in order. Writes of one batch share one commit and are durable when this returns; each is all or
   * nothing by itself, so one that fails leaves the others in place.
   */
  execute(requests: readonly StoreRequest[]): BatchResult;
  /** Writes everything into the main file and closes it. */
  close(): void;
}

/** Opens, checks and migrates. @throws {StoreError} */
export const openEngine = (components: EngineComponents, init: EngineInit): Engine => {
  const { path } = init;
  const migrations = init.migrations ?? allMigrations;
  if (path !== IN_MEMORY) inspect(path, migrations.at(-1)?.version ?? 0);
  let db: Database | null = null;
  try {
    db = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
    db.pragma('journal_mode = WAL');
    // Each commit is flushed to the disk before it is reported: a power cut loses nothing that was promised.
    db.pragma('synchronous = FULL');
    // What is deleted is wiped: rows of whoever must not be known are gone once they are gone.
    db.pragma('secure_delete = ON');
    db.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`);
    db.pragma('temp_store = MEMORY');
    // Functions with side effects cannot be smuggled in through the schema of a file that was tampered with.
    db.pragma('trusted_schema = OFF');
    migrate(db, migrations);
    db.pragma('foreign_keys = ON');
    return createEngine(components, db, path);
  } catch (error) {
    db?.close();
    throw toStoreError(error, path, 'store.open');
  }
};

/**
 * Looks at a file without changing it: even its log of changes stays as it is, since a connection that only reads
 * cannot write it back.
 */
const inspect = (path: string, knownVersion: number): void => {
  if (!existsSync(path) || statSync(path).size === 0) {
    if (!isWritable(dirname(path))) throw readOnly(path);
    return;
  }
  if (!statSync(path).isFile() || !isWritable(path) || !isWritable(dirname(path))) throw readOnly(path);
  const afterCrash = existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0;
  let db: Database | null = null;
  try {
    db = new Sqlite(path, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
    const applicationId = db.pragma('application_id', { simple: true }) as number;
    const version = db.pragma('user_version', { simple: true }) as number;
    const empty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
    const fresh = empty && applicationId === 0 && version === 0;
    if (!fresh && applicationId !== APPLICATION_ID) {
      throw new StoreError(
        { code: 'DATABASE_FOREIGN', path, applicationId },
        `The database ${path} belongs to another program, so it was left alone; move it away, or choose another data folder with HYPERMESH_DATA.`,
      );
    }
    if (version > knownVersion) {
      throw new StoreError(
        { code: 'DATABASE_NEWER', path, foundVersion: version, knownVersion },
        `The database ${path} was written by a newer version of HyperMesh (schema ${version}, this version knows ${knownVersion}), so it was left alone; install the newer version again.`,
      );
    }
    if (afterCrash || statSync(path).size <= CHECK_BYTES_MAX) {
      const found = db.pragma('quick_check(1)', { simple: true }) as string;
      if (found !== 'ok') throw corrupt(path, found);
    }
  } catch (error) {
    throw toStoreError(error, path, 'store.inspect');
  } finally {
    db?.close();
  }
};

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

const createEngine = (components: EngineComponents, db: Database, path: string): Engine => {
  const prepared = new Map<string, Prepared<unknown[], Record<string, SqlValue>>>();
  const prepare = (sql: string): Prepared<unknown[], Record<string, SqlValue>> => {
    let statement = prepared.get(sql);
    // Taken out and put back: a Map keeps the order of insertion, so its first key is the least recently used.
    if (statement !== undefined) prepared.delete(sql);
    else {
      statement = db.prepare<unknown[], Record<string, SqlValue>>(sql);
      // Integers beyond 2^53 would be rounded silently.
      statement.safeIntegers(true);
      if (prepared.size >= STATEMENTS_MAX) prepared.delete(prepared.keys().next().value!);
    }
    prepared.set(sql, statement);
    return statement;
  };

  const runOne = (statement: Statement): number => prepare(statement.sql).run(...toBound(statement.params)).changes;

  /** One request inside or outside of a transaction that is open already. */
  const perform = (request: StoreRequest): StoreValue => {
    switch (request.kind) {
      case 'all':
        return prepare(request.sql)
          .all(...toBound(request.params))
          .map(toRow);
      case 'get': {
        const row = prepare(request.sql).get(...toBound(request.params));
        return row === undefined ? undefined : toRow(row);
      }
      case 'run':
        return runOne(request);
      case 'transaction':
        for (const statement of request.statements) {
          const actual = runOne(statement);
          if (statement.changes !== undefined && actual !== statement.changes) {
            throw new StoreError(
              { code: 'CONFLICT', name: request.name, reason: 'changes', expected: statement.changes, actual },
              `The change ${request.name} was undone, since a statement changed ${actual} rows and not ${statement.changes}; read the rows again and retry.`,
            );
          }
        }
        return undefined;
      case 'size': {
        const pages = db.pragma('page_count', { simple: true }) as number;
        const pageBytes = db.pragma('page_size', { simple: true }) as number;
        const wal = `${path}-wal`;
        return pages * pageBytes + (path !== IN_MEMORY && existsSync(wal) ? statSync(wal).size : 0);
      }
    }
  };
  const isWrite = (request: StoreRequest): boolean => request.kind === 'run' || request.kind === 'transaction';

  const answer = (request: StoreRequest, run: () => StoreValue): StoreAnswer => {
    const startMs = components.monotonicMs();
    try {
      const value = run();
      return { ok: true, value, ms: components.monotonicMs() - startMs };
    } catch (error) {
      return {
        ok: false,
        failure: failureOf(toStoreError(error, path, request.name)),
        ms: components.monotonicMs() - startMs,
      };
    }
  };

  /** Each request with a commit of its own. */
  const executeApart = (requests: readonly StoreRequest[]): BatchResult => ({
    answers: requests.map((request) =>
      answer(
        request,
        request.kind === 'transaction'
          ? () => db.transaction(() => perform(request)).immediate()
          : () => perform(request),
      ),
    ),
    commitMs: 0,
  });

  /** All requests with one commit, each write with a savepoint to go back to. @returns null when SQLite undid everything */
  const executeTogether = (requests: readonly StoreRequest[]): BatchResult | null => {
    const answers: StoreAnswer[] = [];
    try {
      db.exec('BEGIN IMMEDIATE');
    } catch (error) {
      // Locked by another program: said once for all, as each by itself would wait for the lock again.
      const failure = failureOf(toStoreError(error, path, requests[0]!.name));
      return { answers: requests.map(() => ({ ok: false, failure, ms: 0 })), commitMs: 0 };
    }
    try {
      for (const request of requests) {
        if (!isWrite(request)) {
          answers.push(answer(request, () => perform(request)));
          continue;
        }
        prepare('SAVEPOINT one').run();
        const given = answer(request, () => perform(request));
        answers.push(given);
        // A full or failing disk ends the whole transaction, not the savepoint alone.
        if (!db.inTransaction) return null;
        if (!given.ok) prepare('ROLLBACK TO one').run();
        prepare('RELEASE one').run();
      }
      const startMs = components.monotonicMs();
      db.exec('COMMIT');
      return { answers, commitMs: components.monotonicMs() - startMs };
    } catch {
      return null;
    } finally {
      if (db.inTransaction) db.exec('ROLLBACK');
    }
  };

  return {
    execute: (requests) => {
      if (requests.filter(isWrite).length < 2) return executeApart(requests);
      // Nothing of a batch that failed as a whole has been answered, so it may be run again, each request by itself,
      // and each then gets the error that is its own.
      return executeTogether(requests) ?? executeApart(requests);
    },
    close: () => {
      if (!db.open) return;
      prepared.clear();
      try {
        db.pragma('optimize');
      } catch {
        // Statistics for the planner: welcome, not needed, and on a full disk not to be had.
      }
      db.close();
    },
  };
};

/** A value as SQLite takes it. Numbers are bound as integers whenever they are whole, not as floating point. */
const toBound = (params: SqlParams): unknown[] =>
  params.map((value) => {
    if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
    if (value instanceof Uint8Array) {
      assert(value.byteLength <= VALUE_BYTES_MAX, `A stored value may have at most ${VALUE_BYTES_MAX} bytes.`);
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    if (typeof value === 'string')
      assert(value.length <= VALUE_BYTES_MAX, `A stored text may have at most ${VALUE_BYTES_MAX} characters.`);
    return value;
  });

/** A row as callers get it: numbers where they are exact, `bigint` beyond, plain byte arrays. */
const toRow = (row: Record<string, SqlValue>): Record<string, SqlValue> => {
  for (const key in row) {
    const value = row[key]!;
    if (typeof value === 'bigint') {
      const number = Number(value);
      if (Number.isSafeInteger(number)) row[key] = number;
    } else if (value instanceof Uint8Array)
      row[key] = new Uint8Array(value.buffer as ArrayBuffer, value.byteOffset, value.byteLength);
  }
  return row;
};

const corrupt = (path: string, detail: string): StoreError =>
  new StoreError(
    { code: 'DATABASE_CORRUPT', path, detail },
    // A check answers in lines, the first of which only names the database.
    `The database ${path} is damaged (${detail.split('\n').at(-1)}) and nothing was changed in it; put a copy of it back, or move it away with its -wal and -shm files and start again with an empty one.`,
  );
const readOnly = (path: string): StoreError =>
  new StoreError(
    { code: 'DATABASE_READ_ONLY', path },
    `The database ${path} cannot be written to; make the file and its folder writable for your user, then start again.`,
  );

/** What SQLite's codes mean for us, https://www.sqlite.org/rescode.html. Extended codes start with their primary one. */
const toStoreError = (error: unknown, path: string, name: string): StoreError => {
  if (error instanceof StoreError) return error;
  const sqliteCode = error instanceof Sqlite.SqliteError ? error.code : '';
  const detail = messageOf(error);
  const is = (primary: string): boolean => sqliteCode === primary || sqliteCode.startsWith(`${primary}_`);
  if (is('SQLITE_CORRUPT') || is('SQLITE_NOTADB')) return corrupt(path, detail);
  if (is('SQLITE_READONLY') || is('SQLITE_CANTOPEN') || is('SQLITE_PERM')) return readOnly(path);
  // Room for the index of the log is reserved before it is used, and fails with a code of its own.
  if (is('SQLITE_FULL') || sqliteCode === 'SQLITE_IOERR_SHMSIZE') {
    return new StoreError(
      { code: 'DISK_FULL', path },
      `The disk that holds ${path} is full, so the change was undone; make room on it and try again.`,
      { cause: error },
    );
  }
  if (is('SQLITE_IOERR')) {
    return new StoreError(
      { code: 'DISK_FAILED', path, detail: sqliteCode },
      `The disk that holds ${path} failed (${sqliteCode}), so the change was undone; check the disk and start again.`,
      { cause: error },
    );
  }
  if (is('SQLITE_BUSY') || is('SQLITE_LOCKED')) {
    return new StoreError(
      { code: 'DATABASE_LOCKED', path },
      `Another program holds the database ${path}; close it (a database browser, a backup) and try again.`,
      { cause: error },
    );
  }
  if (sqliteCode === 'SQLITE_CONSTRAINT_UNIQUE' || sqliteCode === 'SQLITE_CONSTRAINT_PRIMARYKEY') {
    return new StoreError(
      { code: 'CONFLICT', name, reason: 'unique', detail },
      `The change ${name} was undone, since there is such a row already (${detail}); read the rows again and retry.`,
      { cause: error },
    );
  }
  return new StoreError(
    { code: 'STATEMENT_FAILED', name, sqliteCode, detail },
    `The database refused ${name} (${detail}) and the change was undone; this is a fault of the app, please report it with the log.`,
    { cause: error },
  );
};
