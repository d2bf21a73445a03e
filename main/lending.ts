import {
  type Logger,
  type MetricsRegistry,
  type Outside,
  parseJobId,
  type Settings,
  type Startable,
  type Store,
  type WorkerPool,
} from './base/index.ts';
import type { Assets } from './kernel/assets/index.ts';
import {
  createHomeAccess,
  createLeaseMetrics,
  createLeases,
  type GlobalAddress,
  globalAddressOf,
  type Leases,
  type Links,
  OWN_GROUP,
  parseLeaseId,
  type Terms,
} from './kernel/leases/index.ts';
import {
  createDialer,
  createForwardService,
  createProxyMetrics,
  createRoutes,
  createTranslationTable,
  createTunnels,
  type Guard,
  type Memories,
  type Tunnels,
} from './kernel/proxy/index.ts';
import { CIRCUIT_LIMITS, createCircuits } from './kernel/proxy/circuits/index.ts';
import { createDestinationCheck } from './kernel/proxy/destinations/index.ts';
import { createExitProvider, createExitRules, createJobExit, type ExitRules } from './kernel/proxy/exit/index.ts';
import { createProxies } from './kernel/proxy/forwarders/index.ts';
import { createVpn } from './kernel/proxy/forwarders/vpn/index.ts';
import { createGuard } from './kernel/proxy/guard/index.ts';
import { createMemories, createMemoryMetrics, createMemoryProvider } from './kernel/proxy/memory/index.ts';
import { createRelayChoice } from './kernel/proxy/relay-choice/index.ts';
import type { KeyHolder, Prover } from './kernel/prover/index.ts';
import type { JobNetwork, JobOrigin } from './kernel/runtime/index.ts';
import { createWorkCopier } from './kernel/runtime/moving/index.ts';
import { createRemoteJobs, type RemoteJobs } from './kernel/runtime/remote/index.ts';
import {
  createSelfMadeVerifier,
  type Mesh,
  type NetworkId,
  type PeerId,
  type RelayLimits,
} from './transport/stoq/index.ts';
import type { LendingTerms, NetworkState } from '../preload/contract/index.ts';
import type { Work } from './work.ts';

export interface LendingComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  workers: WorkerPool;
  /** Threads of the network: checks of what peers sign wait for no proof there. */
  netWorkers: WorkerPool;
  store: Store;
  settings: Settings;
  assets: Assets;
  prover: Prover;
  keys: KeyHolder;
  work: Pick<Work, 'runtime' | 'content' | 'exchange' | 'images' | 'engine'>;
  mesh: Mesh;
  links: Links;
  /** What leases cost, and how they are paid. */
  terms: Terms;
  network: {
    state(): NetworkState;
    /** Private networks that this node is in now. */
    memberships(): readonly { id: NetworkId; name: string }[];
    /** What the owner lends to others' circuits now; null for nothing. */
    relayLimits(): RelayLimits | null;
  };
  /** Port of this node's API, null while it has none. */
  apiPort: () => number | null;
}
export interface LendingInit {
  /** The program that makes the VPN's device. */
  tunHelper: string;
  /** Files that no borrower may read; the guard tries to. */
  secretFiles: readonly string[];
}

/** What is lent, borrowed and reached: the rooms of `kernel/leases` and `kernel/proxy` put together, lowest first. */
export interface Lending extends Startable {
  readonly leases: Leases;
  readonly tunnels: Tunnels;
  readonly memories: Memories;
  readonly guard: Guard;
  readonly exitRules: ExitRules;
  /** Jobs of this owner elsewhere, and of others here. */
  readonly remoteJobs: RemoteJobs;
  /** The way out of a job of this node; null: none. */
  jobNetworkOf(origin: Pick<JobOrigin, 'side' | 'lease'>): JobNetwork | null;
  /** Trusted by name, or a node of the same owner. */
  isFriend(peer: PeerId): boolean;
}

/** Hosts of addresses at which others saw this node, such as its router's: what is near must count as home whatever its address. */
const hostsOf = (addresses: readonly string[]): string[] =>
  addresses.flatMap((address) => /\/ip[46]\/([^/]+)/.exec(address)?.[1] ?? []);

