import { describe, expect, it } from 'vitest';
import {
  readAccount,
  readEscrow,
  readRewards,
  readSettlement,
} from '../../../../../main/apps/caesar/ledger/read-state.ts';
import type { SignedTransaction } from '../../../../../main/kernel/blocks/index.ts';
import { auditState } from './audit.ts';
import {
  accountId,
  createWorld,
  factsOf,
  leaseId,
  MINUTE_MS,
  nodeId,
  settleFields,
  settlementFact,
  type World,
} from './world.ts';

// Account 1 lends by node 1 and account 2 borrows. Of every payment 20 permille are burnt; a dispute lasts five minutes.

const [other, lender, borrower] = [accountId(0), accountId(1), accountId(2)] as const;
const MOST = 10_000n;
const LEASE = leaseId('a');
const DISPUTE_MS = 5 * MINUTE_MS;
const LEASE_MS = 30 * MINUTE_MS;

const open = (world: World): void => {
  world.block([
    world.sign(borrower, 'lease.escrow', {
      lease: LEASE,
      lender: nodeId(1),
      borrower: nodeId('borrower'),
      most: MOST,
      endsAtMs: world.timeMs + LEASE_MS,
    }),
  ]);
};
type Receipt = { sequence: number; owed: bigint; final?: boolean };
/** A settlement and what threads find of it. */
const settlement = (
  world: World,
  who: Uint8Array,
  receipt: Receipt,
  nonce?: number,
): [SignedTransaction, ReadonlyMap<string, ReturnType<typeof settlementFact>>] => {
  const signed = world.sign(
    who,
    'lease.settle',
    settleFields(LEASE, { receipt: Uint8Array.of(receipt.sequence) }),
    nonce === undefined ? {} : { nonce },
  );
  return [signed, factsOf([signed, settlementFact(receipt)])];
};
const settle = (world: World, who: Uint8Array, receipt: Receipt): void => {
  const [signed, facts] = settlement(world, who, receipt);
  world.block([signed], { facts });
};
const refused = (world: World, who: Uint8Array, receipt: Receipt): string | null => {
  const [signed, facts] = settlement(world, who, receipt);
  return world.refusal(signed, { facts });
};

/** What has become of the money, against when the lease began. */
const outcome = (world: World, before: { lender: bigint; borrower: bigint }) => ({
  lender: readAccount(world.tree, lender).balance - before.lender,
  borrower: readAccount(world.tree, borrower).balance - before.borrower,
  open: readEscrow(world.tree, LEASE) !== null,
});
const balances = (world: World) => ({
  lender: readAccount(world.tree, lender).balance,
  borrower: readAccount(world.tree, borrower).balance,
});
const begun = (): { world: World; before: { lender: bigint; borrower: bigint } } => {
  // Nothing is minted here, so that every coin is one of the lease.
  const world = createWorld({ params: { emissionPerEpoch: 0n } });
  const before = balances(world);
  open(world);
  return { world, before };
};

type Event = { who: 'lender' | 'borrower'; receipt: Receipt } | { wait: number } | { reclaim: 'other' };
const first: Receipt = { sequence: 1, owed: 1000n };
const later: Receipt = { sequence: 2, owed: 4000n };
const last: Receipt = { sequence: 3, owed: 6000n, final: true };

