import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSettings, Emitter, type Store } from '../../../../main/base/index.ts';
import { createAllocationBook } from '../../../../main/kernel/assets/allocation-book.ts';
import type { AssetEvents, Assets } from '../../../../main/kernel/assets/index.ts';
import { defaultShare } from '../../../../main/kernel/assets/limits/defaults.ts';
import { createLeases, type LeaseId, type Leases } from '../../../../main/kernel/leases/index.ts';
import { leaseTasks } from '../../../../main/kernel/leases/tasks.ts';
import type { Prover } from '../../../../main/kernel/prover/index.ts';
import { createMemoryNetwork } from '../../../../main/transport/stoq/carriers/memory/create-memory-network.ts';
import { createMesh, type StoqNode } from '../../../../main/transport/stoq/index.ts';
import type { Address } from '../../../../main/transport/stoq/interface.ts';
import { stoqTasks } from '../../../../main/transport/stoq/tasks.ts';
import type { Level, LendingTerms } from '../../../../preload/contract/index.ts';
import { bookedOf, insertAsset } from '../../../support/booked.ts';
import { createMemoryStore } from '../../../support/memory-store.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../support/silent-logger.ts';
import { createInlineWorkers } from '../../../support/stoq/inline-workers.ts';
import { makePeer } from '../../../support/stoq/make-peer.ts';
import { createSimulationClock, type SimulationClock } from '../../../support/stoq/simulation-clock.ts';
import { startTestNode, type TestNode } from '../../../support/stoq/test-node.ts';

const CAPACITY = 1_000_000;
let clock: SimulationClock;
let writing: number;
let network: ReturnType<typeof createMemoryNetwork>;
let workers: ReturnType<typeof createInlineWorkers>;
let ends: (() => Promise<void>)[];

interface Home {
  leases: Leases;
  node: TestNode;
  store: Store;
  /** Leases that its provider runs. */
  running: Set<string>;
  promised(): number;
  lend(terms: Partial<LendingTerms>): void;
}
beforeEach(async () => {
  workers = createInlineWorkers({
    rooms: { stoq: async () => stoqTasks, leases: async () => leaseTasks },
    remembered: ['stoq.verifyCertificate', 'leases.verifyRecord'],
  });
  await workers.run('stoq.kemKeys', new Uint8Array(64));
  writing = 0;
  clock = createSimulationClock({ isBusy: () => workers.pending > 0 || writing > 0 });
  network = createMemoryNetwork({ outside: { clock, random: createSeededRandom(1) } }, { delayMs: 2 });
  ends = [];
});
afterEach(async () => {
  for (const end of ends.toReversed()) await clock.drive(end());
});

/** Everything of leases as a node has it, over STOQ in memory; hardware and proofs as a test says. */
const startHome = async (name: string, seed: number): Promise<Home> => {
  const outside = { clock, random: createSeededRandom(seed) };
  const logger = createSilentLogger();
  const peer = makePeer(seed);
  const inner = await createMemoryStore(clock);
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    writing += 1;
    try {
      return await work;
    } finally {
      writing -= 1;
    }
  };
  const store: Store = {
    all: (query, sql, params) => counted(inner.all(query, sql, params)),
    get: (query, sql, params) => counted(inner.get(query, sql, params)),
    run: (query, sql, params) => counted(inner.run(query, sql, params)),
    transaction: (query, statements) => counted(inner.transaction(query, statements)),
    sizeBytes: () => inner.sizeBytes(),
    close: () => inner.close(),
  };
  const asset = await insertAsset(store, 'memory');
  const allocations = createAllocationBook({ outside, logger, metrics: null, store, onChange: () => undefined });
  await allocations.open();
  allocations.apply([bookedOf(asset, 'memory', 100, { unit: 'bytes', capacity: { known: true, value: CAPACITY } })]);
  const node = await startTestNode(
    { outside, workers },
    { local: peer.local, carriers: [network.carrier(name)], interfaces: () => ({}) },
  );
  await node.endpoint.listen(`/memory/${name}` as Address);
  const mesh = createMesh({ book: node.book });
  const events = new Emitter<AssetEvents>();
  const share = { ...defaultShare('memory'), percentMax: 100 };
  const level: Level = {
    resource: 'memory',
    percent: 100,
    rule: 'slider',
    reason: '',
    untilMs: null,
    all: [],
    unread: [],
  };
  const assets = {
    on: events.on.bind(events),
    allocations,
    share: () => ({ resources: [share] }),
    levels: () => [level],
    list: () => [{ id: asset, resource: 'memory', present: true, capacity: { known: true, value: CAPACITY } }],
  } as unknown as Assets;
  const leases = createLeases(
    {
      outside,
      logger,
      metrics: null,
      workers,
      store,
      settings: createSettings({ store, clock }),
      assets,
      prover: { on: () => () => undefined, assets: () => [] } as unknown as Prover,
      keys: {
        on: () => () => undefined,
        node: () => ({
          signer: peer.signer,
          certificate: peer.local.certificate,
          opener: { publicKey: peer.keys.kem.public, decapsulate: () => Promise.reject(new Error('not here')) },
        }),
        reason: () => null,
      },
      mesh,
      networks: () => [],
    },
    { times: { tickMs: 1_000, askMs: 500, endingMs: 5_000, retryMs: 200 } },
  );
  const running = new Set<string>();
  leases.addProvider({
    kind: 'memory',
    survivesRestart: false,
    amountMax: () => null,
    start: (lent) => {
      running.add(lent.id);
      const stop = (): Promise<void> => {
        running.delete(lent.id);
        return Promise.resolve();
      };
      return Promise.resolve({
        setEffective: () => undefined,
        use: () => ({ used: 1, sentBytes: 5, receivedBytes: 6 }),
        stop,
      });
    },
  });
  mesh.set({ endpoint: node.endpoint, port: 1, dht: () => null } as unknown as StoqNode);
  await clock.drive(leases.start());
  ends.push(async () => {
    await leases.stop();
    mesh.set(null);
    await node.stop();
    await store.close();
  });
  return {
    leases,
    node,
    store,
    running,
    promised: () => allocations.promises().find(({ resource }) => resource === 'memory')?.promised ?? -1,
    lend: (terms) => {
      share.terms = { ...share.terms, ...terms };
      events.emit('shareChanged', {} as AssetEvents['shareChanged']);
    },
  };
};
const acquaint = (one: Home, other: Home, name: string): void => {
  one.node.book.learn(other.node.peerId, [`/memory/${name}` as Address], 'owner');
  one.node.book.setTrusted(other.node.peerId, true);
};
const search = { kind: null, amountMin: 0, priceMicroMax: null, trustedOnly: false, fresh: true };

