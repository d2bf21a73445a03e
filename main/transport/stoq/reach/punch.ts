import {
  encodeCbor,
  isNodeError,
  type Logger,
  messageOf,
  type MetricsRegistry,
  type Outside,
  type Startable,
} from '../../../base/index.ts';
import { hkdfSha512 } from '../../../base/crypto/index.ts';
import { isDialable, parseAddress, partsOf, scopeOf } from '../address.ts';
import type { PunchedCarrier } from '../carriers/punched/create-punched-carrier.ts';
import { readMessage, writeMessage } from '../connection/messages.ts';
import { exactFields, readBytes, readCborOf, readCount, readList } from '../discovery/fields.ts';
import { createTokenBuckets } from '../discovery/token-buckets.ts';
import type { Connection, EndpointControl, PeerId, Stream } from '../interface.ts';
import { CANDIDATES_MAX } from './constants.ts';
import type { PunchRequest, SideSocketControl } from './create-side-socket.ts';
import { ReachError } from './errors.ts';
import { createReachMetrics } from './metrics.ts';
import { bytesOfHost, hostOfBytes, type UdpAddress } from './stun.ts';

export const PUNCH_PROTOCOL = '/hypermesh/punch/1';
const MESSAGE_BYTES_MAX = 1024;
const NONCE_BYTES = 16;
const READY = Uint8Array.of(1);
const ATTEMPT_MS = 20_000;
/** After a connection that goes through a relay: at once, and ever later; NATs are replaced seldom. */
const RETRY_MS = [300, 5_000, 30_000, 300_000, 1_800_000] as const;
/** Addresses changed: the new ones must be known before they are told. */
const AGAIN_MS = 3_000;
const AT_ONCE_MAX = 8;
/**
 * Attempts that one peer may ask for, at once and by the minute, and all together. Each sends some 400 small packets to addresses of
 * the asker's choice, so that more would be a way to flood others through us.
 */
const ASKS_PER_PEER_BURST = 6;
const ASKS_PER_PEER_PER_SECOND = 6 / 60;
const ASKS_PER_MINUTE_MAX = 30;

const malformed = (problem: string): ReachError =>
  new ReachError(
    { code: 'MALFORMED', problem, verdict: 'reject' },
    `What the peer said about a direct way is not what its format allows: ${problem}.`,
  );

/** Both ends' message: nonce of the attempt (16 bytes, the opener's), and where its side socket may be, best first. */
export const encodePunchMessage = (nonce: Uint8Array, candidates: readonly UdpAddress[]): Uint8Array =>
  encodeCbor({
    c: candidates.slice(0, CANDIDATES_MAX).map(({ host, port }) => [bytesOfHost(host), port]),
    n: nonce,
  });
/** @throws {ReachError} `MALFORMED` */
export const decodePunchMessage = (bytes: Uint8Array): { nonce: Uint8Array; candidates: UdpAddress[] } => {
  const { c, n } = exactFields(readCborOf(bytes, 4 + 3 * CANDIDATES_MAX, malformed), ['c', 'n'], malformed);
  const candidates = readList(c, CANDIDATES_MAX, 'its addresses', malformed).map((pair) => {
    const [host, port] = readList(pair, 2, 'an address', malformed);
    const address = readBytes(host, { min: 4, max: 16 }, 'a host', malformed);
    if (address.length !== 4 && address.length !== 16) throw malformed('a host is of no family');
    const number = readCount(port, 65_535, 'a port', malformed);
    if (number === 0) throw malformed('a port is 0');
    return { host: hostOfBytes(address), port: number };
  });
  return { nonce: readBytes(n, { min: NONCE_BYTES, max: NONCE_BYTES }, 'its nonce', malformed), candidates };
};

/**
 * Which addresses of a peer are tried: never loopback or what leads nowhere; private ones only where both are behind one router, as
 * elsewhere they are other machines.
 *
 * @param own - how others see us, and where we are
 */
