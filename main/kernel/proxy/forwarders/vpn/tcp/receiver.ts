import { TCP_AHEAD_MAX, TCP_BUFFER_BYTES_MAX } from '../constants.ts';
import { createReassembly } from './reassembly.ts';
import { ahead, FIN, lengthOf, plus, type Segment } from './segment.ts';

/** What comes of what is received. */
export interface ReceiverInit {
  /** Number of the other end's first byte. */
  first: number;
  mssBytes: number;
  /** Bytes that may wait, as of now. */
  limitBytes(): number;
  /** Bytes in order, which belong to whoever takes them. */
  data(bytes: Buffer): void;
  /** Nothing more will come. Called once. */
  finished(): void;
}
/** The receiving half of a connection: window, order and end of what comes. */
export interface Receiver {
  /** Number that the next byte of the other end has. */
  readonly next: number;
  readonly finished: boolean;
  /** Bytes that the other end may send beyond `next`; to be told with every segment. */
  window(): number;
  /** Begins with a window that is told without a scale. @returns it */
  openWindow(): number;
  /** RFC 9293, section 3.10.7.4, first: whether any of a segment lies in the window. */
  isAcceptable(segment: Segment): boolean;
  /** Takes what is in the window of an acceptable segment. @returns whether it left a gap, of which the other end is told at once */
  take(segment: Segment): boolean;
  /** So many bytes have gone on. @returns whether the window has moved by as much as is worth a segment */
  consume(bytes: number): boolean;
  clear(): void;
}

/** Least part of a packet's memory that a slice of it must be, lest a byte keep 64 KiB. */
const SLICE_SHARE = 4;
const keep = (payload: Buffer): Buffer =>
  payload.length * SLICE_SHARE < payload.buffer.byteLength ? Buffer.from(payload) : payload;

export const createReceiver = (init: ReceiverInit): Receiver => {
  const waiting = createReassembly({ countMax: TCP_AHEAD_MAX, bytesMax: TCP_BUFFER_BYTES_MAX });
  let next = init.first;
  /** Right edge of the window that the other end knows. */
  let edge = next;
  /** Received, not consumed. */
  let heldBytes = 0;
  let finished = false;
  let cleared = false;

  /** Moves the edge only by as much as is worth a segment, RFC 9293, section 3.8.6.2.2, and never back. */
  const window = (): number => {
    const limit = init.limitBytes();
    const possible = plus(next, Math.max(0, limit - heldBytes));
    if (ahead(possible, edge) >= Math.min(init.mssBytes, limit / 2)) edge = possible;
    return Math.max(0, ahead(edge, next));
  };
  const deliver = (payload: Buffer, last: boolean): void => {
    if (payload.length > 0) {
      next = plus(next, payload.length);
      heldBytes += payload.length;
      init.data(keep(payload));
    }
    if (!last || cleared) return;
    next = plus(next, 1);
    finished = true;
    waiting.clear();
    init.finished();
  };
  return {
    get next() {
      return next;
    },
    get finished() {
      return finished;
    },
    window,
    openWindow: () => {
      edge = plus(next, Math.min(0xffff, init.limitBytes()));
      return ahead(edge, next);
    },
    isAcceptable: (segment) => {
      const length = lengthOf(segment);
      const room = Math.max(0, ahead(edge, next));
      const from = ahead(segment.sequence, next);
      // At the very edge too: where else would one acknowledge who has filled the window?
      if (length === 0) return from >= 0 && from <= room;
      return room > 0 && from < room && from + length > 0;
    },
    take: (segment) => {
      let { payload } = segment;
      let last = (segment.flags & FIN) !== 0;
      if (finished || (payload.length === 0 && !last)) return false;
      let at = segment.sequence;
      const old = ahead(next, at);
      if (old > 0) {
        payload = payload.subarray(Math.min(old, payload.length));
        at = next;
      }
      const over = ahead(plus(at, payload.length), edge);
      if (over > 0) {
        payload = payload.subarray(0, Math.max(0, payload.length - over));
        last = false;
      }
      if (at !== next) {
        waiting.add(at, keep(payload), last);
        return true;
      }
      deliver(payload, last);
      for (let more = waiting.take(next); more !== null; more = waiting.take(next))
        deliver(more.payload, more.finished);
      return false;
    },
    consume: (bytes) => {
      heldBytes -= bytes;
      const before = edge;
      window();
      return edge !== before;
    },
    clear: () => {
      cleared = true;
      waiting.clear();
    },
  };
};
