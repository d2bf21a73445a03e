import { networkInterfaces } from 'node:os';
import {
  assert,
  Emitter,
  isNodeError,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Outside,
} from '../../../base/index.ts';
import { compareAddresses, expandAddress, isDialable, isLoopback, isPrivate, partsOf } from '../address.ts';
import type { Carrier, CarrierListener, Channel } from '../carriers/interface.ts';
import { CarrierError, HandshakeError, PeerError, StreamError } from '../errors.ts';
import type { Handshaker, Session } from '../handshake/interface.ts';
import {
  type Address,
  CLOSE_REASONS,
  type CloseReason,
  type Connection,
  type DatagramLink,
  type EndpointControl,
  type EndpointEvents,
  type EndpointStats,
  type LocalPeer,
  type PeerId,
  type RateGate,
  type RemoteInfo,
  TIERS,
  type Tier,
} from '../interface.ts';
import { createEndpointMetrics } from '../metrics.ts';
import { type ConnectionLimits, OFFENCES, type Offence, type PeerBook } from '../standing/interface.ts';
import { groupFor, makeRoom, type Occupant } from './admission.ts';
import { type ConnectionHost, createConnection, type PeerConnection } from './connection.ts';
import {
  ADDRESSES_MAX,
  DATAGRAM_PROTOCOL,
  GRACE_MS,
  HANDSHAKE_TIMEOUT_MS,
  IMPROVE_MS_MAX,
  IMPROVE_MS_MIN,
  IN_USE_BYTES,
  MEASURE_INTERVAL_MS,
  REDIAL_MS_MAX,
  REDIAL_MS_MIN,
  REPAIR_TIMEOUT_MS,
  TICK_MS,
} from './constants.ts';
import { type Control, createControl } from './control.ts';
import { createUdpMemory, planDials, raceDials, type Tried } from './dial.ts';
import type { ControlMessage } from './frames.ts';
import { answerMeasure, MEASURE_SPEC, measurePath } from './measure.ts';
import { createProtocolTable } from './protocols.ts';
import { plausible } from '../discovery/plausible.ts';

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

const ID_BYTES = 16;
/** Paths that one peer may have to us. Two tiers, a hole, a relay, and each once more while one is replaced. */
const PATHS_MAX = 8;
/**
 * Addresses of a peer that are dialled by ourselves as a path is gone or could be better. Whoever connects, names two dozen places
 * of somebody else and leaves would have us knock at all of them again and again.
 */
const REPAIR_ADDRESSES_MAX = 8;
/** Ms between looks for peers that are to be kept. */
const KEEP_INTERVAL_MS = 1_000;
/** Peers that are dialled to be kept, at once. */
const KEEP_DIALS_MAX = 4;
/** Ms between wall clock and ticks that only a sleep explains. */
const SLEEP_MS = 5_000;
/** Ms between two messages to all peers about own addresses. */
const ANNOUNCE_INTERVAL_MS = 5_000;
/** Ms between writing traffic into the book. */
const BOOK_INTERVAL_MS = 10_000;

/** What both ends say of a connection before its first path. */
interface Slot {
  /** Of our end of the connection that is or will be. */
  id: Uint8Array;
  connection: PeerConnection | null;
  /** Handshakes on the way to it. */
  pending: number;
}
/** A peer that is to be kept. */
interface Kept {
  nextMs: number;
  waitMs: number;
}
interface Dial {
  promise: Promise<PeerConnection>;
  controller: AbortController;
  callers: number;
}

