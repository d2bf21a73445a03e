import {
  assert,
  Emitter,
  isNodeError,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Outside,
  type WorkerPool,
} from '../../base/index.ts';
import { ipAddress, isLoopback, partsOf, withPeer } from './address.ts';
import type { Carrier } from './carriers/interface.ts';
import { createCarrierMetrics } from './carriers/metrics.ts';
import { createQuicCarrier } from './carriers/quic/create-quic-carrier.ts';
import { createTlsCarrier } from './carriers/tls/create-tls-carrier.ts';
import { createEndpoint } from './connection/create-endpoint.ts';
import { createBootstrap, type Bootstrap } from './discovery/create-bootstrap.ts';
import { createInvites, type Invites } from './discovery/create-invites.ts';
import { createMembershipExchange, type MembershipExchange } from './discovery/create-membership-exchange.ts';
import { createRendezvous, type Rendezvous } from './discovery/create-rendezvous.ts';
import { createSeeds } from './discovery/create-seeds.ts';
import { createDht, type DhtNode } from './discovery/dht/create-dht.ts';
import type { Discovery, Found } from './discovery/interface.ts';
import { createMdns, type Mdns } from './discovery/mdns/create-mdns.ts';
import { PUBLIC_NETWORK } from './discovery/membership.ts';
import { createDiscoveryMetrics, type DiscoveryMetrics } from './discovery/metrics.ts';
import { createPeerRecords } from './discovery/peer-record.ts';
import { PeerError } from './errors.ts';
import { createTrace, type Trace } from './extensions/trace.ts';
import { createHandshaker } from './handshake/create-handshaker.ts';
import type { NetworkMembership } from './handshake/interface.ts';
import { findPort, hasFamily, type PortFamily } from './find-port.ts';
import { inviteAddresses } from './invite-addresses.ts';
import type { Address, Connection, EndpointControl, NetworkId, PeerId } from './interface.ts';
import { createReachParts } from './reach/create-reach-parts.ts';
import { createSideSocket, type SideSocketControl } from './reach/create-side-socket.ts';
import type { Reach, ReachState } from './reach/interface.ts';
import { reuseMetrics } from './reuse-metrics.ts';
import type { PeerSource } from './standing/interface.ts';
import type { StoqNode, StoqNodeEvents, StoqParts, StoqProblem } from './stoq-node.ts';
import { createSelfMadeVerifier } from './verifier.ts';

export interface StoqComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  workers: WorkerPool;
}
export interface StoqInit extends StoqParts {
  /** Entry of the side socket's thread, `ProgramPaths.sideWorker`. */
  sideWorker: string;
}

/** Peers that a node looks for: enough to find everybody else through. */
const PEERS_WANTED = 12;
/** Dials of {@link PEERS_WANTED} at once; each may take seconds. */
const DIALS_MAX = 3;
const LOOK_MS = 5_000;
const DIAL_MS_MAX = 20_000;
/** Of all connections, so many may be from others: the rest is for those that this node chose. */
const INCOMING_RATIO = 0.75;
const PER_GROUP_RATIO = 0.125;
const HANDSHAKES_MAX = 64;
/** Joining waits so long for peers to prove that they are in the network, too; the rest do it later. */
const PROVE_MS_MAX = 3_000;
/** Connections that are made anew where a peer cannot prove on the old one that it is in the network, too. */
const MEET_AGAIN_MAX = 16;
/** Lookups of a peer's addresses end by then. */
const FIND_MS_MAX = 10_000;

/** Enough for IPv6 and IPv4 by both carriers. */
const INVITE_ADDRESSES_MAX = 4;

/** What was started, to be stopped in reverse. */
interface Step {
  name: string;
  stop(): Promise<unknown> | void;
}
/** What exists for one network, beside the handshake's proof of it. */
interface NetworkRooms {
  membership: NetworkMembership | null;
  dht: DhtNode;
  stop(): Promise<void>;
}

