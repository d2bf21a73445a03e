import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  assetIdOf,
  createStore,
  createSystemOutside,
  createWorkerPool,
  type WorkerPool,
} from '../../main/base/index.ts';
import type { Domain } from '../../main/base/crypto/index.ts';
import { createAllocationBook } from '../../main/kernel/assets/allocation-book.ts';
import { createLeaseEngine, type LeaseEngine } from '../../main/kernel/leases/engine/create-engine.ts';
import { createAlone, type LeaseEntry, NO_USE } from '../../main/kernel/leases/engine/lease-entry.ts';
import { createLeaseTable } from '../../main/kernel/leases/engine/lease-table.ts';
import type { FoundOffer, OwnOffer } from '../../main/kernel/leases/engine/ports.ts';
import { encodeOffer, hashOfRecord } from '../../main/kernel/leases/formats/index.ts';
import { globalAddressOf } from '../../main/kernel/leases/global-address.ts';
import { createLinks, FREE_TERMS, type LeaseId, type Offer } from '../../main/kernel/leases/index.ts';
import { newLeaseId } from '../../main/kernel/leases/names.ts';
import { createTlsCarrier } from '../../main/transport/stoq/carriers/tls/create-tls-carrier.ts';
import type { Address } from '../../main/transport/stoq/interface.ts';
import { createMesh } from '../../main/transport/stoq/mesh.ts';
import type { StoqNode } from '../../main/transport/stoq/stoq-node.ts';
import { bookedOf, insertAsset } from '../support/booked.ts';
import { lendingTerms } from '../support/leases/lease-world.ts';
import { createSilentLogger } from '../support/silent-logger.ts';
import { makePeer } from '../support/stoq/make-peer.ts';
import { startTestNode } from '../support/stoq/test-node.ts';
import { type Figure, percentile } from './figure.ts';

const LIVE = 10_000;
const LOOKUPS = 1_000;
const GRANTS = 30;
const WARM_UP = 5;
const METERED = 10;
const METERED_TICK_MS = 3_000;
const METERED_MS = 15_000;
/** What the share of a core is told for. */
const LEASES_SHOWN = 100;
const TICK_SHOWN_S = 60;
const CAPACITY = 1_000_000_000;
const outside = createSystemOutside();

const timed = (work: () => unknown, times: number): number[] =>
  Array.from({ length: times }, () => {
    const startMs = performance.now();
    work();
    return performance.now() - startMs;
  });

/** What is done with a full table, each beside the same thing done with an empty one. */
export const benchLeaseTable = (): Promise<Figure[]> => {
  const fill = (count: number) => {
    const table = createLeaseTable();
    const ids: LeaseId[] = [];
    for (let n = 0; n < count; n++) {
      const id = newLeaseId(outside.random);
      ids.push(id);
      const facts = { resource: 'memory' } as LeaseEntry['facts'];
      table.add({
        id,
        side: 'lent',
        state: 'running',
        facts,
        totals: NO_USE,
        endedAtMs: null,
        settled: false,
        alone: createAlone(),
      });
    }
    return { table, ids };
  };
  const full = fill(LIVE);
  const small = fill(1);
  const pick = (ids: readonly LeaseId[]): LeaseId => ids[outside.random.below(ids.length)] as LeaseId;
  const operations: [string, ({ table, ids }: typeof full) => unknown][] = [
    ['look-up by id', ({ table, ids }) => table.get(pick(ids))],
    ['find by 12 digits', ({ table, ids }) => table.find(pick(ids).slice(0, 18))],
    ['first page of the list', ({ table }) => table.list({ side: 'all', live: true, after: null })],
    [
      'add and take out',
      ({ table }) => {
        const id = newLeaseId(outside.random);
        table.add({
          id,
          side: 'lent',
          state: 'running',
          facts: { resource: 'memory' } as LeaseEntry['facts'],
          totals: NO_USE,
          endedAtMs: null,
          settled: false,
          alone: createAlone(),
        });
        table.remove(id);
      },
    ],
  ];
  return Promise.resolve(
    operations.map(([name, work]): Figure => {
      timed(() => work(full), LOOKUPS);
      const value = percentile(
        timed(() => work(full), LOOKUPS),
        0.99,
      );
      const floor = percentile(
        timed(() => work(small), LOOKUPS),
        0.99,
      );
      return {
        name: `lease table at ${LIVE}, ${name}, p99`,
        unit: 'us',
        value: value * 1000,
        peer: { name: 'a table of one', value: floor * 1000 },
        target: '< 1000 us',
        reached: value < 1,
      };
    }),
  );
};

