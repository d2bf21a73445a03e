import { assert } from '../../../../base/index.ts';
import { CarrierError } from '../../errors.ts';
import type { CarrierStream } from '../interface.ts';
import { SEGMENT_BYTES_MAX } from './constants.ts';

/** One of the two ends of a channel. */
export type Side = 0 | 1;
export const otherSide = (side: Side): Side => (side === 0 ? 1 : 0);

/** Puts events that travel apart back into the order in which they left. */
export interface Sequence {
  next: number;
  due: number;
  early: Map<number, () => void>;
}
export const createSequence = (): Sequence => ({ next: 0, due: 0, early: new Map() });

/** Lets something happen at the other end after `bytes` have travelled there; in order with others of the same sequence. */
export type Post = (from: Side, bytes: number, sequence: Sequence | null, happen: () => void) => void;

/** The data that goes one way. */
interface Half {
  from: Side;
  sequence: Sequence;
  /** At the sender. */
  sender: {
    underWay: number;
    finished: boolean;
    error: CarrierError | null;
    /** Ends the wait for credit. */
    wake: (() => void) | null;
    tail: Promise<void>;
  };
  /** At the receiver. */
  receiver: {
    chunks: Uint8Array[];
    /** Read since the sender was told last. */
    credit: number;
    finArrived: boolean;
    /** The end was handed out. */
    drained: boolean;
    error: CarrierError | null;
    wake: (() => void) | null;
  };
}

/** A stream as both of its ends have it. */
export interface StreamPair {
  readonly ends: readonly [CarrierStream, CarrierStream];
  /** The channel is gone at this end. @param keep - what has arrived may still be read */
  fail(side: Side, keep: boolean): void;
  /** Whether the other end's reset has arrived here. */
  isReset(side: Side): boolean;
}

export const resetError = (): CarrierError =>
  new CarrierError({ code: 'RESET' }, 'The stream was reset, so what was under way is lost; open another one.');
export const closedError = (): CarrierError =>
  new CarrierError({ code: 'CLOSED' }, 'The channel is closed, so nothing more comes or goes; dial again.');

/** @param onOver - called once, when neither end can do anything more with it */
export const createStreamPair = (post: Post, windowBytes: number, onOver: () => void): StreamPair => {
  const createHalf = (from: Side): Half => ({
    from,
    sequence: createSequence(),
    sender: { underWay: 0, finished: false, error: null, wake: null, tail: Promise.resolve() },
    receiver: { chunks: [], credit: 0, finArrived: false, drained: false, error: null, wake: null },
  });
  const halves: readonly [Half, Half] = [createHalf(0), createHalf(1)];
  let over = false;

  const wake = (waiter: Half['sender'] | Half['receiver']): void => {
    const go = waiter.wake;
    waiter.wake = null;
    go?.();
  };
  const settle = (): void => {
    if (over) return;
    for (const { sender, receiver } of halves) {
      if (!sender.finished && sender.error === null) return;
      if (!receiver.drained && receiver.error === null) return;
    }
    over = true;
    onOver();
  };
  const failSender = (half: Half, error: CarrierError): void => {
    if (half.sender.error !== null) return;
    half.sender.error = error;
    wake(half.sender);
  };
  /** What has arrived whole stays readable; of all else nothing does, as its order of arrival says nothing. */
  const failReceiver = (half: Half, error: CarrierError, keep: boolean): void => {
    if (half.receiver.error !== null || (keep && half.receiver.finArrived)) return;
    half.receiver.error = error;
    if (!keep) half.receiver.chunks.length = 0;
    wake(half.receiver);
  };

  const write = async (half: Half, bytes: Uint8Array): Promise<void> => {
    const { sender, receiver } = half;
    assert(!sender.finished, 'Nothing may be written to a stream after its end.');
    for (let offset = 0; ; ) {
      if (sender.error !== null) throw sender.error;
      if (offset >= bytes.length) return;
      const room = windowBytes - sender.underWay;
      if (room <= 0) {
        await new Promise<void>((resolve) => {
          sender.wake = resolve;
        });
        continue;
      }
      // A copy, since the writer may use its bytes again as soon as they are taken; not by `slice`, which copies nothing of a Buffer.
      const segment = new Uint8Array(bytes.subarray(offset, offset + Math.min(room, SEGMENT_BYTES_MAX)));
      offset += segment.length;
      sender.underWay += segment.length;
      post(half.from, segment.length, half.sequence, () => {
        if (receiver.error !== null) return;
        receiver.chunks.push(segment);
        wake(receiver);
      });
    }
  };

  const take = (half: Half, maxBytes: number): Uint8Array => {
    const { sender, receiver } = half;
    let chunk = receiver.chunks[0] as Uint8Array;
    if (chunk.length > maxBytes) {
      receiver.chunks[0] = chunk.subarray(maxBytes);
      chunk = chunk.subarray(0, maxBytes);
    } else receiver.chunks.shift();
    receiver.credit += chunk.length;
    // Told in quarters of the window: seldom enough to cost little, and before the sender runs dry.
    if (receiver.credit * 4 >= windowBytes) {
      const credit = receiver.credit;
      receiver.credit = 0;
      post(otherSide(half.from), 0, null, () => {
        sender.underWay -= credit;
        wake(sender);
      });
    }
    return chunk;
  };
  const read = async (half: Half, maxBytes: number): Promise<Uint8Array | null> => {
    const { receiver } = half;
    assert(maxBytes >= 1, 'A read must take one byte or more.');
    assert(receiver.wake === null, 'A stream is read by one call at a time.');
    for (;;) {
      if (receiver.chunks.length > 0) return take(half, maxBytes);
      if (receiver.finArrived) {
        receiver.drained = true;
        settle();
        return null;
      }
      if (receiver.error !== null) throw receiver.error;
      await new Promise<void>((resolve) => {
        receiver.wake = resolve;
      });
    }
  };

  const createEnd = (side: Side): CarrierStream => {
    const out = halves[side];
    const into = halves[otherSide(side)];
    let resetSent = false;
    return {
      read: (maxBytes) => read(into, maxBytes),
      write: (bytes) => {
        const written = write(out, bytes);
        out.sender.tail = written.catch(() => undefined);
        return written;
      },
      finish: async () => {
        await out.sender.tail;
        if (out.sender.error !== null) throw out.sender.error;
        if (out.sender.finished) return;
        out.sender.finished = true;
        post(side, 0, out.sequence, () => {
          out.receiver.finArrived = true;
          wake(out.receiver);
        });
        settle();
      },
      reset: () => {
        if (resetSent || over) return;
        resetSent = true;
        failSender(out, resetError());
        failReceiver(into, resetError(), false);
        // In no order with the data, which it makes worthless; as QUIC's RESET_STREAM and STOP_SENDING.
        post(side, 0, null, () => {
          failReceiver(out, resetError(), out.receiver.finArrived);
          if (!into.sender.finished) failSender(into, resetError());
          settle();
        });
        settle();
      },
    };
  };

  return {
    ends: [createEnd(0), createEnd(1)],
    fail: (side, keep) => {
      failSender(halves[side], closedError());
      failReceiver(halves[otherSide(side)], closedError(), keep);
      settle();
    },
    isReset: (side) => halves[otherSide(side)].receiver.error?.code === 'RESET',
  };
};
