import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createLeaseTable } from '../../../../../main/kernel/leases/engine/lease-table.ts';
import { createAlone, type LeaseEntry, NO_USE } from '../../../../../main/kernel/leases/engine/lease-entry.ts';
import { createMeter } from '../../../../../main/kernel/leases/engine/meter.ts';
import { mostFor, owedFor } from '../../../../../main/kernel/leases/formats/index.ts';
import { afterLong } from '../../../../../main/kernel/leases/engine/timer.ts';
import { LeaseError, type LeaseId, verifyLeaseFile } from '../../../../../main/kernel/leases/index.ts';
import { newLeaseId } from '../../../../../main/kernel/leases/names.ts';
import { bookedOf, insertAsset } from '../../../../support/booked.ts';
import {
  CAPACITY,
  createLeaseWorld,
  type LeaseNode,
  type LeaseWorld,
  TICK_MS,
} from '../../../../support/leases/lease-world.ts';
import { createPair, type Pair } from '../../../../support/leases/pair.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import type { LeaseView } from '../../../../../preload/contract/index.ts';

/** 36 micro-CAES per byte and hour. */
const PRICE = 36n * 2n ** 30n;
let world: LeaseWorld;
let pair: Pair;
let lender: LeaseNode;
let borrower: LeaseNode;
beforeEach(async () => {
  world = createLeaseWorld();
  pair = await createPair(world);
  ({ lender, borrower } = pair);
});
afterEach(() => world.stop());

/** Sets the owner's level of memory, in percent. */
const setLevel = async (percent: number): Promise<void> => {
  const asset = await insertAsset(lender.store, 'memory');
  lender.book.apply([
    bookedOf(asset, 'memory', percent, { unit: 'bytes', capacity: { known: true, value: CAPACITY } }),
  ]);
};

describe('an end', () => {
  it.each(['lender', 'borrower'] as const)(
    'by the %s is the same on both sides, with a last receipt of both',
    async (who) => {
      const { id } = await pair.lease(await lender.offer());
      await world.clock.run(2_500);
      const node = who === 'lender' ? lender : borrower;
      const ended = await world.clock.drive(node.engine.end(id as LeaseId, 'no need any more'));
      const code = who === 'lender' ? 'ENDED_BY_LENDER' : 'ENDED_BY_BORROWER';
      expect(ended).toMatchObject({ state: 'ended', code, reason: 'no need any more' });
      await world.clock.run(100);
      const [there, here] = await pair.both(id);
      expect(there).toMatchObject({ state: 'ended', code, receiptsSigned: 3 });
      expect(here).toMatchObject({ state: 'ended', code, receiptsSigned: 3, unitSeconds: there.unitSeconds });
      expect(there.unitSeconds).toBeGreaterThanOrEqual(2_400);
      expect(there.unitSeconds).toBeLessThanOrEqual(2_500);
      pair.expectNothingTaken();
      // A second time is the same.
      expect(await world.clock.drive(node.engine.end(id as LeaseId, 'again'))).toMatchObject({
        reason: 'no need any more',
      });
    },
  );
  it('comes at once where the level does not cover it any more', async () => {
    const { id } = await pair.lease(await lender.offer(), { amount: 600_000 });
    await world.clock.run(1_100);
    await setLevel(10);
    await world.clock.run(500);
    const [there, here] = await pair.both(id);
    expect(there).toMatchObject({ state: 'ended', code: 'EVICTED' });
    expect(here).toMatchObject({ state: 'ended', code: 'EVICTED' });
    pair.expectNothingTaken();
  });
  it('comes where the provider cannot begin, with its sentence', async () => {
    lender.provider.refuse = new LeaseError({ code: 'NOT_RUNNING' }, 'The pool is damaged; ask another node.');
    expect(await pair.lease(await lender.offer())).toMatchObject({
      state: 'ended',
      code: 'PROVIDER_FAILED',
      reason: 'The pool is damaged; ask another node.',
    });
    await world.clock.run(1_000);
    pair.expectNothingTaken();
  });
  it('comes for a borrower that nobody answers', async () => {
    const offer = await lender.offer();
    lender.crash();
    const id = await pair.request(offer);
    expect(await world.clock.drive(borrower.engine.settled(id))).toMatchObject({ state: 'ended', code: 'UNREACHABLE' });
  });
  it('comes for a borrower whose lender is gone for good', async () => {
    const { id } = await pair.lease(await lender.offer());
    lender.crash();
    await world.clock.run(10_000);
    expect(await borrower.engine.get(id as LeaseId)).toMatchObject({ state: 'ended', code: 'LENDER_AWAY' });
    expect(borrower.settled).toHaveLength(1);
  });
  it('of one that was refused is told with its reason', async () => {
    const view = await pair.lease(await lender.offer(), { amount: CAPACITY + 1 });
    expect(view).toMatchObject({ state: 'refused', code: 'CAPACITY_EXCEEDED', startedAtMs: null });
  });
  it('of one that cannot be paid takes nothing', async () => {
    const offer = await lender.offer({}, { price: { mode: 'fixed', microPerHour: String(PRICE) } });
    expect(await pair.lease(offer, { priceMicroMax: PRICE - 1n }).then(({ code }) => code)).toBe('GRANT_INVALID');
    const paid = await pair.lease(offer, { priceMicroMax: PRICE });
    expect(paid).toMatchObject({ state: 'running', priceMicro: String(PRICE) });
    expect(borrower.escrowed.get(paid.id)).toBe(600n);
    await world.clock.run(3 * TICK_MS + 10);
    const [, here] = await pair.both(paid.id);
    expect(BigInt(here.owedMicro)).toBe(owedFor('memory', here.unitSeconds, PRICE));
    expect(BigInt(here.owedMicro)).toBe((BigInt(here.unitSeconds) * 36n) / 3600n);
  });
});

