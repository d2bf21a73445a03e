import type { JobDoor } from '../../../main/kernel/proxy/index.ts';
import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { isNodeError, type Outside, type Settings, type WorkerPool } from '../../../main/base/index.ts';
import type { KeyHolder } from '../../../main/kernel/prover/index.ts';
import { createLinks } from '../../../main/kernel/leases/create-links.ts';
import type { LeaseId, Link, Links } from '../../../main/kernel/leases/index.ts';
import { LeaseError } from '../../../main/kernel/leases/errors.ts';
import { createPrivacy } from '../../../main/kernel/leases/privacy.ts';
import {
  createDialer,
  createForwardService,
  createRoutes,
  createTranslationTable,
  createTunnels,
  type DestinationCheck,
  type DialerControl,
  type ExitLease,
  type ForwardService,
  ProxyError,
  type RoutesControl,
  type StartProxy,
  type TranslationTableControl,
  type Tunnels,
  type Vpn,
} from '../../../main/kernel/proxy/index.ts';
import type { Carrier } from '../../../main/transport/stoq/carriers/interface.ts';
import {
  type Address,
  createMesh,
  type Dht,
  type MeshControl,
  type NetworkId,
  type PeerId,
  type StoqNode,
} from '../../../main/transport/stoq/index.ts';
import { createSilentLogger } from '../silent-logger.ts';
import { makePeer, type TestPeer } from '../stoq/make-peer.ts';
import { startTestNode, type TestNode } from '../stoq/test-node.ts';

