import { type Clock, type Store, assert, sha256 } from '../../../base/index.ts';
import type { Hash, StateUpdate } from '../../blocks/index.ts';
import type { AdoptedState, ReplicaRecord, ReplicaStore, StoredBlock, VoterRecord } from '../interface.ts';
import { BLOCKS_PER_READ, BLOCKS_PER_TRANSACTION, ENTRIES_PER_READ, REMEMBERED_MAX } from './constants.ts';
import { replace, sweepIfRoom } from './copies.ts';
import { LedgerStoreError } from './errors.ts';
import {
  BLOCK_COLUMNS,
  type Row,
  checkSum,
  damaged,
  headerIn,
  insertBlock,
  insertSet,
  same,
  sumOf,
  toBlock,
  toEntry,
  toVoter,
  voterColumns,
  writeEntries,
} from './rows.ts';

export interface ReplicaStoreComponents {
  store: Store;
  clock: Clock;
}
export interface ReplicaStoreInit {
  /** SHA-256 of the genesis. Only one replica of a network at a time writes to a database. */
  network: Hash;
}

/** The copy that counts, as of the last write. */
interface Live {
  copy: number;
  height: number;
  /** Of the last entry that was remembered. */
  sequence: number;
  /** SHA-256 of the newest set; '' for none. */
  newestSet: string;
  voter: VoterRecord | null;
}

const fingerprint = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex');