describe('a lease goes on', () => {
  it('when either address changes', async () => {
    const { id } = await pair.lease(await lender.offer());
    for (let change = 0; change < 4; change++) {
      await world.clock.run(1_700);
      world.net.move(change % 2 === 0 ? 'lender' : 'borrower');
    }
    await world.clock.run(2_000);
    const [there, here] = await pair.both(id);
    expect(there.state).toBe('running');
    expect(here).toMatchObject({ state: 'running', receiptsSigned: there.receiptsSigned });
    expect(here.receiptsSigned).toBeGreaterThanOrEqual(8);
    // The link is made anew for whoever asks for it.
    const link = await world.clock.drive(borrower.engine.borrowed(id as LeaseId).link());
    expect(link.party).toMatchObject({ peerId: lender.peer.local.peerId });
  });
  it('after a gap of less than a tick without a lack', async () => {
    const { id } = await pair.lease(await lender.offer());
    await world.clock.run(2_100);
    world.net.onOpen = () => {
      throw new LeaseError({ code: 'NOT_RUNNING' }, 'lost');
    };
    await world.clock.run(1_200);
    world.net.onOpen = () => undefined;
    await world.clock.run(2_500);
    const [there, here] = await pair.both(id);
    expect(there).toMatchObject({ state: 'running', effective: 1000 });
    expect(here.receiptsSigned).toBe(there.receiptsSigned);
  });
  it('whatever the wall clock of its lender does', async () => {
    const { id } = await pair.lease(await lender.offer(), { minutes: 0.2 });
    await world.clock.run(2_000);
    world.clock.setNowMs(world.clock.nowMs() + 86_400_000);
    await world.clock.run(4_000);
    expect((await lender.engine.get(id as LeaseId)).state).toBe('running');
    world.clock.setNowMs(world.clock.nowMs() - 2 * 86_400_000);
    await world.clock.run(4_000);
    expect((await lender.engine.get(id as LeaseId)).state).toBe('running');
    await world.clock.run(4_000);
    const [there, here] = await pair.both(id);
    expect([there.code, here.code]).toEqual(['OVER', 'OVER']);
    expect(there.unitSeconds).toBeGreaterThan(11_500);
    expect(there.unitSeconds).toBeLessThanOrEqual(12_000);
  });
  it('over a quiet stop of either node', async () => {
    lender.provider.survivesRestart = true;
    const { id } = await pair.lease(await lender.offer());
    await world.clock.run(2_500);
    for (const node of [lender, borrower]) {
      await world.clock.drive(node.engine.stop());
      await world.clock.run(400);
      await node.restart();
      await world.clock.run(1_000);
    }
    await world.clock.run(3_000);
    const [there, here] = await pair.both(id);
    expect(there.state).toBe('running');
    expect(here.unitSeconds).toBe(there.unitSeconds);
    expect(there.unitSeconds).toBeGreaterThan(5_000);
  });
});

