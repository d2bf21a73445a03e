import { Worker } from 'node:worker_threads';
import { assert, messageOf } from '../errors.ts';
import type { Logger } from '../logging/index.ts';
import type { MetricsRegistry } from '../metrics/index.ts';
import type { Clock } from '../outside.ts';
import { BATCH_REQUESTS_MAX, REQUESTS_WAITING_MAX, SLOW_QUERY_MS } from './constants.ts';
import { openEngine } from './engine.ts';
import { errorOf, StoreError } from './errors.ts';
import type { SqlParams, SqlValue, Store } from './interface.ts';
import { createStoreMetrics } from './metrics.ts';
import type { BatchResult, FromThread, StoreRequest, StoreValue, ToThread } from './requests.ts';

export interface StoreComponents {
  logger: Logger;
  /** Null: no metrics. */
  metrics: MetricsRegistry | null;
  clock: Clock;
}
export interface StoreInit {
  /** The file, or `:memory:`. Its folder must exist. */
  path: string;
  /** Entry of the thread that holds the database. Absent: it is held inline and blocks the caller, for tests and tools. */
  workerPath?: string;
}

/** Where batches go. */
interface Connection {
  /** Called again only after the batch before was answered. */
  execute(requests: readonly StoreRequest[]): Promise<BatchResult>;
  close(): Promise<void>;
}

/**
 * Opens the database, creates or migrates it, and answers when it is ready.
 *
 * @throws {StoreError} `DATABASE_CORRUPT` | `DATABASE_READ_ONLY` | `DATABASE_NEWER` | `DATABASE_FOREIGN` |
 *   `DATABASE_LOCKED` | `DISK_FULL` | `DISK_FAILED`; the file is then as it was
 */
export const createStore = async (components: StoreComponents, init: StoreInit): Promise<Store> => {
  const connection =
    init.workerPath === undefined
      ? openInline(components.clock, init.path)
      : await openThread(init.workerPath, init.path);
  return new BatchingStore(components, connection);
};

const openInline = (clock: Clock, path: string): Connection => {
  const engine = openEngine({ monotonicMs: () => clock.monotonicMs() }, { path });
  return {
    execute: (requests) => Promise.resolve(engine.execute(requests)),
    close: () => {
      engine.close();
      return Promise.resolve();
    },
  };
};

const openThread = async (workerPath: string, path: string): Promise<Connection> => {
  // Flags of the main program (a debugger's port, Electron's switches) are none of the thread's business.
  const worker = new Worker(workerPath, { name: 'store', workerData: { path }, execArgv: [] });
  /** The one answer awaited. Whatever ends the thread ends the wait as well. */
  let awaited: PromiseWithResolvers<FromThread> | null = Promise.withResolvers();
  let ended: StoreError | null = null;
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', () => {
      resolve();
    });
  });
  const end = (reason: string): void => {
    ended ??= new StoreError(
      { code: 'STORE_CLOSED' },
      `The thread that holds the database has ended (${reason}), so nothing more can be stored; start the node again.`,
    );
    awaited?.reject(ended);
    awaited = null;
  };
  worker.on('message', (message: FromThread) => {
    const waiting = awaited;
    awaited = null;
    waiting?.resolve(message);
  });
  worker.on('error', (error) => {
    end(messageOf(error));
  });
  worker.on('exit', (code) => {
    end(`exit code ${code}`);
  });
  const ask = (message: ToThread): Promise<FromThread> => {
    assert(awaited === null, 'The store asks its thread one thing at a time.');
    if (ended !== null) return Promise.reject(ended);
    worker.postMessage(message);
    // Only now: what cannot be sent is not waited for. The answer comes in a later turn.
    awaited = Promise.withResolvers();
    return awaited.promise;
  };

  const first = await awaited.promise;
  if (first.kind === 'refused') {
    await exited;
    throw errorOf(first.failure);
  }
  return {
    execute: async (requests) => {
      const message = await ask({ kind: 'batch', requests });
      assert(message.kind === 'batch', 'The store thread answers a batch with a batch.');
      return message;
    },
    close: async () => {
      if (ended === null) await ask({ kind: 'close' });
      await exited;
    },
  };
};

/** Values as they cross to the thread. A view is sent with the whole buffer that it looks into, so it gets its own. */
const toSendable = (params: SqlParams): SqlParams =>
  params.map((value) => {
    if (value instanceof Uint8Array)
      return value.byteLength === value.buffer.byteLength ? value : new Uint8Array(value);
    assert(
      value === null || ['string', 'number', 'bigint'].includes(typeof value),
      `SQLite holds no value of type ${typeof value}.`,
    );
    return value;
  });

interface Waiting {
  request: StoreRequest;
  answer: PromiseWithResolvers<StoreValue>;
}

