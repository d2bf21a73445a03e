import { afterEach, beforeEach, expect, it } from 'vitest';
import { Emitter, type Settings } from '../../../../../main/base/index.ts';
import { type CaesarControl, createCaesar } from '../../../../../main/apps/caesar/create-caesar.ts';
import { WEIGHT_UNIT_SECONDS } from '../../../../../main/apps/caesar/ledger/constants.ts';
import { readAccount } from '../../../../../main/apps/caesar/ledger/read-state.ts';
import type { Leases, LeasesEvents } from '../../../../../main/kernel/leases/index.ts';
import type { LeaseView, NetworkState, OwnOfferView } from '../../../../../preload/contract/index.ts';
import {
  ASSET,
  createEconomyWorld,
  type EconomyWorld,
  MINUTE_MS,
  settlementOf,
  signerOf,
} from '../../../../support/caesar/economy-world.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

let world: EconomyWorld;
let caesar: CaesarControl;
let leases: LeaseView[];
let offers: OwnOfferView[];
let network: Pick<NetworkState, 'status' | 'reason' | 'connections'>;
let marks: string;
let privacyLevel: string;
let keys: ReturnType<EconomyWorld['keys']>;
const events = new Emitter<LeasesEvents>();
const kept = new Map<string, unknown>();

const make = async (): Promise<CaesarControl> => {
  const { clock, ledgers, store } = world;
  const made = createCaesar({
    outside: { clock, random: createSeededRandom(1) },
    logger: createSilentLogger(),
    metrics: null,
    store,
    settings: {
      get: (key: string) => Promise.resolve(kept.get(key)),
      set: (key: string, value: unknown) => Promise.resolve(void kept.set(key, value)),
    } as unknown as Settings,
    ledgers,
    keys,
    prover: {
      list: () => Promise.resolve([]),
      file: () => Promise.reject(new Error('none')),
      assets: () => [
        {
          resource: 'cpu',
          present: true,
          marks: ['space', 'stake', 'work', 'time'].map((kind) => ({ kind, status: marks, reason: 'It is so.' })),
        },
      ],
      state: () => ({ status: 'idle' }),
    } as never,
    assets: {
      list: () => [
        {
          id: ASSET,
          kind: 'cpu',
          resource: 'cpu',
          present: true,
          unit: 'millicores',
          capacity: { known: true, value: 4000 },
        },
      ],
      share: () => ({
        resources: [{ resource: 'cpu', percentMax: 50, terms: { privacyLevel, price: { mode: 'market' } } }],
      }),
      on: () => () => undefined,
    } as never,
    network: () => ({ reach: { confirmed: [] }, ...network }) as never,
  });
  made.attach({
    on: (name: keyof LeasesEvents, listener: never) => events.on(name, listener),
    list: ({ after }: { after: string | null }) => Promise.resolve(after === null ? leases : []),
    ownOffers: () => offers,
  } as unknown as Leases);
  await made.start();
  return made;
};
const leaseView = (change: Partial<LeaseView> = {}): LeaseView =>
  ({
    id: `lease-${'0'.repeat(31)}1`,
    side: 'lent',
    resource: 'cpu',
    state: 'running',
    reason: '',
    code: null,
    startedAtMs: world.clock.nowMs() - 30 * MINUTE_MS,
    endedAtMs: null,
    unitSeconds: 1_800_000,
    owedMicro: '5000',
    ...change,
  }) as LeaseView;

beforeEach(async () => {
  kept.clear();
  leases = [];
  offers = [
    {
      resource: 'cpu',
      unit: 'millicores',
      amountMax: 2000,
      offered: true,
      sentence: 'Everybody can see it.',
    } as OwnOfferView,
  ];
  network = { status: 'running', reason: '', connections: 3 };
  marks = 'passed';
  privacyLevel = 'FullPublic';
  world = await createEconomyWorld();
  keys = world.keys('lender', 'lender-node');
  caesar = await make();
  // The node binds itself to its account, and lists what it lends.
  for (let block = 0; block < 2; block++) await world.ledger.block(61_000);
});
afterEach(async () => {
  await caesar.stop();
  await world.store.close();
});
/** A lease that was escrowed, run and ended; settled by the lender. */
const lend = async (settle = true) => {
  const deal = await settlementOf('lent');
  await world.apply(signerOf('borrower'), 'lease.escrow', {
    lease: new Uint8Array(16).map((_, place) => (place === 15 ? 1 : 0)),
    lender: deal.lender,
    borrower: deal.borrower,
    most: deal.mostMicro,
    endsAtMs: world.clock.nowMs() + 60 * MINUTE_MS,
  });
  expect(await caesar.terms.secured({ ...deal, endsAtMs: world.clock.nowMs() })).toBeNull();
  if (settle) {
    await caesar.terms.settle(deal);
    await world.ledger.block();
    expect(await caesar.terms.settle(deal)).toBe(true);
  }
  return deal;
};
const view = (period: 'today' | 'all' = 'today') => caesar.rewards({ period, resource: null });