describe('leases are shown', () => {
  it('at once, with everything that changes', async () => {
    const seen: LeaseView[] = [];
    borrower.engine.on('leaseChanged', (view) => seen.push(view));
    const { id } = await pair.lease(await lender.offer());
    expect([...new Set(seen.map(({ state }) => state))]).toEqual(['requested', 'granted', 'running']);
    await world.clock.run(1_100);
    expect(seen.at(-1)).toMatchObject({ id, receiptsSigned: 1 });
  });
  it('by their id or its beginning', async () => {
    const { id } = await pair.lease(await lender.offer());
    await expect(borrower.engine.find(id.slice(0, 12))).resolves.toBe(id);
    await expect(borrower.engine.find(id.slice(6, 12))).resolves.toBe(id);
    await expect(borrower.engine.find('zzz')).rejects.toMatchObject({ code: 'LEASE_UNKNOWN' });
    for (let more = 0; more < 17; more++) await pair.request(await lender.offer());
    await expect(borrower.engine.find('lease-')).rejects.toMatchObject({ code: 'LEASE_AMBIGUOUS' });
    await expect(borrower.engine.get(newLeaseId(createSeededRandom(4)))).rejects.toMatchObject({
      code: 'LEASE_UNKNOWN',
    });
    await world.clock.run(100);
  });
  it('as a file, once they are granted', async () => {
    const refused = await pair.lease(await lender.offer(), { amount: CAPACITY + 1 });
    await expect(borrower.engine.file(refused.id as LeaseId)).rejects.toMatchObject({ code: 'LEASE_UNKNOWN' });
    const { id } = await pair.lease(await lender.offer());
    const { fileName, bytes } = await borrower.engine.file(id as LeaseId);
    expect(fileName).toBe(`${id}.hmlease`);
    expect(bytes.length).toBeGreaterThan(5_000);
  });
});

it('signs what anybody can check', async () => {
  const real = createLeaseWorld({ signatures: 'real' });
  const both = await createPair(real);
  const { id } = await both.lease(await both.lender.offer());
  await real.clock.run(TICK_MS + 10);
  await real.clock.drive(both.borrower.engine.end(id as LeaseId, 'done'));
  for (const node of [both.borrower, both.lender]) {
    const { bytes } = await node.engine.file(id as LeaseId);
    expect(verifyLeaseFile(bytes)).toMatchObject({ passed: true, lease: { id, amount: 1000, used: { final: true } } });
  }
  await real.stop();
});

