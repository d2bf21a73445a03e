import { describe, expect, it } from 'vitest';
import { isOver } from '../../main/kernel/leases/engine/lease-entry.ts';
import { decodeReceipt } from '../../main/kernel/leases/formats/index.ts';
import type { LeaseId } from '../../main/kernel/leases/index.ts';
import {
  createLeaseWorld,
  type Effect,
  type LeaseNode,
  type LeaseWorld,
  payloadOf,
  TICK_MS,
} from '../support/leases/lease-world.ts';
import { createPair, type Pair } from '../support/leases/pair.ts';

// Cuts off each side around every write and every message of a whole lease, starts it again on the same database, and looks whether
// both come to the same end, with nothing leaked and nothing counted twice.

/** How long whoever was cut off is away. Short: the lease may go on. Long: the other one gives it up. */
const AWAY_MS = { short: 300, long: 30_000 } as const;
/** From the request until nothing of the lease can be left. */
const STORY_MS = 60_000;

interface Story {
  /** Whose end is cut off. */
  who: 'lender' | 'borrower';
  /** At which of its effects; infinity: never. */
  at: number;
  away: keyof typeof AWAY_MS;
  /** Whether what is lent goes on after a restart of the lender. */
  survives: boolean;
  /** Who ends it, in the fourth second; null: its time is over after six. */
  ends: 'lender' | 'borrower' | null;
  proofs: boolean;
}
interface Outcome {
  effects: Effect[];
  /** Whether it was cut off at all. */
  crashed: boolean;
}

const lastReceipt = async ({ store }: LeaseNode, id: string) => {
  const row = await store.get<{ countersigned: Uint8Array }>(
    'test.receipt',
    'SELECT countersigned FROM lease_receipts WHERE lease = ? AND countersigned IS NOT NULL ORDER BY sequence DESC LIMIT 1',
    [id],
  );
  return row === undefined ? null : decodeReceipt(payloadOf(row.countersigned));
};
const check = async ({ lender, borrower, expectNothingTaken }: Pair, id: LeaseId, story: Story): Promise<void> => {
  const here = await borrower.engine.get(id);
  const there = (await lender.engine.list({ side: 'lent', live: null, after: null })).find((view) => view.id === id);
  expect(isOver(here.state), `the borrower is left in ${here.state}`).toBe(true);
  expect(there === undefined || isOver(there.state), `the lender is left in ${there?.state}`).toBe(true);
  expectNothingTaken();
  const rows = await lender.store.all('test.allocations', 'SELECT id FROM allocations');
  expect(rows).toEqual([]);

  const signedHere = await lastReceipt(borrower, id);
  const signedThere = await lastReceipt(lender, id);
  // Whoever is away for longer than the other waits may miss the last one; back in time, both have the same.
  if (story.away === 'short') expect(signedThere?.sequence).toBe(signedHere?.sequence);
  else expect(Math.abs((signedThere?.sequence ?? 0) - (signedHere?.sequence ?? 0))).toBeLessThanOrEqual(1);
  for (const receipt of [signedHere, signedThere])
    if (receipt !== null) expect(receipt.unitSeconds).toBeLessThanOrEqual(6_000);
  // A wallet of each: whatever was done again came to the same.
  for (const { settled } of [lender, borrower]) {
    const receipts = settled.filter(({ lease }) => lease === id).map(({ receipt }) => receipt);
    for (const receipt of receipts) expect(receipt).toEqual(receipts[0]);
  }
  if (borrower.escrowed.has(id)) expect(borrower.settled.some(({ lease }) => lease === id)).toBe(true);
  // What both settle by is what is in the rows.
  const paid = lender.settled.find(({ lease }) => lease === id)?.receipt;
  if (paid !== undefined && paid !== null) expect(decodeReceipt(payloadOf(paid))).toEqual(signedThere);
};

