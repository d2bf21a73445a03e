import { Buffer } from 'node:buffer';
import { assert, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import type { Connection, Mesh, NetworkId, PeerId, Stream } from '../../../transport/stoq/index.ts';
import { createLimit } from '../limit.ts';
import { type CellReader, cellsOf, createCellReader, within } from './cell-reader.ts';
import { CELL, packFrame, unpackFrame } from './cells.ts';
import { type CircuitEnd, createCircuitEnd } from './circuit-end.ts';
import {
  CELL_BODY_MAX,
  CELL_BYTES,
  CIRCUIT_PROTOCOL,
  EXTEND_MS,
  HALF_OPEN_MAX,
  HALF_OPEN_PER_PEER_MAX,
  IDLE_MS,
  LAST_WORD_MS,
  STEP_MS,
} from './constants.ts';
import { circuitClosed, type CircuitRefusal, cellBroken } from './errors.ts';
import { answerHop, CREATE_BYTES, CREATED_BYTES, type HopKeys } from './handshake.ts';
import { type Begin, decodeBegin, decodeExtend, encodeRefusal } from './messages.ts';
import type { CircuitMetrics } from './metrics.ts';

/** What the owner lends to circuits of others. */
export interface CircuitLimits {
  circuitsMax: number;
  circuitsPerPeerMax: number;
  /** Bytes of one circuit, both directions together. */
  circuitBytesMax: number;
  circuitMs: number;
  /** All circuits together, each way. */
  bytesPerSecondMax: number;
}
/** Small enough for a line at home, as those of STOQ's relays. */
export const CIRCUIT_LIMITS: CircuitLimits = {
  circuitsMax: 64,
  circuitsPerPeerMax: 16,
  circuitBytesMax: 2 ** 32,
  circuitMs: 2 * 3_600_000,
  bytesPerSecondMax: 4 * 2 ** 20,
};

export interface HopComponents {
  outside: Outside;
  logger: Logger;
  metrics: CircuitMetrics | null;
  mesh: Pick<Mesh, 'node' | 'connect'>;
  keys: Pick<KeyHolder, 'node'>;
  /** Asked at every step: what the owner lends now, null for nothing. */
  relayLimits: () => CircuitLimits | null;
  /** Whether anonymous links may end here. */
  acceptsEnds: () => boolean;
  /** A circuit that ends here. Resolves when it is over. */
  onEnd(end: CircuitEnd, begin: Begin, exporter: Uint8Array): Promise<void>;
}
/** This node in circuits of others: in the middle or at the far end, which looks the same from outside. */
export interface Hop {
  handle(stream: Stream, connection: Connection): Promise<void>;
  stats(): { halfOpen: number; relayed: number; bytes: number };
  stop(): void;
}

const overlap = (a: ReadonlySet<NetworkId>, b: ReadonlySet<NetworkId>): boolean => [...a].some((id) => b.has(id));

export const createHop = (components: HopComponents): Hop => {
  const { outside, metrics, mesh, keys, relayLimits, acceptsEnds, onEnd } = components;
  const { clock } = outside;
  const logger = components.logger.child('circuits');
  const halfOpen = new Map<PeerId, number>();
  let halfOpenAll = 0;
  /** Those that are led on, with who asked for them. */
  const relayed = new Set<{ peer: PeerId; end(): void }>();
  const streams = new Set<Stream>();
  const limit = createLimit({ clock }, { bytesPerSecond: relayLimits()?.bytesPerSecondMax ?? null });
  let bytes = 0;
  let stopped = false;

  const enter = (peer: PeerId): (() => void) | null => {
    const own = halfOpen.get(peer) ?? 0;
    if (halfOpenAll >= HALF_OPEN_MAX || own >= HALF_OPEN_PER_PEER_MAX) return null;
    halfOpen.set(peer, own + 1);
    halfOpenAll += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      halfOpenAll -= 1;
      const now = (halfOpen.get(peer) ?? 1) - 1;
      if (now === 0) halfOpen.delete(peer);
      else halfOpen.set(peer, now);
    };
  };
  const cellOf = (type: number, ...parts: readonly Uint8Array[]): Buffer => {
    const cell = Buffer.allocUnsafeSlow(CELL_BYTES);
    packFrame(cell, type, ...parts);
    return cell;
  };

  /** The first cell of a stream, and its answer. @returns null where it was refused */
  const create = async (stream: Stream, reader: CellReader): Promise<HopKeys | null> => {
    const cell = await reader.cell();
    if (cell === null) return null;
    const { type, body } = unpackFrame(cell);
    if (type !== CELL.create) throw cellBroken('a circuit does not begin like this');
    const node = keys.node();
    const self = mesh.node?.endpoint.local.peerId;
    if (node === null || self === undefined || (relayLimits() === null && !acceptsEnds())) {
      await stream.write(cellOf(CELL.refused, encodeRefusal('off')));
      return null;
    }
    const { created, keys: hopKeys } = await answerHop({ opener: node.opener, random: outside.random }, self, body);
    await stream.write(cellOf(CELL.created, created));
    return hopKeys;
  };

  /** Hands on what comes, a layer off on the way out and one on on the way back, until either end is gone. */
  const carry = async (
    near: { stream: Stream; reader: CellReader },
    far: { stream: Stream; reader: CellReader },
    hop: HopKeys,
    limits: CircuitLimits,
    end: () => void,
  ): Promise<void> => {
    let left = limits.circuitBytesMax;
    let movedAtMs = clock.monotonicMs();
    limit.setRate(limits.bytesPerSecondMax);
    const cancelLife = clock.after(limits.circuitMs, end);
    const cancelIdle = clock.every(IDLE_MS / 4, () => {
      // The owner may have taken back what was lent.
      if (clock.monotonicMs() - movedAtMs > IDLE_MS || relayLimits() === null) end();
    });
    const pump = async (
      from: CellReader,
      to: Stream,
      way: 'send' | 'receive',
      turn: (cell: Buffer) => void,
    ): Promise<void> => {
      try {
        for (;;) {
          const batch = await from.batch();
          if (batch === null) {
            // The last cell may be why it ended: it is to arrive before everything is torn down.
            await to.finish();
            await within(clock, LAST_WORD_MS, end, () => to.acknowledged());
            return;
          }
          movedAtMs = clock.monotonicMs();
          left -= batch.length;
          bytes += batch.length;
          metrics?.bytes.inc(batch.length);
          if (left < 0) return;
          for (const cell of cellsOf(batch)) turn(cell);
          await limit[way](batch.length);
          await to.write(batch);
        }
      } catch (error) {
        if (!isNodeError(error)) throw error;
        metrics?.ended.inc(1, { code: error.code });
      } finally {
        // Half a circuit is of no use to anybody.
        end();
      }
    };
    try {
      await Promise.all([
        pump(near.reader, far.stream, 'send', hop.forward.open),
        pump(far.reader, near.stream, 'receive', hop.backward.seal),
      ]);
    } finally {
      cancelLife();
      cancelIdle();
    }
  };

  /** @returns the stream to the next node, or why there is none */
  const reach = async (
    connection: Connection,
    peer: PeerId,
  ): Promise<{ stream: Stream; certificate: Uint8Array } | CircuitRefusal> => {
    const self = mesh.node?.endpoint.local.peerId;
    if (peer === self || peer === connection.peer.peerId) return 'notAllowed';
    const giveUp = new AbortController();
    const cancel = clock.after(EXTEND_MS, () => giveUp.abort(circuitClosed()));
    try {
      // By its id alone: addresses that a stranger names are not dialled for it.
      const next = await mesh.connect(peer, { signal: giveUp.signal });
      // Nobody comes out of one network into another, nor learns who is in it: the answer is that of a node that is away.
      if (!overlap(next.networks, connection.networks)) return 'unreachable';
      return { stream: await next.openStream(CIRCUIT_PROTOCOL), certificate: next.peer.certificate };
    } catch (error) {
      if (!isNodeError(error)) throw error;
      return 'unreachable';
    } finally {
      cancel();
    }
  };

  /** Leads a circuit on to the next node. */
  const extend = async (
    near: { stream: Stream; reader: CellReader },
    connection: Connection,
    hop: HopKeys,
    body: Uint8Array,
    leave: () => void,
  ): Promise<void> => {
    const { peer, certificate } = decodeExtend(body);
    const from = connection.peer.peerId;
    const answer = async (type: number, ...parts: readonly Uint8Array[]): Promise<void> => {
      const cell = cellOf(type, ...parts);
      hop.backward.seal(cell);
      await near.stream.write(cell);
    };
    const refuse = async (reason: CircuitRefusal): Promise<void> => {
      metrics?.steps.inc(1, { result: reason });
      await answer(CELL.refused, encodeRefusal(reason));
      await near.stream.finish();
    };
    const limits = relayLimits();
    if (limits === null) return refuse('off');
    const own = [...relayed].filter((one) => one.peer === from).length;
    if (relayed.size >= limits.circuitsMax || own >= limits.circuitsPerPeerMax) return refuse('full');
    const circuit = { peer: from, end: (): void => near.stream.reset() };
    // Counted before the first wait: many at once must not all find a place free.
    relayed.add(circuit);
    metrics?.circuits.set(relayed.size);
    let far: Stream | null = null;
    try {
      const reached = await reach(connection, peer);
      if (typeof reached === 'string') return await refuse(reached);
      const stream = reached.stream;
      far = stream;
      const end = (): void => {
        near.stream.reset();
        stream.reset();
      };
      circuit.end = end;
      const farReader = createCellReader(stream);
      if (certificate) {
        const shown = reached.certificate;
        for (let at = 0; at < shown.length; at += CELL_BODY_MAX - 1) {
          const part = shown.subarray(at, at + CELL_BODY_MAX - 1);
          await answer(CELL.certificate, Uint8Array.of(at + part.length < shown.length ? 1 : 0), part);
        }
      }
      const created = await within(clock, STEP_MS, end, async () => {
        const cell = await near.reader.cell();
        if (cell === null) throw circuitClosed();
        hop.forward.open(cell);
        const asked = unpackFrame(cell);
        if (asked.type !== CELL.create || asked.body.length !== CREATE_BYTES)
          throw cellBroken('no next place is asked for');
        await stream.write(cellOf(CELL.create, asked.body));
        const reply = await farReader.cell();
        if (reply === null) throw circuitClosed();
        return unpackFrame(reply);
      });
      if (created.type !== CELL.created || created.body.length !== CREATED_BYTES)
        return await refuse(created.type === CELL.refused ? 'full' : 'malformed');
      await answer(CELL.created, created.body);
      metrics?.steps.inc(1, { result: 'ok' });
      leave();
      await carry(near, { stream, reader: farReader }, hop, limits, end);
    } finally {
      far?.reset();
      relayed.delete(circuit);
      metrics?.circuits.set(relayed.size);
    }
  };

  const handle = async (stream: Stream, connection: Connection): Promise<void> => {
    const leave = enter(connection.peer.peerId);
    if (leave === null || stopped) {
      await stream.write(cellOf(CELL.refused, encodeRefusal('full')));
      return;
    }
    streams.add(stream);
    const reader = createCellReader(stream);
    const giveUp = (): void => stream.reset();
    try {
      const hop = await within(clock, STEP_MS, giveUp, () => create(stream, reader));
      if (hop === null) return;
      const frame = await within(clock, STEP_MS, giveUp, async () => {
        const cell = await reader.cell();
        if (cell === null) return null;
        hop.forward.open(cell);
        return unpackFrame(cell);
      });
      if (frame === null) return;
      if (frame.type === CELL.extend) await extend({ stream, reader }, connection, hop, frame.body, leave);
      else if (frame.type === CELL.begin) {
        const begin = decodeBegin(frame.body);
        leave();
        await onEnd(createCircuitEnd(stream, reader, [hop.backward], [hop.forward]), begin, hop.exporter);
      } else throw cellBroken('a circuit does not go on like this');
    } catch (error) {
      // Whoever is next to us is not known to be at fault: it may only hand on what another made.
      if (!isNodeError(error)) throw error;
      logger.debug('A circuit ended early', { code: error.code });
      metrics?.ended.inc(1, { code: error.code });
      stream.reset();
    } finally {
      leave();
      streams.delete(stream);
    }
  };

  return {
    handle,
    stats: () => ({ halfOpen: halfOpenAll, relayed: relayed.size, bytes }),
    stop: () => {
      stopped = true;
      for (const { end } of relayed) end();
      for (const stream of streams) stream.reset();
      limit.stop();
      assert(halfOpenAll >= 0, 'places are left as often as they are taken');
    },
  };
};
