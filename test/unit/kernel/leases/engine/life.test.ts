import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LeaseId } from '../../../../../main/kernel/leases/index.ts';
import { createLeaseWorld, type LeaseWorld, TICK_MS } from '../../../../support/leases/lease-world.ts';
import { createPair, type Pair } from '../../../../support/leases/pair.ts';

let pair: Pair;
let world: LeaseWorld;
beforeEach(async () => {
  world = createLeaseWorld();
  pair = await createPair(world);
});
afterEach(() => world.stop());

describe('a lease', () => {
  it('is asked for, granted, runs, is metered and ends when its time is over', async () => {
    const { clock } = world;
    const { lender, borrower } = pair;
    const running = await pair.lease(await lender.offer());
    expect(running).toMatchObject({ state: 'running', side: 'borrowed', amount: 1000, code: null, purpose: 'a test' });
    const id = running.id as LeaseId;
    expect((await lender.engine.get(id)).state).toBe('running');
    expect(lender.provider.running.get(id)?.effective).toBe(1000);
    expect(lender.book.list()).toMatchObject([{ promised: 1000, purpose: id }]);

    await clock.run(10 * TICK_MS + 10);
    const [there, here] = await pair.both(id);
    expect(there).toMatchObject({ receiptsSigned: 10, effective: 1000, measured: 1000 });
    expect(here.receiptsSigned).toBe(10);
    expect(here.unitSeconds).toBeGreaterThanOrEqual(9900);
    expect(here.unitSeconds).toBeLessThanOrEqual(10_000);
    expect(there.unitSeconds).toBe(here.unitSeconds);

    await clock.run(60 * TICK_MS);
    const [lent, borrowed] = await pair.both(id);
    expect(lent).toMatchObject({ state: 'ended', code: 'OVER' });
    expect(borrowed).toMatchObject({ state: 'ended', code: 'OVER', receiptsSigned: lent.receiptsSigned });
    expect(borrowed.unitSeconds).toBe(lent.unitSeconds);
    expect(lent.unitSeconds).toBeLessThanOrEqual(60_000);
    pair.expectNothingTaken();
    expect(lender.settled.map(({ lease: of }) => of)).toEqual([id]);
    expect(borrower.settled.map(({ lease: of }) => of)).toEqual([id]);
  });
});
