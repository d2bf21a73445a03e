import { beforeEach, describe, expect, it } from 'vitest';
import { encodeCbor, sha256 } from '../../main/base/index.ts';
import type { ReplicaStore } from '../../main/kernel/consensus/interface.ts';
import {
  contentOf,
  drop,
  inPieces,
  put,
  stateOf,
  testAdopted,
  testChange,
  testCommit,
  testGenesis,
  testHeader,
  testSet,
} from '../support/ledger-rows.ts';

/** Where stores of one network lie, through lives of the process that opens them. */
export interface StorePlace {
  /** The store as a process finds it that has just started. The one opened before is not used any more. */
  open(): Promise<ReplicaStore>;
}

/** What every store of a replica must do. @param create - an empty place for the network of {@link testGenesis}`('network')` */
export const testReplicaStore = (create: () => Promise<StorePlace>): void => {
  const genesis = testGenesis('network');
  let place: StorePlace;
  let store: ReplicaStore;
  beforeEach(async () => {
    place = await create();
    store = await place.open();
  });

  /** The store as it is, and as the next life finds it. */
  async function* lives(): AsyncGenerator<ReplicaStore> {
    yield store;
    store = await place.open();
    yield store;
  }

  it('knows of nothing before the network begins', async () => {
    expect(await store.load()).toBeNull();
    expect(await store.block(1)).toBeNull();
    expect(await store.blocks(1, 10, 1000)).toEqual([]);
    expect(await store.validators(1)).toBeNull();
    expect(await (await place.open()).load()).toBeNull();
  });

  it('begins with the genesis and its state, in place of whatever was there', async () => {
    await store.begin(genesis, [put('a', 'one'), put('b', 'two')]);
    await store.commit(testChange(1));
    await store.remember(encodeCbor('vote'));
    await store.begin(genesis, [put('c', 'three')]);
    expect((await store.load())?.genesis).toEqual(genesis);
    expect(await contentOf(store)).toEqual({ height: 0, state: stateOf([put('c', 'three')]), remembered: [] });
    expect(await store.block(1)).toBeNull();
    expect(await contentOf(await place.open())).toEqual({
      height: 0,
      state: stateOf([put('c', 'three')]),
      remembered: [],
    });
  });

  describe('a network that has begun', () => {
    beforeEach(() => store.begin(genesis, [put('a', 'one'), put('b', 'two')]));

    it('remembers in order, through restarts, until the block of the height', async () => {
      const entries = Array.from({ length: 20 }, (_, i) => encodeCbor({ round: i }));
      await Promise.all(entries.slice(0, 12).map((entry) => store.remember(entry)));
      store = await place.open();
      await store.load();
      for (const entry of entries.slice(12)) await store.remember(entry);
      expect((await (await place.open()).load())?.remembered.map((entry) => Buffer.from(entry))).toEqual(
        entries.map((entry) => Buffer.from(entry)),
      );
      store = await place.open();
      await store.load();
      await store.commit(testChange(1));
      expect((await contentOf(store))?.remembered).toEqual([]);
      expect((await contentOf(await place.open()))?.remembered).toEqual([]);
    });

    it('takes block, state, set and height together', async () => {
      await store.commit(
        testChange(1, [drop('a'), put('b', 'changed'), put('c', 'new')], { nextValidators: testSet('second') }),
      );
      await store.commit(testChange(2, [], { nextValidators: testSet('second') }));
      await store.commit(testChange(3, [drop('never there')], { nextValidators: testSet('third') }));
      for await (const one of lives()) {
        expect(await contentOf(one)).toEqual({
          height: 3,
          state: stateOf([put('b', 'changed'), put('c', 'new')]),
          remembered: [],
        });
        expect(await one.validators(2)).toEqual(testSet('second'));
        expect(await one.validators(3)).toEqual(testSet('second'));
        expect(await one.validators(4)).toEqual(testSet('third'));
        expect(await one.validators(5)).toBeNull();
        expect(await one.block(2)).toEqual({
          height: 2,
          hash: new Uint8Array(sha256(testHeader(2))),
          header: testHeader(2),
          commit: testCommit(2),
          block: testChange(2).block,
        });
        expect(await one.block(4)).toBeNull();
      }
    });

    it('gives blocks up to a number and a size, one at least', async () => {
      for (let height = 1; height <= 6; height++) await store.commit(testChange(height, [], { padding: 1000 }));
      const heights = async (...of: Parameters<ReplicaStore['blocks']>): Promise<number[]> =>
        (await store.blocks(...of)).map(({ height }) => height);
      expect(await heights(1, 100, 1_000_000)).toEqual([1, 2, 3, 4, 5, 6]);
      expect(await heights(3, 2, 1_000_000)).toEqual([3, 4]);
      expect(await heights(2, 100, 2500)).toEqual([2, 3]);
      expect(await heights(2, 100, 1)).toEqual([2]);
      expect(await heights(7, 100, 1)).toEqual([]);
    });

    it('drops old blocks, and keeps headers, commits, sets and state', async () => {
      for (let height = 1; height <= 40; height++) await store.commit(testChange(height));
      await store.prune(30);
      await store.prune(10);
      await store.commit(testChange(41));
      for await (const one of lives()) {
        expect((await one.block(29))?.block).toBeNull();
        expect((await one.block(30))?.block).toEqual(testChange(30).block);
        expect(await one.block(1)).toMatchObject({ height: 1, header: testHeader(1), commit: testCommit(1) });
        expect((await one.blocks(1, 100, 1_000_000)).filter(({ block }) => block !== null)).toHaveLength(12);
        expect(await one.validators(20)).toEqual(testSet('first'));
        expect((await contentOf(one))?.height).toBe(41);
        expect(Object.keys((await contentOf(one))?.state ?? {})).toHaveLength(43);
      }
    });

    it('takes over a state in place of everything', async () => {
      await store.commit(testChange(1));
      await store.remember(encodeCbor('vote'));
      const state = Array.from({ length: 5000 }, (_, i) => put(`entry/${i}`, `value ${i}`));
      await store.adopt(testAdopted(genesis, 900, inPieces(state, 777)));
      for await (const one of lives()) {
        expect(await contentOf(one)).toEqual({ height: 900, state: stateOf(state), remembered: [] });
        expect(await one.block(1)).toBeNull();
        expect(await one.block(900)).toEqual({
          height: 900,
          hash: new Uint8Array(sha256(testHeader(900))),
          header: testHeader(900),
          commit: testCommit(900),
          block: null,
        });
        expect(await one.validators(899)).toBeNull();
        expect(await one.validators(900)).toEqual(testSet('then'));
        expect(await one.validators(901)).toEqual(testSet('after'));
        expect(await one.validators(902)).toBeNull();
      }
      await store.remember(encodeCbor('next'));
      await store.commit(testChange(901, [drop('entry/0')]));
      expect((await store.load())?.height).toBe(901);
      expect((await store.blocks(900, 10, 1_000_000)).map(({ height }) => height)).toEqual([900, 901]);
      // From a height that is not there: nothing, and not what comes after it.
      expect(await store.blocks(1, 1000, 1_000_000)).toEqual([]);
    });

    it('stays as it was when a state that is taken over breaks off', async () => {
      await store.commit(testChange(1));
      await store.remember(encodeCbor('vote'));
      const before = await contentOf(store);
      const breaking = (async function* () {
        yield Array.from({ length: 3000 }, (_, i) => put(`entry/${i}`, 'half'));
        throw new Error('the peer is gone');
      })();
      await expect(store.adopt(testAdopted(genesis, 900, breaking))).rejects.toThrow('the peer is gone');
      expect(await contentOf(store)).toEqual(before);
      await store.commit(testChange(2));
      expect((await contentOf(await place.open()))?.height).toBe(2);
    });
  });
};
