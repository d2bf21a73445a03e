import { isNodeError, type Logger, type MetricsRegistry, type Outside, type Startable } from '../../../base/index.ts';
import { readMessage, writeMessage } from '../connection/messages.ts';
import type { Connection, Endpoint, PeerId, Stream } from '../interface.ts';
import { createRelayMetrics } from './metrics.ts';
import {
  decodeRelayAnswer,
  decodeRelayRequest,
  encodeRelayAnswer,
  encodeRelayRequest,
  RELAY_MESSAGE_BYTES_MAX,
  RELAY_PROTOCOL,
  type RelayRefusal,
} from './relay-wire.ts';

/** What the owner lends to circuits of others. */
export interface RelayLimits {
  reservationsMax: number;
  /** Ms after which a reservation must be asked for again. */
  reservationMs: number;
  circuitsMax: number;
  circuitsPerPeerMax: number;
  /** Bytes of one circuit, both directions together. */
  circuitBytesMax: number;
  circuitMs: number;
  /** All circuits together, both directions. */
  bytesPerSecondMax: number;
}
/** Small enough for a line at home: a relay is for finding the direct way, and for those who have none. */
export const RELAY_LIMITS: RelayLimits = {
  reservationsMax: 64,
  reservationMs: 30 * 60_000,
  circuitsMax: 32,
  circuitsPerPeerMax: 4,
  circuitBytesMax: 2 ** 30,
  circuitMs: 2 * 3_600_000,
  bytesPerSecondMax: 4 * 2 ** 20,
};
/** One read of a circuit. */
const CHUNK_BYTES = 64 * 1024;
/** A stream that says nothing of what it wants. Longer, it would cost nothing and keep its connection from giving way to others. */
const REQUEST_MS = 10_000;
/** A circuit's end that does not answer the relay. */
const ANSWER_MS = 10_000;
/** Nothing in either direction for so long: both ends keep alive what they use, every 6 s. */
const IDLE_MS = 60_000;

export interface RelayServiceComponents {
  outside: Outside;
  logger: Logger;
  metrics: MetricsRegistry | null;
  endpoint: Endpoint;
}
export interface RelayServiceInit {
  /** Asked at every request: what the owner lends now, null for nothing. */
  limits(): RelayLimits | null;
  /** A stream with `incoming`: this node is at the end of a circuit, of which its relay's carrier knows. */
  onIncoming(stream: Stream, relay: Connection, from: PeerId): Promise<void>;
}
export interface RelayStats {
  reservations: number;
  circuits: number;
  /** Bytes of others that went through, since the start. */
  bytes: number;
}
export interface RelayService extends Startable {
  /** Whether a circuit between these two runs now, whichever of them asked for it. */
  carries(one: PeerId, other: PeerId): boolean;
  stats(): RelayStats;
}

/** Holds the bytes of all circuits together to a rate. */
const createBucket = (outside: Outside, perSecond: () => number) => {
  let freeAtMs = 0;
  return async (bytes: number): Promise<void> => {
    const nowMs = outside.clock.monotonicMs();
    // What was not used is lost but for a quarter of a second.
    freeAtMs = Math.max(freeAtMs, nowMs - 250) + (bytes / perSecond()) * 1000;
    if (freeAtMs > nowMs) await outside.clock.sleep(freeAtMs - nowMs);
  };
};

/**
 * Handles `/hypermesh/relay/1` in all its directions: lends circuits to others, who are ciphertext to it, and hands on those that end
 * here. A circuit is two streams and what is read from one is written to the other, so that who reads slowly slows only himself.
 */
