import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emissionOf, nextPrice } from '../../../../../main/apps/caesar/ledger/epochs.ts';
import { homeEconomy } from '../../../../../main/apps/caesar/ledger/economies.ts';
import type { EconomyParams } from '../../../../../main/apps/caesar/ledger/interface.ts';
import { EPOCH_KEY, pointsKey } from '../../../../../main/apps/caesar/ledger/keys.ts';
import { readEconomyParams } from '../../../../../main/apps/caesar/ledger/params.ts';
import {
  readAccount,
  readAssetListing,
  readAssetListings,
  readEpoch,
  readPayout,
  readPoints,
  readPrices,
  readRewards,
  readSupply,
} from '../../../../../main/apps/caesar/ledger/read-state.ts';
import { decodeEpoch, encodeEpoch, encodePoints } from '../../../../../main/apps/caesar/ledger/records.ts';
import { demandOf, pointsOf, qualityOf } from '../../../../../main/apps/caesar/ledger/rewards.ts';
import { scheduleOf } from '../../../../../main/apps/caesar/ledger/transactions.ts';
import { assetIdOf, encodeCbor } from '../../../../../main/base/index.ts';
import { auditState } from './audit.ts';
import {
  accountId,
  ASSET,
  CERTIFICATE,
  certificateFact,
  createWorld,
  factsOf,
  FOUNDERS,
  leaseId,
  MINUTE_MS,
  nodeId,
  settleFields,
  settlementFact,
  sha,
  type World,
} from './world.ts';

const CAES = 1_000_000n;
const COMMON = homeEconomy({ account: accountId(0), node: nodeId(0) }).params;
const EPOCH_MS = 10 * MINUTE_MS;

/** One lease from escrow to settlement, as quickly as it goes. */
const lend = (
  world: World,
  name: string,
  {
    lender = 1,
    borrower = 2,
    owed = 100n,
    unitSeconds = 3_600_000n,
    held = [],
  }: {
    lender?: number | string;
    borrower?: number;
    owed?: bigint;
    unitSeconds?: bigint;
    held?: ('space' | 'stake' | 'work' | 'time')[];
  } = {},
): void => {
  const lease = leaseId(name);
  world.block([
    world.sign(accountId(borrower), 'lease.escrow', {
      lease,
      lender: nodeId(lender),
      borrower: nodeId('borrower'),
      most: owed,
      endsAtMs: world.timeMs + MINUTE_MS,
    }),
  ]);
  const settle = world.sign(accountId(lender), 'lease.settle', settleFields(lease));
  const fact = settlementFact({
    lender: nodeId(lender),
    owed,
    unitSeconds,
    proof: held.length === 0 ? null : { id: sha('proof', name), held },
  });
  world.block([settle], { facts: factsOf([settle, fact]) });
};
const list = (world: World, who: number, privacyLevel: 'Private' | 'FullPublic', amountMax = 8000): void => {
  world.block([
    world.sign(accountId(who), 'asset.list', {
      asset: ASSET,
      kind: 'cpu',
      unit: 'millicores',
      amountMax,
      privacyLevel,
      priceMicro: null,
    }),
  ]);
};
/** As a settlement would have left it. */
const pointsUpdate = (account: Uint8Array) => ({ key: pointsKey(0, account), value: encodePoints(5n) });
const epochUpdate = (world: World, points: bigint) => ({
  key: EPOCH_KEY,
  value: encodeEpoch({ ...decodeEpoch(world.tree.get(EPOCH_KEY)!), points }),
});
const nextEpoch = (world: World): void => {
  const { endsAtMs } = readEpoch(world.tree);
  world.block([], { afterMs: endsAtMs - world.timeMs });
  world.block();
};