/** One whole lease of six seconds, with or without an accident. */
const play = async (world: LeaseWorld, pair: Pair, story: Story): Promise<Outcome> => {
  const { clock } = world;
  const { lender, borrower } = pair;
  lender.provider.survivesRestart = story.survives;
  const offer = await lender.offer({}, story.proofs ? { requiredProofs: ['work'] } : {});
  const victim = story.who === 'lender' ? lender : borrower;
  let crashed = false;
  victim.crashAt(story.at);
  const asking = borrower.engine.request({
    offer,
    amount: 1000,
    minutes: 0.1,
    priceMicroMax: 0n,
    route: 'direct',
    purpose: '',
  });
  asking.catch(() => undefined);
  const ending = clock.after(3_500, () => {
    if (story.ends === null) return;
    const node = story.ends === 'lender' ? lender : borrower;
    if (node.isDown) return;
    void (async () => {
      const [view] = await node.engine.list({ side: 'all', live: true, after: null });
      if (view !== undefined) await node.engine.end(view.id as LeaseId, 'enough');
    })();
  });
  // In small steps, so that an accident is noticed when it happens.
  for (let passedMs = 0; passedMs < STORY_MS; passedMs += 100) {
    if (victim.isDown) {
      crashed = true;
      await clock.run(AWAY_MS[story.away]);
      await victim.restart();
    }
    await clock.run(100);
  }
  ending();
  const [row] = await borrower.store.all<{ id: string }>('test.ids', 'SELECT id FROM leases');
  if (row !== undefined) await check(pair, row.id as LeaseId, story);
  // Cut off before it was a row: it was never asked for, and nobody knows of it.
  else expect(await lender.store.all('test.ids', 'SELECT id FROM leases')).toEqual([]);
  return { effects: [...victim.effects], crashed };
};
const tell = async (story: Story): Promise<Outcome> => {
  const world = createLeaseWorld();
  try {
    return await play(world, await createPair(world), story);
  } catch (cause) {
    throw new Error(`${JSON.stringify(story)}: ${String(cause)}`, { cause });
  } finally {
    await world.stop();
  }
};

const NEVER = Number.POSITIVE_INFINITY;
const stories: { name: string; story: Omit<Story, 'who' | 'at'> }[] = [
  { name: 'whose time is over', story: { away: 'short', survives: true, ends: null, proofs: false } },
  { name: 'that does not survive', story: { away: 'short', survives: false, ends: null, proofs: false } },
  { name: 'that its lender ends', story: { away: 'short', survives: true, ends: 'lender', proofs: false } },
  { name: 'that its borrower ends', story: { away: 'short', survives: true, ends: 'borrower', proofs: false } },
  { name: 'with proofs', story: { away: 'short', survives: true, ends: 'borrower', proofs: true } },
  { name: 'that is given up', story: { away: 'long', survives: true, ends: null, proofs: false } },
];
describe.each(stories)('a lease $name', ({ story }) => {
  it.each(['lender', 'borrower'] as const)(
    'comes to one end wherever its %s is cut off',
    async (who) => {
      const whole = await tell({ ...story, who, at: NEVER });
      expect(whole.crashed).toBe(false);
      // Enough of each kind, or the sweep sweeps nothing.
      for (const kind of ['before write', 'after write', 'after answer', 'before answer', 'before question'] as const)
        expect(whole.effects).toContain(kind);
      let crashes = 0;
      for (let at = 1; at <= whole.effects.length; at++) {
        const { crashed } = await tell({ ...story, who, at });
        if (crashed) crashes += 1;
      }
      expect(crashes).toBe(whole.effects.length);
    },
    600_000,
  );
});

it('counts nothing while nobody is there', async () => {
  const world = createLeaseWorld();
  const pair = await createPair(world);
  pair.lender.provider.survivesRestart = true;
  const { id } = await pair.lease(await pair.lender.offer());
  await world.clock.run(3 * TICK_MS + 10);
  pair.lender.crash();
  await world.clock.run(2 * TICK_MS);
  await pair.lender.restart();
  await world.clock.run(3 * TICK_MS);
  const [there, here] = await pair.both(id);
  expect(there.state).toBe('running');
  expect(here.unitSeconds).toBe(there.unitSeconds);
  // Three seconds before and three after, less what lay between the last receipt and the accident.
  expect(here.unitSeconds).toBeGreaterThan(5_000);
  expect(here.unitSeconds).toBeLessThanOrEqual(6_100);
  await world.stop();
});