interface Side {
  engine: LeaseEngine;
  peer: ReturnType<typeof makePeer>;
  address: Address;
  peerKnows(address: Address, of: Side): void;
  stop(): Promise<void>;
}
/** A node over TLS on loopback, with threads for signatures and its database in a file. */
const startSide = async (
  number: number,
  folder: string,
  workers: WorkerPool,
  tickMs: number,
  offers: Map<string, OwnOffer & FoundOffer>,
): Promise<Side> => {
  const logger = createSilentLogger();
  const peer = makePeer(8000 + number);
  const store = await createStore(
    { logger, metrics: null, clock: outside.clock },
    { path: join(folder, `${number}.db`), workerPath: join(import.meta.dirname, '../../main/base/store/worker.ts') },
  );
  const asset = await insertAsset(store, 'memory');
  const book = createAllocationBook({ outside, logger, metrics: null, store, onChange: () => undefined });
  await book.open();
  book.apply([bookedOf(asset, 'memory', 100, { unit: 'bytes', capacity: { known: true, value: CAPACITY } })]);
  const node = await startTestNode(
    { outside, workers },
    { local: peer.local, carriers: [createTlsCarrier({ outside, logger, metrics: null })], keepsPeers: false },
  );
  const address = await node.endpoint.listen('/ip6/::1/tcp/0/tls' as Address);
  const mesh = createMesh({ book: node.book });
  mesh.set({ endpoint: node.endpoint } as unknown as StoqNode);
  const sign = (domain: Domain, payload: Uint8Array): Promise<Uint8Array> =>
    workers.run('crypto.sign', { keys: peer.keys.node.public, secrets: peer.keys.node.secret, domain, payload });
  const engine = createLeaseEngine(
    {
      outside,
      logger,
      metrics: null,
      workers,
      store,
      links: createLinks({ mesh }),
      keys: {
        on: () => () => undefined,
        node: () => ({
          signer: { ...peer.signer, sign },
          opener: { publicKey: peer.keys.kem.public, decapsulate: () => Promise.reject(new Error('not part of this')) },
          certificate: peer.local.certificate,
        }),
        reason: () => null,
      },
      book: node.book,
      terms: FREE_TERMS,
      prover: {
        assets: () => [],
        make: () => Promise.reject(new Error('x')),
        file: () => Promise.reject(new Error('x')),
        verify: () => Promise.reject(new Error('x')),
      },
      allocations: book,
      offers: {
        own: (hash) => offers.get(Buffer.from(hash).toString('hex')) ?? null,
        found: (id) => offers.get(id) as FoundOffer,
      },
      admission: {
        check: () => Promise.resolve({ kind: 'admitted', terms: lendingTerms({ leasesMax: 10_000 }), priceMicro: 0n }),
      },
    },
    { tickMs },
  );
  engine.addProvider({
    kind: 'memory',
    survivesRestart: false,
    amountMax: () => null,
    start: () =>
      Promise.resolve({
        setEffective: () => undefined,
        use: () => ({ used: 0, sentBytes: 0, receivedBytes: 0 }),
        stop: () => Promise.resolve(),
      }),
  });
  await engine.start();
  return {
    engine,
    peer,
    address,
    peerKnows: (at, of) => void node.book.learn(of.peer.local.peerId, [at], 'owner'),
    stop: async () => {
      await engine.stop();
      mesh.set(null);
      await node.stop();
      await store.close();
    },
  };
};
const makeOffer = async ({ peer }: Side, offers: Map<string, OwnOffer & FoundOffer>): Promise<string> => {
  const asset = assetIdOf('memory', { bench: 1 });
  const nowMs = outside.clock.nowMs();
  const offer: Offer = {
    asset,
    kind: 'memory',
    resource: 'memory',
    unit: 'bytes',
    amountMax: CAPACITY,
    proven: null,
    grid: new Uint8Array(168).fill(100),
    utcOffsetMinutes: 0,
    allocationType: 'Public',
    minutesMax: 600,
    requiredProofs: [],
    relaysAllowed: false,
    priceMicro: null,
    address: globalAddressOf(peer.keys.node.public, asset),
    sequence: 1,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 1_800_000,
  };
  const record = await peer.signer.sign('lease-offer', encodeOffer(offer));
  const hash = hashOfRecord(record);
  const id = Buffer.from(hash).toString('hex');
  offers.set(id, {
    offer,
    record,
    terms: lendingTerms(),
    hash,
    peerId: peer.local.peerId,
    keys: peer.keys.node.public,
  });
  return id;
};
const withSides = async <T>(
  tickMs: number,
  work: (lender: Side, borrower: Side, offer: string, workers: WorkerPool) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'));
  const workers = createWorkerPool(
    { logger: createSilentLogger(), metrics: null, clock: outside.clock },
    { workerPath: join(import.meta.dirname, '../../main/worker.ts'), size: 2 },
  );
  const offers = new Map<string, OwnOffer & FoundOffer>();
  const lender = await startSide(1, folder, workers, tickMs, offers);
  const borrower = await startSide(2, folder, workers, tickMs, offers);
  try {
    borrower.peerKnows(lender.address, lender);
    lender.peerKnows(borrower.address, borrower);
    return await work(lender, borrower, await makeOffer(lender, offers), workers);
  } finally {
    await borrower.stop();
    await lender.stop();
    await workers.close();
    await rm(folder, { recursive: true, force: true });
  }
};
/** Two signatures and two checks, one after another: what a request and its grant, or a receipt and its countersignature, cost at least. */
const signTwice = async (workers: WorkerPool, { peer }: Side): Promise<void> => {
  for (let turn = 0; turn < 2; turn++) {
    const payload = new Uint8Array([0x58, 0x20, ...outside.random.bytes(32)]);
    const encoded = await workers.run('crypto.sign', {
      keys: peer.keys.node.public,
      secrets: peer.keys.node.secret,
      domain: 'lease-grant',
      payload,
    });
    await workers.run('leases.verifyRecord', { domain: 'lease-grant', encoded });
  }
};
const ask = { amount: 1000, minutes: 60, priceMicroMax: 0n, route: 'direct' as const, purpose: '' };

