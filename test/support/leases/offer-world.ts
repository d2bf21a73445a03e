import { createSettings, Emitter, type Settings, type Store } from '../../../main/base/index.ts';
import type { AssetEvents } from '../../../main/kernel/assets/index.ts';
import { defaultShare } from '../../../main/kernel/assets/limits/defaults.ts';
import { type AddressBookControl, createAddressBook } from '../../../main/kernel/leases/address-book.ts';
import { createHomeAccess } from '../../../main/kernel/leases/admission.ts';
import { createRecordOpener } from '../../../main/kernel/leases/formats/index.ts';
import { FREE_TERMS, type Links, type Privacy } from '../../../main/kernel/leases/index.ts';
import { createOwnOffers, type OwnOffers } from '../../../main/kernel/leases/own-offers.ts';
import { createPrivacyDesk, type PrivacyDesk } from '../../../main/kernel/leases/privacy-desk.ts';
import { createPrivacy } from '../../../main/kernel/leases/privacy.ts';
import { createOfferSearch, type OfferSearch, type OfferSearchInit } from '../../../main/kernel/leases/search.ts';
import { leaseTasks } from '../../../main/kernel/leases/tasks.ts';
import type { KeyHolder, ProverEvents } from '../../../main/kernel/prover/index.ts';
import {
  type Connection,
  createPeerBook,
  type Dht,
  type Mesh,
  type NetworkId,
  type PeerBookControl,
  type PeerId,
  PUBLIC_NETWORK,
  type StoqNode,
} from '../../../main/transport/stoq/index.ts';
import type { MeshEvents } from '../../../main/transport/stoq/mesh.ts';
import type { AssetProofs, Level, LendingTerms, ResourceKey, ResourceShare } from '../../../preload/contract/index.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import { createMemoryStore } from '../memory-store.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { createInlineWorkers } from '../stoq/inline-workers.ts';
import { makePeer, type TestPeer } from '../stoq/make-peer.ts';
import { createLinkNet, type LinkNet } from './fake-links.ts';
import { MEMORY_ASSET } from './records.ts';

export const HOME = 'h'.repeat(52) as NetworkId;
export const WORK = 'w'.repeat(52) as NetworkId;
export const MEMORY_BYTES = 16 * 1024 ** 3;

/** A node as far as offers need one: real keys, records, book and settings; connections, DHTs and hardware as a test sets them. */
export interface OfferNode {
  readonly name: string;
  readonly peer: TestPeer;
  readonly peerId: PeerId;
  readonly book: PeerBookControl;
  readonly addressBook: AddressBookControl;
  readonly privacy: Privacy;
  readonly own: OwnOffers;
  readonly search: OfferSearch;
  readonly desk: PrivacyDesk;
  readonly settings: Settings;
  readonly links: Links;
  /** Networks that it is in, `public` aside. */
  networks: { id: NetworkId; name: string }[];
  /** What the owner lends of memory; changed by `lend`. */
  readonly share: ResourceShare;
  /** Changes terms and limits, as the page does. */
  lend(change: Partial<LendingTerms>, limits?: Partial<Omit<ResourceShare, 'terms'>>): Promise<void>;
  level(percent: number, reason?: string): Promise<void>;
  /** Locks or unlocks the keys. */
  lock(locked: boolean): Promise<void>;
  /** Starts or stops the network. */
  online(up: boolean): Promise<void>;
  /** Says what was proved of its assets. */
  prove(proofs: AssetProofs[]): Promise<void>;
  /** Most that its provider has. Undefined: nothing lends memory. */
  amountMax: number | null | undefined;
  /** Everything that it asked DHTs to announce and not to withdraw. */
  announced(): string[];
  /** Resolves when all that was begun is done. */
  settle(): Promise<void>;
}
export interface OfferWorld {
  readonly clock: ManualClock;
  readonly net: LinkNet;
  node(
    name: string,
    seed: number,
    init?: OfferSearchInit & { networks?: { id: NetworkId; name: string }[] },
  ): Promise<OfferNode>;
  /** Connects two. */
  connect(a: OfferNode, b: OfferNode, rttMs?: number): void;
  stop(): Promise<void>;
}

