import type { Clock, LogLevel, Store } from '../../../main/base/index.ts';
import { assetIdOf, decodeCbor, Emitter } from '../../../main/base/index.ts';
import { createAllocationBook, type DrivenAllocationBook } from '../../../main/kernel/assets/allocation-book.ts';
import { createLeaseEngine, type LeaseEngine } from '../../../main/kernel/leases/engine/create-engine.ts';
import { type Admitted, type Candidate, requiredProofsOf } from '../../../main/kernel/leases/admission.ts';
import type { LeaseSigner, LeaseTimes, OwnOffer } from '../../../main/kernel/leases/engine/ports.ts';
import { type Domain, keyIdText, signRecord } from '../../../main/base/crypto/index.ts';
import { encodeOffer, hashOfRecord } from '../../../main/kernel/leases/formats/index.ts';
import { globalAddressOf } from '../../../main/kernel/leases/global-address.ts';
import {
  LeaseError,
  type LeaseProvider,
  type LentLease,
  type Links,
  type Offer,
  type Terms,
} from '../../../main/kernel/leases/index.ts';
import { leaseTasks } from '../../../main/kernel/leases/tasks.ts';
import type { Offence } from '../../../main/transport/stoq/index.ts';
import type { LendingTerms, ProofVerdict } from '../../../preload/contract/index.ts';
import { bookedOf, insertAsset } from '../booked.ts';
import { createMemoryStore } from '../memory-store.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createInlineWorkers } from '../stoq/inline-workers.ts';
import { makePeer, type TestPeer } from '../stoq/make-peer.ts';
import { createSimulationClock, type SimulationClock } from '../stoq/simulation-clock.ts';
import { quickSign, quickTasks } from './quick-records.ts';
import { createLinkNet, type LinkNet } from './fake-links.ts';

export const CAPACITY = 1_000_000;
export const TICK_MS = 1_000;
export const TIMES: LeaseTimes = {
  tickMs: TICK_MS,
  requestedMs: 10_000,
  provingMs: 20_000,
  grantedMs: 5_000,
  payingMs: 20_000,
  endingMs: 5_000,
  silentTicks: 4,
  askMs: 500,
  retryMs: 200,
};
export const lendingTerms = (given: Partial<LendingTerms> = {}): LendingTerms => ({
  privacyLevel: 'P2P',
  privacyNames: [],
  allocationType: 'Public',
  leasesMax: 100,
  leaseMinutesMax: 600,
  requiredProofs: [],
  proxy: { relaysAllowed: false, exitAllowed: false },
  price: { mode: 'market' },
  ...given,
});

/** A provider that does nothing but write down what it is told. */
export interface TestProvider extends LeaseProvider {
  survivesRestart: boolean;
  /** Leases that it runs now. */
  readonly running: Map<string, { lent: LentLease; effective: number; told: number[]; sentBytes: number }>;
  readonly stopped: string[];
  /** Refuses to start while it is set. */
  refuse: Error | null;
}
const createTestProvider = (): TestProvider => {
  const running: TestProvider['running'] = new Map();
  const stopped: string[] = [];
  return {
    kind: 'memory',
    survivesRestart: false,
    refuse: null,
    running,
    stopped,
    amountMax: () => null,
    async start(lent) {
      await Promise.resolve();
      if (this.refuse !== null) throw this.refuse;
      const one = { lent, effective: 0, told: [] as number[], sentBytes: 0 };
      running.set(lent.id, one);
      return {
        setEffective: (amount) => {
          one.effective = amount;
          one.told.push(amount);
        },
        use: () => ({ used: one.effective, sentBytes: one.sentBytes, receivedBytes: one.sentBytes * 2 }),
        stop: (reason) => {
          if (running.delete(lent.id)) stopped.push(reason);
          return Promise.resolve();
        },
      };
    },
  };
};

