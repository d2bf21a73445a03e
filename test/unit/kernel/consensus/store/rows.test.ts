import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Store, createStore, createSystemOutside, encodeCbor, sha256 } from '../../../../../main/base/index.ts';
import type { ReplicaStore } from '../../../../../main/kernel/consensus/interface.ts';
import {
  LedgerStoreError,
  createReplicaStore,
  listNetworks,
  removeNetwork,
} from '../../../../../main/kernel/consensus/store/index.ts';
import { sumOf } from '../../../../../main/kernel/consensus/store/rows.ts';
import {
  contentOf,
  inPieces,
  put,
  stateOf,
  testAdopted,
  testChange,
  testGenesis,
} from '../../../../support/ledger-rows.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { canMount, mountTinyDisk } from '../../../../support/tiny-disk.ts';

const clock = createManualClock();
const genesis = testGenesis('network');
const network = sha256(genesis);
let database: Store;
let store: ReplicaStore;
const open = (name = 'network'): ReplicaStore =>
  createReplicaStore({ store: database, clock }, { network: sha256(testGenesis(name)) });
beforeEach(async () => {
  database = await createMemoryStore(clock);
  store = open();
});
afterEach(() => database.close());

const rowsLeft = async (): Promise<Record<string, unknown>> =>
  (await database.get(
    'test.rows',
    'SELECT (SELECT count(*) FROM ledger_networks) AS networks, (SELECT count(*) FROM ledger_blocks) AS blocks, (SELECT count(*) FROM ledger_wal) AS wal, (SELECT count(*) FROM ledger_entries) AS entries, (SELECT count(*) FROM ledger_sets) AS sets',
  ))!;

it('has the sums of its page', () => {
  expect(Buffer.from(sumOf(new Uint8Array(32).fill(0xab), 'ledger_wal', 1, Uint8Array.of(0xa0))).toString('hex')).toBe(
    'e9fcc79ce79d35a15b8d66c75502b6e024f7654bd1672473384d4fe0ddc7e32a',
  );
});

it('writes nothing of a network that has not begun', async () => {
  const refused = { name: 'LedgerStoreError', code: 'LEDGER_NOT_BEGUN' };
  await expect(store.remember(encodeCbor(1))).rejects.toMatchObject(refused);
  await expect(store.commit(testChange(1))).rejects.toMatchObject(refused);
  await store.prune(10);
  expect(await rowsLeft()).toEqual({ networks: 0, blocks: 0, wal: 0, entries: 0, sets: 0 });
});

it('refuses a block that does not follow, and one that another writer was faster with', async () => {
  await store.begin(genesis, [put('a', 'one')]);
  await expect(store.commit(testChange(2))).rejects.toThrow('does not follow');
  await expect(store.commit({ ...testChange(1), hash: new Uint8Array(32) })).rejects.toThrow('hash of its header');
  const other = open();
  await other.load();
  await other.commit(testChange(1));
  await expect(store.commit(testChange(1, [put('a', 'twice')]))).rejects.toMatchObject({ code: 'CONFLICT' });
  expect((await contentOf(store))?.state).toEqual(stateOf([put('a', 'one'), put('height/1', 'final')]));
});

it('keeps a set once for as long as it stays the same', async () => {
  await store.begin(genesis, []);
  for (let height = 1; height <= 20; height++) await store.commit(testChange(height));
  expect(await rowsLeft()).toMatchObject({ sets: 1, blocks: 20 });
});

describe('several networks', () => {
  it('lie beside each other, each by itself', async () => {
    const other = open('other');
    await store.begin(genesis, [put('a', 'one')]);
    await other.begin(testGenesis('other'), [put('a', 'two')]);
    await store.commit(testChange(1));
    await other.remember(encodeCbor('vote'));
    expect(await contentOf(store)).toEqual({
      height: 1,
      state: stateOf([put('a', 'one'), put('height/1', 'final')]),
      remembered: [],
    });
    expect((await contentOf(other))?.remembered).toHaveLength(1);
    expect(await listNetworks(database)).toEqual([
      { network: new Uint8Array(network), genesis, height: 1, begunAtMs: clock.nowMs() },
      {
        network: new Uint8Array(sha256(testGenesis('other'))),
        genesis: testGenesis('other'),
        height: 0,
        begunAtMs: clock.nowMs(),
      },
    ]);
    await removeNetwork(database, network);
    expect((await listNetworks(database)).map(({ height }) => height)).toEqual([0]);
    expect(await open().load()).toBeNull();
    expect((await contentOf(open('other')))?.state).toEqual(stateOf([put('a', 'two')]));
    expect(await rowsLeft()).toEqual({ networks: 1, blocks: 0, wal: 1, entries: 1, sets: 0 });
    await removeNetwork(database, network);
  });

  it('leave nothing behind when many rows go', async () => {
    await store.begin(
      genesis,
      Array.from({ length: 5000 }, (_, i) => put(`entry/${i}`, 'value')),
    );
    for (let height = 1; height <= 60; height++) await store.commit(testChange(height));
    await store.adopt(testAdopted(genesis, 500, inPieces([put('a', 'one')], 1)));
    expect(await rowsLeft()).toEqual({ networks: 1, blocks: 1, wal: 0, entries: 1, sets: 2 });
  });
});