describe('every order of events', () => {
  const paid = (owed: bigint) => ({ lender: owed - owed / 50n, borrower: -owed, open: false });
  it.each<[string, Event[], ReturnType<typeof outcome>]>([
    ['nobody settles', [{ wait: LEASE_MS + DISPUTE_MS }], paid(0n)],
    [
      'nobody settles, a moment before',
      [{ wait: LEASE_MS + DISPUTE_MS - 2000 }],
      { lender: 0n, borrower: -MOST, open: true },
    ],
    ['the lender by a receipt in between', [{ who: 'lender', receipt: later }], paid(4000n)],
    ['the lender by the last', [{ who: 'lender', receipt: last }], paid(6000n)],
    ['the borrower by the last', [{ who: 'borrower', receipt: last }], paid(6000n)],
    ['the borrower early, and nobody else', [{ who: 'borrower', receipt: first }, { wait: DISPUTE_MS }], paid(1000n)],
    [
      'the borrower early: money waits',
      [{ who: 'borrower', receipt: first }],
      { lender: 0n, borrower: -MOST, open: true },
    ],
    [
      'the borrower early, then the lender by a later one',
      [{ who: 'borrower', receipt: first }, { wait: MINUTE_MS }, { who: 'lender', receipt: later }],
      paid(4000n),
    ],
    [
      'the borrower early, then the lender by the same',
      [
        { who: 'borrower', receipt: first },
        { who: 'lender', receipt: first },
      ],
      paid(1000n),
    ],
    [
      'the borrower early, then again by a later one',
      [{ who: 'borrower', receipt: first }, { who: 'borrower', receipt: later }, { wait: DISPUTE_MS }],
      paid(4000n),
    ],
    [
      'a later one does not make the window longer',
      [
        { who: 'borrower', receipt: first },
        { wait: 4 * MINUTE_MS },
        { who: 'borrower', receipt: later },
        { wait: MINUTE_MS },
      ],
      paid(4000n),
    ],
    [
      'the borrower early, then by the last',
      [
        { who: 'borrower', receipt: first },
        { who: 'borrower', receipt: last },
      ],
      paid(6000n),
    ],
    [
      'a borrower that settles just before the end still waits for the lender',
      [{ wait: LEASE_MS + DISPUTE_MS - 10_000 }, { who: 'borrower', receipt: first }, { wait: MINUTE_MS }],
      { lender: 0n, borrower: -MOST, open: true },
    ],
    ['more than was set aside', [{ who: 'lender', receipt: { sequence: 9, owed: 10n ** 29n } }], paid(MOST)],
    ['nothing owed', [{ who: 'lender', receipt: { sequence: 1, owed: 0n } }], paid(0n)],
  ])('%s', (_, events, expected) => {
    const { world, before } = begun();
    for (const event of events)
      if ('wait' in event) world.wait(event.wait);
      else if ('who' in event) settle(world, event.who === 'lender' ? lender : borrower, event.receipt);
      else world.block([world.sign(other, 'lease.reclaim', { lease: LEASE })]);
    expect(outcome(world, before)).toEqual(expected);
    expect(auditState(world.tree)).toEqual([]);
    const settled = readSettlement(world.tree, LEASE);
    expect(settled === null).toBe(expected.open);
    const given = settled === null ? MOST : settled.paid + settled.burnt + settled.back;
    expect(given).toBe(MOST);
  });
});

describe('what a settlement is refused for', () => {
  it('an older receipt than the one that is here', () => {
    const { world } = begun();
    settle(world, borrower, later);
    expect(refused(world, borrower, first)).toBe('RECEIPT_OLDER');
    expect(refused(world, borrower, later)).toBe('RECEIPT_OLDER');
    expect(refused(world, lender, first)).toBe('RECEIPT_OLDER');
    expect(refused(world, lender, later)).toBeNull();
  });
  it('somebody else, another lease, another lender, another borrower', () => {
    const { world } = begun();
    expect(refused(world, other, last)).toBe('NOT_A_PARTY');
    const away = world.sign(lender, 'lease.settle', settleFields(leaseId('b')));
    expect(world.refusal(away, { facts: factsOf([away, settlementFact()]) })).toBe('ESCROW_UNKNOWN');
    const signed = world.sign(lender, 'lease.settle', settleFields(LEASE));
    for (const change of [{ lender: nodeId(0) }, { borrower: nodeId(2) }])
      expect(world.refusal(signed, { facts: factsOf([signed, settlementFact(change)]) })).toBe('LEASE_OF_ANOTHER');
    expect(
      world.refusal(signed, { facts: factsOf([signed, { ok: false, code: 'SIGNATURE_INVALID', reason: 'Forged.' }]) }),
    ).toBe('SIGNATURE_INVALID');
  });
  it('a second time', () => {
    const { world } = begun();
    settle(world, lender, last);
    expect(refused(world, lender, last)).toBe('SETTLED_ALREADY');
    expect(refused(world, borrower, last)).toBe('SETTLED_ALREADY');
    expect(refused(world, lender, { sequence: 4, owed: 9000n })).toBe('SETTLED_ALREADY');
    // Twice in one block: one of both stands.
    const twice = begun().world;
    const [one, facts] = settlement(twice, lender, later);
    const [two, more] = settlement(twice, borrower, last);
    expect(twice.attempt([one, two], { facts: new Map([...facts, ...more]) })).toMatchObject({
      ok: false,
      index: 1,
      code: 'SETTLED_ALREADY',
    });
  });
});