describe('the formulas', () => {
  it('give a core-hour a million points where everything is at its best', () => {
    const best = { quality: 1000, privacy: 1000, demand: 1000 };
    expect(pointsOf({ unitSeconds: 3_600_000n, weight: COMMON.weights.cpu, ...best })).toBe(1_000_000n);
    expect(pointsOf({ unitSeconds: 2n ** 30n * 3600n, weight: COMMON.weights.memory, ...best })).toBe(250_000n);
    // The worked example of docs/economy.md.
    const quality = qualityOf(COMMON, { held: ['space', 'time'], uptimePermille: 950 });
    expect(quality).toBe(745);
    expect(demandOf(COMMON.demandMin, 400)).toBe(700);
    expect(pointsOf({ unitSeconds: 28_800_000n, weight: COMMON.weights.cpu, quality, privacy: 700, demand: 700 })).toBe(
      2_920_400n,
    );
  });
  it('halve what is minted', () => {
    const params = { emissionPerEpoch: 1000n, halvingEpochs: 3 };
    expect([0, 2, 3, 5, 6, 30, 3_000_000].map((epoch) => emissionOf(params, epoch))).toEqual([
      1000n,
      1000n,
      500n,
      500n,
      250n,
      0n,
      0n,
    ]);
    expect(scheduleOf(COMMON, 0)[1]).toBe(
      'Epoch 0: at most 1000 CAES, of which 300 CAES go to stakes and 700 CAES to proven use.',
    );
  });
  it('move prices towards their target, by bounded steps, within bounds', () => {
    const price = fc.bigInt(1n, 10n ** 12n);
    const steps = { priceTargetPermille: 600, priceStepPermille: 100 };
    fc.assert(
      fc.property(price, fc.nat(1000), (before, utilisation) => {
        const after = nextPrice(before, utilisation, steps, { min: 1n, max: 10n ** 12n });
        expect(after >= 1n && after <= 10n ** 12n).toBe(true);
        const isRight = utilisation > 600 ? after >= before : utilisation < 600 ? after <= before : after === before;
        expect(isRight).toBe(true);
        const move = after > before ? after - before : before - after;
        expect(move <= before / 10n + 1n).toBe(true);
      }),
    );
    expect(nextPrice(10_000n, 1000, steps, { min: 100n, max: 1_000_000n })).toBe(11_000n);
    expect(nextPrice(10_000n, 0, steps, { min: 100n, max: 1_000_000n })).toBe(9_000n);
    expect(nextPrice(10_000n, 800, steps, { min: 100n, max: 1_000_000n })).toBe(10_500n);
  });
  it('refuse parameters out of bounds, and read what they wrote', () => {
    expect(readEconomyParams(COMMON)).toEqual(COMMON);
    const wrong: Partial<Record<keyof EconomyParams, unknown>>[] = [
      { stakePermille: 500, rewardPermille: 501 },
      { qualityBase: 401 },
      { prices: { ...COMMON.prices, cpu: { start: 1n, min: 2n, max: 3n } } },
      { weights: {} },
      { feePerByte: -1n },
      { feePerByte: 1_001n },
      { epochMs: 0 },
    ];
    for (const change of wrong) expect(() => readEconomyParams({ ...COMMON, ...change })).toThrow(/do not hold/);
  });
});