export const createOfferWorld = (): OfferWorld => {
  const clock = createManualClock();
  const net = createLinkNet();
  const stores: Store[] = [];
  const nodes: OfferNode[] = [];
  /** Peers by network and topic. */
  const directories = new Map<string, Set<PeerId>>();
  const connections = new Map<string, Connection[]>();
  const inNetwork = (node: OfferNode, network: NetworkId): boolean =>
    network === PUBLIC_NETWORK || node.networks.some(({ id }) => id === network);
  const common = (a: OfferNode, b: OfferNode): Set<NetworkId> =>
    new Set([PUBLIC_NETWORK, HOME, WORK].filter((network) => inNetwork(a, network) && inNetwork(b, network)));

  const node: OfferWorld['node'] = async (name, seed, init = {}) => {
    const peer = makePeer(seed);
    const { peerId, keyId } = peer.local;
    const outside = { clock, random: createSeededRandom(seed) };
    const logger = createSilentLogger();
    const store = await createMemoryStore(clock);
    stores.push(store);
    const settings = createSettings({ store, clock });
    const book = createPeerBook({ outside, logger, store: null }, { self: peerId });
    const addressBook = createAddressBook({ settings });
    const assetEvents = new Emitter<AssetEvents>();
    const meshEvents = new Emitter<MeshEvents>();
    const keyEvents = new Emitter<{ changed: null }>();
    const proverEvents = new Emitter<ProverEvents>();
    const standard = defaultShare('memory');
    const share: ResourceShare = {
      ...standard,
      percentMax: 50,
      terms: { ...standard.terms, privacyLevel: 'Private', privacyNames: [], allocationType: 'Private' },
    };
    let level: Level = {
      resource: 'memory',
      percent: 50,
      rule: 'slider',
      reason: 'Slider: at most 50 %',
      untilMs: null,
      all: [],
      unread: [],
    };
    let locked = false;
    let proofs: AssetProofs[] = [];
    let up = true;

    const dhtOf = (network: NetworkId): Dht | null =>
      inNetwork(self, network)
        ? ({
            provide: (topic: Uint8Array) => {
              const key = `${network} ${Buffer.from(topic).toString()}`;
              directories.set(key, (directories.get(key) ?? new Set()).add(peerId));
              return Promise.resolve(1);
            },
            withdraw: (topic: Uint8Array) => {
              directories.get(`${network} ${Buffer.from(topic).toString()}`)?.delete(peerId);
            },
            providers: (topic: Uint8Array) =>
              Promise.resolve(
                [...(directories.get(`${network} ${Buffer.from(topic).toString()}`) ?? [])].filter(
                  (one) => one !== peerId,
                ),
              ),
          } as unknown as Dht)
        : null;
    const dhts = new Map<NetworkId, Dht | null>();
    const stoq = {
      port: 41_414,
      dht: (network: NetworkId) => {
        const known = dhts.get(network) ?? dhtOf(network);
        dhts.set(network, known);
        return known;
      },
      endpoint: {
        connections: () => connections.get(name) ?? [],
        connection: (other: PeerId) => (connections.get(name) ?? []).find((one) => one.peer.peerId === other) ?? null,
      },
    } as unknown as StoqNode;
    const mesh: Mesh = {
      on: (event, listener) => meshEvents.on(event, listener),
      get node() {
        return up ? stoq : null;
      },
      book,
      handle: () => () => undefined,
      connect: () => Promise.reject(new Error('links are made elsewhere')),
    };
    const raw = net.node(name, { peerId, keyId });
    const links: Links = {
      ...raw,
      // As the networks of both are in this world.
      handle: (spec, handler) =>
        raw.handle(spec, (stream, link) => {
          const other =
            link.party.kind === 'peer'
              ? nodes.find((one) => one.peerId === (link.party as { peerId: PeerId }).peerId)
              : undefined;
          const party =
            link.party.kind === 'peer'
              ? { ...link.party, networks: other === undefined ? new Set<NetworkId>() : common(self, other) }
              : link.party;
          return handler(stream, { ...link, party });
        }),
    };
    const keys: KeyHolder = {
      on: (event, listener) => keyEvents.on(event, listener),
      node: () =>
        locked
          ? null
          : {
              signer: peer.signer,
              certificate: peer.local.certificate,
              opener: { publicKey: peer.keys.kem.public, decapsulate: () => Promise.reject(new Error('not here')) },
            },
      reason: () => (locked ? { code: 'IDENTITY_LOCKED', sentence: 'The identity is locked; unlock it.' } : null),
    };
    const assets = {
      on: assetEvents.on.bind(assetEvents),
      share: () => ({
        version: 1,
        resources: [share],
        rules: {} as never,
        pause: { paused: false as const },
        monthlyBytesUsed: 0,
      }),
      levels: () => [level],
      list: () => [
        {
          id: MEMORY_ASSET,
          kind: 'memory' as const,
          resource: 'memory' as const,
          label: 'Memory',
          unit: 'bytes' as const,
          capacity: { known: true as const, value: MEMORY_BYTES },
          registeredAtMs: 0,
          present: true,
        },
      ],
    };
    const privacy = createPrivacy({ book, addressBook, networks: () => self.networks });
    const common4 = {
      outside,
      clock,
      logger,
      metrics: null,
      settings,
      assets,
      mesh,
      links,
      keys,
      privacy,
      addressBook,
      networks: () => self.networks,
    };
    const amountMax = (_resource: ResourceKey): number | null | undefined => self.amountMax;
    const own = createOwnOffers(
      {
        ...common4,
        prover: { assets: () => proofs, on: proverEvents.on.bind(proverEvents) },
        access: createHomeAccess({ book }),
        terms: {
          ...FREE_TERMS,
          priceOf: (_resource, price) => (price.mode === 'fixed' ? BigInt(price.microPerHour) : 0n),
        },
        amountMax,
        leasesOf: () => 0,
      },
      { zone: () => 3_600_000 },
    );
    const records = createRecordOpener({
      workers: createInlineWorkers({ rooms: { leases: async () => leaseTasks }, remembered: ['leases.verifyRecord'] }),
    });
    const settle = async (): Promise<void> => {
      await clock.advance(0);
      await own.settled();
      await clock.advance(0);
    };
    const self: OfferNode = {
      name,
      peer,
      peerId,
      book,
      addressBook,
      privacy,
      own,
      search: createOfferSearch({ ...common4, records, kinds: () => ['memory', 'network'] }, init),
      desk: createPrivacyDesk({ ...common4, ownOffers: own, amountMax }),
      settings,
      links,
      networks: init.networks ?? [],
      share,
      prove: async (next) => {
        proofs = next;
        proverEvents.emit('proofsChanged', proofs);
        await settle();
      },
      amountMax: null,
      lend: async (change, limits = {}) => {
        Object.assign(share, limits, { terms: { ...share.terms, ...change } });
        assetEvents.emit('shareChanged', assets.share());
        await settle();
      },
      level: async (percent, reason = `At ${percent} %`) => {
        level = { ...level, percent, reason };
        assetEvents.emit('levelsChanged', [level]);
        await settle();
      },
      lock: async (next) => {
        locked = next;
        keyEvents.emit('changed', null);
        await settle();
      },
      online: async (next) => {
        up = next;
        dhts.clear();
        if (up) meshEvents.emit('started', { node: stoq });
        else meshEvents.emit('stopped', null);
        await settle();
      },
      announced: () =>
        [...directories]
          .filter(([, peers]) => peers.has(peerId))
          .map(([key]) => key.replace(HOME, 'home').replace(WORK, 'work'))
          .toSorted(),
      settle,
    };
    nodes.push(self);
    await addressBook.load();
    await own.start();
    await self.desk.start();
    await settle();
    return self;
  };
  return {
    clock,
    net,
    node,
    connect: (a, b, rttMs = 10) => {
      for (const [near, far] of [
        [a, b],
        [b, a],
      ] as const)
        connections.set(near.name, [
          ...(connections.get(near.name) ?? []),
          {
            peer: far.peer.verified,
            networks: common(near, far),
            path: { tier: 'memory', stats: () => ({ rttMs }) },
          } as unknown as Connection,
        ]);
    },
    stop: async () => {
      for (const { own, desk, book } of nodes) {
        await desk.stop();
        await own.stop();
        await book.stop();
      }
      for (const store of stores) await store.close();
    },
  };
};