/** Who may come in, by which ways, and out to where: the same text as long as none of it changes. */
const opennessOf = (assets: Assets): string =>
  JSON.stringify(
    assets
      .share()
      .resources.map(({ resource, terms: { privacyLevel, privacyNames, allocationType, proxy } }) => [
        resource,
        privacyLevel,
        privacyNames,
        allocationType,
        proxy,
      ]),
  );

export const createLending = (components: LendingComponents, init: LendingInit): Lending => {
  const {
    outside,
    logger,
    metrics,
    store,
    workers,
    netWorkers,
    settings,
    assets,
    keys,
    work,
    mesh,
    links,
    network,
    apiPort,
  } = components;
  const { runtime, content, exchange, images, engine } = work;
  const { clock } = outside;
  const networks = () => network.memberships();
  const choice = createRelayChoice({ outside, mesh });
  const circuits = createCircuits({
    outside,
    logger,
    metrics,
    workers: netWorkers,
    mesh,
    keys,
    choice,
    verifier: createSelfMadeVerifier({ workers: netWorkers }),
    relayLimits: () => {
      const limits = network.relayLimits();
      return limits === null ? null : { ...CIRCUIT_LIMITS, bytesPerSecondMax: limits.bytesPerSecondMax };
    },
    acceptsAnonymous: () => isFullPublic(),
  });
  links.addCarrier('anonymous', circuits.carrier);
  const leases = createLeases({
    ...components,
    metrics: metrics === null ? null : createLeaseMetrics(metrics),
    networks,
  });
  const { privacy, addressBook } = leases;

  const proxyMetrics = metrics === null ? null : createProxyMetrics(metrics);
  const table = createTranslationTable({ clock });
  const exitRules = createExitRules({ settings, logger });
  const exits = createExitProvider({
    clock,
    logger,
    metrics,
    rules: exitRules,
    terms: (resource) => assets.share().resources.find((entry) => entry.resource === resource)?.terms ?? null,
  });
  const destinations = createDestinationCheck({
    clock,
    apiPort,
    seenAt: () => {
      const { reach } = network.state();
      return hostsOf([...reach.mapped, ...reach.confirmed].map(({ address }) => address));
    },
  });
  const service = createForwardService({
    outside,
    logger,
    metrics: proxyMetrics,
    links,
    table,
    privacy,
    leases,
    access: createHomeAccess({ book: mesh.book }),
    exits,
    destinations,
    apiPort,
    jobDoor: async (job, port) => {
      const id = parseJobId(job);
      if (id === null) throw new Error('no id of a job');
      // Wherever it runs: whoever reaches it is not told.
      return (await remoteJobs.get(id)) === null ? await runtime.connect(id, port) : await remoteJobs.connect(id, port);
    },
  });
  const routes = createRoutes({
    outside,
    logger,
    metrics: proxyMetrics,
    mesh,
    links,
    workers: netWorkers,
    keys,
    settings,
    privacy,
    isOwnNode: (peer) => addressBook.isIn(peer, OWN_GROUP),
    networks,
  });
  const dialer = createDialer({
    outside,
    links,
    routes,
    leases,
    service,
    self: () => mesh.node?.endpoint.local.peerId ?? null,
  });
  /** The network's own address: programs of this machine speak from it on the VPN's device. */
  const localAddress = (): GlobalAddress | null => {
    const node = keys.node();
    const asset = assets.list().find(({ resource, present }) => resource === 'network' && present);
    return node === null || asset === undefined ? null : globalAddressOf(node.signer.keys, asset.id);
  };
  const vpn = createVpn({ outside, logger, metrics, dialer, localAddress }, { helperPath: init.tunHelper });
  const tunnels = createTunnels({
    outside,
    logger,
    metrics: proxyMetrics,
    settings,
    keys,
    table,
    service,
    routes,
    dialer,
    leases,
    book: mesh.book,
    addressBook,
    networks,
    apiPort,
    startProxy: createProxies({ clock, dialer, metrics }),
    vpn,
  });
  const memoryMetrics = createMemoryMetrics(metrics);
  const memories = createMemories({ outside, logger, metrics: memoryMetrics, settings, keys, leases });
  const memory = createMemoryProvider({ outside, logger, metrics: memoryMetrics, links, leases });
  leases.addProvider(memory);
  leases.addProvider({
    ...exits,
    // What the owner lets pass is all there is of it, however fast the link.
    amountMax: () => networkRate(),
  });
  const named = () => exitRules.get().allowed;
  /** Rate that the owner lets pass, the lower of both directions. */
  const networkRate = (): number | null => {
    const { sendBytesPerSecondMax, receiveBytesPerSecondMax } = assets.share().rules.network;
    const rates = [sendBytesPerSecondMax, receiveBytesPerSecondMax].filter((rate) => rate !== null);
    return rates.length === 0 ? null : Math.min(...rates);
  };
  const jobExit = (terms: () => Pick<LendingTerms, 'proxy'>): JobNetwork =>
    createJobExit({
      clock,
      destinations,
      rules: exitRules,
      terms,
      bytesPerSecond: networkRate,
      countBytes: (bytes) => assets.countNetworkBytes(bytes),
    });
  // The owner's own jobs need no leave of the owner, and obey the same list.
  const ownExit = jobExit(() => ({ proxy: { relaysAllowed: false, exitAllowed: true } }));
  const termsOf = (kind: 'container' | 'cpu'): LendingTerms | null =>
    assets.share().resources.find(({ resource }) => resource === kind)?.terms ?? null;
  const lentExit = jobExit(() => termsOf('container') ?? { proxy: { relaysAllowed: false, exitAllowed: false } });
  const remoteJobs = createRemoteJobs({
    outside,
    logger,
    metrics,
    store,
    workers,
    leases,
    links,
    runtime,
    content,
    exchange,
    images,
    createWorkCopier,
    ready: (kind) => kind === 'cpu' || engine.state().ok,
    mayBring: async (peer) => {
      const { others } = (await images.state()).policy;
      return others === 'all' || (others === 'own' && peer !== null && addressBook.isIn(peer, OWN_GROUP));
    },
    network: () => lentExit,
    offend: (peer, offence, detail) => mesh.book.offend(peer, offence, detail),
  });
  for (const provider of remoteJobs.providers) leases.addProvider(provider);
  const guard = createGuard({ outside, logger, metrics, settings, runtime, apiPort, destinations, named }, init);
  /** Whether anything here is for people without a name. */
  const isFullPublic = (): boolean =>
    assets.share().resources.some(({ terms }) => terms.privacyLevel === 'FullPublic') ||
    table.entries().some(({ terms }) => terms.privacyLevel === 'FullPublic');
  const endings: (() => void)[] = [];
  let openness = '';

  return {
    leases,
    tunnels,
    memories,
    guard,
    remoteJobs,
    jobNetworkOf: ({ side }) => (side === 'own' ? ownExit : lentExit),
    isFriend: (peer) => addressBook.isIn(peer, OWN_GROUP) || mesh.book.get(peer)?.trusted === true,
    exitRules: {
      ...exitRules,
      set: async (next) => {
        const now = await exitRules.set(next);
        // A line of the list may open the router to borrowers: its owner is to see so.
        guard.run('levelChanged');
        return now;
      },
    },
    start: async () => {
      await exitRules.start();
      await circuits.start();
      await leases.start();
      await remoteJobs.start();
      await routes.start();
      await service.start();
      await dialer.start();
      await tunnels.start();
      await memories.start();
      await guard.start();
      openness = opennessOf(assets);
      endings.push(
        assets.on('shareChanged', () => {
          // What was closed may be open now. How much is lent opens nothing.
          const now = opennessOf(assets);
          if (now !== openness) guard.run('levelChanged');
          openness = now;
        }),
        leases.on('leaseChanged', ({ id, state }) => {
          const lease = state === 'ended' || state === 'refused' ? parseLeaseId(id) : null;
          if (lease !== null) table.removeLease(lease);
        }),
      );
      const isOpen = assets.share().resources.some(({ terms }) => terms.privacyLevel !== 'Private');
      if (isOpen) guard.run('started');
    },
    stop: async () => {
      for (const end of endings.splice(0)) end();
      await guard.stop();
      await memories.stop();
      await tunnels.stop();
      await vpn.stop();
      await dialer.stop();
      await service.stop();
      await routes.stop();
      await remoteJobs.stop();
      await leases.stop();
      await circuits.stop();
      choice.stop();
      table.stop();
      await memory.close();
      await exitRules.stop();
    },
  };
};