describe('rewards', () => {
  it('are split by points, end at the cap, and mint no more than is given out', () => {
    const world = createWorld();
    list(world, 1, 'FullPublic');
    list(world, 2, 'Private');
    lend(world, 'a', { lender: 1, borrower: 0, held: ['space', 'stake', 'work', 'time'], unitSeconds: 36_000n });
    lend(world, 'b', { lender: 2, borrower: 0, unitSeconds: 36_000n });
    const [reward] = readRewards(world.tree, 0, accountId(1));
    expect(reward).toMatchObject({
      kind: 'cpu',
      quality: 1000,
      privacyLevel: 'FullPublic',
      privacy: 1000,
      demand: 500,
      held: ['space', 'stake', 'work', 'time'],
      points: 5000n,
      counted: 5000n,
      weight: COMMON.weights.cpu,
    });
    // Taken apart again from what stands there.
    expect(pointsOf(reward!)).toBe(reward!.points);
    expect(readRewards(world.tree, 0, accountId(2))).toMatchObject([{ quality: 500, privacy: 400, points: 1000n }]);
    expect(readPoints(world.tree, 0, accountId(1))).toBe(5000n);
    const minted = readSupply(world.tree).minted;
    const before = [1, 2].map((who) => readAccount(world.tree, accountId(who)).balance);
    nextEpoch(world);
    const payouts = [1, 2].map((who) => readPayout(world.tree, 0, accountId(who))!);
    expect(payouts[0]).toMatchObject({ points: 5000n, allPoints: 6000n, emission: 700_000n, share: 583_333n });
    expect(payouts.map(({ paid }) => paid)).toEqual([583_333n, 116_666n]);
    expect(readSupply(world.tree).minted - minted).toBe(699_999n + 300_000n);
    const earned = [1, 2].map(
      (who, place) =>
        readAccount(world.tree, accountId(who)).balance -
        before[place]! -
        readAccount(world.tree, accountId(who)).yieldMicro,
    );
    expect(earned).toEqual([583_333n, 116_666n]);
    expect(auditState(world.tree)).toEqual([]);
  });

  it('give what one lends to itself nothing', () => {
    const world = createWorld();
    lend(world, 'a', { lender: 1, borrower: 1 });
    expect(readRewards(world.tree, 0, accountId(1))).toMatchObject([{ points: 0n, counted: 0n }]);
    expect(readPoints(world.tree, 0, accountId(1))).toBe(0n);
  });

  it('let nobody gain by leasing between accounts of its own, whatever it claims', () => {
    // Account 3 is honest. 1 and 2 are one person, who makes up receipts without end; 5 is one more account that it made.
    const run = (leases: number, unitSeconds: bigint) => {
      const founders = FOUNDERS.map((founder, place) => (place === 0 ? founder : { ...founder, node: nodeId(place) }));
      const world = createWorld({
        founders,
        // No stake of theirs counts, so that only what is free can be had.
        change: (economy) => ({ ...economy, accounts: economy.accounts.map((one) => ({ ...one, staked: 0n })) }),
      });
      const stranger = accountId(5);
      world.block([world.sign(accountId(1), 'account.transfer', { to: stranger, amount: CAES, memo: '' })]);
      lend(world, 'honest', { lender: 3, borrower: 0, unitSeconds: 3_600_000n });
      const total = () => [1, 2, 5].reduce((sum, who) => sum + readAccount(world.tree, accountId(who)).balance, 0n);
      const before = total();
      const honest = readAccount(world.tree, accountId(3)).balance;
      for (let place = 0; place < leases; place++)
        lend(world, `loop ${place}`, {
          lender: 1 + (place % 2),
          borrower: 2 - (place % 2),
          unitSeconds,
          owed: 1000n,
          held: ['space', 'stake', 'work', 'time'],
        });
      nextEpoch(world);
      expect(auditState(world.tree)).toEqual([]);
      return { liar: total() - before, honest: readAccount(world.tree, accountId(3)).balance - honest };
    };
    const free = 50_000n;
    const quiet = run(0, 0n);
    for (const [leases, unitSeconds] of [
      [2, 3_600_000n],
      [12, 10n ** 26n],
      [40, 36_000_000n],
    ] as const) {
      const { liar, honest } = run(leases, unitSeconds);
      // Two members: what is free for each, less what their payments burnt.
      expect(liar).toBeLessThanOrEqual(2n * free - BigInt(leases) * 20n);
      expect(honest).toBe(quiet.honest);
      expect(honest).toBe(free);
    }
  });

  it('are nothing without stake for accounts that nobody admitted', () => {
    const world = createWorld({ change: (economy) => ({ ...economy, members: null, admins: [] }) });
    lend(world, 'a', { lender: 1, borrower: 2 });
    // Its stake of 10 000 CAES counts, and nothing free does.
    expect(readPoints(world.tree, 0, accountId(1))).toBe(readRewards(world.tree, 0, accountId(1))[0]!.points);
    world.block([world.sign(accountId(1), 'validator.leave', {})]);
    world.block([world.sign(accountId(1), 'stake.unbond', { amount: readAccount(world.tree, accountId(1)).staked })]);
    lend(world, 'b', { lender: 1, borrower: 2 });
    expect(readRewards(world.tree, 0, accountId(1)).filter(({ counted }) => counted > 0n)).toHaveLength(1);
    expect(readRewards(world.tree, 0, accountId(1))).toHaveLength(2);
  });

  it('pay many accounts in pieces, and forget after their time', () => {
    const count = 600;
    const world = createWorld({
      params: { rewardFree: 1_000n },
      change: (economy) => ({
        ...economy,
        members: null,
        accounts: [
          ...economy.accounts,
          ...Array.from({ length: count }, (_, place) => ({ id: accountId(`m${place}`), balance: 10n, staked: 1000n })),
        ],
      }),
    });
    // Points as settlements would have left them, without six hundred leases.
    for (let place = 0; place < count; place++) {
      const { key, value } = pointsUpdate(accountId(`m${place}`));
      world.tree.apply([{ key, value }]);
    }
    world.tree.apply([epochUpdate(world, BigInt(count) * 5n)]);
    world.block([], { afterMs: EPOCH_MS });
    const paying: (number | null)[] = [readEpoch(world.tree).paying];
    while (paying.at(-1) !== null) {
      world.block();
      paying.push(readEpoch(world.tree).paying);
    }
    expect(paying).toEqual([0, 0, null]);
    expect(readPayout(world.tree, 0, accountId('m599'))).toMatchObject({ share: 1166n, cap: 100n, paid: 100n });
    expect(auditState(world.tree)).toEqual([]);
    for (let epoch = 0; epoch < 5; epoch++) nextEpoch(world);
    expect(readPayout(world.tree, 0, accountId('m599'))).toBeNull();
  });
});

