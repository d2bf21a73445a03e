import { networkInterfaces } from 'node:os';
import { assert, Emitter, type Logger, type MetricsRegistry, type Outside } from '../../../base/index.ts';
import { compareAddresses, expandAddress, partsOf } from '../address.ts';
import type { Carrier, CarrierListener } from '../carriers/interface.ts';
import { CarrierError, PeerError } from '../errors.ts';
import type { Handshaker } from '../handshake/interface.ts';
import type {
  Address,
  Connection,
  DatagramLink,
  EndpointControl,
  EndpointEvents,
  LocalPeer,
  PeerId,
  RateGate,
  RemoteInfo,
} from '../interface.ts';
import { createEndpointMetrics } from '../metrics.ts';
import { type ConnectionLimits, OFFENCES, type Offence, type PeerBook } from '../standing/interface.ts';
import { createDoor } from './admission.ts';
import type { ConnectionHost, PeerConnection } from './connection.ts';
import { ADDRESSES_MAX, DATAGRAM_PROTOCOL, TICK_MS } from './constants.ts';
import { createDials, type Finder } from './dials.ts';
import { createEstablish } from './establish.ts';
import { createIncoming } from './incoming.ts';
import type { Life } from './life.ts';
import { answerMeasure, MEASURE_SPEC } from './measure.ts';
import { createPathCare } from './path-care.ts';
import { createProtocolTable } from './protocols.ts';
import { createRoster } from './roster.ts';
import { createTally } from './tally.ts';
import { createUpkeep } from './upkeep.ts';

export interface EndpointComponents {
  outside: Outside;
  logger: Logger;
  /** Null: no metrics. */
  metrics: MetricsRegistry | null;
  local: LocalPeer;
  handshaker: Handshaker;
  carriers: readonly Carrier[];
  book: PeerBook;
  gate: RateGate;
  /** Null: datagrams go over a lossy stream. */
  datagrams: DatagramLink | null;
}
export interface EndpointInit {
  limits: ConnectionLimits;
  /** Program and version, told to peers; at most 64 characters. */
  agent: string;
  /** Whether this node relays for others, told to peers. @default never */
  relays?: () => boolean;
  /** Ms without streams after which a connection that nobody keeps is closed. Null: never. @default 600 000 */
  idleMs?: number | null;
  /** Whether trusted peers and anchors are dialled again for ever. @default true */
  keepsPeers?: boolean;
  /** @default what the machine has */
  interfaces?: typeof networkInterfaces;
}

/** Ms between looks for peers that are to be kept. */
const KEEP_INTERVAL_MS = 1_000;
/** Ms between wall clock and ticks that only a sleep explains. */
const SLEEP_MS = 5_000;
/** Ms between two messages to all peers about own addresses. */
const ANNOUNCE_INTERVAL_MS = 5_000;
/** Ms between writing traffic into the book. */
const BOOK_INTERVAL_MS = 10_000;

const notRunning = (): PeerError =>
  new PeerError({ code: 'NOT_RUNNING' }, 'The network is not running; start it and try again.');

