import { afterEach, beforeEach, expect, it } from 'vitest';
import { LeaseError, type LeaseId } from '../../../../../main/kernel/leases/index.ts';
import { createLeaseWorld, type LeaseWorld } from '../../../../support/leases/lease-world.ts';
import { createPair, type Pair } from '../../../../support/leases/pair.ts';

let world: LeaseWorld;
let pair: Pair;
let offer: string;
/** 36 micro-CAES per byte and hour. */
const PRICE = 36n * 2n ** 30n;
beforeEach(async () => {
  world = createLeaseWorld();
  pair = await createPair(world);
  offer = await pair.lender.offer({ priceMicro: PRICE }, { price: { mode: 'fixed', microPerHour: String(PRICE) } });
});
afterEach(async () => {
  await world.stop();
});
const asking = { priceMicroMax: PRICE };

it('waits at the lender until what it may cost is set aside for good, and says so on both sides', async () => {
  const { lender, borrower } = pair;
  lender.unsecured = 'The ledger does not have it yet.';
  const id = await pair.request(offer, asking);
  await world.clock.run(3_000);
  const [there, here] = await pair.both(id);
  expect(there).toMatchObject({ state: 'granted', code: 'AWAITS_PAYMENT', reason: lender.unsecured });
  expect(here).toMatchObject({ state: 'granted', code: 'AWAITS_PAYMENT' });
  expect(lender.provider.running.size).toBe(0);
  // Longer than a lease that costs nothing may wait for its start.
  await world.clock.run(6_000);
  lender.unsecured = null;
  await world.clock.run(2_000);
  for (const view of await pair.both(id)) expect(view).toMatchObject({ state: 'running', code: null, reason: '' });
  // For the 60 s that were asked for, of 1000 units.
  expect(borrower.escrowed.get(id)).toBe(600n);
});

it('ends while it runs where the money goes away, so that nothing more is used unpaid', async () => {
  const { lender } = pair;
  const id = await pair.request(offer, asking);
  await world.clock.run(3_000);
  for (const view of await pair.both(id)) expect(view).toMatchObject({ state: 'running' });
  lender.unsecured = 'The borrower has begun to settle it.';
  await world.clock.run(12_000);
  const [there, here] = await pair.both(id);
  expect(there).toMatchObject({ state: 'ended', code: 'NOT_PAID', reason: lender.unsecured });
  expect(here).toMatchObject({ state: 'ended' });
  expect(lender.provider.running.size).toBe(0);
  // What both signed until then is settled.
  expect(lender.settled).toHaveLength(1);
});

it('ends where nothing is set aside in time, and the borrower learns why', async () => {
  const { lender } = pair;
  lender.unsecured = 'The ledger does not have it yet.';
  const id = await pair.request(offer, asking);
  await world.clock.run(40_000);
  const [there, here] = await pair.both(id);
  expect(there).toMatchObject({ state: 'ended', code: 'NOT_PAID' });
  expect(here).toMatchObject({ state: 'ended' });
  expect(here.reason).toContain('The ledger does not have it yet.');
  pair.expectNothingTaken();
});

it('ends on both sides where the borrower cannot pay', async () => {
  const { borrower } = pair;
  borrower.cannotPay = new LeaseError({ code: 'NOT_PAID', lease: '' }, 'The account has too little.');
  const { id } = await pair.lease(offer, asking);
  await world.clock.run(1_000);
  const [there, here] = await pair.both(id);
  expect(here).toMatchObject({ state: 'ended', code: 'NOT_PAID', reason: 'The account has too little.' });
  expect(there).toMatchObject({ state: 'ended', reason: 'The account has too little.' });
  pair.expectNothingTaken();
});

it('is asked to be settled until that is final, also after the node was killed', async () => {
  const { lender, borrower } = pair;
  lender.unsettled = 3;
  borrower.unsettled = 1;
  const { id } = await pair.lease(offer, asking);
  await world.clock.run(2_500);
  await world.clock.drive(borrower.engine.end(id as LeaseId, 'Enough.'));
  await world.clock.run(1_000);
  expect(lender.settled).toEqual([]);
  lender.crash();
  await lender.restart();
  await world.clock.run(20_000);
  for (const { settled } of [lender, borrower]) {
    expect(settled).toHaveLength(1);
    expect(settled[0]).toMatchObject({ lease: id, receipt: expect.any(Uint8Array) });
  }
  await world.clock.run(120_000);
  expect(lender.settled).toHaveLength(1);
});

it('pays nothing for what is borrowed without a name, and so gets only what is free', async () => {
  const { lender, borrower } = pair;
  const free = await lender.offer({ allocationType: 'Anonymous', priceMicro: 0n }, { allocationType: 'Anonymous' });
  const { id, state } = await pair.lease(free, { priceMicroMax: 1_000n });
  expect(state).toBe('running');
  expect(borrower.escrowed.get(id)).toBe(0n);
});
