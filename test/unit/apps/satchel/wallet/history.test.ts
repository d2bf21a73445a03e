import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountText, readAccount } from '../../../../../main/apps/caesar/index.ts';
import type { Wallet } from '../../../../../main/apps/satchel/index.ts';
import { StoreError } from '../../../../../main/base/index.ts';
import type { WalletEntry } from '../../../../../preload/contract/index.ts';
import {
  asSigned,
  factsOf,
  leaseId,
  nodeId,
  settleFields,
  settlementFact,
  MINUTE_MS,
  CERTIFICATE,
  certificateFact,
} from '../../caesar/ledger/world.ts';
import { draftTransaction } from '../../../../../main/apps/caesar/index.ts';
import type { CaesarKind, TransactionFields } from '../../../../../main/apps/caesar/index.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { fakeSigner } from '../../../../support/wallet/ledger-world.ts';
import { type WalletWorld, createWalletWorld } from '../../../../support/wallet/wallet-world.ts';

const anna = fakeSigner('anna');
const ANNA = accountText(anna.keyIdBytes);

/** Records of leases and rewards stay in the state for longer than these tests last. */
const KEEPING = { ledger: { params: { keepEpochs: 100 } } };

let world: WalletWorld;
let wallet: Wallet;
beforeEach(async () => {
  world = await createWalletWorld(KEEPING);
  wallet = await world.open();
});
afterEach(() => world.end());

const owner = () => world.identity.signer(0).keyIdBytes;
/** A transaction of somebody, as the network would bring it. */
const signed = <K extends CaesarKind>(signer: Uint8Array, kind: K, fields: TransactionFields[K], fee = 5000n) =>
  asSigned(
    draftTransaction(kind, fields, {
      network: world.ledger.followed.replica.network,
      nonce: readAccount(world.ledger.world.tree, signer).nonce,
      fee,
      atMs: world.ledger.world.timeMs,
    }),
    signer,
  );
const lines = async (account?: string): Promise<WalletEntry[]> =>
  (await wallet.history({ limit: 500, ...(account !== undefined && { account }) })).entries;
const sum = (entries: readonly WalletEntry[]): bigint =>
  entries
    .filter(({ kind, state }) => kind !== 'slashed' && state === 'final')
    .reduce((total, { deltaMicro }) => total + BigInt(deltaMicro), 0n);
/** All lines together are what the account has: nothing is left out and nothing is told twice. */
const expectWhole = async (account = owner()): Promise<void> => {
  await world.settle();
  expect(sum(await lines(accountText(account)))).toBe(world.ledger.balance(account));
};

/** A bit of everything that can happen to an account. */
const live = async (between: () => Promise<void> = async () => undefined): Promise<void> => {
  const { ledger } = world;
  ledger.block({
    besides: [signed(anna.keyIdBytes, 'account.transfer', { to: owner(), amount: 700n, memo: 'for tea' })],
  });
  await between();
  ledger.block({ besides: [signed(owner(), 'account.transfer', { to: anna.keyIdBytes, amount: 300n, memo: '' })] });
  await between();
  ledger.block({ besides: [signed(owner(), 'stake.bond', { amount: 5_000_000n })] });
  await between();
  ledger.block({ besides: [signed(owner(), 'stake.unbond', { amount: 2_000_000n })] });
  await between();
  // Bound, so that leases of this node pay the account.
  const bind = signed(owner(), 'node.bind', { certificate: CERTIFICATE });
  ledger.block({ besides: [bind], facts: factsOf([bind, certificateFact(0, owner())]) });
  const bindAnna = signed(anna.keyIdBytes, 'node.bind', { certificate: CERTIFICATE });
  ledger.block({ besides: [bindAnna], facts: factsOf([bindAnna, certificateFact(1, anna.keyIdBytes)]) });
  await between();
  const endsAtMs = ledger.world.timeMs + 10 * MINUTE_MS;
  // Lent: anna's money for this node's work.
  const lent = leaseId('lent');
  ledger.block({
    besides: [
      signed(anna.keyIdBytes, 'lease.escrow', {
        lease: lent,
        lender: nodeId(0),
        borrower: nodeId('borrower'),
        most: 5000n,
        endsAtMs,
      }),
    ],
  });
  const settle = signed(owner(), 'lease.settle', settleFields(lent));
  ledger.block({ besides: [settle], facts: factsOf([settle, settlementFact({ lender: nodeId(0), owed: 4000n })]) });
  await between();
  // Borrowed: this account's money, and nobody settles.
  const borrowed = leaseId('borrowed');
  ledger.block({
    besides: [
      signed(owner(), 'lease.escrow', {
        lease: borrowed,
        lender: nodeId(1),
        borrower: nodeId('borrower'),
        most: 9000n,
        endsAtMs,
      }),
    ],
  });
  await between();
  // Time: escrow back, stake free, yield, rewards.
  for (let minute = 0; minute < 45; minute++) {
    ledger.block({ afterMs: MINUTE_MS, proposer: nodeId(minute % 2) });
    if (minute % 9 === 0) await between();
  }
  ledger.block({ besides: [signed(owner(), 'account.transfer', { to: anna.keyIdBytes, amount: 200n, memo: 'end' })] });
};