/** This node as its peers meet it. */
export const createEndpoint = (components: EndpointComponents, init: EndpointInit): EndpointControl => {
  const { outside, local, handshaker, book, gate } = components;
  const { clock, random } = outside;
  const { limits } = init;
  const idleMs = init.idleMs === undefined ? 600_000 : init.idleMs;
  const interfaces = init.interfaces ?? networkInterfaces;
  const logger = components.logger.child('endpoint');
  const metrics = createEndpointMetrics(components.metrics);
  const emitter = new Emitter<EndpointEvents>();
  const carriers = [...components.carriers];
  const listeners = new Set<CarrierListener>();
  const cancels: (() => void)[] = [];

  let isStarted = false;
  let isStopped = false;
  const stopping = new AbortController();
  const life: Life = {
    get isRunning() {
      return isStarted && !isStopped;
    },
    get isStopped() {
      return isStopped;
    },
    signal: stopping.signal,
  };
  let finder: Finder | null = null;
  let announced: readonly Address[] | null = null;
  let toldAddresses = '';
  let toldAtMs: number | null = null;
  let tickMs = clock.monotonicMs();
  let tickWallMs = clock.nowMs();
  let keepMs = 0;
  let bookMs = 0;

  const addresses = (): readonly Address[] => {
    const own = [...listeners].flatMap(({ address }) => expandAddress(address, interfaces()));
    return [...new Set(own)].sort(compareAddresses);
  };
  const toldNow = (): readonly Address[] => (announced ?? addresses()).slice(0, ADDRESSES_MAX);
  const ownInfo = (): Omit<RemoteInfo, 'observed'> => ({
    agent: init.agent,
    addresses: toldNow(),
    sidePort: components.datagrams?.port ?? null,
    relays: init.relays?.() ?? false,
  });

  const offended = (peer: PeerId, offence: Offence, detail: string): void => {
    metrics?.offences.inc(1, { offence });
    logger.debug('Peer broke a rule', { offence, detail });
    book.offend(peer, offence, detail);
    emitter.emit('offended', { peer, offence, points: OFFENCES[offence] });
  };

  const roster = createRoster({ random });
  const { connection: connectionOf, connections } = roster;
  const tally = createTally({ roster, book, metrics });
  const protocols = createProtocolTable(() => {
    for (const connection of connections()) connection.announceDatagrams();
  });
  const door = createDoor({ clock, book, roster, isKept: (peer) => upkeep.isKept(peer) }, { limits });

  const host: ConnectionHost = {
    protocols,
    datagrams: components.datagrams,
    offended,
    moved: (peer, claimed) => {
      // What somebody says of itself counts for the network that it speaks from.
      const from = connectionOf(peer)?.path?.remoteAddress;
      if (from !== undefined) book.learn(peer, claimed, 'incoming', from);
    },
    suspected: (connection) => {
      void upkeep.redial(connection);
    },
    carried: (peer, sent, received) => tally.count(peer, sent, received),
    stranded: (connection) => {
      void upkeep.redial(connection);
    },
    leaving: (connection) => roster.depart(connection),
    closed: (connection, reason, detail) => {
      roster.remove(connection);
      metrics?.closed.inc(1, { reason });
      tally.changed();
      emitter.emit('disconnected', { peer: connection.peer.peerId, reason, detail });
    },
    pathChanged: () => {
      metrics?.pathChanges.inc();
      tally.changed();
    },
    opened: (direction, refused) => {
      metrics?.streams.inc(1, { direction, result: refused ?? 'open' });
    },
  };

  const establish = createEstablish({
    outside,
    logger,
    life,
    local,
    handshaker,
    gate,
    roster,
    door,
    tally,
    host,
    ownInfo,
    onConnected: (connection) => emitter.emit('connected', { connection }),
  });
  const dials = createDials({
    clock,
    logger,
    metrics,
    life,
    carriers,
    book,
    roster,
    establish,
    finder: () => finder,
  });
  const upkeep = createUpkeep(
    { outside, logger, life, book, roster, dials },
    { self: local.peerId, keepsPeers: init.keepsPeers !== false },
  );
  const care = createPathCare({ outside, logger, life, carriers, dials });
  const takeIncoming = createIncoming({ logger, metrics, life, book, establish }, { limits });

  const tellAddresses = (nowMs: number): void => {
    const now = toldNow();
    const text = now.join(' ');
    if (text === toldAddresses || (toldAtMs !== null && nowMs - toldAtMs < ANNOUNCE_INTERVAL_MS)) return;
    toldAddresses = text;
    toldAtMs = nowMs;
    for (const connection of connections()) connection.announce(now);
    emitter.emit('addressesChanged', { addresses: addresses() });
  };
  const wake = (): void => {
    for (const connection of connections()) connection.probe();
    upkeep.wake();
    keepMs = Number.NEGATIVE_INFINITY;
  };

  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    // Clocks that count time asleep show it as a gap between ticks; wall clocks always do.
    if (nowMs - tickMs > SLEEP_MS || wallMs - tickWallMs > SLEEP_MS + (nowMs - tickMs)) wake();
    tickMs = nowMs;
    tickWallMs = wallMs;
    for (const connection of roster.leaving()) {
      const { sent, received } = connection.tick(nowMs);
      tally.count(connection.peer.peerId, sent, received);
    }
    for (const connection of connections()) {
      const { sent, received } = connection.tick(nowMs);
      tally.count(connection.peer.peerId, sent, received);
      care.measureDue(connection, sent + received, nowMs);
      care.improveDue(connection, nowMs);
      if (
        idleMs !== null &&
        connection.state === 'open' &&
        connection.streamsOpen === 0 &&
        nowMs - connection.usedAtMs >= idleMs &&
        !upkeep.isKept(connection.peer.peerId)
      )
        void connection.close('idle');
    }
    if (nowMs - keepMs >= KEEP_INTERVAL_MS) {
      keepMs = nowMs;
      upkeep.keepPeers(nowMs);
      tellAddresses(nowMs);
    }
    if (nowMs - bookMs >= BOOK_INTERVAL_MS) {
      bookMs = nowMs;
      tally.write();
    }
  };

  const control: EndpointControl = {
    local,
    on: (name, listener) => emitter.on(name, listener),
    addresses,
    connection: connectionOf,
    connections,
    start: () => {
      assert(!isStarted && !isStopped, 'An endpoint starts once.');
      isStarted = true;
      tickMs = clock.monotonicMs();
      tickWallMs = clock.nowMs();
      keepMs = tickMs;
      bookMs = tickMs;
      toldAddresses = toldNow().join(' ');
      cancels.push(
        clock.every(TICK_MS, tick),
        book.on('banned', ({ peer }) => {
          handshaker.forget(peer);
          dials.callOff(peer, door.bannedError(peer));
          // A new id costs less than a second: whoever uses up one after the other is known by where it comes from.
          const from = connectionOf(peer)?.path ?? null;
          if (from !== null && from.via === null && book.get(peer)?.ban?.byOwner === false)
            book.offendAddress(from.remoteAddress, 'badRecord');
          void connectionOf(peer)?.close('banned');
        }),
        protocols.add(MEASURE_SPEC, answerMeasure, null),
        protocols.add(
          { name: DATAGRAM_PROTOCOL, streamsMax: 1, opensPerTenSeconds: 10, bytesMax: null, deadlineMs: null },
          (stream, connection) => connectionOf(connection.peer.peerId)?.readLossy(stream) ?? Promise.resolve(),
          null,
        ),
      );
      upkeep.keepPeers(tickMs);
      return Promise.resolve();
    },
    stop: async () => {
      if (isStopped) return;
      isStopped = true;
      for (const cancel of cancels.splice(0)) cancel();
      await Promise.all([...listeners].map((listener) => listener.close()));
      listeners.clear();
      await Promise.all([...connections(), ...roster.leaving()].map((connection) => connection.close('stopping')));
      stopping.abort(notRunning());
      tally.write();
      await Promise.all(carriers.map((carrier) => carrier.stop()));
      isStarted = false;
    },
    listen: async (address) => {
      const { transport, relay } = partsOf(address);
      const carrier =
        carriers.find((one) => one.canDial(address)) ??
        carriers.find(({ tier }) => tier === (relay === null ? transport : 'relay'));
      if (carrier === undefined)
        throw new CarrierError(
          { code: 'NO_SUCH_ADDRESS', address },
          `Nothing here can listen at ${address}; see docs/formats/stoq-address.md for the forms of addresses.`,
        );
      const listener = await carrier.listen(address, (channel) => void takeIncoming(channel));
      listeners.add(listener);
      return listener.address;
    },
    addCarrier: (carrier) => {
      carriers.push(carrier);
      return () => {
        const index = carriers.indexOf(carrier);
        if (index >= 0) carriers.splice(index, 1);
      };
    },
    addPath: async (channel, peer) => {
      if (!life.isRunning) {
        channel.abort();
        throw notRunning();
      }
      const connection = await establish(channel, peer, stopping.signal);
      // Whoever was met through a hole first must be in the book like everybody else.
      if (book.get(connection.peer.peerId) === null)
        book.met(connection.peer.peerId, channel.remoteAddress, connection.remote);
      return connection;
    },
    setFinder: (find) => {
      finder = find;
    },
    addNetworks: (connection, networks) => {
      const held = (): PeerConnection | null => {
        const there = connectionOf(connection.peer.peerId);
        return there === connection ? there : null;
      };
      const added = held()?.addNetworks(networks) ?? [];
      return () => {
        if (added.length > 0 && held() !== null) emitter.emit('networksProved', { connection, networks: added });
      };
    },
    announce: (told) => {
      announced = told.slice();
      if (isStarted) tellAddresses(clock.monotonicMs());
    },
    connect: async (target, options = {}): Promise<Connection> => {
      const { signal } = options;
      signal?.throwIfAborted();
      if (!life.isRunning) throw notRunning();
      const peer = typeof target === 'string' ? target : target.peer;
      const given = typeof target === 'string' ? [] : target.addresses;
      if (peer === null)
        return await dials.dialPeer(null, given, AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]));
      if (peer === local.peerId) throw new PeerError({ code: 'SELF' }, 'That is this node itself; dial another one.');
      if (book.isBanned(peer)) throw door.bannedError(peer);
      const known = connectionOf(peer);
      if (known !== null && known.path !== null) return known;
      return await dials.joinDial(peer, given, signal);
    },
    handle: (spec, handler, onDatagram) => protocols.add(spec, handler, onDatagram ?? null),
    stats: tally.stats,
    wake,
  };
  return control;
};