it('binds the node, and lists what it lends to everybody, once', () => {
  expect(world.ledger.taken.filter((kind) => kind === 'node.bind')).toHaveLength(1);
  expect(world.ledger.taken.filter((kind) => kind === 'asset.list')).toHaveLength(1);
  const account = caesar.accountOf(signerOf('lender-node').keyId);
  expect(Buffer.compare(account ?? new Uint8Array(), signerOf('lender').keyIdBytes)).toBe(0);
});

it('binds the node of an owner who opened nothing to others when the first lease is to be paid', async () => {
  await caesar.stop();
  await world.store.close();
  privacyLevel = 'Private';
  world = await createEconomyWorld();
  caesar = await make();
  await world.ledger.block(61_000);
  events.emit('asked', { resource: 'cpu', code: 'PRICE_TOO_LOW' });
  await world.ledger.block(61_000);
  expect(world.ledger.taken).toEqual([]);
  events.emit('asked', { resource: 'cpu', code: 'granted' });
  await world.ledger.block();
  expect(world.ledger.taken).toEqual(['node.bind']);
});

it('shows what is coming, what came, and what could come', async () => {
  await lend(false);
  leases = [leaseView({ owedMicro: '2500' })];
  expect(await view()).toMatchObject({
    earnedMicro: '0',
    comingMicro: '2500',
    // 2000 millicores at 10 micro-CAES for 24 hours.
    potentialMicro: '480000',
    entries: [{ kind: 'lease', state: 'coming', resource: 'cpu', network: 'meadow' }],
  });
  leases = [];
  await caesar.terms.settle(await settlementOf('lent'));
  await world.ledger.block();
  await caesar.terms.settle(await settlementOf('lent'));
  const after = await view();
  expect(after).toMatchObject({ earnedMicro: '4900', byNetwork: [{ name: 'meadow', earnedMicro: '4900' }] });
  expect(after.series).toHaveLength(24);
  expect(after.series.reduce((sum, { earnedMicro }) => sum + Number(earnedMicro), 0)).toBe(4900);
  // Points of the epoch that runs.
  expect(after.entries).toMatchObject([
    { kind: 'reward', state: 'coming' },
    { kind: 'lease', state: 'earned' },
  ]);
  expect(BigInt(after.comingMicro)).toBeGreaterThan(0n);
});

it('pays what an epoch brought, to the micro-CAES, and takes it apart', async () => {
  const account = signerOf('lender').keyIdBytes;
  await lend();
  const before = readAccount(world.ledger.replica.state(), account).balance;
  await world.ledger.block(11 * MINUTE_MS);
  await world.ledger.block();
  const came = readAccount(world.ledger.replica.state(), account).balance - before;
  expect(came).toBeGreaterThan(0n);
  const { entries, byResource } = await view('all');
  const reward = entries.find(({ kind }) => kind === 'reward');
  expect(reward).toMatchObject({ state: 'earned', amountMicro: came.toString(), resource: 'cpu' });
  expect(byResource).toMatchObject([{ resource: 'cpu', earnedMicro: (came + 4900n).toString(), comingMicro: '0' }]);

  const taken = await caesar.explain(reward?.id ?? '');
  const numberOf = (name: string): bigint => BigInt(taken.inputs.find((input) => input.name === name)?.value ?? -1);
  const points =
    (numberOf('unit-seconds') * numberOf('weight') * numberOf('quality') * numberOf('privacy') * numberOf('demand')) /
    (WEIGHT_UNIT_SECONDS * 1000n ** 3n);
  expect(points).toBe(numberOf('points'));
  const share = (numberOf('emission') * numberOf('points of the account')) / numberOf('points of all');
  expect(share < numberOf('ceiling') ? share : numberOf('ceiling')).toBe(came);
  expect(taken.receipts).toMatchObject([
    {
      kind: 'cpu',
      unitSeconds: 1_800_000,
      owedMicro: '5000',
      paidMicro: '4900',
      privacyLevel: 'FullPublic',
      height: expect.any(Number),
    },
  ]);
  const lease = await caesar.explain(entries.find(({ kind }) => kind === 'lease')?.id ?? '');
  expect(lease.formula).toContain('4900 = 5000 − 100');
  await expect(caesar.explain('reward:none')).rejects.toMatchObject({ code: 'REWARD_UNKNOWN' });
});