describe('rows that are not what was written', () => {
  beforeEach(async () => {
    await store.begin(genesis, [put('a', 'one'), put('b', 'two')]);
    await store.commit(testChange(1));
    await store.commit(testChange(2));
    await store.remember(encodeCbor('first'));
    await store.remember(encodeCbor('second'));
  });
  const damage = async (sql: string): Promise<void> => {
    expect(await database.run('test.damage', sql)).toBeGreaterThan(0);
    store = open();
  };
  const refused = async (work: () => Promise<unknown>, table: string): Promise<void> => {
    const error = await work().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(LedgerStoreError);
    expect(error).toMatchObject({
      code: 'ROWS_DAMAGED',
      data: { table, network: Buffer.from(network).toString('hex') },
    });
    expect((error as Error).message).toContain(table);
  };

  it.each([
    ["UPDATE ledger_wal SET entry = x'00' WHERE sequence = 1", 'ledger_wal'],
    ["UPDATE ledger_wal SET entry = x'00' WHERE sequence = 2", 'ledger_wal'],
    ['UPDATE ledger_wal SET sequence = 7 WHERE sequence = 1', 'ledger_wal'],
    ['UPDATE ledger_wal SET sum = zeroblob(32)', 'ledger_wal'],
    ["UPDATE ledger_networks SET genesis = x'a0'", 'ledger_networks'],
    ['DELETE FROM ledger_blocks WHERE height = 2', 'ledger_blocks'],
    ['UPDATE ledger_networks SET height = 3', 'ledger_blocks'],
    ['DELETE FROM ledger_sets', 'ledger_sets'],
    ["UPDATE ledger_sets SET validators = x'a0'", 'ledger_sets'],
    ["UPDATE ledger_blocks SET header = x'a0' WHERE height = 2", 'ledger_blocks'],
    [
      'UPDATE ledger_blocks SET block = (SELECT block FROM ledger_blocks WHERE height = 1) WHERE height = 2',
      'ledger_blocks',
    ],
    ["UPDATE ledger_blocks SET commit_bytes = x'a0' WHERE height = 2", 'ledger_blocks'],
    ['UPDATE ledger_blocks SET block_sum = NULL WHERE height = 2', 'ledger_blocks'],
  ])('are found when it is loaded: %s', async (sql, table) => {
    await damage(sql);
    await refused(() => store.load(), table);
  });

  it.each([
    ["INSERT INTO ledger_entries SELECT copy, 'with blank', x'00' FROM ledger_networks", 'ledger_entries'],
    ["INSERT INTO ledger_entries SELECT copy, 'large', zeroblob(65537) FROM ledger_networks", 'ledger_entries'],
  ])('are found when the state is read: %s', async (sql, table) => {
    await damage(sql);
    await refused(() => contentOf(store), table);
  });

  it('are found when a block is read, alone and among others', async () => {
    await damage("UPDATE ledger_blocks SET block = x'a0' WHERE height = 1");
    await refused(() => store.block(1), 'ledger_blocks');
    await refused(() => store.blocks(1, 10, 1000), 'ledger_blocks');
    expect((await store.block(2))?.height).toBe(2);
  });

  it('are replaced by a state that is taken over', async () => {
    await damage("UPDATE ledger_wal SET entry = x'00'");
    await store.adopt(testAdopted(genesis, 40, inPieces([put('a', 'new')], 1)));
    expect(await contentOf(open())).toEqual({ height: 40, state: stateOf([put('a', 'new')]), remembered: [] });
  });
});

it.runIf(canMount)('keeps what it has on a full disk, and goes on when there is room', async () => {
  const disk = mountTinyDisk(24 * 1024 * 1024)!;
  const full = await createStore(
    { logger: createSilentLogger(), metrics: null, clock: createSystemOutside().clock },
    { path: join(disk.path, 'full.db') },
  );
  try {
    const one = createReplicaStore({ store: full, clock }, { network });
    await one.begin(genesis, [put('a', 'one')]);
    await one.commit(testChange(1));
    await one.remember(encodeCbor('vote'));
    const before = await contentOf(one);
    const filler = join(disk.path, 'filler');
    writeFileSync(filler, new Uint8Array(16 * 1024 * 1024));
    const large = Array.from({ length: 200 }, (_, i) => put(`large/${i}`, 'x'.repeat(60_000)));
    await expect(one.adopt(testAdopted(genesis, 9, inPieces(large, 10)))).rejects.toMatchObject({ code: 'DISK_FULL' });
    // Even a start with leftovers that cannot be deleted.
    const again = createReplicaStore({ store: full, clock }, { network });
    expect(await contentOf(again)).toEqual(before);
    await expect(again.commit(testChange(2, undefined, { padding: 4_000_000 }))).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    expect(await contentOf(again)).toEqual(before);
    rmSync(filler);
    expect(await contentOf(again)).toEqual(before);
    expect(await full.get('test.copies', 'SELECT count(*) AS n FROM ledger_networks')).toEqual({ n: 1 });
    await again.commit(testChange(2));
    await again.adopt(testAdopted(genesis, 9, inPieces([put('a', 'new')], 10)));
    expect(await contentOf(again)).toEqual({ height: 9, state: stateOf([put('a', 'new')]), remembered: [] });
  } finally {
    await full.close();
    disk.remove();
  }
});