/** Where a node can be cut off: around every write and every message. */
export type Effect =
  | 'before write'
  | 'after write'
  | 'before question'
  | 'after answer'
  | 'before answer'
  | 'question came';
export interface LeaseNode {
  readonly name: string;
  readonly peer: TestPeer;
  readonly store: Store;
  engine: LeaseEngine;
  provider: TestProvider;
  book: DrivenAllocationBook;
  readonly escrowed: Map<string, bigint>;
  /** Its network; leases that cost something are had on the same one only. */
  ledger: { id: Uint8Array; name: string };
  /** What the lender waits for before a lease that costs something; null: nothing. */
  unsecured: string | null;
  /** What keeps this node from setting anything aside. */
  cannotPay: LeaseError | null;
  /** How often `settle` says that it is not final yet. */
  unsettled: number;
  /** What was settled, in order: more than one of a lease are the same. */
  readonly settled: { lease: string; receipt: Uint8Array | null }[];
  readonly offences: { peer: string; offence: Offence; detail: string }[];
  readonly log: { level: LogLevel; module: string; message: string; context: Record<string, unknown> }[];
  /** Makes an offer of its memory. @returns what a borrower asks for */
  offer(given?: Partial<Offer>, terms?: Partial<LendingTerms>): Promise<string>;
  withdraw(offer: string): void;
  /** What the lender's admission says. */
  judge: (candidate: Candidate) => Admitted;
  /** Of what it offers. */
  terms: LendingTerms;
  readonly sign: (domain: Domain, payload: Uint8Array) => Uint8Array;
  verdict: (file: Uint8Array, nonce: Uint8Array) => ProofVerdict;
  /** As `kill -9` does it: nothing of what it has begun goes on. */
  crash(): void;
  /** Starts again on the same database. */
  restart(): Promise<void>;
  /** Crashes at the n-th effect of those to come. */
  crashAt(effects: number): void;
  /** Effects so far, since `crashAt`. */
  readonly effects: Effect[];
  readonly isDown: boolean;
  /** Its identity; null signers while it is. */
  locked: boolean;
  /** What its engine was handed: other protocols on the same links. */
  links: Links;
}
export interface LeaseWorld {
  readonly clock: SimulationClock;
  readonly net: LinkNet;
  node(name: string, init?: { times?: Partial<LeaseTimes>; store?: Store }): Promise<LeaseNode>;
  stop(): Promise<void>;
}

const never = (): Promise<never> => new Promise(() => undefined);