/** Values in memory. */
export const createMemorySettings = (): Settings => {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => structuredClone(values.get(key)),
    set: async (key, value) => {
      values.set(key, structuredClone(value));
    },
    remove: async (key) => {
      values.delete(key);
    },
  };
};
/** Keys that a test takes away and gives back. */
export interface TestKeys extends KeyHolder {
  set(peer: TestPeer | null): void;
}
export const createTestKeys = (first: TestPeer | null): TestKeys => {
  let peer = first;
  const listeners = new Set<(payload: null) => void>();
  return {
    on: (_name, listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    node: () =>
      peer === null
        ? null
        : {
            signer: peer.signer,
            opener: { publicKey: peer.keys.kem.public, decapsulate: () => Promise.reject(new Error('not here')) },
            certificate: peer.local.certificate,
          },
    reason: () => (peer === null ? { code: 'IDENTITY_LOCKED', sentence: 'Unlock the identity first.' } : null),
    set: (next) => {
      peer = next;
      for (const listener of listeners) listener(null);
    },
  };
};

const noVpn: Vpn = (() => {
  const view = {
    state: 'down' as const,
    reason: '',
    device: null,
    address: null,
    connectionsNow: 0,
    sentPackets: 0,
    receivedPackets: 0,
    droppedPackets: 0,
    sentBytes: 0,
    receivedBytes: 0,
  };
  return { up: async () => view, down: async () => view, view: () => view, on: () => () => undefined };
})();

/** The proxy room of one node, with all below it real but leases, which are said to be there. */
export interface ProxyNode {
  readonly peer: TestPeer;
  readonly peerId: PeerId;
  readonly stoq: TestNode;
  readonly mesh: MeshControl;
  readonly links: Links;
  readonly keys: TestKeys;
  readonly settings: Settings;
  readonly table: TranslationTableControl;
  readonly service: ForwardService;
  readonly routes: RoutesControl;
  readonly dialer: DialerControl;
  readonly tunnels: Tunnels;
  /** Peers of the owner's group of own nodes. */
  readonly own: Set<PeerId>;
  readonly exits: Map<LeaseId, ExitLease>;
  /** Who is let in on a lease here. */
  readonly borrowers: Map<LeaseId, PeerId>;
  /** Leases that this node has from others. */
  readonly borrowed: Map<LeaseId, PeerId>;
  readonly groups: { name: string; peers: readonly PeerId[] }[];
  stop(): Promise<void>;
}
export interface ProxyNodeInit {
  seed: number;
  carriers: readonly Carrier[];
  listen: Address | null;
  settings?: Settings;
  networks?: readonly { id: NetworkId; name: string }[];
  dht?: (network: NetworkId) => Dht | null;
  destinations?: DestinationCheck;
  startProxy?: StartProxy;
  dialMs?: number;
  openingMs?: number;
  connectionsMax?: number;
  connectionsPerRowMax?: number;
  apiPort?: () => number | null;
  /** @default none: no jobs run here */
  jobDoor?: JobDoor;
}

export const startProxyNode = async (
  components: { outside: Outside; workers: WorkerPool },
  init: ProxyNodeInit,
): Promise<ProxyNode> => {
  const { outside, workers } = components;
  const { seed, carriers, listen, networks = [], settings = createMemorySettings() } = init;
  const peer = makePeer(seed);
  const stoq = await startTestNode({ outside, workers }, { local: peer.local, carriers });
  if (listen !== null) await stoq.endpoint.listen(listen);
  const mesh = createMesh({ book: stoq.book });
  const keys = createTestKeys(peer);
  const own = new Set<PeerId>();
  const groups: ProxyNode['groups'] = [];
  const exits = new Map<LeaseId, ExitLease>();
  const borrowers = new Map<LeaseId, PeerId>();
  const borrowed = new Map<LeaseId, PeerId>();
  const logger = createSilentLogger();
  const metrics = null;
  const links = createLinks({ mesh });
  const privacy = createPrivacy({
    book: stoq.book,
    addressBook: {
      isIn: (id, group) =>
        group === 'own' ? own.has(id) : groups.some((one) => one.name === group && one.peers.includes(id)),
    },
    networks: () => networks,
  });
  const table = createTranslationTable({ clock: outside.clock });
  const notYours = (lease: LeaseId): LeaseError =>
    new LeaseError({ code: 'NOT_YOURS', lease, verdict: 'ignore' }, 'That lease is not yours.');
  const leases = {
    authorize: (link: Link, lease: LeaseId) => {
      if (link.party.kind !== 'peer' || borrowers.get(lease) !== link.party.peerId) throw notYours(lease);
      return { id: lease } as never;
    },
    borrowed: (lease: LeaseId) => {
      const lender = borrowed.get(lease);
      if (lender === undefined) throw new LeaseError({ code: 'LEASE_UNKNOWN', lease }, 'There is no such lease.');
      return {
        id: lease,
        lender: { peerId: lender },
        link: () => links.open({ peer: lender, route: 'direct' }),
      } as never;
    },
    find: async (text: string) => text as LeaseId,
    get: async (lease: LeaseId) =>
      ({ resource: borrowed.has(lease) ? 'network' : 'memory', side: 'borrowed' }) as never,
  };
  const destinations: DestinationCheck = init.destinations ?? {
    check: () =>
      Promise.reject(new ProxyError({ code: 'DESTINATION_REFUSED', rule: 'none' }, 'The owner lets nothing out.')),
  };
  const service = createForwardService(
    {
      outside,
      logger,
      metrics,
      links,
      table,
      privacy,
      leases,
      access: { refusal: async () => null },
      exits: { find: (lease) => exits.get(lease) ?? null },
      destinations,
      apiPort: init.apiPort ?? (() => null),
      jobDoor: init.jobDoor ?? null,
    },
    {
      ...(init.dialMs !== undefined && { dialMs: init.dialMs }),
      ...(init.openingMs !== undefined && { openingMs: init.openingMs }),
      ...(init.connectionsMax !== undefined && { connectionsMax: init.connectionsMax }),
      ...(init.connectionsPerRowMax !== undefined && { connectionsPerRowMax: init.connectionsPerRowMax }),
    },
  );
  const routes = createRoutes({
    outside,
    logger,
    metrics,
    mesh,
    links,
    workers,
    keys,
    settings,
    privacy,
    isOwnNode: (id) => own.has(id),
    networks: () => networks,
  });
  const dialer = createDialer({
    outside,
    links,
    routes,
    leases,
    service,
    self: () => keys.node() && peer.local.peerId,
  });
  const tunnels = createTunnels(
    {
      outside,
      logger,
      metrics,
      settings,
      keys,
      table,
      service,
      routes,
      dialer,
      leases,
      book: stoq.book,
      addressBook: { groups: () => groups },
      networks: () => networks,
      apiPort: init.apiPort ?? (() => null),
      startProxy:
        init.startProxy ?? (() => Promise.reject(new ProxyError({ code: 'PORT_IN_USE', port: 0 }, 'No proxies here.'))),
      vpn: noVpn,
    },
    { lookMs: 50 },
  );
  mesh.set({ endpoint: stoq.endpoint, dht: init.dht ?? (() => null) } as unknown as StoqNode);
  await service.start();
  await routes.start();
  await dialer.start();
  await tunnels.start();
  return {
    peer,
    peerId: stoq.peerId,
    stoq,
    mesh,
    links,
    keys,
    settings,
    table,
    service,
    routes,
    dialer,
    tunnels,
    own,
    exits,
    borrowers,
    borrowed,
    groups,
    stop: async () => {
      await tunnels.stop();
      await dialer.stop();
      await routes.stop();
      await service.stop();
      table.stop();
      mesh.set(null);
      await stoq.stop();
    },
  };
};

/** Makes both trust and know each other. @param address - of the second */
export const befriend = (first: ProxyNode, second: ProxyNode, address: Address): void => {
  first.stoq.book.learn(second.peerId, [address], 'owner');
  first.stoq.book.setTrusted(second.peerId, true);
  second.stoq.book.learn(first.peerId, [], 'owner');
  second.stoq.book.setTrusted(first.peerId, true);
};

/** A TCP server on loopback. @returns with its port */
export const serveTcp = async (
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; server: Server; stop(): Promise<void> }> => {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    server,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
};
/** @returns the code that something fails with, or 'none' */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => {
      if (!isNodeError(error)) throw error;
      return error.code;
    },
  );