describe('the table', () => {
  const entry = (id: LeaseId, side: 'lent' | 'borrowed', state: LeaseEntry['state'] = 'running'): LeaseEntry => ({
    id,
    side,
    state,
    facts: { resource: 'memory' } as LeaseEntry['facts'],
    totals: NO_USE,
    endedAtMs: null,
    settled: true,
    alone: createAlone(),
  });
  it('lists live ones first and newest first, a hundred at a time', () => {
    const random = createSeededRandom(3);
    const table = createLeaseTable();
    const all = Array.from({ length: 250 }, (_, number) =>
      entry(newLeaseId(random), number % 2 === 0 ? 'lent' : 'borrowed'),
    );
    for (const one of all) expect(table.add(one)).toBe(true);
    expect(table.add(all[0]!)).toBe(false);
    for (const one of all.slice(0, 20)) {
      one.state = 'ended';
      table.moved(one);
    }
    const expected = [...all.slice(20).toReversed(), ...all.slice(0, 20).toReversed()];
    const listed: LeaseEntry[] = [];
    for (let after: string | null = null; ; after = listed.at(-1)!.id) {
      const page = table.list({ side: 'all', live: null, after });
      listed.push(...page);
      if (page.length < 100) break;
    }
    expect(listed).toEqual(expected);
    expect(table.list({ side: 'lent', live: false, after: null })).toHaveLength(10);
    expect([table.liveLent, table.liveBorrowed]).toEqual([115, 115]);
    expect(table.beyond(15).map(({ id }) => id)).toEqual(all.slice(0, 5).map(({ id }) => id));
  });
});

describe('the meter', () => {
  it('adds amounts times seconds, whole ones only, and never falls', async () => {
    const clock = createManualClock();
    const meter = createMeter(clock, 10);
    meter.set(3);
    await clock.advance(500);
    expect(meter.unitSeconds()).toBe(11);
    await clock.advance(500);
    expect(meter.unitSeconds()).toBe(13);
    meter.set(0);
    await clock.advance(10_000);
    expect(meter.unitSeconds()).toBe(13);
    // Small amounts are not lost: a third of a second each, three times.
    meter.set(1);
    for (let part = 0; part < 3; part++) {
      await clock.advance(334);
      meter.unitSeconds();
    }
    expect(meter.unitSeconds()).toBe(14);
  });
  it('knows the most that a lease comes to, rounded up', () => {
    expect(mostFor('memory', 1, 1, 1n)).toBe(1n);
    expect(mostFor('memory', 2 ** 31, 3_600_000, 5n)).toBe(10n);
    expect(mostFor('cpu', 500, 3_600_000, 10_000n)).toBe(5000n);
    expect(mostFor('container', Number.MAX_SAFE_INTEGER, 31_536_000_000, 10n ** 20n)).toBe(
      (BigInt(Number.MAX_SAFE_INTEGER) * 31_536_000_000n * 10n ** 20n) / 3_600_000n,
    );
  });
});

it('waits for longer than timers of the platform can', async () => {
  const clock = createManualClock();
  let fired = 0;
  afterLong(clock, 40 * 86_400_000, () => (fired += 1));
  const cancel = afterLong(clock, 40 * 86_400_000, () => (fired += 100));
  await clock.advance(39 * 86_400_000);
  cancel();
  expect(fired).toBe(0);
  await clock.advance(86_400_000);
  expect(fired).toBe(1);
  expect(clock.pendingCount).toBe(0);
});

it('waits for the identity to be unlocked before it goes on with leases of an earlier run', async () => {
  lender.provider.survivesRestart = true;
  const { id } = await pair.lease(await lender.offer());
  await world.clock.run(1_500);
  lender.crash();
  lender.locked = true;
  await lender.restart();
  await world.clock.run(500);
  expect(await lender.engine.get(id as LeaseId)).toMatchObject({ state: 'running', effective: 0 });
  expect(lender.provider.running.size).toBe(0);
  await expect(
    lender.engine.request({ offer: '', amount: 1, minutes: 1, priceMicroMax: 0n, route: 'direct', purpose: '' }),
  ).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  lender.locked = false;
  await world.clock.run(3_000);
  const [there, here] = await pair.both(id);
  expect(there).toMatchObject({ state: 'running', effective: 1000 });
  expect(here.receiptsSigned).toBe(there.receiptsSigned);
  expect(here.receiptsSigned).toBeGreaterThan(2);
});