/** Dials nothing that the owner does not want dialled. */
const restricted = (carrier: Carrier, may: (address: Address) => boolean): Carrier => ({
  ...carrier,
  canDial: (address) => carrier.canDial(address) && may(address),
});

const REACH_UNKNOWN: ReachState = {
  reachable: 'unknown',
  nat: 'unknown',
  sentence: 'Reachability was not tested yet.',
  advice: [],
  confirmed: [],
  mapped: [],
  relays: [],
};
/** What is tested of reachability means nothing where nothing leaves the machine. */
const onLoopback = (state: ReachState): ReachState => ({
  ...state,
  reachable: 'no',
  nat: 'unknown',
  sentence: 'This node talks to nodes on this machine only.',
  advice: ['Let it talk to others: hypermesh net set --loopback-only off'],
});

/**
 * All rooms of STOQ as one node. What cannot be had (IPv6, a port, QUIC, the side socket, multicast) is done without and told by
 * `problems()`.
 *
 * `start` throws {CarrierError} when nothing can listen at all. It may be stopped wherever it failed.
 */
export const createStoq = (components: StoqComponents, init: StoqInit): StoqNode => {
  const { outside, workers } = components;
  const metrics = components.metrics === null ? null : reuseMetrics(components.metrics);
  const { clock } = outside;
  const { local, book, gate, settings, agent } = init;
  const logger = components.logger.child('stoq');
  const emitter = new Emitter<StoqNodeEvents>();
  const steps: Step[] = [];
  const problems: StoqProblem[] = [];
  const networks = new Map<NetworkId, NetworkRooms>();
  const discoveries: Discovery[] = [];
  const memberships = new Map(init.memberships.map((membership) => [membership.id, membership]));
  const life = new AbortController();
  let phase: 'new' | 'starting' | 'running' | 'stopped' = 'new';
  let stopping: Promise<void> | null = null;
  let port: number | null = null;
  let side: SideSocketControl | null = null;
  let dials = 0;
  let reach: Reach | null = null;
  let trace: Trace | null = null;
  let invites: Invites | null = null;
  let exchange: MembershipExchange | null = null;
  let bootstrap: Bootstrap | null = null;
  let mdns: Mdns | null = null;
  let rendezvous: Rendezvous | null = null;

  const notNow = (error: unknown): void => {
    if (!life.signal.aborted) logger.debug('Not done after waking', { problem: messageOf(error) });
  };
  const changed = (): void => emitter.emit('changed', null);
  const mayDial = (address: Address): boolean =>
    (!settings.loopbackOnly || isLoopback(address)) && (settings.ipv4 || partsOf(address).family !== 'ip4');

  // Carriers, handshake, endpoint: built at once, so that whoever holds the node has an endpoint to ask

  const carrierMetrics = createCarrierMetrics(metrics);
  const carriers: Carrier[] = [];
  const parts = { outside, logger, metrics: carrierMetrics };
  /** A carrier of its own for holes: what it dials is a port on loopback that stands for the peer. */
  let punchedQuic: Carrier | null = null;
  try {
    carriers.push(restricted(createQuicCarrier(parts), mayDial));
    punchedQuic = createQuicCarrier(parts);
  } catch (error) {
    if (!isNodeError(error)) throw error;
    problems.push({
      code: 'NO_QUIC',
      sentence: `QUIC does not run on this machine (${messageOf(error).replace(/\.$/, '')}), so the node talks over TCP, which is slower to begin and passes fewer routers.`,
    });
  }
  carriers.push(restricted(createTlsCarrier(parts), mayDial));
  const verifier = createSelfMadeVerifier({ workers });
  const handshaker = createHandshaker(
    { outside, logger, workers, metrics },
    { local, verifier, memberships: () => [...memberships.values()], open: () => settings.open },
  );
  /** Opened at the start; the endpoint asks for it with the first connection. */
  const datagrams = {
    get port() {
      assert(side !== null, 'Datagrams are asked for only where there is a side socket.');
      return side.port;
    },
    open: (session: Parameters<SideSocketControl['open']>[0]) => {
      assert(side !== null, 'Datagrams are asked for only where there is a side socket.');
      return side.open(session);
    },
  };
  let endpointMade: EndpointControl | null = null;
  const makeEndpoint = (): EndpointControl =>
    createEndpoint(
      {
        outside,
        logger,
        metrics,
        local,
        handshaker,
        carriers,
        book,
        gate,
        datagrams: side === null ? null : datagrams,
      },
      {
        limits: {
          connectionsMax: settings.connectionsMax,
          incomingMax: Math.max(1, Math.floor(settings.connectionsMax * INCOMING_RATIO)),
          perGroupMax: Math.max(2, Math.floor(settings.connectionsMax * PER_GROUP_RATIO)),
          handshakesMax: HANDSHAKES_MAX,
        },
        agent,
        relays: () => phase === 'running' && init.relayLimits() !== null,
      },
    );
  const endpoint = (): EndpointControl => {
    assert(endpointMade !== null, 'The endpoint is there once the node has started.');
    return endpointMade;
  };

  const startSideSocket = async (): Promise<void> => {
    // It binds all addresses, so it has no place where the node must not leave its machine.
    if (settings.loopbackOnly) return;
    try {
      const opened = await createSideSocket({ outside, logger, metrics }, { port: 0, backend: init.sideWorker });
      side = opened;
      steps.push({ name: 'side socket', stop: () => opened.stop() });
    } catch (error) {
      if (!isNodeError(error)) throw error;
      problems.push({
        code: 'NO_SIDE_SOCKET',
        sentence: `No port for datagrams could be had (${messageOf(error).replace(/\.$/, '')}), so no holes are made in routers and datagrams travel in streams.`,
      });
    }
  };

  /** Hosts of the families that this machine has and the owner wants. */
  const hosts = async (): Promise<{ family: PortFamily; host: string }[]> => {
    const [host6, host4] = settings.loopbackOnly ? ['::1', '127.0.0.1'] : ['::', '0.0.0.0'];
    const [has6, has4] = await Promise.all([hasFamily('ip6', host6), hasFamily('ip4', host4)]);
    if (!has6)
      problems.push({
        code: 'NO_IPV6',
        sentence: settings.ipv4
          ? 'This machine has no IPv6, so the node talks over IPv4, where most machines sit behind a router that must be passed.'
          : 'This machine has no IPv6, and IPv4 is switched off: nobody can be reached. Switch it on with `hypermesh net set --ipv4 on`.',
      });
    if (settings.ipv4 && !has4)
      problems.push({ code: 'NO_IPV4', sentence: 'This machine has no IPv4; the node talks over IPv6 only.' });
    return [
      ...(has6 ? [{ family: 'ip6' as const, host: host6 }] : []),
      ...(has4 && settings.ipv4 ? [{ family: 'ip4' as const, host: host4 }] : []),
    ];
  };
  const listen = async (): Promise<void> => {
    const at = await hosts();
    const wanted = settings.port !== 0 ? [settings.port] : settings.portBefore !== null ? [settings.portBefore] : [];
    const found = at.length === 0 ? null : await findPort(at, wanted);
    if (found === null)
      throw new PeerError(
        { code: 'NOT_RUNNING' },
        at.length === 0
          ? 'No socket can be had: this machine has no IPv6, and IPv4 is switched off or missing too; switch it on with `hypermesh net set --ipv4 on`.'
          : 'No port can be had for UDP and TCP both; end programs that hold many, or look at the limits of this machine.',
      );
    const lost = settings.port === 0 ? undefined : found.refused[0];
    if (lost !== undefined)
      problems.push({
        code: 'PORT_TAKEN',
        sentence:
          lost.code === 'EACCES'
            ? `Port ${lost.port} may be used by administrators only, so the node listens at ${found.port}; choose one above 1023 with \`hypermesh net set --port\`.`
            : `Port ${lost.port} is used by another program, so the node listens at ${found.port}; end that program, or choose another port with \`hypermesh net set --port\`.`,
      });
    ({ port } = found);
    for (const { host } of at)
      for (const { tier } of carriers)
        await endpoint().listen(ipAddress(host, found.port, tier === 'quic' ? 'quic' : 'tls'));
  };

  // Finding peers

  const connect = async (peer: PeerId): Promise<void> => {
    if (dials >= DIALS_MAX || peer === local.peerId || endpoint().connection(peer) !== null || book.isBanned(peer))
      return;
    dials += 1;
    const late = new AbortController();
    const cancel = clock.after(DIAL_MS_MAX, () => late.abort(new Error('It did not answer in time.')));
    try {
      await endpoint().connect(peer, { signal: AbortSignal.any([life.signal, late.signal]) });
    } catch (error) {
      if (!life.signal.aborted) logger.debug('A peer that was found is not reached', { problem: messageOf(error) });
    } finally {
      cancel();
      dials -= 1;
    }
  };
  const enough = (): boolean =>
    endpoint().connections().length >= Math.min(PEERS_WANTED, Math.floor(settings.connectionsMax / 2));
  const found =
    (source: PeerSource, greet: boolean) =>
    ({ peer, addresses, from }: Found): void => {
      if (peer === local.peerId) return;
      book.learn(peer, addresses, source, from ?? null);
      // Whoever is on the same link or in the same private network is met at once; of strangers there are enough.
      if (greet || !enough()) void connect(peer);
    };
  const look = (): void => {
    if (enough()) return;
    for (const peer of book.candidates(DIALS_MAX)) void connect(peer);
  };
  const findAddresses = async (peer: PeerId, signal: AbortSignal): Promise<readonly Address[]> => {
    const late = new AbortController();
    const cancel = clock.after(FIND_MS_MAX, () => late.abort(new Error('Nobody knew it in time.')));
    const ended = AbortSignal.any([signal, late.signal, life.signal]);
    try {
      const answers = await Promise.allSettled(
        [...networks.values()].map(({ dht }) => dht.findPeer(peer, { signal: ended })),
      );
      return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    } finally {
      cancel();
    }
  };

  /** For programs that cannot prove networks on a running session: handshakes do, so what is idle gets a new one. */
  const meetAgain = async (connections: readonly Connection[]): Promise<void> => {
    const idle = connections.filter(({ streamsOpen }) => streamsOpen === 0).slice(0, MEET_AGAIN_MAX);
    await Promise.all(idle.map((connection) => connection.close('replaced')));
    for (const { peer } of idle) void endpoint().connect(peer.peerId, { signal: life.signal }).catch(notNow);
  };
  /** Peers that are in a network which this node just joined, too, are members for each other from now on. */
  const proveToAll = async (): Promise<void> => {
    if (exchange === null) return;
    const done = new AbortController();
    const proving = exchange.proveToAll().then(meetAgain).catch(notNow);
    const late = clock.sleep(PROVE_MS_MAX, AbortSignal.any([done.signal, life.signal])).catch(() => undefined);
    await Promise.race([proving, late]);
    done.abort();
  };

  const startDiscovery = async (discovery: Discovery, source: PeerSource, greet: boolean): Promise<void> => {
    const end = discovery.on('found', found(source, greet));
    steps.push({
      name: discovery.name,
      stop: async () => {
        end();
        await discovery.stop();
      },
    });
    await discovery.start();
    discoveries.push(discovery);
  };

  let startNetwork: ((membership: NetworkMembership | null) => Promise<void>) | null = null;
  const stopNetwork = async (id: NetworkId): Promise<void> => {
    const rooms = networks.get(id);
    networks.delete(id);
    await rooms?.stop();
  };

  const announced = (): readonly Address[] => {
    const own = endpointMade?.addresses() ?? [];
    if (settings.loopbackOnly || reach === null) return own;
    const told = reach.announced();
    return told.length > 0 ? told : own;
  };
  const reachState = (): ReachState => {
    const state = reach?.state() ?? REACH_UNKNOWN;
    return settings.loopbackOnly ? onLoopback(state) : state;
  };

  const portsToMap = (): { protocol: 'udp' | 'tcp'; port: number }[] =>
    port === null
      ? []
      : [
          { protocol: 'udp', port },
          { protocol: 'tcp', port },
          ...(side === null ? [] : [{ protocol: 'udp' as const, port: side.port }]),
        ];
  const startMdns = async (made: EndpointControl, discoveryMetrics: DiscoveryMetrics | null): Promise<void> => {
    if (!settings.localDiscovery || settings.loopbackOnly) return;
    const onLink = createMdns({
      outside,
      logger,
      metrics: discoveryMetrics,
      peer: local.peerId,
      addresses: () => made.addresses(),
      memberships: () => [...memberships.values()],
      open: () => settings.open,
    });
    try {
      await startDiscovery(onLink, 'mdns', true);
      mdns = onLink;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      problems.push({
        code: 'NO_MDNS',
        sentence: `Nodes on the local network are not found by themselves (${messageOf(error).replace(/\.$/, '')}).`,
      });
    }
  };

  const start = async (): Promise<void> => {
    // All threads load what handshakes need while sockets are opened: the first peer would wait half a second for it otherwise.
    for (let thread = 0; thread < workers.size; thread++)
      void workers.run('stoq.verifyCertificate', local.certificate).catch(notNow);
    await startSideSocket();
    steps.push({
      name: 'carriers',
      stop: () =>
        Promise.all([...carriers, ...(punchedQuic === null ? [] : [punchedQuic])].map((carrier) => carrier.stop())),
    });
    endpointMade = makeEndpoint();
    const made = endpointMade;
    steps.push({ name: 'endpoint', stop: () => made.stop() });
    await made.start();
    await listen();
    made.setFinder(findAddresses);

    const discoveryMetrics = createDiscoveryMetrics(metrics);
    const records = createPeerRecords({ outside, local, verifier, addresses: announced });
    const rooms = { outside, logger, metrics: discoveryMetrics, endpoint: made, records, book };
    steps.push({ name: 'networks', stop: () => Promise.all([...networks.keys()].map(stopNetwork)) });
    startNetwork = async (membership) => {
      const dht = createDht(rooms, { network: membership?.id ?? PUBLIC_NETWORK, key: membership?.key ?? null });
      networks.set(dht.network, { membership, dht, stop: () => dht.stop() });
      await dht.start();
    };
    if (settings.open) await startNetwork(null);
    for (const membership of memberships.values()) await startNetwork(membership);
    const proving = createMembershipExchange({ ...rooms, memberships: () => [...memberships.values()] });
    steps.push({ name: 'membership exchange', stop: () => proving.stop() });
    await proving.start();
    exchange = proving;

    await startDiscovery(createSeeds(rooms), 'seed', false);
    bootstrap = createBootstrap(rooms, {
      addresses: () => settings.bootstrap.map(({ address, peer }) => withPeer(address, peer)),
    });
    await startDiscovery(bootstrap, 'bootstrap', true);
    const publicDht = networks.get(PUBLIC_NETWORK)?.dht;
    if (publicDht !== undefined) {
      rendezvous = createRendezvous({
        ...rooms,
        dht: publicDht,
        memberships: () => [...memberships.values()],
        addresses: announced,
      });
      await startDiscovery(rendezvous, 'rendezvous', true);
    }
    await startMdns(made, discoveryMetrics);

    const { reach: tested, relay } = createReachParts(
      {
        outside,
        logger,
        metrics,
        endpoint: made,
        side,
        carriers,
        punchedQuic,
        onLie: (peer) => book.offend(peer, 'lied', 'It said that it reached this node, and did not.'),
      },
      {
        relayLimits: init.relayLimits,
        mapPorts: settings.portMapping && !settings.loopbackOnly ? { ports: portsToMap } : null,
      },
    );
    reach = tested;
    steps.push({ name: 'reach', stop: () => tested.stop() });
    await tested.start();

    const traced = createTrace(
      { outside, logger, endpoint: made, verifier },
      // Whoever talks through this node may ask it who is on the way; nobody else.
      { mayForward: (from, target) => relay.carries(from, target) },
    );
    trace = traced;
    steps.push({ name: 'trace', stop: () => traced.stop() });
    const invited = createInvites({
      outside,
      logger,
      endpoint: made,
      // A link is read by people and cameras: the best few are enough.
      addresses: () => inviteAddresses(announced(), INVITE_ADDRESSES_MAX),
      book,
      join: init.keepMembership,
      prove: (connection, options) => proving.prove(connection, options),
      store: init.invites,
    });
    invites = invited;
    steps.push({ name: 'invites', stop: () => invited.stop() });
    await invited.start();

    const endings = [
      made.on('connected', changed),
      made.on('disconnected', changed),
      made.on('networksProved', changed),
      made.on('addressesChanged', changed),
      tested.on('changed', changed),
      clock.every(LOOK_MS, look),
    ];
    steps.push({ name: 'listeners', stop: () => endings.forEach((end) => end()) });
    look();
  };

  return {
    on: (name, listener) => emitter.on(name, listener),
    get endpoint() {
      return endpoint();
    },
    get port() {
      return port;
    },
    start: async () => {
      assert(phase === 'new', 'A node starts once.');
      phase = 'starting';
      await start();
      if (phase === 'starting') phase = 'running';
    },
    stop: () => {
      stopping ??= (async () => {
        phase = 'stopped';
        life.abort(new Error('the network stops'));
        for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
          try {
            await step.stop();
          } catch (error) {
            // The others still hold sockets and threads.
            logger.error('A part of the network did not stop cleanly', { part: step.name, error: messageOf(error) });
          }
        }
      })();
      return stopping;
    },
    problems: () => problems,
    get invites() {
      assert(invites !== null, 'Invites are there once the node has started.');
      return invites;
    },
    reach: reachState,
    checkReach: async (options) => {
      await reach?.check(options);
      return reachState();
    },
    wake: () => {
      endpointMade?.wake();
      side?.wake();
      bootstrap?.dialNow();
      mdns?.look();
      void rendezvous?.lookNow().catch(notNow);
      void reach?.check().catch(notNow);
    },
    announced,
    dht: (network) => networks.get(network)?.dht ?? null,
    discoveries: () => [...discoveries.map(({ name }) => name), ...(networks.size > 0 ? ['dht'] : [])],
    joinNetwork: async (membership) => {
      memberships.set(membership.id, membership);
      if (networks.has(membership.id)) return;
      await startNetwork?.(membership);
      await proveToAll();
      void rendezvous?.lookNow().catch(notNow);
      mdns?.look();
      changed();
    },
    leaveNetwork: async (network) => {
      if (!memberships.delete(network)) return;
      await stopNetwork(network);
      // The session proved it and would go on holding it.
      handshaker.forget();
      const held = endpoint()
        .connections()
        .filter((connection) => connection.networks.has(network));
      await Promise.all(held.map((connection) => connection.close('replaced')));
      changed();
    },
    trace: async (peer, options) => {
      assert(trace !== null, 'A trace is asked of a node that has started.');
      const { hops, rttMs } = await trace.trace(peer, options);
      return hops.map((hop, index) => ({
        peerId: hop.peer,
        tier: hop.tier,
        // The answer comes back whole: only the last hop has a round trip of its own.
        rttMs: index === hops.length - 1 ? rttMs : null,
        signed: true,
      }));
    },
  };
};