it('finds again what it has lost, without counting anything twice', async () => {
  await lend();
  await world.ledger.block(11 * MINUTE_MS);
  await world.ledger.block();
  const before = await view('all');
  await caesar.stop();
  await world.store.run('test', 'DELETE FROM caesar_rewards');
  await world.store.run('test', 'DELETE FROM caesar_progress');
  caesar = await make();
  const again = await view('all');
  expect(again.earnedMicro).toBe(before.earnedMicro);
  expect(again.entries.map(({ id }) => id).toSorted()).toEqual(before.entries.map(({ id }) => id).toSorted());
  await caesar.stop();
  caesar = await make();
  expect((await view('all')).earnedMicro).toBe(before.earnedMicro);
});

it('counts the yield of a stake as it is minted', async () => {
  const account = signerOf('lender').keyIdBytes;
  await world.apply(signerOf('lender'), 'stake.bond', { amount: 1_000_000n });
  const before = readAccount(world.ledger.replica.state(), account).balance;
  for (let epoch = 0; epoch < 3; epoch++) await world.ledger.block(10 * MINUTE_MS);
  const came = readAccount(world.ledger.replica.state(), account).balance - before;
  const { entries } = await view();
  const sum = entries
    .filter(({ kind }) => kind === 'yield')
    .reduce((all, { amountMicro }) => all + BigInt(amountMicro), 0n);
  expect(came).toBeGreaterThan(0n);
  // Each epoch is rounded down by itself.
  expect(came - sum).toBeLessThanOrEqual(3n);
  expect(sum).toBeLessThanOrEqual(came);
  const [one] = entries;
  expect((await caesar.explain(one?.id ?? '')).inputs.map(({ name }) => name)).toContain('stake of all');
});

it('tells of changes at most once in five seconds', async () => {
  const told: unknown[] = [];
  caesar.on('rewardsChanged', (totals) => told.push(totals));
  await lend();
  for (let change = 0; change < 50; change++) events.emit('leaseChanged', leaseView());
  await world.clock.advance(6_000);
  await caesar.rewards({ period: 'today', resource: null });
  await world.clock.advance(0);
  expect(told.length).toBeLessThanOrEqual(2);
  expect(told.at(-1)).toMatchObject({ earnedTodayMicro: 4900n });
});

const funnel = async () => {
  const { steps, first, answer } = await caesar.funnel('cpu');
  return { states: steps.map(({ state }) => state), first, answer, fix: steps.find(({ step }) => step === first)?.fix };
};
it('says which of the seven steps fails first, why, and what to do', async () => {
  expect(await funnel()).toMatchObject({
    first: 'matched',
    fix: { page: 'share' },
    answer: expect.stringMatching(/^Nothing is wrong .* Nobody has asked/),
  });
  network.status = 'off';
  expect(await funnel()).toMatchObject({ first: 'reachable', fix: { page: 'network' } });
  network.status = 'running';
  offers = [{ ...offers[0]!, offered: false, sentence: 'The slider is at 0 %: raise it to lend.' }];
  expect(await funnel()).toMatchObject({
    first: 'offered',
    answer: expect.stringContaining('slider'),
    fix: { page: 'share' },
  });
  offers = [{ ...offers[0]!, offered: true }];
  for (let refused = 0; refused < 3; refused++) events.emit('asked', { resource: 'cpu', code: 'PRICE_TOO_LOW' });
  events.emit('asked', { resource: 'memory', code: 'granted' });
  expect(await funnel()).toMatchObject({
    first: 'matched',
    answer: expect.stringContaining('3 requests were refused in 7 days, mostly with PRICE_TOO_LOW'),
  });
  events.emit('asked', { resource: 'cpu', code: 'granted' });
  leases = [
    leaseView({
      state: 'ended',
      unitSeconds: 0,
      endedAtMs: world.clock.nowMs(),
      code: 'NOT_PAID',
      reason: 'Nothing was set aside.',
    }),
  ];
  expect(await funnel()).toMatchObject({ first: 'run', answer: expect.stringContaining('Nothing was set aside.') });
  leases = [leaseView()];
  expect(await funnel()).toMatchObject({
    first: 'settled',
    states: ['passed', 'passed', 'passed', 'passed', 'passed', 'failed', 'untried'],
  });
  marks = 'failed';
  expect(await funnel()).toMatchObject({ first: 'proof', fix: { page: 'proofs' } });
  marks = 'passed';
  await lend();
  expect(await funnel()).toMatchObject({
    first: null,
    answer: expect.stringContaining('earns'),
    states: Array(7).fill('passed'),
  });
});