export const createRelayService = (
  { outside, logger: parentLogger, metrics: registry, endpoint }: RelayServiceComponents,
  { limits, onIncoming }: RelayServiceInit,
): RelayService => {
  const { clock } = outside;
  const logger = parentLogger.child('stoq-relay');
  const metrics = createRelayMetrics(registry);
  const reservations = new Map<PeerId, { connection: Connection; untilMs: number }>();
  const circuits = new Set<{ ends: readonly [PeerId, PeerId]; end(): void }>();
  const wait = createBucket(outside, () => limits()?.bytesPerSecondMax ?? RELAY_LIMITS.bytesPerSecondMax);
  let bytes = 0;
  let withdraw = (): void => undefined;

  const answer = async (stream: Stream, reply: Parameters<typeof encodeRelayAnswer>[0]): Promise<void> => {
    metrics?.requests.inc(1, { result: reply.ok ? 'ok' : reply.reason });
    await writeMessage(stream, encodeRelayAnswer(reply));
  };
  const refuse = async (stream: Stream, reason: RelayRefusal): Promise<void> => {
    await answer(stream, { ok: false, reason });
    await stream.finish();
  };
  const sweep = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [peer, { untilMs, connection }] of reservations)
      if (untilMs <= nowMs || endpoint.connection(peer) !== connection) reservations.delete(peer);
  };

  const reserve = async (stream: Stream, connection: Connection): Promise<void> => {
    const lent = limits();
    if (lent === null) return refuse(stream, 'off');
    // Through a relay to a relay: circuits would chain, and each node would carry the traffic of the next.
    if (connection.path?.tier === 'relay') return refuse(stream, 'notAllowed');
    sweep();
    const { peerId } = connection.peer;
    if (!reservations.has(peerId) && reservations.size >= lent.reservationsMax) return refuse(stream, 'full');
    reservations.set(peerId, { connection, untilMs: clock.monotonicMs() + lent.reservationMs });
    await answer(stream, { ok: true, terms: { lifeMs: lent.reservationMs, bytesMax: lent.circuitBytesMax } });
    await stream.finish();
  };

  const connect = async (stream: Stream, connection: Connection, target: PeerId): Promise<void> => {
    const lent = limits();
    if (lent === null) return refuse(stream, 'off');
    sweep();
    const from = connection.peer.peerId;
    const reservation = reservations.get(target);
    if (target === from) return refuse(stream, 'notAllowed');
    // Who has no place here is not looked for: a relay is no way to make others dial.
    if (reservation === undefined) return refuse(stream, 'noReservation');
    const of = (peer: PeerId): number => [...circuits].filter(({ ends }) => ends.includes(peer)).length;
    if (
      circuits.size >= lent.circuitsMax ||
      of(from) >= lent.circuitsPerPeerMax ||
      of(target) >= lent.circuitsPerPeerMax * 4
    )
      return refuse(stream, 'full');
    const terms = { lifeMs: lent.circuitMs, bytesMax: lent.circuitBytesMax };
    const circuit = { ends: [from, target] as const, end: (): void => undefined };
    // Counted before the first wait: many requests at once must not all find a place free.
    circuits.add(circuit);
    metrics?.circuits.set(circuits.size);
    try {
      const far = await openFar(reservation.connection, from).catch((error: unknown) => {
        if (isNodeError(error)) return null;
        throw error;
      });
      if (far === null) return await refuse(stream, 'unreachable');
      circuit.end = () => {
        stream.reset();
        far.reset();
      };
      await answer(stream, { ok: true, terms });
      await carry(stream, far, lent, circuit.end);
    } finally {
      circuits.delete(circuit);
      metrics?.circuits.set(circuits.size);
    }
  };
  const openFar = async (connection: Connection, from: PeerId): Promise<Stream | null> => {
    const stream = await connection.openStream(RELAY_PROTOCOL);
    const cancel = clock.after(ANSWER_MS, () => stream.reset());
    try {
      await writeMessage(stream, encodeRelayRequest({ kind: 'incoming', peer: from }));
      const reply = await readMessage(stream, { bytesMax: RELAY_MESSAGE_BYTES_MAX });
      if (reply !== null && decodeRelayAnswer(reply).ok) return stream;
      stream.reset();
      return null;
    } catch (error) {
      stream.reset();
      throw error;
    } finally {
      cancel();
    }
  };
  /** Ends when both directions have, or either breaks, or the terms are over. */
  const carry = async (a: Stream, b: Stream, lent: RelayLimits, end: () => void): Promise<void> => {
    let left = lent.circuitBytesMax;
    let movedAtMs = clock.monotonicMs();
    const cancelLife = clock.after(lent.circuitMs, end);
    const cancelIdle = clock.every(IDLE_MS / 4, () => {
      if (clock.monotonicMs() - movedAtMs > IDLE_MS) end();
    });
    const pump = async (from: Stream, to: Stream): Promise<void> => {
      for (;;) {
        const chunk = await from.read(CHUNK_BYTES);
        if (chunk === null) return to.finish();
        movedAtMs = clock.monotonicMs();
        left -= chunk.length;
        bytes += chunk.length;
        metrics?.bytes.inc(chunk.length);
        // The owner may have taken back what was lent.
        if (left < 0 || limits() === null) {
          end();
          return;
        }
        await wait(chunk.length);
        await to.write(chunk);
      }
    };
    const guarded = (from: Stream, to: Stream): Promise<void> =>
      pump(from, to).catch((error: unknown) => {
        end();
        if (!isNodeError(error)) throw error;
      });
    try {
      await Promise.all([guarded(a, b), guarded(b, a)]);
    } finally {
      cancelLife();
      cancelIdle();
    }
  };

  const onStream = async (stream: Stream, connection: Connection): Promise<void> => {
    const cancel = clock.after(REQUEST_MS, () => stream.reset());
    const first = await readMessage(stream, { bytesMax: RELAY_MESSAGE_BYTES_MAX }).finally(cancel);
    if (first === null) return;
    const request = decodeRelayRequest(first);
    if (request.kind === 'reserve') await reserve(stream, connection);
    else if (request.kind === 'connect') await connect(stream, connection, request.peer);
    else await onIncoming(stream, connection, request.peer);
  };

  return {
    carries: (one, other) => [...circuits].some(({ ends }) => ends.includes(one) && ends.includes(other)),
    stats: () => ({ reservations: reservations.size, circuits: circuits.size, bytes }),
    start: () => {
      withdraw = endpoint.handle(
        {
          name: RELAY_PROTOCOL,
          // Of both directions: a relay opens one here for each circuit that ends here.
          streamsMax: 64,
          opensPerTenSeconds: 64,
          // Bounded by the terms of circuits.
          bytesMax: null,
          deadlineMs: null,
        },
        onStream,
      );
      logger.debug('Relaying is handled', { lent: limits() !== null });
      return Promise.resolve();
    },
    stop: () => {
      withdraw();
      for (const { end } of circuits) end();
      reservations.clear();
      return Promise.resolve();
    },
  };
};