describe('yield', () => {
  it('goes to stakes by their size and the time they were there, and is spent at once', () => {
    const world = createWorld();
    const before = [0, 1].map((who) => readAccount(world.tree, accountId(who)));
    world.block([world.sign(accountId(1), 'stake.bond', { amount: 30_000n * CAES })]);
    nextEpoch(world);
    const after = [0, 1].map((who) => readAccount(world.tree, accountId(who)));
    // 300 000 for 70 000 CAES of stake: one has 10 000 of them, the other 40 000.
    expect(after[0]!.yieldMicro).toBe(42_857n);
    expect(after[1]!.yieldMicro).toBe(171_428n);
    const all = after[0]!.balance;
    expect(all).toBe(before[0]!.balance + 42_857n);
    world.block([world.sign(accountId(0), 'account.transfer', { to: accountId(2), amount: all, memo: '' })]);
    expect(readAccount(world.tree, accountId(0))).toMatchObject({ balance: 0n, yieldMicro: 0n });
    expect(auditState(world.tree)).toEqual([]);
  });
  it('is not minted while nobody stakes, nor for epochs without a block', () => {
    const world = createWorld({
      change: (economy) => ({ ...economy, accounts: economy.accounts.map((one) => ({ ...one, staked: 0n })) }),
    });
    nextEpoch(world);
    expect(readSupply(world.tree).minted).toBe(0n);
    const staked = createWorld();
    staked.block([], { afterMs: 25 * EPOCH_MS });
    expect(readSupply(staked.tree).minted).toBe(300_000n);
    expect(readEpoch(staked.tree).number).toBe(25);
  });
});

describe('prices', () => {
  it('rise with use of what is listed, fall without, and stay where nothing is', () => {
    const world = createWorld();
    const cpu = () => readPrices(world.tree)[0]!;
    const start = cpu().priceMicro;
    nextEpoch(world);
    expect(cpu().priceMicro).toBe(start);
    list(world, 1, 'FullPublic', 1000);
    expect(readAssetListing(world.tree, ASSET, accountId(1))).toMatchObject({
      privacyLevel: 'FullPublic',
      amountMax: 1000,
    });
    nextEpoch(world);
    expect(cpu()).toMatchObject({ priceMicro: (start * 9n) / 10n, utilisationPermille: 0, listed: 1000n });
    lend(world, 'a', { unitSeconds: 600_000n });
    nextEpoch(world);
    expect(cpu()).toMatchObject({ priceMicro: (start * 99n) / 100n, utilisationPermille: 1000, used: 0n });
    world.block([world.sign(accountId(1), 'asset.unlist', { asset: ASSET })]);
    expect(world.refusal(world.sign(accountId(1), 'asset.unlist', { asset: ASSET }))).toBe('NOT_LISTED');
    expect(cpu().listed).toBe(0n);
  });
  it('are not moved by whoever is no member any more, nor by lists without end', () => {
    const world = createWorld();
    for (let place = 0; place < 256; place++)
      world.block([
        world.sign(accountId(1), 'asset.list', {
          asset: assetIdOf('cpu', encodeCbor({ place })),
          kind: 'cpu',
          unit: 'millicores',
          amountMax: 1000,
          privacyLevel: 'P2P',
          priceMicro: null,
        }),
      ]);
    const one = {
      asset: ASSET,
      kind: 'cpu',
      unit: 'millicores',
      amountMax: 1,
      privacyLevel: 'P2P',
      priceMicro: null,
    } as const;
    expect(world.refusal(world.sign(accountId(1), 'asset.list', one))).toBe('LISTINGS_FULL');
    expect(world.refusal(world.sign(accountId(2), 'asset.list', one))).toBeNull();
    expect(readPrices(world.tree)[0]).toMatchObject({ listed: 256_000n });
    world.block([world.sign(accountId(0), 'member.remove', { account: accountId(1) })]);
    expect(readPrices(world.tree)[0]).toMatchObject({ listed: 0n });
    expect(readAssetListings(world.tree, accountId(1))).toEqual([]);
    expect(auditState(world.tree)).toEqual([]);
  });
  it('are not moved by strangers', () => {
    const world = createWorld();
    const stranger = accountId('stranger');
    world.block([world.sign(accountId(0), 'account.transfer', { to: stranger, amount: CAES, memo: '' })]);
    const listing = {
      asset: ASSET,
      kind: 'cpu',
      unit: 'millicores',
      amountMax: 1,
      privacyLevel: 'P2P',
      priceMicro: 5n,
    } as const;
    expect(world.refusal(world.sign(stranger, 'asset.list', listing))).toBe('NOT_A_MEMBER');
    expect(world.refusal(world.sign(accountId(0), 'asset.list', { ...listing, kind: 'gpu' }))).toBe(
      'TRANSACTION_MALFORMED',
    );
    // Nor by receipts that they sign for each other: only use of what is listed counts.
    list(world, 1, 'FullPublic', 1000);
    const bind = world.sign(stranger, 'node.bind', { certificate: CERTIFICATE });
    world.block([bind], { facts: factsOf([bind, certificateFact('stranger', stranger)]) });
    lend(world, 'made up', { lender: 'stranger', owed: 0n, unitSeconds: 10n ** 20n });
    expect(readPrices(world.tree)[0]).toMatchObject({ used: 0n });
    lend(world, 'listed', { owed: 0n, unitSeconds: 7n });
    expect(readPrices(world.tree)[0]).toMatchObject({ used: 7n });
  });
});
