import { Buffer } from 'node:buffer';
import type { Outside, WorkerPool } from '../../../base/index.ts';
import type { Mesh, PeerId, PeerVerifier, Stream, VerifiedPeer } from '../../../transport/stoq/index.ts';
import { type CellReader, createCellReader, within } from './cell-reader.ts';
import { CELL, type Frame, packFrame, unpackFrame } from './cells.ts';
import { type CircuitEnd, createCircuitEnd } from './circuit-end.ts';
import { BUILD_MS, CELL_BYTES, CERTIFICATE_BYTES_MAX, CIRCUIT_PROTOCOL, DEPTHS, KNOWN_KEYS_MAX } from './constants.ts';
import { cellBroken, circuitClosed, circuitRefused, wrongKeys } from './errors.ts';
import { beginHop, type HopKeys } from './handshake.ts';
import { decodeBegun, decodeRefusal, encodeBegin, encodeExtend, type Begin } from './messages.ts';

export interface BuildComponents {
  outside: Outside;
  workers: WorkerPool;
  mesh: Pick<Mesh, 'node' | 'connect'>;
  verifier: PeerVerifier;
}
/** A circuit to its end, of which only the last step is missing. */
export interface BuiltCircuit {
  readonly target: VerifiedPeer;
  /** 32 bytes that only this end and the target have. */
  readonly exporter: Uint8Array;
  /** Ms of the last step there and back. */
  readonly rttMs: number;
  /** @returns the circuit, and the bytes of the session that the target has @throws {CircuitError} */
  begin(begin: Begin): Promise<{ end: CircuitEnd; have: number }>;
  close(): void;
}
export interface CircuitBuilder {
  /**
   * @param path - relays, and the target behind them
   * @param onStep - told before each place is reached, so that a failure can be laid at somebody's door
   * @throws {CircuitError} {PeerError} {StreamError}; `signal.reason`
   */
  build(path: readonly PeerId[], signal: AbortSignal, onStep: (place: number) => void): Promise<BuiltCircuit>;
}

export const createCircuitBuilder = ({ outside, workers, mesh, verifier }: BuildComponents): CircuitBuilder => {
  const { clock, random } = outside;
  /** Certificates that were found to hold, least recently used first. */
  const known = new Map<PeerId, VerifiedPeer>();
  const keep = (peer: VerifiedPeer): void => {
    known.delete(peer.peerId);
    known.set(peer.peerId, peer);
    const oldest = known.size > KNOWN_KEYS_MAX ? known.keys().next().value : undefined;
    if (oldest !== undefined) known.delete(oldest);
  };

  const construct = async (
    stream: Stream,
    path: readonly PeerId[],
    first: VerifiedPeer,
    onStep: (place: number) => void,
  ): Promise<BuiltCircuit> => {
    const reader: CellReader = createCellReader(stream);
    const hops: HopKeys[] = [];
    // Nobody but this node knows where it begins.
    const base = random.below(DEPTHS - path.length + 1);

    const send = async (type: number, body: Uint8Array): Promise<void> => {
      const cell = Buffer.allocUnsafeSlow(CELL_BYTES);
      packFrame(cell, type, body);
      for (const { forward } of [...hops].reverse()) forward.seal(cell);
      await stream.write(cell);
    };
    const receive = async (): Promise<Frame> => {
      const cell = await reader.cell();
      if (cell === null) throw circuitClosed();
      for (const { backward } of hops) backward.open(cell);
      const frame = unpackFrame(cell);
      if (frame.type === CELL.refused) throw circuitRefused(decodeRefusal(frame.body));
      return frame;
    };
    const expect = async (type: number): Promise<Uint8Array> => {
      const frame = await receive();
      if (frame.type !== type) throw cellBroken('it is no answer to what was asked');
      return frame.body;
    };
    /** What a relay says is the certificate of the next place: believed only if it is that of who was asked for. */
    const readCertificate = async (peer: PeerId): Promise<VerifiedPeer> => {
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for (let more = true; more; ) {
        const body = await expect(CELL.certificate);
        if (body.length < 2 || (body[0] ?? 2) > 1) throw cellBroken('a part of a certificate is none');
        more = body[0] === 1;
        bytes += body.length - 1;
        if (bytes > CERTIFICATE_BYTES_MAX) throw cellBroken('a certificate is too large');
        parts.push(body.subarray(1));
      }
      const verified = await verifier.verify(Buffer.concat(parts));
      if (verified.peerId !== peer) throw wrongKeys('a relay showed the certificate of another node');
      keep(verified);
      return verified;
    };

    let target = first;
    let rttMs = 0;
    for (const [place, peer] of path.entries()) {
      onStep(place);
      let verified = place === 0 ? first : known.get(peer);
      if (place > 0) {
        await send(CELL.extend, encodeExtend({ peer, certificate: verified === undefined }));
        verified ??= await readCertificate(peer);
      }
      if (verified === undefined) throw wrongKeys('there is no certificate');
      const { create, finish } = await beginHop({ workers, random }, verified, base + place);
      const startMs = clock.monotonicMs();
      await send(CELL.create, create);
      const created = await expect(CELL.created);
      rttMs = clock.monotonicMs() - startMs;
      try {
        hops.push(finish(created));
      } catch (error) {
        // It may have other keys by now.
        known.delete(peer);
        throw error;
      }
      target = verified;
    }
    const last = hops.at(-1);
    if (last === undefined) throw circuitClosed();
    return {
      target,
      exporter: last.exporter,
      rttMs,
      begin: async (begin) => {
        await send(CELL.begin, encodeBegin(begin));
        const have = decodeBegun(await expect(CELL.begun));
        const layers = [...hops].reverse().map(({ forward }) => forward);
        const opened = hops.map(({ backward }) => backward);
        return { end: createCircuitEnd(stream, reader, layers, opened), have };
      },
      close: () => stream.reset(),
    };
  };

  return {
    build: async (path, signal, onStep) => {
      const [entry] = path;
      if (entry === undefined) throw circuitClosed();
      onStep(0);
      const controller = new AbortController();
      const giveUp = (): void => controller.abort(signal.aborted ? signal.reason : circuitClosed());
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) giveUp();
      try {
        return await within(clock, BUILD_MS, giveUp, async () => {
          const connection = await mesh.connect(entry, { signal: controller.signal });
          const stream = await connection.openStream(CIRCUIT_PROTOCOL);
          const reset = (): void => stream.reset();
          controller.signal.addEventListener('abort', reset, { once: true });
          if (controller.signal.aborted) reset();
          try {
            return await construct(stream, path, connection.peer, onStep);
          } catch (error) {
            stream.reset();
            throw error;
          } finally {
            controller.signal.removeEventListener('abort', reset);
          }
        });
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      } finally {
        signal.removeEventListener('abort', giveUp);
      }
    },
  };
};