/**
 * Sends what has gathered since the last batch was answered as the next one. A lone request goes out at once; under
 * load the flush to the disk, which costs most, is shared by all that came in during the flush before.
 */
class BatchingStore implements Store {
  readonly #components: StoreComponents;
  readonly #connection: Connection;
  readonly #metrics: ReturnType<typeof createStoreMetrics>;
  #waiting: Waiting[] = [];
  #sending = false;
  #closed: Promise<void> | null = null;
  /** Resolved when nothing waits any more; made by `close`. */
  #drained: PromiseWithResolvers<void> | null = null;

  constructor(components: StoreComponents, connection: Connection) {
    this.#components = { ...components, logger: components.logger.child('store') };
    this.#connection = connection;
    this.#metrics = createStoreMetrics(components.metrics);
  }

  async all<Row extends Record<string, SqlValue>>(
    name: string,
    sql: string,
    params: readonly SqlValue[] = [],
  ): Promise<Row[]> {
    return (await this.#ask({ kind: 'all', name, sql, params: toSendable(params) })) as Row[];
  }

  async get<Row extends Record<string, SqlValue>>(
    name: string,
    sql: string,
    params: readonly SqlValue[] = [],
  ): Promise<Row | undefined> {
    return (await this.#ask({ kind: 'get', name, sql, params: toSendable(params) })) as Row | undefined;
  }

  async run(name: string, sql: string, params: readonly SqlValue[] = []): Promise<number> {
    return (await this.#ask({ kind: 'run', name, sql, params: toSendable(params) })) as number;
  }

  async transaction(name: string, statements: Parameters<Store['transaction']>[1]): Promise<void> {
    await this.#ask({
      kind: 'transaction',
      name,
      statements: statements.map((statement) => ({ ...statement, params: toSendable(statement.params) })),
    });
  }

  sizeBytes(): Promise<number> {
    return this.#ask({ kind: 'size', name: 'store.size' }) as Promise<number>;
  }

  close(): Promise<void> {
    this.#closed ??= (async () => {
      if (this.#sending) {
        this.#drained = Promise.withResolvers();
        await this.#drained.promise;
      }
      await this.#connection.close();
    })();
    return this.#closed;
  }

  #ask(request: StoreRequest): Promise<StoreValue> {
    if (this.#closed !== null) {
      return Promise.reject(
        new StoreError(
          { code: 'STORE_CLOSED' },
          `The database is closed, so ${request.name} did not run; start the node again.`,
        ),
      );
    }
    if (this.#waiting.length >= REQUESTS_WAITING_MAX) {
      return Promise.reject(
        new StoreError(
          { code: 'TOO_MANY_REQUESTS', limit: REQUESTS_WAITING_MAX },
          `More than ${REQUESTS_WAITING_MAX} requests wait for the database, so ${request.name} did not run; wait for some of them and try again.`,
        ),
      );
    }
    const answer = Promise.withResolvers<StoreValue>();
    this.#waiting.push({ request, answer });
    if (!this.#sending) {
      this.#sending = true;
      // On a microtask, so that requests made in one go share one batch.
      queueMicrotask(() => void this.#send());
    }
    return answer.promise;
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_REQUESTS_MAX);
      this.#metrics?.waiting.set(this.#waiting.length);
      this.#metrics?.batchRequests.observe(batch.length);
      try {
        this.#settle(batch, await this.#connection.execute(batch.map(({ request }) => request)));
      } catch (error) {
        // The thread is gone: nothing of the batch has been answered.
        this.#components.logger.error('The database did not answer', {
          reason: messageOf(error),
          requests: batch.length,
        });
        for (const { answer } of batch) answer.reject(error);
      }
    }
    this.#sending = false;
    this.#drained?.resolve();
  }

  #settle(batch: readonly Waiting[], result: BatchResult): void {
    assert(result.answers.length === batch.length, 'The store thread answers every request of a batch.');
    if (result.commitMs > 0) this.#metrics?.commitSeconds.observe(result.commitMs / 1000);
    if (result.commitMs > SLOW_QUERY_MS) {
      this.#components.logger.warn('Slow commit', {
        ms: Math.round(result.commitMs),
        requests: batch.length,
        first: batch[0]!.request.name,
      });
    }
    batch.forEach(({ request, answer }, i) => {
      const given = result.answers[i]!;
      this.#metrics?.querySeconds.observe(given.ms / 1000, { kind: request.kind });
      if (given.ms > SLOW_QUERY_MS)
        this.#components.logger.warn('Slow query', { query: request.name, ms: Math.round(given.ms) });
      if (given.ok) {
        answer.resolve(given.value);
        return;
      }
      this.#metrics?.errors.inc(1, { code: given.failure.type.code });
      answer.reject(errorOf(given.failure));
    });
  }
}
