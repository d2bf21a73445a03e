import { Emitter, type Logger, type Outside, type Settings, type Store, type WorkerPool } from '../../base/index.ts';
import type { Mesh, NetworkId } from '../../transport/stoq/index.ts';
import type { Assets } from '../assets/index.ts';
import type { KeyHolder, Prover } from '../prover/index.ts';
import { createAddressBook } from './address-book.ts';
import { createAdmission, createHomeAccess } from './admission.ts';
import { RESOURCE_KINDS } from './constants.ts';
import { createLinks } from './create-links.ts';
import { createLeaseEngine, type LeaseEngine } from './engine/create-engine.ts';
import type { LeaseTimes } from './engine/ports.ts';
import { createRecordOpener, decodeLeaseFile, type LeaseFileVerdict } from './formats/index.ts';
import { type AccessCheck, FREE_TERMS, type Leases, type LeasesEvents, type Terms } from './interface.ts';
import type { Links } from './link.ts';
import type { LeaseMetrics } from './metrics.ts';
import { createOwnOffers } from './own-offers.ts';
import { createPrivacyDesk } from './privacy-desk.ts';
import { createPrivacy } from './privacy.ts';
import { createOfferSearch } from './search.ts';

export interface LeasesComponents {
  outside: Outside;
  logger: Logger;
  metrics: LeaseMetrics | null;
  workers: WorkerPool;
  store: Store;
  settings: Settings;
  assets: Assets;
  prover: Prover;
  keys: KeyHolder;
  mesh: Mesh;
  /** Private networks that this node is in now. */
  networks: () => readonly { id: NetworkId; name: string }[];
  /** @default made over the mesh */
  links?: Links;
  /** Of auth. @default whoever is not banned */
  access?: AccessCheck;
  /** Of Caesar. @default a home network lends for nothing */
  terms?: Terms;
}
export interface LeasesInit {
  /** How long each state may last, and how often is metered. */
  times?: Partial<LeaseTimes>;
}

/** Everything that is lent and borrowed, as one. Started after the mesh's owner has read its settings, stopped before the mesh. */
export const createLeases = (components: LeasesComponents, init: LeasesInit = {}): Leases => {
  const { outside, logger, workers, assets, prover, keys, mesh, networks } = components;
  const {
    links = createLinks({ mesh }),
    terms = FREE_TERMS,
    access = createHomeAccess({ book: mesh.book }),
  } = components;
  const emitter = new Emitter<LeasesEvents>();
  const addressBook = createAddressBook(components);
  const privacy = createPrivacy({ book: mesh.book, addressBook, networks });
  const records = createRecordOpener({ workers });
  // Offers ask how much the engine's providers have, and the engine asks what is offered: neither does so before both are there.
  const amountMax: LeaseEngine['amountMax'] = (resource) => engine.amountMax(resource);
  const leasesOf: LeaseEngine['leasesOf'] = (resource) => engine.leasesOf(resource);
  const ownOffers = createOwnOffers({ ...components, links, privacy, access, terms, amountMax, leasesOf });
  const search = createOfferSearch({
    clock: outside.clock,
    logger,
    metrics: components.metrics,
    mesh,
    links,
    records,
    keys,
    addressBook,
    networks,
    // Kinds that this node could lend itself, with the providers that it has.
    kinds: () => RESOURCE_KINDS.filter((kind) => engine.provides(kind)),
  });
  const desk = createPrivacyDesk({ ...components, clock: outside.clock, privacy, addressBook, ownOffers, amountMax });
  const engine: LeaseEngine = createLeaseEngine(
    {
      ...components,
      links,
      terms,
      records,
      book: mesh.book,
      prover,
      allocations: assets.allocations,
      offers: { own: (hash) => ownOffers.own(hash), found: (id) => search.found(id) },
      admission: createAdmission({ assets, privacy, access, terms, clock: outside.clock, leasesOf, amountMax }),
    },
    init.times,
  );
  const endings: (() => void)[] = [];

  return {
    ...engine,
    links,
    privacy,
    addressBook,
    on: (name, listener) => emitter.on(name, listener),
    ownOffers: () => ownOffers.views(),
    previewTerms: (resource, change) => desk.preview(resource, change),
    privacyLog: () => desk.log(),
    search: (query, options) => search.search(query, options),
    verifyFile: async (file) => {
      // What is no file of a lease is told from one that does not hold before a thread is asked.
      decodeLeaseFile(file);
      return await workers.run<Uint8Array, LeaseFileVerdict>('leases.verifyFile', file);
    },
    start: async () => {
      endings.push(
        engine.on('leaseChanged', (view) => {
          emitter.emit('leaseChanged', view);
        }),
        engine.on('asked', (asked) => {
          emitter.emit('asked', asked);
        }),
        ownOffers.on('changed', (views) => {
          emitter.emit('offersChanged', views);
        }),
      );
      await addressBook.load();
      await engine.start();
      await ownOffers.start();
      await desk.start();
    },
    stop: async () => {
      await desk.stop();
      await ownOffers.stop();
      await engine.stop();
      for (const end of endings.splice(0)) end();
    },
  };
};