/** From the call of the borrower until it has the grant, and until it runs, between two nodes over TLS on loopback. */
export const benchLeaseGrant = (): Promise<Figure[]> =>
  withSides(60_000, async (_lender, { engine, ...borrower }, offer, workers) => {
    const granted: number[] = [];
    const running: number[] = [];
    const floors: number[] = [];
    for (let n = -WARM_UP; n < GRANTS; n++) {
      const startMs = performance.now();
      const times: { granted?: number } = {};
      const end = engine.on('leaseChanged', ({ state }) => {
        if (state === 'granted') times.granted ??= performance.now() - startMs;
      });
      const { id } = await engine.request({ ...ask, offer });
      const view = await engine.settled(id as LeaseId);
      const runningMs = performance.now() - startMs;
      end();
      if (view.state !== 'running' || times.granted === undefined) throw new Error(`${view.state}: ${view.reason}`);
      const floorMs = performance.now();
      await signTwice(workers, { engine, ...borrower });
      if (n < 0) continue;
      granted.push(times.granted);
      running.push(runningMs);
      floors.push(performance.now() - floorMs);
      await engine.end(id as LeaseId, 'done');
    }
    const floor = percentile(floors, 0.5);
    const figure = (name: string, samples: readonly number[], p: number): Figure => {
      const value = percentile(samples, p);
      return {
        name: `lease ${name}, p${p * 100}`,
        unit: 'ms',
        value,
        peer: { name: 'its two signatures and two checks alone', value: floor },
        ratio: value / floor,
        target: 'for information',
      };
    };
    return [
      figure('asked for to granted', granted, 0.5),
      figure('asked for to granted', granted, 0.9),
      figure('asked for to running', running, 0.5),
    ];
  });

const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
/** What metering takes of processors: both ends, their threads and databases, for each receipt that both sign. */
export const benchLeaseMetering = (): Promise<Figure[]> =>
  withSides(METERED_TICK_MS, async (lender, borrower, offer, workers) => {
    const ids: LeaseId[] = [];
    for (let n = 0; n < METERED; n++) {
      const { id } = await borrower.engine.request({ ...ask, offer });
      await borrower.engine.settled(id as LeaseId);
      ids.push(id as LeaseId);
    }
    const signed = async (): Promise<number> => {
      const views = await Promise.all(ids.map((id) => lender.engine.get(id)));
      for (const { state, reason } of views) if (state !== 'running') throw new Error(`${state}: ${reason}`);
      return views.reduce((sum, { receiptsSigned }) => sum + receiptsSigned, 0);
    };
    await sleep(2 * METERED_TICK_MS);
    const [cpuBefore, signedBefore] = [cpuMs(), await signed()];
    await sleep(METERED_MS);
    const pairs = (await signed()) - signedBefore;
    const perPair = (cpuMs() - cpuBefore) / pairs;
    for (const id of ids) await borrower.engine.end(id, 'done');
    const rounds = 20;
    await signTwice(workers, borrower);
    const floorBefore = cpuMs();
    for (let n = 0; n < rounds; n++) await signTwice(workers, borrower);
    const floor = (cpuMs() - floorBefore) / rounds;
    // One node makes one signature of the two and one check.
    const share = (((perPair / 2) * LEASES_SHOWN) / (TICK_SHOWN_S * 1000)) * 100;
    return [
      {
        name: 'lease metering, processor of both ends per receipt',
        unit: 'ms',
        value: perPair,
        peer: { name: 'its two signatures and two checks alone', value: floor },
        ratio: perPair / floor,
        target: 'for information',
      },
      {
        name: `lease metering, ${LEASES_SHOWN} leases at a tick of ${TICK_SHOWN_S} s, of one core of one end`,
        unit: '%',
        value: share,
        target: '< 10 %',
        reached: share < 10,
      },
    ];
  });
