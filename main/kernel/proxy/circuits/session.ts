import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import { type Clock, isNodeError } from '../../../base/index.ts';
import { CELL } from './cells.ts';
import type { CircuitEnd, SentFrame } from './circuit-end.ts';
import {
  ACK_BYTES,
  ACK_MS,
  CELL_BODY_MAX,
  CELLS_AT_ONCE,
  LAST_WORD_MS,
  PROBE_AT_REST_MS,
  PROBE_MS,
  REST_MS,
  SESSION_WINDOW_BYTES,
  SILENCE_MS,
  WATCH_MS,
} from './constants.ts';
import { cellBroken, circuitClosed } from './errors.ts';

/** Where the bytes of a frame begin in the session, and how many have come the other way: 48 bits each. */
const NUMBER_BYTES = 6;
const DATA_HEADER_BYTES = 2 * NUMBER_BYTES;
const DATA_BYTES_MAX = CELL_BODY_MAX - DATA_HEADER_BYTES;
/** Frames of the multiplexer about itself are smaller: they do not make a session busy. */
const IDLE_BYTES_MAX = 64;

export interface SessionInit {
  /** The near end looks after its circuit: it asks into silence. */
  watches: boolean;
  /** The circuit is gone and another one may be attached. */
  onDetached(reason: string): void;
  /** It is over for good. Once. */
  onClosed(): void;
}
/**
 * Ordered bytes both ways that outlive their circuits: what the far end has not acknowledged is kept, and sent again over the next
 * one, from where that end says it is.
 */
export interface Session {
  /** For a multiplexer. */
  readonly pipe: Duplex;
  /** Bytes that came so far. */
  readonly received: number;
  readonly sent: number;
  readonly attached: boolean;
  /** Monotonic ms of the newest attachment. */
  readonly attachedAtMs: number;
  /** Ms in which bytes moved, for a rate of what it carried. */
  readonly busyMs: number;
  /**
   * Takes a circuit in place of the one before, which is closed.
   *
   * @param have - bytes of ours that the far end has
   * @param rttMs - of the circuit
   * @returns resolves when the circuit is no longer this session's
   * @throws {CircuitError} `CELL_BROKEN` when the far end cannot have so many
   */
  attach(end: CircuitEnd, have: number, rttMs: number): Promise<void>;
  /** Lets go of the circuit, if there is one. */
  detach(reason: string): void;
  /** Ends it at both sides. May be called twice. */
  close(): void;
}