export const usableCandidates = (told: readonly UdpAddress[], own: readonly UdpAddress[]): UdpAddress[] => {
  const scope = ({ host, port }: UdpAddress): string => {
    const address = parseAddress(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/udp/${port}/quic-v1`);
    return address !== null && isDialable(address) ? scopeOf(address) : 'reserved';
  };
  const seen = new Set(own.filter((one) => scope(one) === 'global').map(({ host }) => host));
  const near = seen.size === 0 || told.some(({ host }) => seen.has(host));
  const found = new Map<string, UdpAddress>();
  for (const one of told) {
    const is = scope(one);
    if (is === 'global' || (is === 'private' && near)) found.set(`${one.host} ${one.port}`, one);
  }
  return [...found.values()];
};

export interface PuncherComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  endpoint: EndpointControl;
  side: SideSocketControl;
  carrier: PunchedCarrier;
}
export interface PuncherInit {
  /** Where our side socket may be, best first: IPv6, hosts, how others see it, mapped. */
  candidates(): Promise<readonly UdpAddress[]>;
}
export interface Puncher extends Startable {
  /** Tries again for all connections that go through relays, such as after a change of the network. */
  again(): void;
}

/** Moves connections from relays to direct ways: the one who dialled begins, ever later when it does not work. */
export const createPuncher = (
  { outside, logger: parentLogger, metrics: registry, endpoint, side, carrier }: PuncherComponents,
  { candidates }: PuncherInit,
): Puncher => {
  const { clock, random } = outside;
  const logger = parentLogger.child('stoq-punch');
  const metrics = createReachMetrics(registry);
  const watched = new Map<PeerId, { tries: number; cancel: () => void; unlisten: () => void }>();
  const stopping = new AbortController();
  const asks = createTokenBuckets(
    { monotonicMs: () => clock.monotonicMs() },
    { burst: ASKS_PER_PEER_BURST, perSecond: ASKS_PER_PEER_PER_SECOND },
  );
  let askedAtMs: number[] = [];
  let running = 0;
  let unlisten: (() => void)[] = [];

  const isRelayed = (connection: Connection): boolean =>
    connection.path !== null && connection.paths().every(({ tier }) => tier === 'relay');
  const requestOf = (
    connection: Connection,
    nonce: Uint8Array,
    opener: boolean,
    told: readonly UdpAddress[],
    own: readonly UdpAddress[],
    signal: AbortSignal,
  ): PunchRequest => {
    // Keys of this attempt alone: nonces of its packets count from zero.
    const secret = connection.exportKey('hypermesh punch 1');
    const derive = (label: string, length: number): Uint8Array =>
      hkdfSha512(secret, nonce, `hypermesh punch ${label}`, length);
    const keys = [derive('opener', 32), derive('other', 32)] as const;
    return {
      id: derive('id', 16),
      sendKey: opener ? keys[0] : keys[1],
      receiveKey: opener ? keys[1] : keys[0],
      controlling: opener,
      candidates: usableCandidates(told, own),
      signal,
    };
  };
  const readPeer = async (stream: Stream): Promise<ReturnType<typeof decodePunchMessage>> => {
    const message = await readMessage(stream, { bytesMax: MESSAGE_BYTES_MAX });
    if (message === null) throw malformed('it ended early');
    return decodePunchMessage(message);
  };
  /** As the one who opens. @throws {NodeError} when there is no way */
  const open = async (connection: Connection): Promise<void> => {
    const signal = AbortSignal.any([stopping.signal]);
    const nonce = random.bytes(NONCE_BYTES);
    const own = await candidates();
    const stream = await connection.openStream(PUNCH_PROTOCOL, { deadlineMs: ATTEMPT_MS });
    try {
      await writeMessage(stream, encodePunchMessage(nonce, own));
      const answer = await readPeer(stream);
      if (Buffer.compare(answer.nonce, nonce) !== 0) throw malformed('it answers another attempt');
      const hole = await side.punch(requestOf(connection, nonce, true, answer.candidates, own, signal));
      try {
        const ready = await readMessage(stream, { bytesMax: READY.length });
        if (ready === null) throw malformed('it did not say that it is ready');
        const channel = await carrier.dial(hole, signal);
        await endpoint.addPath(channel, connection.peer.peerId);
      } catch (error) {
        hole.close();
        throw error;
      }
      await stream.finish();
      logger.debug('Direct way made', { rttMs: Math.round(hole.rttMs), peerReflexive: hole.peerReflexive });
    } catch (error) {
      stream.reset();
      throw error;
    }
  };
  /** Only where there is no direct way. One that was punched may be gone without our knowing yet. */
  const mayAsk = (connection: Connection): boolean => {
    const nowMs = clock.monotonicMs();
    askedAtMs = askedAtMs.filter((atMs) => nowMs - atMs < 60_000);
    const isNeeded = connection.paths().every(({ tier }) => tier === 'relay' || tier === 'punched');
    return isNeeded && askedAtMs.length < ASKS_PER_MINUTE_MAX && asks.take(connection.peer.peerId);
  };
  const onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    if (running >= AT_ONCE_MAX || !mayAsk(connection)) {
      stream.reset();
      return;
    }
    askedAtMs.push(clock.monotonicMs());
    running += 1;
    try {
      const { nonce, candidates: told } = await readPeer(stream);
      const own = await candidates();
      await writeMessage(stream, encodePunchMessage(nonce, own));
      const hole = await side.punch(requestOf(connection, nonce, false, told, own, stopping.signal));
      try {
        const channel = await carrier.accept(hole, () => writeMessage(stream, READY));
        await endpoint.addPath(channel, connection.peer.peerId);
      } catch (error) {
        hole.close();
        throw error;
      }
      await stream.finish();
    } catch (error) {
      // No way is no fault of the peer; what breaks the format is, and goes up.
      if (!isNodeError(error) || error.code === 'MALFORMED') {
        if (stopping.signal.aborted) return;
        throw error;
      }
      stream.reset();
    } finally {
      running -= 1;
    }
  };

  const attempt = async (connection: Connection): Promise<void> => {
    const state = watched.get(connection.peer.peerId);
    if (state === undefined || stopping.signal.aborted || !isRelayed(connection)) return;
    if (running >= AT_ONCE_MAX) {
      schedule(connection, AGAIN_MS);
      return;
    }
    running += 1;
    try {
      await open(connection);
      metrics?.punches.inc(1, { result: 'made' });
      state.tries = 0;
    } catch (error) {
      if (stopping.signal.aborted) return;
      if (!isNodeError(error)) throw error;
      metrics?.punches.inc(1, { result: 'failed' });
      logger.debug('No direct way', { reason: messageOf(error), tries: state.tries });
      const nextMs = RETRY_MS[Math.min(state.tries, RETRY_MS.length - 1)]!;
      state.tries += 1;
      // Both may begin at once where both dialled: not in step.
      schedule(connection, nextMs + random.below(Math.ceil(nextMs / 4)));
    } finally {
      running -= 1;
    }
  };
  const schedule = (connection: Connection, ms: number): void => {
    const state = watched.get(connection.peer.peerId);
    if (state === undefined) return;
    state.cancel();
    state.cancel = clock.after(ms, () => void attempt(connection));
  };
  const watch = (connection: Connection): void => {
    const { peerId } = connection.peer;
    if (connection.direction !== 'out' || watched.has(peerId) || stopping.signal.aborted) return;
    watched.set(peerId, {
      tries: 0,
      cancel: () => undefined,
      unlisten: connection.on('pathChanged', () => {
        if (isRelayed(connection)) schedule(connection, RETRY_MS[0]);
      }),
    });
    if (isRelayed(connection)) schedule(connection, RETRY_MS[0]);
  };
  const unwatch = (peer: PeerId): void => {
    const state = watched.get(peer);
    state?.cancel();
    state?.unlisten();
    watched.delete(peer);
  };

  return {
    again: () => {
      for (const connection of endpoint.connections()) {
        const state = watched.get(connection.peer.peerId);
        if (state === undefined || !isRelayed(connection)) continue;
        state.tries = 0;
        schedule(connection, AGAIN_MS);
      }
    },
    start: async () => {
      await carrier.start();
      unlisten = [
        endpoint.handle(
          {
            name: PUNCH_PROTOCOL,
            streamsMax: 1,
            opensPerTenSeconds: 4,
            bytesMax: 2 * MESSAGE_BYTES_MAX,
            deadlineMs: ATTEMPT_MS,
          },
          onStream,
        ),
        endpoint.on('connected', ({ connection }) => watch(connection)),
        endpoint.on('disconnected', ({ peer }) => unwatch(peer)),
      ];
      for (const connection of endpoint.connections()) watch(connection);
    },
    stop: async () => {
      if (stopping.signal.aborted) return;
      stopping.abort(new Error('The node stops.'));
      for (const one of unlisten) one();
      for (const peer of watched.keys()) unwatch(peer);
      await carrier.stop();
    },
  };
};

/** `/ip6/…/udp/…/quic-v1` and the like as an address of UDP; null for TCP, circuits and memory. */
export const udpOf = (address: Parameters<typeof partsOf>[0]): UdpAddress | null => {
  const { family, host, port, transport, relay } = partsOf(address);
  return family === 'memory' || transport !== 'quic' || relay !== null ? null : { host, port };
};