describe('the history', () => {
  it('tells what every block did to an account, and adds up to what it has', async () => {
    await live(() => world.settle());
    await expectWhole();
    const entries = await lines('main');
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(
      new Set(['sent', 'received', 'staked', 'unstaked', 'fee', 'lent', 'borrowed', 'reward', 'yield', 'genesis']),
    );
    expect(entries.at(-1)).toMatchObject({ kind: 'genesis', height: 0, deltaMicro: '100000000000' });
    expect(entries.find(({ kind }) => kind === 'received')).toMatchObject({
      deltaMicro: '700',
      other: ANNA,
      memo: 'for tea',
      state: 'final',
      height: 1,
      sentence: `Received 0.0007 CAES from ${ANNA}.`,
    });
    expect(entries.filter(({ kind }) => kind === 'unstaked').map(({ deltaMicro }) => deltaMicro)).toEqual([
      '2000000',
      '-5000',
    ]);
    expect(entries.find(({ kind }) => kind === 'lent')).toMatchObject({
      deltaMicro: '3920',
      other: ANNA,
      lease: `lease-${Buffer.from(leaseId('lent')).toString('hex')}`,
    });
    expect(entries.filter(({ kind }) => kind === 'borrowed').map(({ deltaMicro }) => deltaMicro)).toEqual([
      '9000',
      '-14000',
    ]);
    // No yield is left unbooked after the last transaction, and every fee of an own block came back in half.
    expect(entries.some(({ sentence }) => sentence.startsWith('Fees of a block'))).toBe(true);
    expect(entries.filter(({ kind }) => kind === 'other')).toEqual([]);
  });

  it('is the same when the node was off all the while and reads the blocks afterwards', async () => {
    await live(() => world.settle());
    await world.settle();
    const followed = await lines('main');
    const other = await createWalletWorld(KEEPING);
    const before = world;
    try {
      world = other;
      other.ledger.quiet = true;
      await live();
      other.ledger.quiet = false;
      wallet = await other.open();
      await expectWhole();
      const read = await lines('main');
      const known = (entries: readonly WalletEntry[]) =>
        entries
          .filter(({ kind, sentence }) => !['yield', 'fee', 'unstaked'].includes(kind) || sentence.startsWith('Asked'))
          .map(({ kind, deltaMicro, height, atMs }) => [kind, deltaMicro, height, atMs]);
      expect(known(read)).toEqual(known(followed));
    } finally {
      await other.end();
      world = before;
    }
  });

  it.each([1, 2, 3, 5, 8])('goes on after an end at any moment, where it was (%i)', async (every) => {
    let turns = 0;
    await live(async () => {
      turns += 1;
      if (turns % every !== 0) return;
      // As a kill: nothing is waited for; what was not written is read again.
      await wallet.stop();
      wallet = await world.open();
    });
    await expectWhole();
  });

  it('leaves nothing out where the disk was full for a while, and the clock was set back and forth', async () => {
    const store = await createMemoryStore();
    let isFull = false;
    const full = (): Promise<never> =>
      Promise.reject(new StoreError({ code: 'DISK_FULL', path: 'hypermesh.db' }, 'The disk is full.'));
    const tight: typeof store = {
      ...store,
      get: (...query) => store.get(...query),
      all: (...query) => store.all(...query),
      run: (...change) => (isFull ? full() : store.run(...change)),
      transaction: (...change) => (isFull ? full() : store.transaction(...change)),
    };
    await world.end();
    world = await createWalletWorld({ ...KEEPING, store: tight });
    wallet = await world.open();
    let turn = 0;
    await live(async () => {
      turn += 1;
      // Full for two of three turns.
      isFull = turn % 3 !== 0;
      world.clock.setNowMs(world.clock.nowMs() + (turn % 2 === 0 ? -1 : 1) * 86_400_000);
      await world.settle();
    });
    isFull = false;
    world.ledger.block();
    await expectWhole();
    expect(world.logged.some((line) => JSON.stringify(line).includes('could not be written down'))).toBe(true);
    await wallet.stop();
    wallet = await world.open();
    await expectWhole();
    await world.end();
    await store.close();
    world = await createWalletWorld(KEEPING);
  });

  it('begins with what there was where older blocks are gone, and says so', async () => {
    const other = await createWalletWorld(KEEPING);
    const before = world;
    try {
      world = other;
      await live();
      other.ledger.prune(20);
      wallet = await other.open();
      await expectWhole();
      const entries = await lines('main');
      expect(entries).toHaveLength(1);
      expect(entries[0]).toMatchObject({ kind: 'other', height: other.ledger.world.height });
      expect(entries[0]?.sentence).toContain('what happened before is not known here');
      other.ledger.block({
        besides: [signed(owner(), 'account.transfer', { to: anna.keyIdBytes, amount: 100n, memo: '' })],
      });
      await expectWhole();
    } finally {
      await other.end();
      world = before;
    }
  });

  it('tells of the change over a gap that a snapshot left', async () => {
    world.ledger.block();
    await world.settle();
    world.ledger.quiet = true;
    await live();
    world.ledger.quiet = false;
    world.ledger.prune(world.ledger.world.height - 5);
    world.ledger.block();
    await expectWhole();
    expect((await lines('main')).find(({ kind }) => kind === 'genesis')).toBeDefined();
  });

  it('tells of a stake that was slashed', async () => {
    world.ledger.block({ besides: [signed(owner(), 'stake.bond', { amount: 5_000_000n })] });
    await world.settle();
    const before = readAccount(world.ledger.world.tree, owner()).staked;
    world.ledger.block({
      evidence: [
        {
          kind: 'votes',
          validator: nodeId(0),
          height: 1,
          first: null as never,
          second: null as never,
        },
      ],
      proposer: nodeId(1),
    });
    await world.settle();
    const after = readAccount(world.ledger.world.tree, owner()).staked;
    expect(after).toBeLessThan(before);
    const slashed = (await lines('main')).find(({ kind }) => kind === 'slashed');
    expect(slashed?.deltaMicro).toBe((after - before).toString());
    await expectWhole();
  });

  it('reads the blocks of an account that is added later', async () => {
    await live(() => world.settle());
    await wallet.addAccount({ name: 'watched anna', watch: ANNA });
    await expectWhole(anna.keyIdBytes);
    expect((await lines('watched anna')).at(-1)).toMatchObject({ kind: 'genesis' });
    // Both at once, in one order.
    const all = await lines();
    expect(all.length).toBe((await lines('main')).length + (await lines('watched anna')).length);
    expect(all.map(({ atMs }) => atMs)).toEqual(all.map(({ atMs }) => atMs).toSorted((one, other) => other - one));
  });
});