export const createSession = ({ clock }: { clock: Clock }, init: SessionInit): Session => {
  const { watches, onDetached, onClosed } = init;
  /** What was written and not acknowledged, in order. */
  const kept: { at: number; bytes: Buffer }[] = [];
  let acknowledged = 0;
  let written = 0;
  /** Next byte to leave, and where it is in `kept`. */
  let sent = 0;
  let cursor = 0;
  /** The furthest that ever left. */
  let sentMax = 0;
  let writer: (() => void) | null = null;

  let received = 0;
  let toldReceived = 0;
  let ackDue = false;
  let cancelAck = (): void => undefined;
  let probeDue = false;

  let current: { end: CircuitEnd; wake: () => void; over: () => void } | null = null;
  let closed = false;
  let attachedAtMs = clock.monotonicMs();
  let silenceMs = SILENCE_MS;
  let heardMs = attachedAtMs;
  /** Since when something waits for an answer. */
  let askedMs: number | null = null;
  let movedMs = attachedAtMs - REST_MS;
  let busyMs = 0;

  const wake = (): void => current?.wake();
  const asks = (): void => {
    askedMs ??= clock.monotonicMs();
  };
  const header = (offset: number): Buffer => {
    const bytes = Buffer.allocUnsafe(DATA_HEADER_BYTES);
    bytes.writeUIntBE(offset, 0, NUMBER_BYTES);
    bytes.writeUIntBE(received, NUMBER_BYTES, NUMBER_BYTES);
    return bytes;
  };
  /** As many bytes as fit one cell. */
  const nextData = (): SentFrame | null => {
    if (sent === written) return null;
    const parts: Uint8Array[] = [header(sent)];
    let room = DATA_BYTES_MAX;
    while (room > 0) {
      const piece = kept[cursor];
      if (piece === undefined) break;
      const from = sent - piece.at;
      const part = piece.bytes.subarray(from, from + room);
      parts.push(part);
      sent += part.length;
      room -= part.length;
      if (from + part.length === piece.bytes.length) cursor += 1;
    }
    if (DATA_BYTES_MAX - room > IDLE_BYTES_MAX) movedMs = clock.monotonicMs();
    sentMax = Math.max(sentMax, sent);
    return { type: CELL.data, parts };
  };
  const nextFrames = (): SentFrame[] => {
    const frames: SentFrame[] = [];
    for (let frame = nextData(); frame !== null; frame = frames.length < CELLS_AT_ONCE ? nextData() : null)
      frames.push(frame);
    if (frames.length > 0) asks();
    else if (ackDue) frames.push({ type: CELL.data, parts: [header(sent)] });
    if (probeDue) {
      frames.push({ type: CELL.probe, parts: [] });
      asks();
    }
    if (frames.length === 0) return frames;
    probeDue = false;
    ackDue = false;
    cancelAck();
    cancelAck = () => undefined;
    toldReceived = received;
    return frames;
  };

  const onAcknowledged = (bytes: number): void => {
    if (bytes > sentMax) throw cellBroken('more is acknowledged than was sent');
    if (bytes <= acknowledged) return;
    acknowledged = bytes;
    let done = 0;
    for (let piece = kept[done]; piece !== undefined && piece.at + piece.bytes.length <= bytes; piece = kept[done])
      done += 1;
    kept.splice(0, done);
    cursor = Math.max(0, cursor - done);
    if (writer === null || written - acknowledged >= SESSION_WINDOW_BYTES) return;
    const taken = writer;
    writer = null;
    taken();
  };
  const onData = (body: Uint8Array): void => {
    if (body.length < DATA_HEADER_BYTES) throw cellBroken('it is too short for data');
    const view = Buffer.from(body.buffer, body.byteOffset, body.length);
    onAcknowledged(view.readUIntBE(NUMBER_BYTES, NUMBER_BYTES));
    const bytes = view.subarray(DATA_HEADER_BYTES);
    if (bytes.length === 0) return;
    // A circuit keeps order, and a new one begins where this end was: anything else was made up.
    if (view.readUIntBE(0, NUMBER_BYTES) !== received) throw cellBroken('its bytes are not the next ones');
    if (bytes.length > IDLE_BYTES_MAX) movedMs = clock.monotonicMs();
    received += bytes.length;
    pipe.push(bytes);
    if (received - toldReceived >= ACK_BYTES) {
      ackDue = true;
      wake();
    } else if (toldReceived + bytes.length >= received)
      // The first since the last word to the far end: later ones wait with it.
      cancelAck = clock.after(ACK_MS, () => {
        ackDue = true;
        wake();
      });
  };

  const detach = (reason: string): void => {
    if (current === null) return;
    const { end, over } = current;
    current = null;
    askedMs = null;
    end.close();
    over();
    if (!closed) onDetached(reason);
  };
  const finish = (): void => {
    if (closed) return;
    closed = true;
    cancelAck();
    stopWatching();
    detach('it is over');
    kept.length = 0;
    onClosed();
    pipe.destroy();
  };
  const onFrame = (type: number, body: Uint8Array): void => {
    switch (type) {
      case CELL.data:
        onData(body);
        return;
      case CELL.probe:
        ackDue = true;
        wake();
        return;
      case CELL.end:
        finish();
        return;
      default:
        throw cellBroken(`a session has no frames of type ${type}`);
    }
  };

  const pipe: Duplex = new Duplex({
    // What comes is pushed at once: the multiplexer's credit bounds it.
    read: () => undefined,
    write: (chunk: Uint8Array, _encoding, taken) => {
      // A copy: the writer may use its buffer again, and this is kept until it is acknowledged.
      kept.push({ at: written, bytes: Buffer.from(chunk) });
      written += chunk.length;
      wake();
      if (written - acknowledged < SESSION_WINDOW_BYTES) taken();
      else writer = taken;
    },
    destroy: (_error, done) => {
      close();
      done(null);
    },
  });
  const close = (): void => {
    if (closed) return;
    // A last word, so that the far end need not wait for another circuit.
    const end = current?.end;
    if (end === undefined) {
      finish();
      return;
    }
    current = null;
    closed = true;
    cancelAck();
    stopWatching();
    kept.length = 0;
    onClosed();
    pipe.destroy();
    const cancel = clock.after(LAST_WORD_MS, () => end.close());
    end
      .send([{ type: CELL.end, parts: [] }])
      .then(() => end.finish())
      .catch(() => undefined)
      .finally(() => {
        cancel();
        end.close();
      });
  };

  let lookedMs = attachedAtMs;
  const watch = (): void => {
    const nowMs = clock.monotonicMs();
    // This machine slept or was busy: the silence was its own.
    if (nowMs - lookedMs > 3 * WATCH_MS) heardMs = nowMs;
    lookedMs = nowMs;
    if (nowMs - movedMs < 2 * WATCH_MS) busyMs += WATCH_MS;
    if (current === null) return;
    if (askedMs !== null) {
      if (nowMs - Math.max(askedMs, heardMs) > silenceMs) detach('it was silent');
      return;
    }
    if (nowMs - heardMs < (nowMs - movedMs < REST_MS ? PROBE_MS : PROBE_AT_REST_MS)) return;
    probeDue = true;
    wake();
  };
  const stopWatching = watches ? clock.every(WATCH_MS, watch) : (): void => undefined;

  return {
    pipe,
    get received() {
      return received;
    },
    get sent() {
      return written;
    },
    get attached() {
      return current !== null;
    },
    get attachedAtMs() {
      return attachedAtMs;
    },
    get busyMs() {
      return busyMs;
    },
    attach: async (end, have, rttMs) => {
      if (closed) {
        end.close();
        throw circuitClosed();
      }
      if (have < acknowledged || have > sentMax) {
        end.close();
        throw cellBroken('the far end cannot have so much');
      }
      detach('another one took its place');
      onAcknowledged(have);
      sent = have;
      cursor = 0;
      toldReceived = received;
      attachedAtMs = clock.monotonicMs();
      heardMs = attachedAtMs;
      askedMs = null;
      silenceMs = Math.max(SILENCE_MS, 3 * rttMs);

      let over: () => void = () => undefined;
      const whenOver = new Promise<void>((resolve) => {
        over = resolve;
      });
      let sending = false;
      const own = { end, over, wake: (): void => void pump() };
      const lost = (error: unknown): void => {
        if (!isNodeError(error)) throw error;
        if (current === own) detach(error.message);
      };
      const pump = async (): Promise<void> => {
        if (sending) return;
        sending = true;
        try {
          while (current === own) {
            const frames = nextFrames();
            if (frames.length === 0) break;
            await end.send(frames);
          }
        } catch (error) {
          lost(error);
        } finally {
          sending = false;
        }
      };
      const listen = async (): Promise<void> => {
        try {
          while (current === own) {
            const frames = await end.receive();
            if (current !== own) return;
            if (frames === null) {
              detach('it ended');
              return;
            }
            heardMs = clock.monotonicMs();
            askedMs = null;
            for (const { type, body } of frames) onFrame(type, body);
            if (sentMax > acknowledged) asks();
          }
        } catch (error) {
          lost(error);
        }
      };
      current = own;
      own.wake();
      await Promise.all([listen(), whenOver]);
    },
    detach,
    close,
  };
};
