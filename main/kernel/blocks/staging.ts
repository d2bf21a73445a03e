import type { Statement } from '../../base/index.ts';
import type { ChainStore } from './chain-store.ts';
import { STAGED_BYTES_MAX, STAGED_ROWS_MAX } from './constants.ts';

/**
 * Rows of an import on their way into the database, some megabytes at a time, so that a long chain is never in memory.
 * They lie above the head and count for nothing until it is moved.
 */
export class Staging {
  readonly #rows: ChainStore;
  readonly #offset: number;
  #statements: Statement[] = [];
  #bytes = 0;

  /** @param offset - added to heights where a chain that is here gives way */
  constructor(rows: ChainStore, offset: number) {
    this.#rows = rows;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  async add(statements: readonly Statement[], bytes = 0): Promise<void> {
    this.#statements.push(...statements);
    this.#bytes += bytes;
    if (this.#statements.length >= STAGED_ROWS_MAX || this.#bytes >= STAGED_BYTES_MAX) await this.flush();
  }

  /** @param base - 1: state as of the newest block without a body; 0: as of the head */
  async state(base: 0 | 1, entries: Iterable<readonly [key: string, value: Uint8Array]>): Promise<void> {
    for (const [key, value] of entries)
      await this.add(
        [
          {
            sql: 'INSERT INTO ledger_incoming (base, key, value) VALUES (?, ?, ?)',
            params: [base, key, value],
            changes: 1,
          },
        ],
        value.length,
      );
  }

  async flush(): Promise<void> {
    const statements = this.#statements;
    this.#statements = [];
    this.#bytes = 0;
    if (statements.length > 0) await this.#rows.transaction('chain.stage', statements);
  }
}
