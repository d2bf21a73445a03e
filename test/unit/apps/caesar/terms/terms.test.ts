import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSender, type SenderControl } from '../../../../../main/apps/caesar/sender.ts';
import { readAccount, readEscrow, readSettlement } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { createTerms, type TermsControl } from '../../../../../main/apps/caesar/terms/create-terms.ts';
import type { Store } from '../../../../../main/base/index.ts';
import { ConsensusError } from '../../../../../main/kernel/consensus/index.ts';
import { leaseIdBytes, type Settlement } from '../../../../../main/kernel/leases/index.ts';
import {
  ASSET,
  certificateOf,
  createEconomyWorld,
  type EconomyWorld,
  MINUTE_MS,
  settlementOf,
  signerOf,
} from '../../../../support/caesar/economy-world.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';

interface Side {
  name: 'lender' | 'borrower';
  store: Store;
  keys: ReturnType<EconomyWorld['keys']>;
  sender: SenderControl;
  terms: TermsControl;
  /** As `kill -9` does it: all but the rows is new. */
  restart(): Promise<void>;
}
let world: EconomyWorld;
let lender: Side;
let borrower: Side;
/** Proofs of the lender, newest first. */
let proofs: { id: string; finishedAtMs: number; bytes: Uint8Array }[] = [];
const forever = new AbortController().signal;

const createSide = async (name: Side['name']): Promise<Side> => {
  const store = await createMemoryStore();
  const keys = world.keys(name, `${name}-node`);
  const logger = createSilentLogger();
  const side: Side = {
    name,
    store,
    keys,
    sender: undefined as never,
    terms: undefined as never,
    restart: async () => {
      const { clock, ledgers } = world;
      side.sender = createSender({ clock, ledgers, store, logger, metrics: null });
      side.terms = createTerms({
        clock,
        ledgers,
        store,
        logger,
        metrics: null,
        sender: side.sender,
        keys,
        prover: {
          list: () =>
            Promise.resolve(proofs.map(({ id, finishedAtMs }) => ({ id, verdict: { finishedAtMs } })) as never),
          file: (id) =>
            Promise.resolve({ fileName: id, bytes: proofs.find((one) => one.id === id)?.bytes ?? new Uint8Array() }),
        },
        assets: { list: () => [], share: () => ({ resources: [] }), on: () => () => undefined } as never,
      });
      await side.sender.start();
    },
  };
  await side.restart();
  return side;
};
beforeEach(async () => {
  proofs = [];
  world = await createEconomyWorld();
  await world.apply(signerOf('lender'), 'node.bind', { certificate: certificateOf('lender-node', 'lender') });
  lender = await createSide('lender');
  borrower = await createSide('borrower');
});
afterEach(async () => {
  for (const { sender, store } of [lender, borrower]) {
    await sender.stop();
    await store.close();
  }
  await world.store.close();
});
const escrowOf = (deal: Settlement) => readEscrow(world.ledger.replica.state(), leaseIdBytes(deal.lease));
const settledOf = (deal: Settlement) => readSettlement(world.ledger.replica.state(), leaseIdBytes(deal.lease));
const balanceOf = (name: string): bigint =>
  readAccount(world.ledger.replica.state(), signerOf(name).keyIdBytes).balance;
/** Blocks until something has come of it. */
const drive = async <T>(work: Promise<T>, blocks = 5): Promise<T> => {
  let done = false;
  const watched = work.finally(() => {
    done = true;
  });
  watched.catch(() => undefined);
  for (let block = 0; block < blocks && !done; block++) await world.ledger.block();
  return await watched;
};
const escrow = async (deal: Settlement): Promise<void> => {
  await drive(borrower.terms.escrow({ ...deal, side: 'borrowed' }, forever));
};

describe('prices', () => {
  it('are those of the current ledger, the owner’s own before the market’s', () => {
    const { terms } = lender;
    expect(terms.ledger()).toMatchObject({ name: 'meadow' });
    expect(terms.priceOf('cpu', { mode: 'fixed', microPerHour: '25' })).toBe(25n);
    // Per core, and per GiB.
    expect(terms.priceOf('cpu', { mode: 'market' })).toBe(10_000n);
    expect(terms.priceOf('memory', { mode: 'market' })).toBe(2_500n);
  });

  it('are nothing on the own home network, and without any', async () => {
    for (const current of [null, (await createEconomyWorld({ home: true })).ledger]) {
      world.current = current;
      expect(lender.terms.ledger()).toBeNull();
      expect(lender.terms.priceOf('cpu', { mode: 'fixed', microPerHour: '25' })).toBe(0n);
    }
  });
});