it('offers, finds, borrows, meters and gives back, from one node to another', async () => {
  const [lender, borrower] = [await startHome('lender', 501), await startHome('borrower', 502)];
  acquaint(lender, borrower, 'borrower');
  acquaint(borrower, lender, 'lender');
  lender.lend({ privacyLevel: 'P2P', allocationType: 'Public', leasesMax: 2 });
  await clock.drive(borrower.node.endpoint.connect(lender.node.peerId));
  await clock.until(() => lender.leases.ownOffers().some(({ offered }) => offered), 'an offer');
  const { offers } = await clock.drive(borrower.leases.search(search));
  expect(offers).toMatchObject([{ resource: 'memory', trusted: true, amountMax: CAPACITY }]);

  const asked = { amount: 400_000, minutes: 1, priceMicroMax: 0n, route: 'direct' as const, purpose: 'a cache' };
  const offer = offers[0]!.id.slice(0, 10);
  const { id } = await clock.drive(borrower.leases.request({ ...asked, offer }));
  const view = await clock.drive(borrower.leases.settled(id as LeaseId));
  expect(view).toMatchObject({ state: 'running', code: null, route: 'direct', address: offers[0]!.address });
  expect([...lender.running]).toEqual([id]);
  expect(lender.promised()).toBe(400_000);
  expect(lender.leases.ownOffers()[0]).toMatchObject({ leasesLive: 1 });
  await clock.run(3_100);
  expect(await borrower.leases.get(id as LeaseId)).toMatchObject({ receiptsSigned: 3, sentBytes: 5, receivedBytes: 6 });

  // What is left is not enough for a second one of that size, and the two that its owner allows are not more.
  const second = await clock.drive(borrower.leases.request({ ...asked, offer, amount: 700_000 }));
  expect(await clock.drive(borrower.leases.settled(second.id as LeaseId))).toMatchObject({
    state: 'refused',
    code: 'CAPACITY_EXCEEDED',
  });
  const third = await clock.drive(borrower.leases.request({ ...asked, offer, amount: 1 }));
  expect(await clock.drive(borrower.leases.settled(third.id as LeaseId))).toMatchObject({ state: 'running' });
  const fourth = await clock.drive(borrower.leases.request({ ...asked, offer, amount: 1 }));
  expect(await clock.drive(borrower.leases.settled(fourth.id as LeaseId))).toMatchObject({ code: 'TOO_MANY_LEASES' });

  for (const one of [id, third.id]) await clock.drive(borrower.leases.end(one as LeaseId, 'done'));
  await clock.run(500);
  expect(lender.running.size).toBe(0);
  expect(lender.promised()).toBe(0);
  expect(await lender.leases.list({ side: 'lent', live: true, after: null })).toEqual([]);
  expect(await lender.leases.get(id as LeaseId)).toMatchObject({ state: 'ended', code: 'ENDED_BY_BORROWER' });
});

it('tells a stranger nothing, not even with the id of an offer', async () => {
  const [lender, friend, stranger] = [
    await startHome('lender', 501),
    await startHome('friend', 502),
    await startHome('stranger', 503),
  ];
  acquaint(lender, friend, 'friend');
  acquaint(friend, lender, 'lender');
  stranger.node.book.learn(lender.node.peerId, ['/memory/lender' as Address], 'owner');
  lender.lend({ privacyLevel: 'P2P', allocationType: 'Public' });
  await clock.drive(friend.node.endpoint.connect(lender.node.peerId));
  await clock.drive(stranger.node.endpoint.connect(lender.node.peerId));
  await clock.until(() => lender.leases.ownOffers().some(({ offered }) => offered), 'an offer');
  expect((await clock.drive(friend.leases.search(search))).offers).toHaveLength(1);
  expect((await clock.drive(stranger.leases.search(search))).offers).toEqual([]);
  await expect(
    clock.drive(
      stranger.leases.request({
        offer: 'abcd',
        amount: 1,
        minutes: 1,
        priceMicroMax: 0n,
        route: 'direct',
        purpose: '',
      }),
    ),
  ).rejects.toMatchObject({ code: 'OFFER_UNKNOWN' });
  expect(await lender.leases.list({ side: 'all', live: null, after: null })).toEqual([]);
});