/** Expected, as every failure here that another node can cause: whoever adds a path lets only bugs through to the top level. */
const turnedAway = (reason: CloseReason): PeerError =>
  new PeerError({ code: 'TURNED_AWAY', reason }, `The peer answered and refused (${reason}); try again later.`);

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
  const udp = createUdpMemory(clock);

  let running = false;
  let stopped = false;
  const stopping = new AbortController();
  const slots = new Map<PeerId, Slot>();
  /** Connections that say goodbye. */
  const leaving = new Set<PeerConnection>();
  const dials = new Map<PeerId, Dial>();
  const listeners = new Set<CarrierListener>();
  const kept = new Map<PeerId, Kept>();
  const redialing = new Map<PeerConnection, AbortController>();
  /** Dials of peers that are to be kept. */
  const keeping = new Set<AbortController>();
  const measuring = new Set<PeerConnection>();
  const measureAtMs = new WeakMap<PeerConnection, { dueMs: number; bytes: number }>();
  const improveAtMs = new WeakMap<PeerConnection, { dueMs: number; waitMs: number }>();
  let improving = 0;
  const traffic = new Map<PeerId, { sent: number; received: number }>();
  let finder: ((peer: PeerId, signal: AbortSignal) => Promise<readonly Address[]>) | null = null;
  let announced: readonly Address[] | null = null;
  let toldAddresses = '';
  let toldAtMs: number | null = null;
  let handshakesIn = 0;
  /** The channels of these by address group, oldest first. */
  const handshakesOf = new Map<string, Set<Channel>>();
  const counts = { full: 0, resumed: 0, refused: 0, sentBytes: 0, receivedBytes: 0 };
  const cancels: (() => void)[] = [];
  let tickMs = clock.monotonicMs();
  let tickWallMs = clock.nowMs();
  let keepMs = 0;
  let bookMs = 0;

  const connections = (): PeerConnection[] => [...slots.values()].flatMap(({ connection }) => connection ?? []);
  const isKept = (peer: PeerId): boolean => kept.has(peer) || book.get(peer)?.trusted === true;

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

  const count = (peer: PeerId, sent: number, received: number): void => {
    if (sent === 0 && received === 0) return;
    counts.sentBytes += sent;
    counts.receivedBytes += received;
    metrics?.sentBytes.inc(sent);
    metrics?.receivedBytes.inc(received);
    const sum = traffic.get(peer) ?? { sent: 0, received: 0 };
    sum.sent += sent;
    sum.received += received;
    traffic.set(peer, sum);
  };

  const protocols = createProtocolTable(() => {
    for (const connection of connections()) connection.announceDatagrams();
  });

  const countGauges = (): void => {
    if (metrics === null) return;
    const all = connections();
    for (const direction of ['in', 'out'] as const)
      metrics.connections.set(all.filter((one) => one.direction === direction).length, { direction });
    const paths = all.flatMap((one) => one.livePaths);
    for (const tier of TIERS) metrics.paths.set(paths.filter((path) => path.tier === tier).length, { tier });
  };

  /** Gives the peer's place to the next connection, which both ends must take for another one. */
  const vacate = (connection: PeerConnection): void => {
    const { peerId } = connection.peer;
    const slot = slots.get(peerId);
    if (slot?.connection !== connection) return;
    slot.connection = null;
    slot.id = random.bytes(ID_BYTES);
    if (slot.pending === 0) slots.delete(peerId);
  };

  const host: ConnectionHost = {
    protocols,
    datagrams: components.datagrams,
    offended,
    moved: (peer, claimed) => {
      // What somebody says of itself counts for the network that it speaks from.
      const from = slots.get(peer)?.connection?.path?.remoteAddress;
      if (from !== undefined) book.learn(peer, claimed, 'incoming', from);
    },
    suspected: (connection) => {
      void redial(connection);
    },
    carried: (peer, sent, received) => count(peer, sent, received),
    stranded: (connection) => {
      void redial(connection);
    },
    leaving: (connection) => {
      leaving.add(connection);
      vacate(connection);
    },
    closed: (connection, reason, detail) => {
      const { peerId } = connection.peer;
      leaving.delete(connection);
      vacate(connection);
      metrics?.closed.inc(1, { reason });
      countGauges();
      emitter.emit('disconnected', { peer: peerId, reason, detail });
    },
    pathChanged: () => {
      metrics?.pathChanges.inc();
      countGauges();
    },
    opened: (direction, refused) => {
      metrics?.streams.inc(1, { direction, result: refused ?? 'open' });
    },
  };

  const occupants = (): Occupant[] =>
    connections().map((connection) => ({
      peer: connection.peer.peerId,
      direction: connection.direction,
      address: connection.path?.remoteAddress ?? null,
      kept: isKept(connection.peer.peerId),
      streamsOpen: connection.streamsOpen,
      usedAtMs: connection.usedAtMs,
      points: book.get(connection.peer.peerId)?.points ?? 0,
    }));
  const bannedError = (peer: PeerId): PeerError => {
    const ban = book.get(peer)?.ban;
    return new PeerError(
      { code: 'BANNED', peer, untilMs: ban?.untilMs ?? null, reason: ban?.reason ?? '' },
      'This peer is banned here; lift the ban to connect.',
    );
  };
  /** @throws {PeerError} `BANNED` | `FULL` */
  const admit = (peer: PeerId, channel: Channel): void => {
    if (book.isBanned(peer)) throw bannedError(peer);
    const known = slots.get(peer)?.connection ?? null;
    const full = (limit: number): PeerError =>
      new PeerError({ code: 'FULL', limit }, 'There is no room for another connection; close one or raise the limit.');
    if (known !== null) {
      if (known.livePaths.length >= PATHS_MAX) throw full(PATHS_MAX);
      return;
    }
    const room = makeRoom(
      { direction: channel.direction, address: channel.remoteAddress, kept: isKept(peer) },
      occupants(),
      limits,
      clock.monotonicMs(),
    );
    if (room === 'full') throw full(channel.direction === 'in' ? limits.incomingMax : limits.connectionsMax);
    if (room.evict === null) return;
    const least = slots.get(room.evict)?.connection;
    // It leaves its place at once, and says goodbye while the newcomer comes.
    void least?.close('full');
  };

  const decidesOver = (peer: PeerId): boolean => local.peerId < peer;
  const slotOf = (peer: PeerId): Slot => {
    let slot = slots.get(peer);
    if (slot === undefined) slots.set(peer, (slot = { id: random.bytes(ID_BYTES), connection: null, pending: 0 }));
    return slot;
  };

  const receiveHello = async (control: Control): Promise<Extract<ControlMessage, { type: 'hello' }>> => {
    const message = await control.receive();
    if (message?.type === 'hello') return message;
    if (message?.type === 'bye') {
      const known = Object.entries(CLOSE_REASONS).find(([, number]) => number === message.reason);
      throw turnedAway((known?.[0] as CloseReason | undefined) ?? 'refused');
    }
    if (message === null) throw turnedAway('refused');
    throw new StreamError(
      { code: 'MALFORMED', problem: 'its first message is no introduction', verdict: 'reject' },
      'The peer did not introduce itself.',
    );
  };
  const attach = (
    slot: Slot,
    sentId: Uint8Array,
    hello: Extract<ControlMessage, { type: 'hello' }>,
    channel: Channel,
    control: Control,
    session: Session,
  ): PeerConnection => {
    const { peerId } = session.peer;
    // Another id at the other end: its program has begun anew, or has given up what we still hold.
    if (slot.connection !== null && Buffer.compare(slot.connection.remoteId, hello.id) !== 0)
      slot.connection.finish('replaced', 'The peer has begun anew.');
    let connection = slot.connection;
    const isNew = connection === null;
    if (connection === null) {
      slot.id = sentId;
      connection = createConnection(
        { outside, logger, gate, host },
        {
          id: sentId,
          remoteId: hello.id,
          session,
          direction: channel.direction,
          decides: decidesOver(peerId),
        },
      );
      slot.connection = connection;
    }
    connection.attach({ channel, control, session }, hello.root);
    counts[session.resumed ? 'resumed' : 'full'] += 1;
    countGauges();
    if (isNew) emitter.emit('connected', { connection });
    return connection;
  };

  /** Handshake and introductions on a channel, whoever dialled it. */
  const establish = async (
    channel: Channel,
    expected: PeerId | null,
    outerSignal: AbortSignal,
  ): Promise<PeerConnection> => {
    const late = new AbortController();
    const cancel = clock.after(HANDSHAKE_TIMEOUT_MS, () =>
      late.abort(
        new HandshakeError(
          { code: 'HANDSHAKE_TIMED_OUT', verdict: 'ignore' },
          'The other end did not finish the handshake in time: it is too far or too busy.',
        ),
      ),
    );
    const signal = AbortSignal.any([outerSignal, stopping.signal, late.signal]);
    // Whatever waits on the channel ends with it.
    const onAbort = (): void => channel.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    let slot: Slot | null = null;
    let peer: PeerId | null = null;
    try {
      signal.throwIfAborted();
      const out = channel.direction === 'out';
      const stream = out ? await channel.openStream() : await channel.acceptStream();
      if (stream === null) throw new CarrierError({ code: 'CLOSED' }, 'The channel ended before its handshake.');
      const options = { signal, info: ownInfo(), observed: channel.remoteAddress };
      const session = out
        ? await handshaker.initiate(channel, stream, { ...options, expected })
        : await handshaker.respond(channel, stream, options);
      peer = session.peer.peerId;
      if (peer === local.peerId) throw new PeerError({ code: 'SELF' }, 'That is this node itself; dial another one.');
      if (!out && expected !== null && peer !== expected)
        throw new PeerError(
          { code: 'WRONG_PEER', expected, found: peer, verdict: 'ignore' },
          'Another peer than expected is at the other end.',
        );
      const control = createControl(stream, () => channel.abort());
      const refuse = async (reason: CloseReason): Promise<void> => {
        control.send({ type: 'bye', reason: CLOSE_REASONS[reason], detail: '' });
        await Promise.race([channel.closed, clock.sleep(1_000, signal).catch(() => undefined)]);
      };
      slot = slotOf(peer);
      slot.pending += 1;
      const hello = (of: Slot): ControlMessage => ({
        type: 'hello',
        id: of.id,
        root: of.connection !== null && decidesOver(peer as PeerId) ? of.connection.rootId : null,
      });
      // The one who dialled speaks first: it knows that both are who they are a moment earlier.
      let sentId = slot.id;
      if (out) control.send(hello(slot));
      const theirs = await receiveHello(control);
      signal.throwIfAborted();
      try {
        admit(peer, channel);
      } catch (error) {
        await refuse(isNodeError(error) && error.code === 'BANNED' ? 'banned' : 'full');
        throw error;
      }
      if (!out) {
        // A peer that has begun anew is told of a connection of its own.
        if (slot.connection !== null && Buffer.compare(slot.connection.remoteId, theirs.id) !== 0)
          slot.connection.finish('replaced', 'The peer has begun anew.');
        sentId = slot.id;
        control.send(hello(slot));
      }
      return attach(slot, sentId, theirs, channel, control, session);
    } catch (error) {
      counts.refused += 1;
      channel.abort();
      // The reason of the end is what ended it, not that the channel is gone.
      if (signal.aborted) throw signal.reason as Error;
      if (peer !== null && error instanceof StreamError) offended(peer, 'malformed', error.message);
      throw error;
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
      if (slot !== null && peer !== null) {
        slot.pending -= 1;
        if (slot.pending === 0 && slot.connection === null && slots.get(peer) === slot) slots.delete(peer);
      }
    }
  };

  /**
   * Where all places are taken: the oldest handshake of the group that has most, if that is more than the newcomer's would have.
   * Whoever wants to keep others out by silence needs addresses of as many groups as there are places.
   */
  const greediest = (ofGroup: number): { group: string; channel: Channel } | null => {
    let most: { group: string; channel: Channel } | null = null;
    let size = ofGroup + 1;
    for (const [group, channels] of handshakesOf) {
      const [oldest] = channels;
      if (oldest !== undefined && channels.size > size) [most, size] = [{ group, channel: oldest }, channels.size];
    }
    return most;
  };
  /** May be called twice. */
  const leaveHandshakes = (group: string, channel: Channel): void => {
    const channels = handshakesOf.get(group);
    if (channels?.delete(channel) !== true) return;
    handshakesIn -= 1;
    if (channels.size === 0) handshakesOf.delete(group);
  };
  const isNearHost = (address: Address): boolean => isPrivate(address) && !isLoopback(address);
  const onChannel = async (channel: Channel): Promise<void> => {
    const { remoteAddress } = channel;
    const turnAway = (reason: string): void => {
      metrics?.incomingRefused.inc(1, { reason });
      channel.abort();
    };
    if (!running || stopped) {
      channel.abort();
      return;
    }
    if (book.isBlockedAddress(remoteAddress)) {
      turnAway('banned');
      return;
    }
    // Near here every host is one of its own; the own machine, where all may be one, is its owner's.
    const group = isNearHost(remoteAddress) ? partsOf(remoteAddress).host : groupFor(remoteAddress);
    const ofGroup = group === null ? 0 : (handshakesOf.get(group)?.size ?? 0);
    // One part of the network leaves half of the places to others.
    const isFull = handshakesIn >= limits.handshakesMax;
    const gives = isFull && group !== null ? greediest(ofGroup) : null;
    if ((isFull && gives === null) || ofGroup >= Math.ceil(limits.handshakesMax / 2)) {
      turnAway('busy');
      return;
    }
    if (gives !== null) {
      metrics?.incomingRefused.inc(1, { reason: 'busy' });
      leaveHandshakes(gives.group, gives.channel);
      gives.channel.abort();
    }
    handshakesIn += 1;
    if (group !== null) handshakesOf.set(group, (handshakesOf.get(group) ?? new Set()).add(channel));
    try {
      const connection = await establish(channel, null, stopping.signal);
      book.met(connection.peer.peerId, remoteAddress, connection.remote);
    } catch (error) {
      const code = isNodeError(error) ? error.code : 'FAILED';
      metrics?.incomingRefused.inc(1, {
        reason: code === 'FULL' ? 'full' : code === 'BANNED' ? 'banned' : 'failed',
      });
      logger.debug('Incoming channel refused', { tier: channel.tier, code, problem: messageOf(error) });
      // Whoever it is has not said so: its place pays.
      if (isNodeError(error) && (error.data as { verdict?: string }).verdict === 'reject')
        book.offendAddress(remoteAddress, code === 'CERTIFICATE_REFUSED' ? 'badSignature' : 'handshakeRefused');
    } finally {
      if (group === null) handshakesIn -= 1;
      else leaveHandshakes(group, channel);
    }
  };

  /** Addresses to try of a peer, the given ones first. */
  const knownAddresses = (peer: PeerId, given: readonly Address[]): Address[] => {
    const known = book.get(peer)?.addresses.map(({ address }) => address) ?? [];
    const connection = slots.get(peer)?.connection ?? null;
    // What it says of itself counts as far as it speaks from: nobody far away has us knock at doors of this network.
    const said =
      connection === null ? [] : plausible(connection.remote.addresses, connection.path?.remoteAddress ?? null);
    return [...new Set([...given, ...known, ...said])].filter((address) => isDialable(address));
  };
  /** Those that are dialled without anybody asking: the given ones, confirmed ones, and few that the peer only says. */
  const likelyAddresses = (
    peer: PeerId,
    given: readonly Address[],
    isWanted: (address: Address) => boolean = () => true,
  ): Address[] => {
    const known = book.get(peer)?.addresses ?? [];
    const confirmed = known.flatMap(({ address, confirmedAtMs }) => (confirmedAtMs === null ? [] : [address]));
    return knownAddresses(peer, [...given, ...confirmed])
      .filter(isWanted)
      .slice(0, REPAIR_ADDRESSES_MAX);
  };
  const dialAddresses = async (
    peer: PeerId | null,
    targets: readonly Address[],
    signal: AbortSignal,
    timeoutMs?: number,
  ): Promise<{ value: PeerConnection; address: Address } | { value: null; tried: readonly Tried[] }> => {
    const plan = planDials(targets, carriers, udp, peer);
    const result = await raceDials(
      clock,
      plan,
      udp,
      signal,
      (channel, _address, attemptSignal) => establish(channel, peer, attemptSignal),
      timeoutMs,
    );
    if (peer !== null && result.value === null) for (const { address } of result.tried) book.failed(peer, address);
    if (result.value !== null) {
      const { peerId } = result.value.peer;
      book.confirm(peerId, result.address, result.value.remote);
    }
    return result;
  };
  /** What to tell when no address led to the peer. */
  const failureOf = (peer: PeerId | null, tried: readonly Tried[]): Error => {
    // Where something did answer, what it was says more than that others did not.
    for (const code of ['BANNED', 'FULL', 'CERTIFICATE_REFUSED', 'WRONG_PEER', 'SELF']) {
      const found = tried.find(({ error }) => error instanceof PeerError && error.code === code);
      if (found !== undefined) return found.error as Error;
    }
    return new PeerError(
      {
        code: 'UNREACHABLE',
        peer: peer ?? '',
        tried: tried.map(({ address, problem }) => ({ address, problem })),
      },
      tried.length === 0
        ? 'No address of this peer can be dialled from here; ask its owner for another one.'
        : 'The peer did not answer at any of its addresses; check that it runs, or try again later.',
    );
  };
  const cameMeanwhile = (peer: PeerId): PeerConnection | null => {
    const connection = slots.get(peer)?.connection ?? null;
    return connection !== null && connection.path !== null ? connection : null;
  };
  const dialPeer = async (
    peer: PeerId | null,
    given: readonly Address[],
    signal: AbortSignal,
  ): Promise<PeerConnection> => {
    const startMs = clock.monotonicMs();
    let tried: readonly Tried[] = [];
    const attempt = async (targets: readonly Address[]): Promise<PeerConnection | null> => {
      const fresh = targets.filter((address) => !tried.some((one) => one.address === address));
      if (fresh.length === 0) return null;
      const result = await dialAddresses(peer, fresh, signal);
      if (result.value !== null) return result.value;
      tried = [...tried, ...result.tried];
      return null;
    };
    try {
      let found = await attempt(peer === null ? given : knownAddresses(peer, given));
      if (found === null && peer !== null && finder !== null) {
        const more = await finder(peer, signal).catch((error: unknown) => {
          logger.debug('Finding a peer failed', { problem: messageOf(error) });
          return [];
        });
        signal.throwIfAborted();
        found = await attempt(more.filter((address) => isDialable(address)));
      }
      // It may have come to us meanwhile.
      found ??= peer === null ? null : cameMeanwhile(peer);
      if (found !== null) {
        metrics?.dials.inc(1, { result: 'connected' });
        metrics?.dialSeconds.observe((clock.monotonicMs() - startMs) / 1000);
        return found;
      }
    } catch (error) {
      const came = peer === null ? null : cameMeanwhile(peer);
      if (came === null || signal.aborted) throw error;
      return came;
    }
    if (peer !== null && tried.length === 0 && knownAddresses(peer, given).length === 0)
      throw new PeerError(
        { code: 'NO_ADDRESS', peer },
        'No address of this peer is known; add one, or ask its owner for an invite.',
      );
    const failure = failureOf(peer, tried);
    metrics?.dials.inc(1, {
      result: failure instanceof PeerError && failure.code === 'UNREACHABLE' ? 'unreachable' : 'refused',
    });
    throw failure;
  };

  const untilAborted = <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
    if (signal === undefined) return work;
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason as Error);
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
    });
  };
  /** Callers share one dial; it is called off when the last of them gives up. */
  const joinDial = async (
    peer: PeerId,
    given: readonly Address[],
    signal: AbortSignal | undefined,
  ): Promise<PeerConnection> => {
    let dial = dials.get(peer);
    const isOther = dial !== undefined;
    if (dial === undefined) {
      const controller = new AbortController();
      const promise = dialPeer(peer, given, AbortSignal.any([controller.signal, stopping.signal])).finally(() => {
        if (dials.get(peer)?.controller === controller) dials.delete(peer);
      });
      promise.catch(() => undefined);
      dials.set(peer, (dial = { promise, controller, callers: 0 }));
    }
    const { promise, controller } = dial;
    const joined = dial;
    joined.callers += 1;
    try {
      return await untilAborted(promise, signal);
    } catch (error) {
      // The dial that was joined knew nothing of these addresses.
      const isNews = isOther && given.length > 0 && error instanceof PeerError && !dials.has(peer);
      if (!isNews) throw error;
    } finally {
      joined.callers -= 1;
      if (joined.callers === 0) {
        if (dials.get(peer) === joined) dials.delete(peer);
        controller.abort(new Error('nobody waits for this connection any more'));
      }
    }
    return await joinDial(peer, given, signal);
  };

  /** Looks for another path while none answers, as long as the connection lasts. */
  const redial = async (connection: PeerConnection): Promise<void> => {
    if (redialing.has(connection) || stopped) return;
    redialing.set(connection, new AbortController());
    const { peerId } = connection.peer;
    const endsMs = clock.monotonicMs() + GRACE_MS;
    const isWanted = (): boolean =>
      !stopped &&
      clock.monotonicMs() < endsMs &&
      (connection.state === 'stranded' ||
        (connection.state === 'open' && connection.livePaths.every((path) => path.suspicious)));
    const last = connection.livePaths.map((path) => path.remoteAddress);
    // The book drops what fails: others of the same peer must not come in its place.
    const tried = new Set<Address>();
    let waitMs = 250;
    while (isWanted()) {
      // Waking up begins anew at once: what was dialled before leads nowhere.
      const turn = new AbortController();
      redialing.set(connection, turn);
      const signal = AbortSignal.any([turn.signal, stopping.signal]);
      try {
        const targets = likelyAddresses(
          peerId,
          last,
          (address) => tried.has(address) || tried.size < REPAIR_ADDRESSES_MAX,
        );
        for (const address of targets) if (tried.size < REPAIR_ADDRESSES_MAX) tried.add(address);
        if (targets.length > 0) {
          const result = await dialAddresses(peerId, targets, signal, REPAIR_TIMEOUT_MS);
          if (result.value !== null) break;
        }
        // Both ends dial: their waits differ, so that they do not meet for ever.
        await clock.sleep(waitMs + random.below(waitMs), signal);
        waitMs = Math.min(1_000, waitMs * 2);
      } catch (error) {
        logger.debug('Looking for another path failed', { problem: messageOf(error) });
        waitMs = 250;
        if (!turn.signal.aborted) await clock.sleep(waitMs, stopping.signal).catch(() => undefined);
      }
    }
    redialing.delete(connection);
  };

  /** Dials peers that are to be kept, with growing waits. */
  const keepPeers = (nowMs: number): void => {
    if (init.keepsPeers === false) return;
    const wanted = new Set<PeerId>(book.anchors());
    for (const { peerId, trusted } of book.list()) if (trusted) wanted.add(peerId);
    for (const peer of kept.keys()) if (!wanted.has(peer)) kept.delete(peer);
    for (const peer of wanted) {
      if (peer === local.peerId || book.isBanned(peer)) continue;
      let entry = kept.get(peer);
      if (entry === undefined) kept.set(peer, (entry = { nextMs: nowMs, waitMs: REDIAL_MS_MIN }));
      if ((slots.get(peer)?.connection ?? null) !== null) {
        entry.waitMs = REDIAL_MS_MIN;
        continue;
      }
      if (nowMs < entry.nextMs || keeping.size >= KEEP_DIALS_MAX || dials.has(peer)) continue;
      const { waitMs } = entry;
      // Between half and one and a half of it, so that nodes that lost each other together do not come back together.
      entry.nextMs = nowMs + waitMs / 2 + random.below(Math.ceil(waitMs));
      entry.waitMs = Math.min(REDIAL_MS_MAX, waitMs * 2);
      const turn = new AbortController();
      keeping.add(turn);
      joinDial(peer, [], turn.signal)
        .catch((error: unknown) => {
          logger.debug('Peer to be kept is away', { problem: messageOf(error) });
        })
        .finally(() => keeping.delete(turn));
    }
  };

  /** Compares QUIC and TLS of one connection, and lets it take the faster. */
  const measure = async (connection: PeerConnection): Promise<void> => {
    const other = (tier: Tier): Tier => (tier === 'quic' ? 'tls' : 'quic');
    const direct = connection.livePaths.filter(({ tier, retired }) => (tier === 'quic' || tier === 'tls') && !retired);
    const [first] = direct;
    if (first === undefined) return;
    const missing = other(first.tier);
    if (!direct.some(({ tier }) => tier === missing)) {
      const { host: at } = partsOf(first.remoteAddress);
      const targets = knownAddresses(connection.peer.peerId, []).filter((address) => {
        const parts = partsOf(address);
        return parts.relay === null && parts.transport === missing;
      });
      // The same machine first: what is compared is the tier, not the way.
      targets.sort((a, b) => Number(partsOf(b).host === at) - Number(partsOf(a).host === at));
      if (targets.length === 0) return;
      const result = await dialAddresses(connection.peer.peerId, targets, stopping.signal);
      if (result.value !== connection) return;
    }
    for (const path of connection.livePaths.filter(
      ({ tier, retired }) => (tier === 'quic' || tier === 'tls') && !retired,
    ))
      path.measured = await measurePath(clock, connection, path);
    connection.review();
  };
  const measureDue = (connection: PeerConnection, bytes: number, nowMs: number): void => {
    let entry = measureAtMs.get(connection);
    if (entry === undefined) {
      // The first time after a tenth of the interval, jittered: most connections do not last that long.
      entry = { dueMs: nowMs + MEASURE_INTERVAL_MS / 20 + random.below(MEASURE_INTERVAL_MS / 20), bytes: 0 };
      measureAtMs.set(connection, entry);
    }
    entry.bytes += bytes;
    // Whoever dialled measures, since it knows addresses; one at a time, or they would measure each other.
    if (nowMs < entry.dueMs || connection.direction !== 'out' || measuring.size > 0) return;
    if (entry.bytes < IN_USE_BYTES || connection.state !== 'open') return;
    entry.bytes = 0;
    entry.dueMs = nowMs + MEASURE_INTERVAL_MS - MEASURE_INTERVAL_MS / 20 + random.below(MEASURE_INTERVAL_MS / 10);
    measuring.add(connection);
    measure(connection)
      .catch((error: unknown) => {
        logger.debug('Measuring paths failed', { problem: messageOf(error) });
      })
      .finally(() => measuring.delete(connection));
  };

  /** Tries direct addresses of a peer that is reached through others only. Holes in NATs come through `addPath`. */
  const improveDue = (connection: PeerConnection, nowMs: number): void => {
    const tier = connection.path?.tier;
    if (connection.state !== 'open' || (tier !== 'relay' && tier !== 'punched')) {
      improveAtMs.delete(connection);
      return;
    }
    const entry = improveAtMs.get(connection);
    const waitMs = entry?.waitMs ?? IMPROVE_MS_MIN;
    if (entry !== undefined && (nowMs < entry.dueMs || improving >= KEEP_DIALS_MAX)) return;
    improveAtMs.set(connection, {
      dueMs: nowMs + waitMs / 2 + random.below(waitMs),
      waitMs: entry === undefined ? waitMs : Math.min(IMPROVE_MS_MAX, waitMs * 2),
    });
    if (entry === undefined) return;
    const targets = likelyAddresses(connection.peer.peerId, [], (address) => {
      const carrier = carriers.find((one) => one.canDial(address));
      return carrier !== undefined && carrier.tier !== 'relay';
    });
    if (targets.length === 0) return;
    improving += 1;
    dialAddresses(connection.peer.peerId, targets, stopping.signal, REPAIR_TIMEOUT_MS)
      .catch((error: unknown) => {
        logger.debug('Looking for a direct path failed', { problem: messageOf(error) });
      })
      .finally(() => {
        improving -= 1;
      });
  };

  const tellAddresses = (nowMs: number): void => {
    const now = toldNow();
    const text = now.join(' ');
    if (text === toldAddresses || (toldAtMs !== null && nowMs - toldAtMs < ANNOUNCE_INTERVAL_MS)) return;
    toldAddresses = text;
    toldAtMs = nowMs;
    for (const connection of connections()) connection.announce(now);
    emitter.emit('addressesChanged', { addresses: addresses() });
  };
  const writeTraffic = (): void => {
    for (const [peer, { sent, received }] of traffic) book.count(peer, sent, received);
    traffic.clear();
  };

  const wake = (): void => {
    const nowMs = clock.monotonicMs();
    for (const connection of connections()) connection.probe();
    for (const turn of [...redialing.values(), ...keeping]) turn.abort(new Error('the machine woke up'));
    for (const entry of kept.values()) {
      entry.nextMs = nowMs;
      entry.waitMs = REDIAL_MS_MIN;
    }
    keepMs = Number.NEGATIVE_INFINITY;
  };

  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    // Clocks that count time asleep show it as a gap between ticks; wall clocks always do.
    if (nowMs - tickMs > SLEEP_MS || wallMs - tickWallMs > SLEEP_MS + (nowMs - tickMs)) wake();
    tickMs = nowMs;
    tickWallMs = wallMs;
    for (const connection of leaving) {
      const { sent, received } = connection.tick(nowMs);
      count(connection.peer.peerId, sent, received);
    }
    for (const connection of connections()) {
      const { sent, received } = connection.tick(nowMs);
      count(connection.peer.peerId, sent, received);
      measureDue(connection, sent + received, nowMs);
      improveDue(connection, nowMs);
      if (
        idleMs !== null &&
        connection.state === 'open' &&
        connection.streamsOpen === 0 &&
        nowMs - connection.usedAtMs >= idleMs &&
        !isKept(connection.peer.peerId)
      )
        void connection.close('idle');
    }
    if (nowMs - keepMs >= KEEP_INTERVAL_MS) {
      keepMs = nowMs;
      keepPeers(nowMs);
      tellAddresses(nowMs);
    }
    if (nowMs - bookMs >= BOOK_INTERVAL_MS) {
      bookMs = nowMs;
      writeTraffic();
    }
  };

  const control: EndpointControl = {
    local,
    on: (name, listener) => emitter.on(name, listener),
    addresses,
    connection: (peer) => slots.get(peer)?.connection ?? null,
    connections,
    start: () => {
      assert(!running && !stopped, 'An endpoint starts once.');
      running = true;
      tickMs = clock.monotonicMs();
      tickWallMs = clock.nowMs();
      keepMs = tickMs;
      bookMs = tickMs;
      toldAddresses = toldNow().join(' ');
      cancels.push(
        clock.every(TICK_MS, tick),
        book.on('banned', ({ peer }) => {
          handshaker.forget(peer);
          dials.get(peer)?.controller.abort(bannedError(peer));
          // A new id costs less than a second: whoever uses up one after the other is known by where it comes from.
          const from = slots.get(peer)?.connection?.path ?? null;
          if (from !== null && from.via === null && book.get(peer)?.ban?.byOwner === false)
            book.offendAddress(from.remoteAddress, 'badRecord');
          void slots.get(peer)?.connection?.close('banned');
        }),
        protocols.add(MEASURE_SPEC, answerMeasure, null),
        protocols.add(
          { name: DATAGRAM_PROTOCOL, streamsMax: 1, opensPerTenSeconds: 10, bytesMax: null, deadlineMs: null },
          (stream, connection) => slots.get(connection.peer.peerId)?.connection?.readLossy(stream) ?? Promise.resolve(),
          null,
        ),
      );
      if (init.keepsPeers !== false) keepPeers(tickMs);
      return Promise.resolve();
    },
    stop: async () => {
      if (stopped) return;
      stopped = true;
      for (const cancel of cancels.splice(0)) cancel();
      await Promise.all([...listeners].map((listener) => listener.close()));
      listeners.clear();
      await Promise.all([...connections(), ...leaving].map((connection) => connection.close('stopping')));
      stopping.abort(notRunning());
      writeTraffic();
      await Promise.all(carriers.map((carrier) => carrier.stop()));
      running = false;
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
      const listener = await carrier.listen(address, (channel) => void onChannel(channel));
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
      if (!running || stopped) {
        channel.abort();
        throw notRunning();
      }
      return await establish(channel, peer, stopping.signal);
    },
    setFinder: (find) => {
      finder = find;
    },
    addNetworks: (connection, networks) => {
      const held = (): PeerConnection | null => {
        const there = slots.get(connection.peer.peerId)?.connection ?? null;
        return there === connection ? there : null;
      };
      const added = held()?.addNetworks(networks) ?? [];
      return () => {
        if (added.length > 0 && held() !== null) emitter.emit('networksProved', { connection, networks: added });
      };
    },
    announce: (told) => {
      announced = told.slice();
      if (running) tellAddresses(clock.monotonicMs());
    },
    connect: async (target, options = {}): Promise<Connection> => {
      const { signal } = options;
      signal?.throwIfAborted();
      if (!running || stopped) throw notRunning();
      const peer = typeof target === 'string' ? target : target.peer;
      const given = typeof target === 'string' ? [] : target.addresses;
      if (peer === null)
        return await dialPeer(null, given, AbortSignal.any([stopping.signal, ...(signal ? [signal] : [])]));
      if (peer === local.peerId) throw new PeerError({ code: 'SELF' }, 'That is this node itself; dial another one.');
      if (book.isBanned(peer)) throw bannedError(peer);
      const known = slots.get(peer)?.connection ?? null;
      if (known !== null && known.path !== null) return known;
      return await joinDial(peer, given, signal);
    },
    handle: (spec, handler, onDatagram) => protocols.add(spec, handler, onDatagram ?? null),
    stats: (): EndpointStats => {
      const all = connections();
      const paths = all.flatMap((one) => one.livePaths);
      return {
        connections: all.length,
        paths: Object.fromEntries(
          TIERS.map((tier) => [tier, paths.filter((path) => path.tier === tier).length]),
        ) as Record<Tier, number>,
        streamsOpen: all.reduce((sum, one) => sum + one.streamsOpen, 0),
        sentBytes: counts.sentBytes,
        receivedBytes: counts.receivedBytes,
        handshakes: { full: counts.full, resumed: counts.resumed, refused: counts.refused },
      };
    },
    wake,
  };
  return control;
};