describe('an escrow', () => {
  it('is final when the borrower goes on, and what the lender waits for', async () => {
    const deal = await settlementOf('lent');
    expect(await lender.terms.secured(deal)).toContain('does not show the lender yet');
    await escrow(deal);
    expect(escrowOf(deal)).toMatchObject({ most: 10_000n, best: null });
    expect(await lender.terms.secured(deal)).toBeNull();
    expect(await lender.terms.leases.get(deal.lease)).toMatchObject({ step: 'escrowed', resource: 'cpu' });
    // A lease of which less was set aside than it may come to.
    expect(await lender.terms.secured({ ...deal, mostMicro: 10_001n })).toContain('may come to 10001');
    expect(await lender.terms.secured({ ...deal, ledger: new Uint8Array(32) })).toContain('does not follow');
  });

  it.each(['before it was sent', 'while it waits', 'once it is final'])('is opened once, killed %s', async (when) => {
    const deal = await settlementOf('borrowed');
    const killed = new AbortController();
    const before = borrower.terms.escrow(deal, killed.signal).catch(() => undefined);
    if (when !== 'before it was sent') await world.clock.advance(10);
    if (when === 'once it is final') await world.ledger.block();
    killed.abort();
    world.ledger.forget();
    await borrower.restart();
    await world.clock.advance(0);
    await escrow(deal);
    await before;
    await world.ledger.block();
    expect(escrowOf(deal)?.most).toBe(10_000n);
    const paid = world.ledger.taken.filter((kind) => kind === 'lease.escrow').length;
    expect(balanceOf('borrower')).toBeGreaterThan(100_000_000_000n - 10_000n - 5_000n);
    expect(paid).toBeLessThanOrEqual(3);
  });

  it('is refused with what is missing, and where the ledger does not answer in time', async () => {
    const deal = await settlementOf('borrowed');
    await expect(drive(borrower.terms.escrow({ ...deal, mostMicro: 10n ** 12n }, forever))).rejects.toMatchObject({
      code: 'NOT_PAID',
      message: expect.stringContaining('has'),
    });
    borrower.keys.locked = true;
    await expect(borrower.terms.escrow(deal, forever)).rejects.toMatchObject({ code: 'NOT_PAID' });
    borrower.keys.locked = false;
    await expect(borrower.terms.escrow({ ...deal, ledger: new Uint8Array(32) }, forever)).rejects.toMatchObject({
      code: 'NOT_PAID',
    });
    world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
    const waiting = borrower.terms.escrow(deal, forever);
    waiting.catch(() => undefined);
    await world.clock.advance(6 * MINUTE_MS);
    await expect(waiting).rejects.toMatchObject({ code: 'NOT_PAID', message: expect.stringContaining('stands still') });
  });

  it('goes on where the ledger was away for a while, and where the clock jumps', async () => {
    const deal = await settlementOf('borrowed');
    world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
    const waiting = borrower.terms.escrow(deal, forever);
    await world.clock.advance(30_000);
    world.ledger.away = null;
    world.clock.setNowMs(world.clock.nowMs() - 30 * MINUTE_MS);
    await drive(waiting, 60);
    expect(escrowOf(deal)).not.toBeNull();
  });

  it('waits until the lender, which nobody has bound so far, has bound itself for it', async () => {
    for (const { sender, store } of [lender, borrower]) {
      await sender.stop();
      await store.close();
    }
    world = await createEconomyWorld();
    lender = await createSide('lender');
    borrower = await createSide('borrower');
    const deal = await settlementOf('borrowed');
    const waiting = borrower.terms.escrow(deal, forever);
    await world.ledger.block();
    expect(escrowOf(deal)).toBeNull();
    expect(world.ledger.taken).toEqual([]);
    // What the grant of a lease that costs something calls.
    lender.terms.needBinding();
    await drive(waiting, 10);
    expect(world.ledger.taken).toEqual(['node.bind', 'lease.escrow']);
    expect(await lender.terms.secured({ ...deal, side: 'lent' })).toBeNull();
  });

  it('that no lender binds itself for is given up in time, and nothing is set aside', async () => {
    const before = balanceOf('borrower');
    const deal = await settlementOf('borrowed', { lender: signerOf('stranger').keyIdBytes });
    const waiting = borrower.terms.escrow(deal, forever);
    waiting.catch(() => undefined);
    await world.clock.advance(6 * MINUTE_MS);
    await expect(waiting).rejects.toMatchObject({ code: 'NOT_PAID', message: expect.stringContaining('no account') });
    expect(balanceOf('borrower')).toBe(before);
  });

  it('of a lease that ended without a receipt comes back by itself, with nobody there', async () => {
    const before = balanceOf('borrower');
    const deal = await settlementOf('borrowed', { receipt: null, countersigned: null });
    await escrow(deal);
    const [paid] = [before - balanceOf('borrower') - 10_000n];
    expect(await borrower.terms.settle(deal)).toBe(false);
    expect(await borrower.terms.leases.get(deal.lease)).toMatchObject({ step: 'settling', owedMicro: 0n });
    expect(await lender.terms.settle({ ...deal, side: 'lent' })).toBe(true);
    const { closesAtMs } = escrowOf(deal)!;
    // Both nodes are off; the network makes its block after the heartbeat, with nothing in it.
    await borrower.sender.stop();
    await lender.sender.stop();
    await world.ledger.block(closesAtMs - world.clock.nowMs() - 1_000);
    expect(settledOf(deal)).toBeNull();
    await world.ledger.block(1_000);
    expect(settledOf(deal)).toMatchObject({ paid: 0n, burnt: 0n, back: 10_000n, use: null });
    expect(balanceOf('borrower')).toBe(before - paid);
    expect(world.ledger.taken).not.toContain('lease.reclaim');
    await borrower.restart();
    expect(await borrower.terms.settle(deal)).toBe(true);
    expect(await borrower.terms.leases.get(deal.lease)).toMatchObject({ step: 'settled' });
  });

  it('names nobody who is not to be known, and tells of what is free only where that is public', async () => {
    const deal = await settlementOf('borrowed', { anonymous: true });
    await expect(borrower.terms.escrow(deal, forever)).rejects.toMatchObject({ code: 'NOT_PAID' });
    const free = await settlementOf('borrowed', { priceMicro: 0n, mostMicro: 0n, ledger: null });
    await borrower.terms.escrow({ ...free, anonymous: true }, forever);
    await borrower.terms.escrow(free, forever);
    expect(world.ledger.taken).toEqual(['node.bind']);
    await world.apply(signerOf('lender'), 'asset.list', {
      asset: ASSET,
      kind: 'cpu',
      unit: 'millicores',
      amountMax: 4000,
      privacyLevel: 'FullPublic',
      priceMicro: null,
    });
    await borrower.terms.escrow(free, forever);
    await world.ledger.block();
    expect(escrowOf(free)).toMatchObject({ most: 0n });
  });
});

