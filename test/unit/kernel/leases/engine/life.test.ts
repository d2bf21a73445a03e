import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyLeaseFile } from '../../../../../main/kernel/leases/index.ts';
import { createLeaseWorld, type LeaseNode, type LeaseWorld, TICK_MS } from '../../../../support/leases/lease-world.ts';
import type { BorrowRequest, LeaseId } from '../../../../../main/kernel/leases/index.ts';
import type { LeaseView } from '../../../../../preload/contract/index.ts';

let world: LeaseWorld;
let lender: LeaseNode;
let borrower: LeaseNode;
beforeEach(async () => {
  world = await createLeaseWorld();
  lender = await world.node('lender');
  borrower = await world.node('borrower');
});
afterEach(() => world.stop());

const ask = (offer: string, given: Partial<BorrowRequest> = {}): BorrowRequest => ({
  offer,
  amount: 1000,
  minutes: 1,
  priceMicroMax: 0n,
  route: 'direct',
  purpose: 'a test',
  ...given,
});
const lease = async (offer: string, given: Partial<BorrowRequest> = {}): Promise<LeaseView> => {
  const { clock } = world;
  const { id } = await clock.drive(borrower.engine.request(ask(offer, given)));
  return await clock.drive(borrower.engine.settled(id as LeaseId));
};
const both = async (id: string): Promise<[LeaseView, LeaseView]> => [
  await lender.engine.get(id as LeaseId),
  await borrower.engine.get(id as LeaseId),
];

describe('a lease', () => {
  it('is asked for, granted, runs, is metered and ends when its time is over', async () => {
    const { clock } = world;
    const running = await lease(await lender.offer());
    expect(running).toMatchObject({ state: 'running', side: 'borrowed', amount: 1000, code: null, purpose: 'a test' });
    const id = running.id as LeaseId;
    expect((await lender.engine.get(id)).state).toBe('running');
    expect(lender.provider.running.get(id)?.effective).toBe(1000);
    expect(lender.book.list()).toMatchObject([{ promised: 1000, purpose: id }]);

    await clock.run(10 * TICK_MS + 10);
    const [there, here] = await both(id);
    expect(there).toMatchObject({ receiptsSigned: 10, effective: 1000, measured: 1000 });
    expect(here.receiptsSigned).toBe(10);
    expect(here.unitSeconds).toBeGreaterThanOrEqual(9900);
    expect(here.unitSeconds).toBeLessThanOrEqual(10_000);
    expect(there.unitSeconds).toBe(here.unitSeconds);

    await clock.run(60 * TICK_MS);
    const [lent, borrowed] = await both(id);
    expect(lent).toMatchObject({ state: 'ended', code: 'OVER' });
    expect(borrowed).toMatchObject({ state: 'ended', code: 'OVER', receiptsSigned: lent.receiptsSigned });
    expect(borrowed.unitSeconds).toBe(lent.unitSeconds);
    expect(lent.unitSeconds).toBeLessThanOrEqual(60_000);
    expect(lender.book.list()).toEqual([]);
    expect(lender.provider.running.size).toBe(0);
    expect(lender.settled.map(({ lease: of }) => of)).toEqual([id]);
    expect(borrower.settled.map(({ lease: of }) => of)).toEqual([id]);

    const file = await clock.drive(borrower.engine.file(id));
    expect(verifyLeaseFile(file.bytes)).toMatchObject({ passed: true, lease: { id, used: { final: true } } });
  });
});