it('names what has failed before what only waits', async () => {
  network.connections = 0;
  expect(await funnel()).toMatchObject({ first: 'reachable', fix: { page: 'network' } });
  offers = [{ ...offers[0]!, offered: false, sentence: 'The slider is at 0 %: raise it to lend.' }];
  expect(await funnel()).toMatchObject({
    first: 'offered',
    fix: { page: 'share' },
    answer: expect.stringContaining('earns nothing because of this: It is not offered'),
    states: ['waiting', 'failed', 'untried', 'untried', 'passed', 'untried', 'untried'],
  });
  network.connections = 3;
  offers = [{ ...offers[0]!, offered: true }];
  // Nobody has asked, and nobody who wants proofs ever will.
  marks = 'failed';
  expect(await funnel()).toMatchObject({ first: 'proof', fix: { page: 'proofs' } });
});
it('comes to the last step, and says why nothing of it is paid', async () => {
  await lend();
  await world.apply(signerOf('admin'), 'params.set', { changes: { rewardFree: 0n, rewardStakePermille: 0 } });
  await world.clock.advance(8 * 24 * 60 * MINUTE_MS);
  leases = [leaseView({ startedAtMs: world.clock.nowMs() })];
  await world.store.run('test', 'UPDATE caesar_leases SET at_ms = ?', [world.clock.nowMs()]);
  expect(await funnel()).toMatchObject({
    first: 'paid',
    fix: { page: 'wallet', command: 'hypermesh wallet stake' },
    answer: expect.stringContaining('ceiling'),
    states: [...Array(6).fill('passed'), 'failed'],
  });
});
it('says that nothing is paid on a home network alone, and that the ceiling of an account is nothing', async () => {
  leases = [leaseView()];
  world.current = null;
  expect((await funnel()).answer).toContain('home network');
  world.current = world.ledger;
  await world.apply(signerOf('admin'), 'member.remove', { account: signerOf('lender').keyIdBytes });
  await lend();
  await world.clock.advance(8 * 24 * 60 * MINUTE_MS);
  leases = [leaseView({ startedAtMs: world.clock.nowMs() })];
  await world.store.run('test', 'UPDATE caesar_leases SET at_ms = ?', [world.clock.nowMs()]);
  const { first, answer } = await funnel();
  expect([first, answer]).toEqual(['offered', expect.stringContaining('no member')]);
});

it('forecasts what other levels would bring, net of electricity', async () => {
  const empty = await caesar.forecast();
  expect(empty.rows.map(({ percent }) => percent)).toEqual([10, 25, 50, 75, 100]);
  expect(empty.rows[0]).toMatchObject({ utilisationPermille: 0, kwhPerMonth: null, netPerMonth: null });
  // Half of the 2000 millicores of a month.
  leases = [leaseView({ unitSeconds: 1000 * 30 * 24 * 3600 })];
  const said = { pricePerKwh: 0.3, currency: 'EUR', caesValue: 0.5, watts: { cpu: 100 } };
  const { electricity, rows } = await caesar.setElectricity(said);
  expect(electricity).toEqual(said);
  // 4 cores at 10 000 micro-CAES for 720 hours, half of them used; 100 W for half of 720 hours.
  expect(rows.at(-1)).toMatchObject({
    amount: 4000,
    utilisationPermille: 500,
    microPerMonth: '14400000',
    kwhPerMonth: 36,
  });
  expect(rows.at(-1)?.costPerMonth).toBeCloseTo(10.8);
  expect(rows.at(-1)?.netPerMonth).toBeCloseTo(7.2 - 10.8);
  expect((await caesar.forecast()).electricity).toEqual(said);
});