describe('a settlement', () => {
  it('by the borrower while the lease runs is seen by the lender, that stops lending', async () => {
    const deal = await settlementOf('borrowed', { final: false });
    await escrow(deal);
    const lent = { ...deal, side: 'lent' as const };
    expect(await lender.terms.secured(lent)).toBeNull();
    await world.apply(signerOf('borrower'), 'lease.settle', {
      lease: leaseIdBytes(deal.lease),
      asset: deal.asset,
      grant: deal.grant,
      receipt: deal.receipt,
      countersign: deal.countersigned,
      proof: null,
    });
    expect(escrowOf(deal)?.best).not.toBeNull();
    expect(await lender.terms.secured(lent)).toContain('begun to settle');
  });

  it('pays the lender by the last receipt, the rest back, and is done when that is final', async () => {
    const deal = await settlementOf('lent');
    await escrow(deal);
    const before = balanceOf('lender');
    expect(await lender.terms.settle(deal)).toBe(false);
    expect(await lender.terms.settle(deal)).toBe(false);
    expect(world.ledger.taken.filter((kind) => kind === 'lease.settle')).toHaveLength(1);
    await world.ledger.block();
    expect(settledOf(deal)).toMatchObject({ paid: 4_900n, burnt: 100n, back: 5_000n, rewarded: true });
    expect(balanceOf('lender')).toBeLessThan(before + 4_900n);
    expect(await lender.terms.settle(deal)).toBe(true);
    expect(await borrower.terms.settle({ ...deal, side: 'borrowed' })).toBe(true);
    expect(await lender.terms.leases.get(deal.lease)).toMatchObject({ step: 'settled', owedMicro: 5_000n });
  });

  it.each([0, 1, 2])('is sent once, killed after %i steps', async (steps) => {
    const deal = await settlementOf('lent');
    await escrow(deal);
    if (steps > 0) await lender.terms.settle(deal);
    if (steps > 1) await world.ledger.block();
    else world.ledger.forget();
    await lender.restart();
    await world.clock.advance(0);
    await lender.terms.settle(deal);
    await world.ledger.block();
    expect(await lender.terms.settle(deal)).toBe(true);
    expect(settledOf(deal)).toMatchObject({ paid: 4_900n });
  });

  it('is sent again where another device took its place in a block that is not kept', async () => {
    const deal = await settlementOf('lent');
    await escrow(deal);
    await lender.terms.settle(deal);
    world.ledger.forget();
    const to = signerOf('borrower').keyIdBytes;
    await world.apply(signerOf('lender'), 'account.transfer', { to, amount: 10_000n, memo: '' });
    // As a ledger that took over a whole state leaves it: the nonce was used, and nobody knows by what.
    await lender.store.run(
      'test',
      "UPDATE caesar_sent SET state = 'final', height = NULL, encoded = NULL WHERE key LIKE 'settle:%'",
      [],
    );
    await lender.restart();
    await world.clock.advance(0);
    for (let tries = 0; tries < 3; tries++) await lender.terms.settle(deal);
    await world.ledger.block();
    expect(settledOf(deal)).toMatchObject({ paid: 4_900n });
    expect(await lender.terms.settle(deal)).toBe(true);
  });

  it('shows the newest proof that says something of the lease, and goes without one that is not taken', async () => {
    const startsAtMs = Date.UTC(2026, 0, 5);
    proofs = [
      { id: 'a'.repeat(64), finishedAtMs: startsAtMs, bytes: new Uint8Array(100) },
      { id: 'b'.repeat(64), finishedAtMs: startsAtMs - 1, bytes: new Uint8Array(50) },
    ];
    const deal = await settlementOf('lent');
    await escrow(deal);
    await lender.terms.settle(deal);
    expect(await lender.terms.leases.get(deal.lease)).toMatchObject({ step: 'settling', proof: 'a'.repeat(64) });
    await world.ledger.block();
    expect(settledOf(deal)?.rewarded).toBe(true);

    proofs = [{ id: 'c'.repeat(64), finishedAtMs: startsAtMs, bytes: new Uint8Array(1) }];
    const second = await settlementOf('lent', { lease: `lease-${'0'.repeat(31)}2` as Settlement['lease'] });
    await escrow(second);
    await lender.terms.settle(second);
    await world.ledger.block();
    expect(settledOf(second)).toBeNull();
    // The pool has dropped it, and says at the next offer why.
    await world.clock.advance(10_000);
    await lender.terms.settle(second);
    await world.ledger.block();
    expect(settledOf(second)).toMatchObject({ paid: 4_900n });
    expect(await lender.terms.leases.get(second.lease)).toMatchObject({ proof: null });
  });

  it('is brought by the borrower where the lender does not, and the lender’s reward counts all the same', async () => {
    const deal = await settlementOf('borrowed');
    await escrow(deal);
    expect(await borrower.terms.settle(deal)).toBe(false);
    expect(world.ledger.taken).not.toContain('lease.settle');
    await world.ledger.block(46 * MINUTE_MS);
    expect(await borrower.terms.settle(deal)).toBe(false);
    await world.ledger.block();
    expect(settledOf(deal)).toMatchObject({ paid: 4_900n, rewarded: false });
    expect(await borrower.terms.settle(deal)).toBe(true);
    expect(await lender.terms.settle({ ...deal, side: 'lent' })).toBe(false);
    await world.ledger.block();
    expect(settledOf(deal)).toMatchObject({ rewarded: true });
    expect(await lender.terms.settle({ ...deal, side: 'lent' })).toBe(true);
  });

  it('has nothing to do where nothing was signed, nothing is owed, or nobody is to be known', async () => {
    const deal = await settlementOf('lent');
    expect(await lender.terms.settle({ ...deal, anonymous: true })).toBe(true);
    expect(await lender.terms.settle({ ...deal, priceMicro: 0n })).toBe(true);
    expect(await lender.terms.settle({ ...deal, receipt: null, countersigned: null })).toBe(true);
    await escrow(deal);
    expect(await lender.terms.settle({ ...deal, receipt: null, countersigned: null })).toBe(true);
    expect(world.ledger.taken).not.toContain('lease.settle');
    // What was set aside comes back by itself.
    await world.ledger.block(80 * MINUTE_MS);
    expect(settledOf(deal)).toMatchObject({ back: 10_000n });
  });

  it('waits for unlocked keys and for a ledger that is away', async () => {
    const deal = await settlementOf('lent');
    await escrow(deal);
    lender.keys.locked = true;
    expect(await lender.terms.settle(deal)).toBe(false);
    expect(await lender.terms.leases.get(deal.lease)).toMatchObject({ reason: 'The keys are locked; unlock them.' });
    lender.keys.locked = false;
    world.ledger.away = new ConsensusError({ code: 'HALTED', reason: 'x' }, 'It stands still.');
    expect(await lender.terms.settle(deal)).toBe(false);
    expect(await lender.terms.leases.get(deal.lease)).toMatchObject({ reason: 'It stands still.' });
    world.ledger.away = null;
    await lender.terms.settle(deal);
    await world.ledger.block();
    expect(await lender.terms.settle(deal)).toBe(true);
  });
});