describe('a page of it', () => {
  beforeEach(async () => {
    await live(() => world.settle());
    await world.settle();
  });
  it('goes on where the one before ended, whatever the filter', async () => {
    await wallet.addAccount({ name: 'watched anna', watch: ANNA });
    await world.settle();
    for (const filter of [
      {},
      { account: 'main' },
      { kind: 'fee' as const },
      { text: 'lease-' },
      { account: 'main', text: ANNA.slice(0, 20) },
    ]) {
      const { entries: all, total } = await wallet.history({ ...filter, limit: 500 });
      expect(total).toBe(all.length);
      expect(all.length).toBeGreaterThan(1);
      const paged: WalletEntry[] = [];
      for (;;) {
        const page = await wallet.history({ ...filter, limit: 2, before: paged.at(-1)?.id });
        expect(page.total).toBe(total);
        paged.push(...page.entries);
        if (page.entries.length < 2) break;
      }
      expect(paged).toEqual(all);
      for (const offset of [0, 1, all.length - 1, all.length, all.length + 7])
        expect((await wallet.history({ ...filter, limit: 3, offset })).entries).toEqual(all.slice(offset, offset + 3));
      const [, second] = all;
      expect((await wallet.history({ ...filter, limit: 2, before: second?.id, offset: 1 })).entries).toEqual(
        all.slice(3, 5),
      );
    }
  });
  it('finds notes, names and addresses, in any case', async () => {
    await wallet.setContact({ address: ANNA, name: 'Anna Ärmel', note: '' });
    for (const text of ['FOR TEA', 'ärmel', ANNA.slice(10, 30)]) {
      const { entries } = await wallet.history({ text, limit: 10 });
      expect(entries.some(({ kind }) => kind === 'received')).toBe(true);
      expect(entries.every(({ otherName }) => otherName === 'Anna Ärmel')).toBe(true);
    }
    expect((await wallet.history({ text: 'nobody said this', limit: 10 })).total).toBe(0);
    expect((await wallet.history({ text: "' OR 1 = 1 --", limit: 10 })).total).toBe(0);
    expect((await wallet.history({ text: '%', limit: 10 })).total).toBe(0);
  });
  it('keeps within times', async () => {
    const { entries: all } = await wallet.history({ limit: 500 });
    const middle = all[Math.floor(all.length / 2)];
    if (middle === undefined) throw new Error('there are lines');
    const { entries: late } = await wallet.history({ fromMs: middle.atMs, limit: 500 });
    const { entries: early } = await wallet.history({ toMs: middle.atMs - 1, limit: 500 });
    expect(late.length + early.length).toBe(all.length);
  });
});