/** Lenders and borrowers with real keys, rows and allocations, over links in memory, in virtual time. */
export const createLeaseWorld = ({ signatures = 'quick' }: { signatures?: 'real' | 'quick' } = {}): LeaseWorld => {
  const real = signatures === 'real';
  const workers = createInlineWorkers({
    rooms: { leases: () => Promise.resolve(real ? leaseTasks : quickTasks) },
    remembered: ['leases.verifyRecord'],
  });
  let writing = 0;
  const clock = createSimulationClock({ isBusy: () => workers.pending > 0 || writing > 0 });
  const net = createLinkNet();
  const nodes: LeaseNode[] = [];
  const offers = new Map<string, { own: OwnOffer; node: LeaseNode }>();

  const sign = ({ keys: { node } }: TestPeer, domain: Domain, payload: Uint8Array): Uint8Array =>
    real ? signRecord(node.public, node.secret, domain, payload) : quickSign(node, domain, payload);
  const signerOf = (peer: TestPeer): LeaseSigner => ({
    keyIdBytes: peer.signer.keyIdBytes,
    sign: (domain, payload) => Promise.resolve().then(() => sign(peer, domain, payload)),
  });
  const createNode = async (
    name: string,
    init: { times?: Partial<LeaseTimes>; store?: Store } = {},
  ): Promise<LeaseNode> => {
    const number = nodes.length + 1;
    const peer = makePeer(7000 + number);
    const store = init.store ?? (await createMemoryStore(clock));
    const memory = await insertAsset(store, 'memory');
    let life = { dead: false };
    let starts = 0;
    let locked = false;
    const keyEvents = new Emitter<{ changed: null }>();
    let crashIn = Number.POSITIVE_INFINITY;
    const log: LeaseNode['log'] = [];
    const effects: Effect[] = [];

    /** One step that others see. */
    const effect = async (which: Effect, alive: { dead: boolean }): Promise<void> => {
      if (alive.dead) return await never();
      effects.push(which);
      crashIn -= 1;
      if (crashIn > 0) return;
      node.crash();
      return await never();
    };
    const clockOf = (alive: { dead: boolean }): Clock => ({
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: async (ms, signal) => {
        await clock.sleep(ms, signal);
        if (alive.dead) await never();
      },
      every: (ms, tick) =>
        clock.every(ms, () => {
          if (!alive.dead) tick();
        }),
      after: (ms, fire) =>
        clock.after(ms, () => {
          if (!alive.dead) fire();
        }),
    });
    const counted = async <T>(work: () => Promise<T>): Promise<T> => {
      writing += 1;
      try {
        return await work();
      } finally {
        writing -= 1;
      }
    };
    const storeOf = (alive: { dead: boolean }): Store => {
      const read = async <T>(work: () => Promise<T>): Promise<T> => (alive.dead ? await never() : await counted(work));
      const write = async <T>(work: () => Promise<T>): Promise<T> => {
        await effect('before write', alive);
        const result = await counted(work);
        await effect('after write', alive);
        return result;
      };
      return {
        all: (query, sql, params) => read(() => store.all(query, sql, params)),
        get: (query, sql, params) => read(() => store.get(query, sql, params)),
        run: (query, sql, params) => write(() => store.run(query, sql, params)),
        transaction: (query, statements) => write(() => store.transaction(query, statements)),
        sizeBytes: () => store.sizeBytes(),
        close: () => Promise.resolve(),
      };
    };
    const linksOf = (alive: { dead: boolean }, links: Links): Links => {
      const wrapped = new WeakMap<object, Awaited<ReturnType<Links['open']>>>();
      const wrap = (link: Awaited<ReturnType<Links['open']>>) => {
        const known = wrapped.get(link);
        if (known !== undefined) return known;
        const made = {
          ...link,
          openStream: async (...args: Parameters<typeof link.openStream>) => {
            await effect('before question', alive);
            const stream = await link.openStream(...args);
            return {
              ...stream,
              read: async (max?: number) => {
                const bytes = await stream.read(max);
                if (bytes !== null) await effect('after answer', alive);
                return bytes;
              },
            };
          },
        };
        wrapped.set(link, made);
        return made;
      };
      return {
        handle: (spec, handler) =>
          links.handle(spec, async (stream, link) => {
            await effect('question came', alive);
            await handler(
              {
                ...stream,
                write: async (bytes) => {
                  await effect('before answer', alive);
                  await stream.write(bytes);
                },
              },
              wrap(link),
            );
          }),
        open: async (target, options) => wrap(await links.open(target, options)),
        addCarrier: (route, carrier) => links.addCarrier(route, carrier),
      };
    };
    const terms: Terms = {
      priceOf: (_resource, price) => (price.mode === 'fixed' ? BigInt(price.microPerHour) : 0n),
      ledger: () => node.ledger,
      escrow: ({ lease, mostMicro }) => {
        if (node.cannotPay !== null) return Promise.reject(node.cannotPay);
        const before = node.escrowed.get(lease);
        if (before !== undefined && before !== mostMicro) throw new Error('another sum is set aside already');
        node.escrowed.set(lease, mostMicro);
        return Promise.resolve();
      },
      secured: () => Promise.resolve(node.unsecured),
      settle: ({ lease, countersigned }) => {
        if (node.unsettled > 0) {
          node.unsettled -= 1;
          return Promise.resolve(false);
        }
        node.settled.push({ lease, receipt: countersigned });
        return Promise.resolve(true);
      },
    };
    const begin = async (): Promise<void> => {
      const alive = { dead: false };
      life = alive;
      starts += 1;
      net.up(name);
      const logger = createSilentLogger(log);
      const outside = { clock: clockOf(alive), random: createSeededRandom(number * 1000 + starts) };
      const guarded = storeOf(alive);
      const before = node.provider;
      node.provider = createTestProvider();
      if (before !== undefined) node.provider.survivesRestart = before.survivesRestart;
      node.book = createAllocationBook({ outside, logger, metrics: null, store: guarded, onChange: () => undefined });
      node.links = linksOf(alive, net.node(name, { peerId: peer.local.peerId, keyId: peer.local.keyId }));
      await node.book.open();
      node.book.apply([bookedOf(memory, 'memory', 100, { unit: 'bytes', capacity: { known: true, value: CAPACITY } })]);
      node.engine = createLeaseEngine(
        {
          outside,
          logger,
          metrics: null,
          workers,
          store: guarded,
          links: node.links,
          keys: {
            on: (event, listener) => keyEvents.on(event, listener),
            node: () =>
              locked
                ? null
                : {
                    signer: { ...peer.signer, ...signerOf(peer) },
                    opener: {
                      publicKey: peer.keys.kem.public,
                      decapsulate: () => Promise.reject(new Error('not part of this')),
                    },
                    certificate: peer.local.certificate,
                  },
            reason: () => null,
          },
          book: {
            get: () => null,
            offend: (who, offence, detail) => {
              node.offences.push({ peer: who, offence, detail });
            },
          },
          terms,
          prover: {
            assets: () => [{ asset: memory, kind: 'cpu', present: true }] as never,
            make: ({ nonce, purpose }) =>
              Promise.resolve({ id: `${purpose} ${Buffer.from(nonce ?? []).toString('hex')}` } as never),
            file: (id) =>
              Promise.resolve({ fileName: 'x', bytes: new TextEncoder().encode(`${peer.local.keyId} ${id}`) }),
            verify: (file, nonce) => Promise.resolve().then(() => node.verdict(file, nonce ?? new Uint8Array())),
          },
          allocations: node.book,
          offers: {
            own: (hash) => {
              const found = offers.get(Buffer.from(hash).toString('hex'));
              return found?.node === node ? found.own : null;
            },
            found: (id) => {
              const found = offers.get(id);
              if (found === undefined) throw new LeaseError({ code: 'OFFER_UNKNOWN', offer: id }, 'There is none.');
              const { own, node: lender } = found;
              return {
                offer: own.offer,
                record: own.record,
                hash: hashOfRecord(own.record),
                peerId: lender.peer.local.peerId,
                keys: lender.peer.keys.node.public,
              };
            },
          },
          admission: { check: (candidate) => Promise.resolve().then(() => node.judge(candidate)) },
          freshSigner: (entropy): Promise<LeaseSigner> =>
            Promise.resolve(signerOf(makePeer(Buffer.from(entropy).readUInt32BE() | 0x40000000))),
        },
        { ...TIMES, ...init.times },
      );
      node.engine.addProvider(node.provider);
      await node.engine.start();
    };
    const node: LeaseNode = {
      name,
      peer,
      store,
      engine: undefined as never,
      provider: undefined as never,
      book: undefined as never,
      escrowed: new Map(),
      ledger: { id: new Uint8Array(32).fill(1), name: 'home' },
      unsecured: null,
      cannotPay: null,
      unsettled: 0,
      settled: [],
      offences: [],
      log,
      effects,
      links: undefined as never,
      terms: lendingTerms(),
      sign: (domain, payload) => sign(peer, domain, payload),
      judge: ({ amount, proofs, borrower: who }) => {
        const refuse = (code: string): Admitted => ({
          kind: 'refused',
          refusal: { step: 'capacity', code, sentence: code },
        });
        const wanted = requiredProofsOf(node.terms);
        if (amount > node.book.free('memory')) return refuse('CAPACITY_EXCEEDED');
        if (node.engine.leasesOf('memory') >= node.terms.leasesMax) return refuse('TOO_MANY_LEASES');
        if (wanted.length > 0 && proofs === null) return { kind: 'prove', proofs: wanted, maxAgeMs: 60_000 };
        if (proofs !== null && (!proofs.passed || proofs.node !== keyIdText(who))) return refuse('PROOFS_FAILED');
        const { price } = node.terms;
        const priceMicro = price.mode === 'fixed' ? BigInt(price.microPerHour) : 0n;
        return { kind: 'admitted', terms: node.terms, priceMicro };
      },
      verdict: (file, nonce) => {
        const [who, purpose, shown] = new TextDecoder().decode(file).split(' ');
        if (shown === undefined) throw new Error('no proof');
        const passed = shown === Buffer.from(nonce).toString('hex');
        const check = {
          passed,
          code: passed ? null : 'CHALLENGE_MISMATCH',
          reason: passed ? 'ok' : 'another nonce',
          sizeBytes: 1,
        };
        return {
          passed,
          combined: '',
          checks: (['space', 'stake', 'work', 'time'] as const).map((kind) => ({ kind, ...check })),
          asset: '',
          node: who ?? '',
          purpose: purpose ?? '',
          issuedAtMs: clock.nowMs(),
          finishedAtMs: clock.nowMs(),
          expiresAtMs: clock.nowMs() + 60_000,
          notes: [],
        };
      },
      offer: async (given = {}, more = {}) => {
        const ownTerms = lendingTerms(more);
        node.terms = ownTerms;
        const asset = assetIdOf('memory', { name });
        const nowMs = clock.nowMs();
        const offer: Offer = {
          asset,
          kind: 'memory',
          resource: 'memory',
          unit: 'bytes',
          amountMax: CAPACITY,
          proven: null,
          grid: new Uint8Array(168).fill(100),
          utcOffsetMinutes: 0,
          allocationType: ownTerms.allocationType,
          minutesMax: ownTerms.leaseMinutesMax,
          requiredProofs: ownTerms.requiredProofs,
          relaysAllowed: false,
          priceMicro: null,
          address: globalAddressOf(peer.keys.node.public, asset),
          sequence: offers.size + 1,
          issuedAtMs: nowMs,
          expiresAtMs: nowMs + 1_800_000,
          ...given,
        };
        const record = await Promise.resolve(sign(peer, 'lease-offer', encodeOffer(offer)));
        const id = Buffer.from(hashOfRecord(record)).toString('hex');
        offers.set(id, { own: { offer, record, terms: ownTerms }, node });
        return id;
      },
      withdraw: (id) => void offers.delete(id),
      crash: () => {
        life.dead = true;
        crashIn = Number.POSITIVE_INFINITY;
        net.down(name);
      },
      restart: async () => {
        if (!life.dead) node.crash();
        await clock.drive(begin());
      },
      crashAt: (count) => {
        effects.length = 0;
        crashIn = count;
      },
      get locked() {
        return locked;
      },
      set locked(next) {
        locked = next;
        keyEvents.emit('changed', null);
      },
      get isDown() {
        return life.dead;
      },
    };
    nodes.push(node);
    await clock.drive(begin());
    return node;
  };
  return {
    clock,
    net,
    node: createNode,
    stop: async () => {
      for (const node of nodes) {
        if (!node.isDown) await clock.drive(node.engine.stop());
        await node.store.close();
      }
    },
  };
};
/** What is inside a signed record. */
export const payloadOf = (record: Uint8Array): Uint8Array => (decodeCbor(record) as { payload: Uint8Array }).payload;