class SqlReplicaStore implements ReplicaStore {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #network: Hash;
  #live: Live | null = null;
  /** Changes of what counts come one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor({ store, clock }: ReplicaStoreComponents, { network }: ReplicaStoreInit) {
    this.#store = store;
    this.#clock = clock;
    this.#network = network;
  }

  async load(): Promise<ReplicaRecord | null> {
    return this.#inTurn(async () => {
      await sweepIfRoom(this.#store, this.#network);
      this.#live = null;
      const found = await this.#find();
      if (found === null) return null;
      const { copy, height } = found.live;
      if (fingerprint(found.genesis) !== Buffer.from(this.#network).toString('hex'))
        throw damaged(this.#network, 'ledger_networks', 'its genesis was changed');
      if (height > 0 && (await this.#blockOf(copy, height)) === null)
        throw damaged(this.#network, 'ledger_blocks', `the newest block, ${height}, is gone`);
      if (height > 0 && (await this.#setOf(copy, height + 1)) === null)
        throw damaged(this.#network, 'ledger_sets', 'nobody is to sign the next block');
      const rows = await this.#store.all(
        'ledger.remembered',
        'SELECT sequence, sum, entry FROM ledger_wal WHERE copy = ? ORDER BY sequence LIMIT ?',
        [copy, REMEMBERED_MAX + 1],
      );
      if (rows.length > REMEMBERED_MAX)
        throw damaged(this.#network, 'ledger_wal', `it has more than ${REMEMBERED_MAX} rows`);
      // SQLite leaves nothing half written. A row that was changed may hide what this node has signed: it must not sign again.
      for (const row of rows)
        checkSum(
          this.#network,
          'ledger_wal',
          row['sequence'] as number,
          row['entry'] as Uint8Array,
          row['sum'] ?? null,
        );
      return {
        genesis: found.genesis,
        height,
        state: this.#entries(copy),
        remembered: rows.map((row) => row['entry'] as Uint8Array),
        voter: found.live.voter,
      };
    });
  }

  begin(genesis: Uint8Array, state: readonly StateUpdate[]): Promise<void> {
    return this.#inTurn(async () => {
      assert(same(sha256(genesis), this.#network), 'A ledger begins with the genesis that it is named after.');
      const head = { genesis, height: 0, begunAtMs: this.#clock.nowMs(), voter: null };
      const copy = await replace(this.#store, this.#network, head, [state], () => []);
      this.#live = { copy, height: 0, sequence: 0, newestSet: '', voter: null };
    });
  }

  remember(entry: Uint8Array): Promise<void> {
    return this.#inTurn(async () => {
      const live = await this.#needLive();
      const sequence = live.sequence + 1;
      await this.#store.transaction('ledger.remember', [
        {
          sql: 'INSERT INTO ledger_wal (copy, sequence, sum, entry) VALUES (?, ?, ?, ?)',
          params: [live.copy, sequence, sumOf(this.#network, 'ledger_wal', sequence, entry), entry],
          changes: 1,
        },
      ]);
      live.sequence = sequence;
    });
  }

  commit(change: Parameters<ReplicaStore['commit']>[0]): Promise<void> {
    return this.#inTurn(async () => {
      const live = await this.#needLive();
      const { height, hash, block, commit, nextValidators } = change;
      assert(height === live.height + 1, `Block ${height} does not follow block ${live.height}.`);
      const header = headerIn(block);
      assert(same(sha256(header), hash), 'A block is kept under the hash of its header.');
      const newestSet = fingerprint(nextValidators);
      await this.#store.transaction('ledger.commit', [
        {
          sql: 'UPDATE ledger_networks SET height = ? WHERE copy = ? AND live = 1 AND height = ?',
          params: [height, live.copy, height - 1],
          changes: 1,
        },
        insertBlock(this.#network, live.copy, { height, hash, header, commit, block }),
        ...writeEntries(live.copy, change.updates),
        ...(newestSet === live.newestSet ? [] : [insertSet(this.#network, live.copy, height + 1, nextValidators)]),
        { sql: 'DELETE FROM ledger_wal WHERE copy = ?', params: [live.copy] },
      ]);
      live.height = height;
      live.newestSet = newestSet;
    });
  }

  adopt(adopted: AdoptedState): Promise<void> {
    return this.#inTurn(async () => {
      const { genesis, height, header, hash, commit, validators, nextValidators } = adopted;
      assert(same(sha256(genesis), this.#network), 'A state is taken over for the network that it is of.');
      assert(height > 0 && same(sha256(header), hash), 'A state is taken over with the header of its height.');
      // What these keys signed with this disk was at a height that is final now.
      const voter = (await this.#findLive())?.voter ?? null;
      const head = { genesis, height, begunAtMs: this.#clock.nowMs(), voter };
      const copy = await replace(this.#store, this.#network, head, adopted.state, (fresh) => [
        insertBlock(this.#network, fresh, { height, hash, header, commit, block: null }),
        insertSet(this.#network, fresh, height, validators),
        ...(fingerprint(validators) === fingerprint(nextValidators)
          ? []
          : [insertSet(this.#network, fresh, height + 1, nextValidators)]),
      ]);
      this.#live = { copy, height, sequence: 0, newestSet: fingerprint(nextValidators), voter };
    });
  }

  voter(record: VoterRecord): Promise<void> {
    return this.#inTurn(async () => {
      const live = await this.#needLive();
      await this.#store.transaction('ledger.voter', [
        {
          sql: 'UPDATE ledger_networks SET voter = ?, voter_since_ms = ?, voter_vouched = ? WHERE copy = ?',
          params: [...voterColumns(record), live.copy],
          changes: 1,
        },
      ]);
      live.voter = record;
    });
  }

  async block(height: number): Promise<StoredBlock | null> {
    const live = await this.#findLive();
    return live === null ? null : this.#blockOf(live.copy, height);
  }

  async blocks(from: number, limit: number, bytesMax: number): Promise<StoredBlock[]> {
    const live = await this.#findLive();
    if (live === null) return [];
    const sizes = await this.#store.all<{ height: number; bytes: number }>(
      'ledger.sizes',
      'SELECT height, length(header) + length(commit_bytes) + coalesce(length(block), 0) AS bytes FROM ledger_blocks WHERE copy = ? AND height >= ? ORDER BY height LIMIT ?',
      [live.copy, from, Math.min(limit, BLOCKS_PER_READ)],
    );
    let bytes = 0;
    let count = 0;
    for (const size of sizes) {
      bytes += size.bytes;
      // One always fits: whoever asks would otherwise get no further.
      if (bytes > bytesMax && count > 0) break;
      count += 1;
    }
    // Without gaps, from just that height on: whoever hands them to a peer would otherwise show it something else than it asked for.
    if (sizes[0]?.height !== from) return [];
    const rows = await this.#store.all(
      'ledger.blocks',
      `SELECT ${BLOCK_COLUMNS} FROM ledger_blocks WHERE copy = ? AND height >= ? ORDER BY height LIMIT ?`,
      [live.copy, from, count],
    );
    return rows.map((row) => toBlock(this.#network, row));
  }

  async validators(height: number): Promise<Uint8Array | null> {
    const live = await this.#findLive();
    return live === null || height > live.height + 1 ? null : this.#setOf(live.copy, height);
  }

  async prune(below: number): Promise<void> {
    for (let done = false; !done; )
      done = await this.#inTurn(async () => {
        const live = await this.#findLive();
        if (live === null) return true;
        const row = await this.#store.get<{ pruned: number }>(
          'ledger.pruned',
          'SELECT pruned FROM ledger_networks WHERE copy = ?',
          [live.copy],
        );
        const from = row!.pruned;
        // The newest block stays whatever is asked: the next one refers to it.
        const end = Math.min(below, live.height);
        if (from >= end) return true;
        const to = Math.min(end, from + BLOCKS_PER_TRANSACTION);
        await this.#store.transaction('ledger.prune', [
          {
            sql: 'UPDATE ledger_blocks SET block = NULL, block_sum = NULL WHERE copy = ? AND height >= ? AND height < ?',
            params: [live.copy, from, to],
          },
          { sql: 'UPDATE ledger_networks SET pruned = ? WHERE copy = ?', params: [to, live.copy], changes: 1 },
        ]);
        return false;
      });
  }

  /** One after the other, in the order of the calls; one that fails does not stop those behind it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** @throws {LedgerStoreError} `LEDGER_NOT_BEGUN` */
  async #needLive(): Promise<Live> {
    const live = await this.#findLive();
    if (live !== null) return live;
    const network = Buffer.from(this.#network).toString('hex');
    throw new LedgerStoreError(
      { code: 'LEDGER_NOT_BEGUN', network },
      `Nothing of the network ${network.slice(0, 16)} is kept here; join it first.`,
    );
  }
  async #findLive(): Promise<Live | null> {
    return this.#live ?? (await this.#find())?.live ?? null;
  }
  async #find(): Promise<{ live: Live; genesis: Uint8Array } | null> {
    const row = await this.#store.get(
      'ledger.find',
      `SELECT copy, height, genesis, voter, voter_since_ms, voter_vouched,
        (SELECT max(sequence) FROM ledger_wal AS wal WHERE wal.copy = ledger_networks.copy) AS sequence,
        (SELECT validators FROM ledger_sets AS sets WHERE sets.copy = ledger_networks.copy ORDER BY sets.height DESC LIMIT 1) AS newest_set
        FROM ledger_networks WHERE network = ? AND live = 1`,
      [this.#network],
    );
    if (row === undefined) return null;
    const newest = row['newest_set'] as Uint8Array | null;
    this.#live ??= {
      copy: row['copy'] as number,
      height: row['height'] as number,
      sequence: (row['sequence'] as number | null) ?? 0,
      newestSet: newest === null ? '' : fingerprint(newest),
      voter: toVoter(row),
    };
    return { live: this.#live, genesis: row['genesis'] as Uint8Array };
  }
  async #blockOf(copy: number, height: number): Promise<StoredBlock | null> {
    const row = await this.#store.get(
      'ledger.block',
      `SELECT ${BLOCK_COLUMNS} FROM ledger_blocks WHERE copy = ? AND height = ?`,
      [copy, height],
    );
    return row === undefined ? null : toBlock(this.#network, row);
  }
  async #setOf(copy: number, height: number): Promise<Uint8Array | null> {
    const row: Row | undefined = await this.#store.get(
      'ledger.set',
      'SELECT height, sum, validators FROM ledger_sets WHERE copy = ? AND height <= ? ORDER BY height DESC LIMIT 1',
      [copy, height],
    );
    if (row === undefined) return null;
    const validators = row['validators'] as Uint8Array;
    checkSum(this.#network, 'ledger_sets', row['height'] as number, validators, row['sum'] ?? null);
    return validators;
  }
  async *#entries(copy: number): AsyncGenerator<readonly StateUpdate[], void> {
    for (let after = ''; ; ) {
      const rows = await this.#store.all(
        'ledger.entries',
        'SELECT key, value FROM ledger_entries WHERE copy = ? AND key > ? ORDER BY key LIMIT ?',
        [copy, after, ENTRIES_PER_READ],
      );
      const entries = rows.map((row) => toEntry(this.#network, row));
      if (entries.length > 0) yield entries;
      if (entries.length < ENTRIES_PER_READ) return;
      after = entries.at(-1)!.key;
    }
  }
}

/**
 * A network's ledger in the node's database; several networks lie in one. Writes come one after the other, in the order of the
 * calls. What `load` gives of the state is that of its height only until the next commit.
 *
 * @throws {StoreError | LedgerStoreError} from every method; `ROWS_DAMAGED` names the table. Whether the state is the one that the
 *   newest header names is up to whoever loads it: only its root tells
 */
export const createReplicaStore = (components: ReplicaStoreComponents, init: ReplicaStoreInit): ReplicaStore =>
  new SqlReplicaStore(components, init);