describe('escrows', () => {
  it('are refused where nobody could be paid, twice, without money, and out of time', () => {
    const { world } = begun();
    const escrow = (change: object, who = borrower) =>
      world.refusal(
        world.sign(who, 'lease.escrow', {
          lease: leaseId('b'),
          lender: nodeId(1),
          borrower: nodeId('borrower'),
          most: MOST,
          endsAtMs: world.timeMs + LEASE_MS,
          ...change,
        }),
      );
    expect(escrow({})).toBeNull();
    expect(escrow({ most: 0n })).toBeNull();
    expect(escrow({ lender: nodeId('stranger') })).toBe('LENDER_UNBOUND');
    expect(escrow({ lease: LEASE })).toBe('ESCROW_EXISTS');
    expect(escrow({ lease: LEASE }, other)).toBe('ESCROW_EXISTS');
    expect(escrow({ most: 2n ** 60n })).toBe('BALANCE_LOW');
    expect(escrow({}, accountId('stranger'))).toBe('BALANCE_LOW');
    expect(escrow({ endsAtMs: world.timeMs })).toBe('END_WRONG');
    expect(escrow({ endsAtMs: world.timeMs + 400 * 24 * 3_600_000 })).toBe('END_WRONG');
  });
  it('stay settled under their name until they are forgotten', () => {
    const { world } = begun();
    settle(world, lender, last);
    const again = () =>
      world.refusal(
        world.sign(borrower, 'lease.escrow', {
          lease: LEASE,
          lender: nodeId(1),
          borrower: nodeId('borrower'),
          most: MOST,
          endsAtMs: world.timeMs + LEASE_MS,
        }),
      );
    expect(again()).toBe('ESCROW_EXISTS');
    world.wait(31 * MINUTE_MS);
    expect(readSettlement(world.tree, LEASE)).toBeNull();
    expect(again()).toBeNull();
  });
  it('can be ended by anybody, but not before their time', () => {
    const { world } = begun();
    expect(world.refusal(world.sign(other, 'lease.reclaim', { lease: LEASE }))).toBe('TOO_EARLY');
    expect(world.refusal(world.sign(other, 'lease.reclaim', { lease: leaseId('b') }))).toBe('ESCROW_UNKNOWN');
    const before = balances(world);
    const at = { afterMs: LEASE_MS + DISPUTE_MS };
    // In the very block in which it would end by itself.
    const reclaim = world.sign(
      other,
      'lease.reclaim',
      { lease: LEASE },
      { atMs: world.timeMs + LEASE_MS + DISPUTE_MS },
    );
    world.block([reclaim], at);
    expect(balances(world).borrower - before.borrower).toBe(MOST);
    expect(auditState(world.tree)).toEqual([]);
  });
});

describe('the lender’s reward', () => {
  it('is counted when the lender settles, once', () => {
    const { world } = begun();
    settle(world, lender, last);
    expect(readRewards(world.tree, 0, lender)).toMatchObject([{ lease: LEASE, unitSeconds: 3_600_000n, held: [] }]);
  });
  it('is counted after a borrower was quicker, by the same receipt and in time', () => {
    const { world } = begun();
    settle(world, borrower, last);
    expect(readRewards(world.tree, 0, lender)).toEqual([]);
    expect(refused(world, borrower, last)).toBe('SETTLED_ALREADY');
    expect(refused(world, lender, later)).toBe('SETTLED_OTHERWISE');
    const before = balances(world);
    settle(world, lender, last);
    expect(readRewards(world.tree, 0, lender)).toHaveLength(1);
    expect(balances(world)).toEqual(before);
    expect(refused(world, lender, last)).toBe('SETTLED_ALREADY');
    expect(auditState(world.tree)).toEqual([]);

    const late = begun().world;
    settle(late, borrower, last);
    late.wait(DISPUTE_MS + MINUTE_MS);
    expect(refused(late, lender, last)).toBe('TOO_LATE');
  });
});

it('pays thousands of leases that end at once, some in each block', () => {
  const world = createWorld();
  const count = 700;
  world.block(
    Array.from({ length: count }, (_, place) =>
      world.sign(
        borrower,
        'lease.escrow',
        {
          lease: leaseId(place),
          lender: nodeId(1),
          borrower: nodeId('borrower'),
          most: 10n,
          endsAtMs: world.timeMs + MINUTE_MS,
        },
        { nonce: place },
      ),
    ),
  );
  expect(readAccount(world.tree, borrower).escrowed).toBe(7000n);
  world.block([], { afterMs: MINUTE_MS + DISPUTE_MS });
  const left = [readAccount(world.tree, borrower).escrowed];
  while (left.at(-1)! > 0n && left.length < 10) {
    world.block();
    left.push(readAccount(world.tree, borrower).escrowed);
  }
  expect(left).toEqual([4440n, 1880n, 0n]);
  expect(auditState(world.tree)).toEqual([]);
});
