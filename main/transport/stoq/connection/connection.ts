import { assert, Emitter, isNodeError, type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { DATAGRAM_BYTES_MAX } from '../constants.ts';
import { StreamError } from '../errors.ts';
import type { Session } from '../handshake/interface.ts';
import type {
  Address,
  CloseReason,
  Connection,
  ConnectionEvents,
  DatagramLink,
  NetworkId,
  Path,
  PeerId,
  RateGate,
  RemoteInfo,
  Stream,
  StreamOptions,
} from '../interface.ts';
import type { Offence } from '../standing/interface.ts';
import { partsOf } from '../address.ts';
import { CLOSE_ACKNOWLEDGE_MS, DATAGRAM_PROTOCOL, GRACE_MS } from './constants.ts';
import { createConnectionDatagrams } from './datagrams.ts';
import { type ControlMessage, checkExtensions } from './frames.ts';
import {
  type Admission,
  type ConnectionPath,
  closedStream,
  createPath,
  type PathInit,
  type PathOwner,
} from './path.ts';
import { choosePath, surplusOf } from './path-choice.ts';
import { createProtocolMeter, type ProtocolTable, type Registration } from './protocols.ts';
import type { PathStream } from './stream.ts';

/** The endpoint, as its connections see it. */
export interface ConnectionHost {
  readonly protocols: ProtocolTable;
  readonly datagrams: DatagramLink | null;
  offended(peer: PeerId, offence: Offence, detail: string): void;
  /** The peer says that it is elsewhere. */
  moved(peer: PeerId, addresses: readonly Address[]): void;
  /** No path answers at the moment, though they may yet. */
  suspected(connection: PeerConnection): void;
  /** No path is left; one must come within {@link GRACE_MS}. */
  stranded(connection: PeerConnection): void;
  /** Bytes of a path that has ended, beside what ticks tell. */
  carried(peer: PeerId, sent: number, received: number): void;
  /** It takes nothing new any more and says goodbye. At most once, before {@link closed}. */
  leaving(connection: PeerConnection): void;
  /** It is over. Once. */
  closed(connection: PeerConnection, reason: CloseReason, detail: string): void;
  pathChanged(connection: PeerConnection): void;
  opened(direction: 'in' | 'out', refused: string | null): void;
}
export interface ConnectionComponents {
  outside: Outside;
  logger: Logger;
  gate: RateGate;
  host: ConnectionHost;
}
export interface ConnectionInit {
  /** Of this end, 16 bytes; another for every connection. */
  id: Uint8Array;
  /** Of the other end. */
  remoteId: Uint8Array;
  session: Session;
  direction: 'in' | 'out';
  /** Whether this end settles which of two paths stays: the one with the smaller peer id. */
  decides: boolean;
}

/** A connection and what the endpoint does with it. */
export interface PeerConnection extends Connection {
  readonly id: Uint8Array;
  readonly remoteId: Uint8Array;
  /** Id of the session whose keys stand for the connection. */
  readonly rootId: Uint8Array;
  readonly state: 'open' | 'stranded' | 'closing' | 'closed';
  readonly streamsOpen: number;
  readonly livePaths: readonly ConnectionPath[];
  /** When something other than upkeep last happened, monotonic ms. */
  readonly usedAtMs: number;
  /** @returns those that it did not count before */
  addNetworks(more: Iterable<NetworkId>): readonly NetworkId[];
  /** Takes another path. @param rootId - what the deciding end says the root is, null where it has not said */
  attach(init: Pick<PathInit, 'channel' | 'control' | 'session'>, rootId: Uint8Array | null): ConnectionPath;
  /** Resolves with a path for new streams. @throws {StreamError} `CLOSED` */
  ready(): Promise<void>;
  /** Asks on every path whether the peer is there. */
  probe(): void;
  announce(addresses: readonly Address[]): void;
  announceDatagrams(): void;
  /** Chooses again. */
  review(): void;
  /** @returns bytes on the wire since the last call */
  tick(nowMs: number): { sent: number; received: number };
  /** Ends it at once. */
  finish(reason: CloseReason, detail: string): void;
  /** Reads the peer's stream of datagrams. */
  readLossy(stream: Stream): Promise<void>;
  /** Whether a path may be measured through a stream of its own. */
  openStreamOn(path: ConnectionPath, protocol: string, deadlineMs: number, bytesMax: number): Promise<PathStream>;
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Offence of a handler that says the peer is at fault. */
const offenceOf = (code: string): Offence => {
  if (code === 'SIGNATURE_REFUSED') return 'badSignature';
  if (code === 'TOO_LARGE') return 'limitBroken';
  if (code === 'TOO_SLOW') return 'tooSlow';
  return 'malformed';
};

/** Ms that a peer has to read the rest of what a handler wrote that is done. */
const HANDLED_WAIT_MS = 10_000;

export const createConnection = (components: ConnectionComponents, init: ConnectionInit): PeerConnection => {
  const { outside, gate, host } = components;
  const { clock } = outside;
  const { decides } = init;
  const { peer } = init.session;
  const logger = components.logger;
  const emitter = new Emitter<ConnectionEvents>();
  const openedAtMs = clock.nowMs();

  let state: PeerConnection['state'] = 'open';
  let root = init.session;
  let latest = init.session;
  let remote: RemoteInfo = init.session.remote;
  /** Of all sessions, and what was proved since: whoever leaves a network closes the connections that hold it. */
  const networks = new Set(init.session.networks);
  let paths: ConnectionPath[] = [];
  let pathCount = 0;
  let chosen: ConnectionPath | null = null;
  let whys: ReadonlyMap<number, string> = new Map();
  let cancelGrace = (): void => undefined;
  let readyWaiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let usedAtMs = clock.monotonicMs();
  let closing: Promise<void> | null = null;
  /** Numbers of the peer's protocols that take datagrams. */
  let peerNumbers = new Map<string, number>();

  const offended = (offence: Offence, detail: string): void => host.offended(peer.peerId, offence, detail);
  const meter = createProtocolMeter(clock, offended);

  const datagrams = createConnectionDatagrams({
    link: host.datagrams,
    gate,
    openLossy: () => connection.openStream(DATAGRAM_PROTOCOL),
    hasPath: () => chosen !== null,
    onDatagram: (number, payload) => {
      const registration = host.protocols.datagrams(networks).find(({ datagramNumber }) => datagramNumber === number);
      // Withdrawn meanwhile, or never there: a datagram may be lost.
      if (registration === undefined || !meter.datagram(registration, payload.length)) return;
      usedAtMs = clock.monotonicMs();
      try {
        registration.onDatagram?.(payload, connection);
      } catch (error) {
        blame(registration.spec.name, error);
      }
    },
  });
  /** Who is at fault when a handler throws. What the stream itself found was counted there. */
  const blame = (protocol: string, error: unknown, stream?: PathStream): void => {
    if (!isNodeError(error)) {
      if (stream?.endedHow !== error) logger.error('Handler failed', { protocol, problem: messageOf(error) });
      return;
    }
    logger.debug('Stream ended early', { protocol, code: error.code });
    const { verdict } = error.data as { verdict?: string };
    if (verdict === 'reject' && stream?.endedHow !== error)
      offended(offenceOf(error.code), `${protocol}: ${messageOf(error)}`);
  };

  const viewOf = (path: ConnectionPath): Path => ({
    id: path.id,
    tier: path.tier,
    direction: path.direction,
    remoteAddress: path.remoteAddress,
    via: path.via,
    openedAtMs: path.openedAtMs,
    get chosen() {
      return path === chosen;
    },
    get why() {
      return path.gone ? 'It is gone.' : (whys.get(path.id) ?? 'It is new.');
    },
    stats: path.stats,
  });
  const views = new WeakMap<ConnectionPath, Path>();
  const view = (path: ConnectionPath): Path => {
    let found = views.get(path);
    if (found === undefined) views.set(path, (found = viewOf(path)));
    return found;
  };

  const finish = (reason: CloseReason, detail: string): void => {
    if (state === 'closed') return;
    state = 'closed';
    cancelGrace();
    for (const path of paths) path.abort();
    paths = [];
    chosen = null;
    datagrams.close();
    for (const { reject } of readyWaiters) reject(closedStream());
    readyWaiters = [];
    host.closed(connection, reason, detail);
    emitter.emit('closed', { reason, detail });
  };

  const review = (): void => {
    if (state === 'closed') return;
    const before = chosen;
    if (decides) {
      const nowMs = clock.nowMs();
      const surplus = surplusOf(
        paths.map((path) => ({
          id: path.id,
          tier: path.tier,
          retired: path.retired,
          suspicious: path.suspicious,
          measured: path.measured,
          direction: path.direction,
          via: path.via,
          ageMs: nowMs - path.openedAtMs,
        })),
      );
      for (const path of paths) if (surplus.includes(path.id)) path.retire();
    }
    const choice = choosePath(paths);
    whys = choice.why;
    chosen = paths.find(({ id }) => id === choice.id) ?? null;
    if (chosen !== null && state === 'stranded') {
      state = 'open';
      cancelGrace();
    }
    if (chosen !== null) {
      for (const { resolve } of readyWaiters) resolve();
      readyWaiters = [];
    }
    if (chosen === before) return;
    host.pathChanged(connection);
    emitter.emit('pathChanged', { path: chosen && view(chosen) });
  };

  const owner: PathOwner = {
    offended,
    admit: (opening): Admission => {
      if (state === 'closing' || state === 'closed') return { refused: 'refused' };
      const registration = host.protocols.find(opening.protocol, networks);
      if (registration === null) {
        meter.unknown();
        host.opened('in', 'unknown');
        return { refused: 'unknown' };
      }
      const { spec } = registration;
      // What must be sealed is not taken in the open; what need not be may be sealed.
      if (spec.sealed === true && !opening.sealed) {
        host.opened('in', 'refused');
        return { refused: 'refused' };
      }
      const refused = meter.open(registration);
      host.opened('in', refused);
      if (refused !== null) return { refused };
      usedAtMs = clock.monotonicMs();
      return {
        refused: null,
        bytesMax: spec.bytesMax,
        deadlineMs: spec.deadlineMs,
        bytesPerSecondMin: spec.bytesPerSecondMin ?? null,
        run: (stream) => handle(registration, stream),
        over: () => {
          usedAtMs = clock.monotonicMs();
          meter.closed(registration);
        },
      };
    },
    carried: (sent, received) => host.carried(peer.peerId, sent, received),
    onMessage: (message, path) => onMessage(message, path),
    onGone: (path, goodbye) => {
      paths = paths.filter((one) => one !== path);
      if (state === 'closed') return;
      if (goodbye !== null && goodbye.reason !== 'replaced' && state !== 'closing') {
        finish(goodbye.reason, goodbye.detail);
        return;
      }
      review();
      if (paths.length > 0 || state !== 'open') return;
      state = 'stranded';
      cancelGrace = clock.after(GRACE_MS, () => finish('lost', 'All paths to the peer are gone and none came back.'));
      host.stranded(connection);
    },
  };

  const handle = async (registration: Registration, stream: PathStream): Promise<void> => {
    try {
      await registration.handler(stream, connection);
    } catch (error) {
      blame(registration.spec.name, error, stream);
      stream.reset();
      return;
    }
    if (stream.endedHow !== null) return;
    const controller = new AbortController();
    try {
      // The handler is done: what it wrote is to arrive, and what it did not read is not to come.
      stream.stopReading();
      await stream.finish();
      const over = clock.sleep(HANDLED_WAIT_MS, controller.signal).catch(() => undefined);
      if (stream.endedHow === null) await Promise.race([stream.acknowledged(), over]);
    } catch (error) {
      logger.debug('Stream ended early', { protocol: registration.spec.name, problem: messageOf(error) });
    } finally {
      controller.abort();
    }
    if (stream.endedHow === null) stream.reset();
  };

  const onMessage = (message: ControlMessage, path: ConnectionPath): void => {
    switch (message.type) {
      case 'addresses': {
        remote = { ...remote, addresses: message.addresses };
        host.moved(peer.peerId, message.addresses);
        return;
      }
      case 'datagrams': {
        peerNumbers = new Map(message.protocols.map(([number, name]) => [name, number]));
        openDatagrams(path);
        return;
      }
      case 'root': {
        const named = paths.find(({ session }) => sameBytes(session.id, message.root));
        if (named !== undefined && !decides) root = named.session;
        return;
      }
      case 'retire':
        review();
        return;
      default:
        assert(false, `A path must deal with messages of type ${message.type} itself.`);
    }
  };

  /** Once both ends know that datagrams are to go: keys of the root session, one for each way. */
  const openDatagrams = (path: ConnectionPath): void => {
    const { sidePort } = remote;
    if (host.datagrams === null || sidePort === null) return;
    const lower = root.deriveKey('datagrams of the smaller peer id');
    const higher = root.deriveKey('datagrams of the larger peer id');
    const { host: address, zone, relay, family } = partsOf(path.remoteAddress);
    datagrams.open({
      id: root.id,
      sendKey: decides ? lower : higher,
      receiveKey: decides ? higher : lower,
      remote:
        relay !== null || family === 'memory'
          ? family === 'memory' && relay === null
            ? { host: address, port: sidePort }
            : null
          : { host: zone === null ? address : `${address}%${zone}`, port: sidePort },
    });
  };
  const announceDatagrams = (): void => {
    const protocols = host.protocols
      .datagrams(networks)
      .map(({ datagramNumber, spec }) => [datagramNumber ?? 0, spec.name] as const);
    if (chosen === null) return;
    chosen.send({ type: 'datagrams', protocols });
    if (protocols.length > 0) openDatagrams(chosen);
  };

  const ready = (): Promise<void> => {
    if (chosen !== null) return Promise.resolve();
    if (state === 'closed' || state === 'closing') return Promise.reject(closedStream());
    return new Promise((resolve, reject) => readyWaiters.push({ resolve, reject }));
  };
  /** Ends waiting with the caller's patience. */
  const readyWithin = async (protocol: string, deadlineMs: number | null, signal?: AbortSignal): Promise<void> => {
    signal?.throwIfAborted();
    if (chosen !== null) return;
    const controller = new AbortController();
    const both = signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]);
    const late = clock.sleep(deadlineMs ?? GRACE_MS, both).then(() => {
      throw new StreamError(
        { code: 'DEADLINE', deadlineMs: deadlineMs ?? GRACE_MS },
        `There was no way to the peer in time for a stream of ${protocol}; ask again.`,
      );
    });
    try {
      await Promise.race([ready(), late]);
    } finally {
      controller.abort();
      late.catch(() => undefined);
    }
  };
  const openStream = async (protocol: string, options: StreamOptions = {}): Promise<PathStream> => {
    const { extensions, signal } = options;
    if (extensions !== undefined) checkExtensions(extensions);
    const spec = host.protocols.find(protocol, networks)?.spec;
    const deadlineMs = options.deadlineMs ?? spec?.deadlineMs ?? null;
    const startMs = clock.monotonicMs();
    for (;;) {
      await readyWithin(protocol, deadlineMs, signal);
      const path = chosen;
      if (path === null || state === 'closing' || state === 'closed') throw closedStream();
      try {
        const stream = await path.openStream(protocol, {
          sealed: options.sealed ?? spec?.sealed ?? false,
          deadlineMs: deadlineMs === null ? null : Math.max(1, deadlineMs - (clock.monotonicMs() - startMs)),
          bytesMax: spec?.bytesMax ?? null,
          bytesPerSecondMin: spec?.bytesPerSecondMin ?? null,
          ...(extensions !== undefined && { extensions }),
          ...(signal !== undefined && { signal }),
        });
        usedAtMs = clock.monotonicMs();
        host.opened('out', null);
        return stream;
      } catch (error) {
        // The path went away before anything was sent: another one will do.
        if (!(error instanceof StreamError) || error.code !== 'CLOSED' || (path === chosen && !path.gone)) throw error;
      }
    }
  };

  const connection: PeerConnection = {
    id: init.id,
    remoteId: init.remoteId,
    peer,
    direction: init.direction,
    openedAtMs,
    on: (name, listener) => emitter.on(name, listener),
    get rootId() {
      return root.id;
    },
    get state() {
      return state;
    },
    networks,
    get remote() {
      return remote;
    },
    get handshake() {
      return { resumed: latest.resumed, tookMs: latest.tookMs };
    },
    get streamsOpen() {
      return paths.reduce((sum, path) => sum + path.streamsOpen, 0);
    },
    get livePaths() {
      return paths;
    },
    get usedAtMs() {
      return usedAtMs;
    },
    get path() {
      return chosen && view(chosen);
    },
    paths: () => paths.map(view),
    attach: (pathInit, rootId) => {
      assert(state !== 'closed', 'A path must not come to a connection that is over.');
      const path = createPath({ clock, gate, logger, flow: peer.peerId }, { ...pathInit, id: pathCount++, owner });
      paths.push(path);
      latest = pathInit.session;
      for (const network of latest.networks) networks.add(network);
      remote = { ...pathInit.session.remote };
      if (rootId !== null && !decides) {
        const named = paths.find(({ session }) => sameBytes(session.id, rootId));
        if (named !== undefined) root = named.session;
      }
      review();
      if (decides && !sameBytes(root.id, pathInit.session.id)) path.send({ type: 'root', root: root.id });
      if (host.protocols.datagrams(networks).length > 0) announceDatagrams();
      return path;
    },
    addNetworks: (more) => {
      const added = [...new Set(more)].filter((network) => !networks.has(network));
      const before = host.protocols.datagrams(networks).length;
      for (const network of added) networks.add(network);
      if (host.protocols.datagrams(networks).length > before) announceDatagrams();
      return added;
    },
    ready,
    probe: () => {
      for (const path of paths) path.probe();
    },
    announce: (addresses) => {
      chosen?.send({ type: 'addresses', addresses });
    },
    announceDatagrams,
    review,
    tick: (nowMs) => {
      let sent = 0;
      let received = 0;
      let suspected = false;
      for (const path of paths.slice()) {
        const before = path.suspicious;
        const moved = path.tick(nowMs);
        sent += moved.sent;
        received += moved.received;
        suspected ||= path.suspicious !== before;
      }
      datagrams.tick();
      // Detours are given up after a while, and silent paths are passed over, without anything else happening.
      if (suspected || paths.length > 1) review();
      if (suspected && state === 'open' && paths.every((path) => path.suspicious)) host.suspected(connection);
      return { sent, received };
    },
    finish,
    readLossy: (stream) => datagrams.readLossy(stream),
    openStream,
    openStreamOn: (path, protocol, deadlineMs, bytesMax) =>
      path.openStream(protocol, { sealed: false, deadlineMs, bytesMax, bytesPerSecondMin: null }),
    sendDatagram: (protocol, payload) => {
      assert(payload.length <= DATAGRAM_BYTES_MAX, 'A datagram must fit one packet.');
      const number = peerNumbers.get(protocol);
      if (number === undefined || state !== 'open' || !datagrams.send(number, payload)) return false;
      usedAtMs = clock.monotonicMs();
      return true;
    },
    ping: async (options) => {
      await readyWithin('ping', null, options?.signal);
      if (chosen === null) throw closedStream();
      return chosen.ping(options?.signal);
    },
    exportKey: (label) => root.deriveKey(`export ${label}`),
    close: (reason = 'done') => {
      closing ??= (async () => {
        if (state === 'closed') return;
        state = 'closing';
        cancelGrace();
        host.leaving(connection);
        for (const { reject } of readyWaiters.splice(0)) reject(closedStream());
        const controller = new AbortController();
        const over = clock.sleep(CLOSE_ACKNOWLEDGE_MS, controller.signal).catch(() => undefined);
        await Promise.race([Promise.all(paths.map((path) => path.settled())), over]);
        controller.abort();
        await Promise.all(paths.map((path) => path.close(reason, '')));
        finish(reason, '');
      })();
      return closing;
    },
  };
  return connection;
};
