import { createHash } from 'node:crypto';
import { type SqlValue, type Statement, decodeCbor, messageOf, sha256 } from '../../../base/index.ts';
import { type Hash, STATE_KEY, STATE_VALUE_BYTES_MAX, type StateUpdate } from '../../blocks/index.ts';
import type { StoredBlock, VoterRecord } from '../interface.ts';
import { BLOCK_ITEMS_MAX, ENTRIES_PER_STATEMENT } from './constants.ts';
import { LedgerStoreError } from './errors.ts';

export type Row = Record<string, SqlValue>;
type Table = 'ledger_networks' | 'ledger_blocks' | 'ledger_wal' | 'ledger_entries' | 'ledger_sets';

export const same = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

export const damaged = (network: Hash, table: Table, problem: string): LedgerStoreError => {
  const hex = Buffer.from(network).toString('hex');
  return new LedgerStoreError(
    { code: 'ROWS_DAMAGED', network: hex, table, problem },
    `The ledger of the network ${hex.slice(0, 16)} is damaged on this disk (${table}: ${problem}), so it goes no further here; leave the network and join it again to fetch it from others.`,
  );
};

/**
 * Tells a row that was changed, or that was written for another network or another place, from the one that stood there.
 *
 * @param place - height, or number in a sequence
 */
export const sumOf = (network: Hash, table: Table, place: number, bytes: Uint8Array): Uint8Array =>
  createHash('sha256').update(`${table} ${place} `).update(network).update(bytes).digest();

/** @throws {LedgerStoreError} `ROWS_DAMAGED` */
export const checkSum = (network: Hash, table: Table, place: number, bytes: Uint8Array, sum: SqlValue): void => {
  if (!(sum instanceof Uint8Array) || !same(sumOf(network, table, place, bytes), sum))
    throw damaged(network, table, `what is kept at ${place} was changed, or belongs elsewhere`);
};

/** The header as it lies in a block, docs/formats/ledger-block.md. @throws {Error} when there is none */
export const headerIn = (block: Uint8Array): Uint8Array => {
  const fields = decodeCbor(block, BLOCK_ITEMS_MAX);
  const header = typeof fields === 'object' && fields !== null && 'header' in fields ? fields.header : undefined;
  if (!(header instanceof Uint8Array)) throw new Error('it has no header');
  return header;
};

export const BLOCK_COLUMNS = 'height, hash, header, commit_sum, block_sum, commit_bytes, block';

/** @throws {LedgerStoreError} `ROWS_DAMAGED` */
export const toBlock = (network: Hash, row: Row): StoredBlock => {
  const height = row['height'] as number;
  const hash = row['hash'] as Uint8Array;
  const header = row['header'] as Uint8Array;
  const commit = row['commit_bytes'] as Uint8Array;
  const block = row['block'] as Uint8Array | null;
  if (!same(sha256(header), hash)) throw damaged(network, 'ledger_blocks', `the header of ${height} was changed`);
  checkSum(network, 'ledger_blocks', height, commit, row['commit_sum'] ?? null);
  if (block !== null) {
    checkSum(network, 'ledger_blocks', height, block, row['block_sum'] ?? null);
    let inside: Uint8Array;
    try {
      inside = headerIn(block);
    } catch (error) {
      throw damaged(network, 'ledger_blocks', `the block of ${height} cannot be read: ${messageOf(error)}`);
    }
    if (!same(inside, header)) throw damaged(network, 'ledger_blocks', `the block of ${height} has another header`);
  }
  return { height, hash, header, commit, block };
};

/** @throws {LedgerStoreError} `ROWS_DAMAGED` */
export const toEntry = (network: Hash, row: Row): StateUpdate => {
  const key = row['key'] as string;
  const value = row['value'] as Uint8Array;
  if (!STATE_KEY.test(key) || value.length > STATE_VALUE_BYTES_MAX)
    throw damaged(network, 'ledger_entries', `there is an entry that a state cannot have: ${key.slice(0, 40)}`);
  return { key, value };
};

export const insertBlock = (
  network: Hash,
  copy: number,
  { height, hash, header, commit, block }: StoredBlock,
): Statement => ({
  sql: `INSERT INTO ledger_blocks (copy, ${BLOCK_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  params: [
    copy,
    height,
    hash,
    header,
    sumOf(network, 'ledger_blocks', height, commit),
    block === null ? null : sumOf(network, 'ledger_blocks', height, block),
    commit,
    block,
  ],
  changes: 1,
});
/** `voter`, `voter_since_ms`, `voter_vouched` */
export const voterColumns = (voter: VoterRecord | null): SqlValue[] =>
  voter === null ? [null, null, null] : [voter.id, voter.sinceMs, voter.vouched ? 1 : 0];
export const toVoter = (row: Row): VoterRecord | null =>
  row['voter'] instanceof Uint8Array
    ? { id: row['voter'], sinceMs: row['voter_since_ms'] as number, vouched: row['voter_vouched'] === 1 }
    : null;
export const insertSet = (network: Hash, copy: number, height: number, validators: Uint8Array): Statement => ({
  sql: 'INSERT INTO ledger_sets (copy, height, sum, validators) VALUES (?, ?, ?, ?)',
  params: [copy, height, sumOf(network, 'ledger_sets', height, validators), validators],
  changes: 1,
});

const UPSERT = 'ON CONFLICT (copy, key) DO UPDATE SET value = excluded.value';
const upsertOf = (count: number): string =>
  `INSERT INTO ledger_entries (copy, key, value) VALUES ${Array.from({ length: count }, () => '(?, ?, ?)').join(', ')} ${UPSERT}`;
const UPSERT_ONE = upsertOf(1);
const UPSERT_MANY = upsertOf(ENTRIES_PER_STATEMENT);

/** Changes of the state; the last word on a key counts. */
export const writeEntries = (copy: number, updates: readonly StateUpdate[]): Statement[] => {
  const last = new Map(updates.map(({ key, value }) => [key, value]));
  const statements: Statement[] = [];
  const written: (readonly [key: string, value: Uint8Array])[] = [];
  for (const [key, value] of last) {
    if (value !== null) written.push([key, value]);
    else statements.push({ sql: 'DELETE FROM ledger_entries WHERE copy = ? AND key = ?', params: [copy, key] });
  }
  let next = 0;
  // Many at once: a statement costs as much on its way to the thread as some ten entries.
  for (; next + ENTRIES_PER_STATEMENT <= written.length; next += ENTRIES_PER_STATEMENT)
    statements.push({
      sql: UPSERT_MANY,
      params: written.slice(next, next + ENTRIES_PER_STATEMENT).flatMap(([key, value]) => [copy, key, value]),
      changes: ENTRIES_PER_STATEMENT,
    });
  for (const [key, value] of written.slice(next))
    statements.push({ sql: UPSERT_ONE, params: [copy, key, value], changes: 1 });
  return statements;
};
