import { type Statement, type Store, StoreError } from '../../../base/index.ts';
import type { Hash, StateUpdate } from '../../blocks/index.ts';
import {
  BLOCKS_PER_TRANSACTION,
  BYTES_PER_TRANSACTION,
  ROWS_PER_TRANSACTION,
  SETS_PER_TRANSACTION,
} from './constants.ts';
import type { VoterRecord } from '../interface.ts';
import { voterColumns, writeEntries } from './rows.ts';

// A network that begins, or whose state is taken over from others, is written as a new copy beside the one that counts, some
// rows at a time, and becomes the one that counts in one step. Whatever happens on the way, the old one is still whole.

/** What deletes some rows of a copy, the row that all others name last. */
const DELETIONS = [
  // Blocks are large, and few of them go at a time; everything else is small.
  {
    sql: 'DELETE FROM ledger_blocks WHERE copy = ? AND height IN (SELECT height FROM ledger_blocks WHERE copy = ? LIMIT ?)',
    rows: BLOCKS_PER_TRANSACTION,
  },
  {
    sql: 'DELETE FROM ledger_sets WHERE copy = ? AND height IN (SELECT height FROM ledger_sets WHERE copy = ? LIMIT ?)',
    rows: SETS_PER_TRANSACTION,
  },
  {
    sql: 'DELETE FROM ledger_wal WHERE copy = ? AND sequence IN (SELECT sequence FROM ledger_wal WHERE copy = ? LIMIT ?)',
    rows: ROWS_PER_TRANSACTION,
  },
  {
    sql: 'DELETE FROM ledger_entries WHERE copy = ? AND key IN (SELECT key FROM ledger_entries WHERE copy = ? LIMIT ?)',
    rows: ROWS_PER_TRANSACTION,
  },
  { sql: 'DELETE FROM ledger_networks WHERE copy = ? AND copy IN (SELECT ? LIMIT ?) AND live = 0', rows: 1 },
] as const;

/** Deletes copies of a network that do not count, some rows at a time. @throws {StoreError} */
export const sweep = async (store: Store, network: Hash): Promise<void> => {
  const left = await store.all<{ copy: number }>(
    'ledger.leftovers',
    'SELECT copy FROM ledger_networks WHERE network = ? AND live = 0',
    [network],
  );
  for (const { copy } of left)
    for (const { sql, rows } of DELETIONS)
      for (let limit: number = rows, deleted = 1; deleted > 0; )
        try {
          deleted = await store.run('ledger.sweep', sql, [copy, copy, limit]);
        } catch (error) {
          // What is deleted is wiped, and that needs room as well: on a disk that is nearly full fewer may go at a time.
          if (limit === 1 || !(error instanceof StoreError) || error.code !== 'DISK_FULL') throw error;
          limit = Math.ceil(limit / 8);
        }
};

/** Leftovers cost nothing but room, and where there is none they stay until there is. @throws {StoreError} */
export const sweepIfRoom = async (store: Store, network: Hash): Promise<void> => {
  try {
    await sweep(store, network);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'DISK_FULL') throw error;
  }
};

/**
 * Writes a new copy and makes it the one that counts.
 *
 * @param first - what goes in beside the state; written with the switch
 * @returns its number
 * @throws {StoreError}, or what `state` throws: then the copy before counts as it did
 */
export const replace = async (
  store: Store,
  network: Hash,
  head: { genesis: Uint8Array; height: number; begunAtMs: number; voter: VoterRecord | null },
  state: AsyncIterable<readonly StateUpdate[]> | Iterable<readonly StateUpdate[]>,
  first: (copy: number) => readonly Statement[],
): Promise<number> => {
  await sweep(store, network);
  const row = await store.get<{ copy: number }>(
    'ledger.copy',
    'INSERT INTO ledger_networks (network, live, genesis, height, pruned, begun_at_ms, voter, voter_since_ms, voter_vouched) VALUES (?, 0, ?, ?, ?, ?, ?, ?, ?) RETURNING copy',
    [network, head.genesis, head.height, head.height, head.begunAtMs, ...voterColumns(head.voter)],
  );
  const copy = row!.copy;
  try {
    let waiting: StateUpdate[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      const statements = writeEntries(copy, waiting);
      waiting = [];
      bytes = 0;
      if (statements.length > 0) await store.transaction('ledger.take', statements);
    };
    for await (const piece of state)
      for (const update of piece) {
        waiting.push(update);
        bytes += update.value?.length ?? 0;
        if (waiting.length >= ROWS_PER_TRANSACTION || bytes >= BYTES_PER_TRANSACTION) await flush();
      }
    await flush();
    await store.transaction('ledger.switch', [
      ...first(copy),
      { sql: 'UPDATE ledger_networks SET live = 0 WHERE network = ? AND live = 1', params: [network] },
      { sql: 'UPDATE ledger_networks SET live = 1 WHERE copy = ?', params: [copy], changes: 1 },
    ]);
  } catch (error) {
    await sweepIfRoom(store, network);
    throw error;
  }
  await sweepIfRoom(store, network);
  return copy;
};
