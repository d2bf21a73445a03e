import type { Duplex } from 'node:stream';
import { assert, type Clock, countBuffer, type Logger, messageOf } from '../../../../base/index.ts';
import type { CarrierError } from '../../errors.ts';
import type { Address, PeerId, Tier } from '../../interface.ts';
import { closedError, resetError, tooManyError } from '../carrier-errors.ts';
import type { CarrierStream, Channel, ChannelStats } from '../interface.ts';
import {
  BATCH_BYTES,
  CHANNEL_WINDOW_BYTES,
  CONTROL_BYTES_MAX,
  CREDIT_MAX,
  CREDIT_PARTS,
  DATA_BYTES_MAX,
  HEADER_BYTES,
  IDLE_MS,
  KEEP_ALIVE_MS,
  STREAM_WINDOW_BYTES,
  STREAMS_MAX,
} from './constants.ts';
import { createFrameReader, FRAME, writeFrame, writeHeader, writeWindow } from './frames.ts';
import { createReceiveQueue, type ReceiveQueue } from './receive-queue.ts';

export interface MuxComponents {
  clock: Clock;
  logger: Logger;
}
export interface MuxInit {
  /** Ordered, reliable and confidential. The mux takes it over and destroys it in the end. */
  pipe: Duplex;
  tier: Tier;
  direction: 'in' | 'out';
  remoteAddress: Address;
  via: PeerId | null;
  binding: Uint8Array;
  /** Bytes that the pipe has cost on the wire so far. */
  wireBytes: () => Pick<ChannelStats, 'wireSentBytes' | 'wireReceivedBytes'>;
  /** Called once when the channel is gone. */
  onClosed: () => void;
  /** @default 6000 */
  keepAliveMs?: number | undefined;
  /** @default 20 000 */
  idleMs?: number | undefined;
}

interface StreamState {
  readonly id: number;
  readonly ours: boolean;
  /** Null while both directions may go on or end by themselves. */
  ended: 'reset' | 'closed' | null;
  readonly received: ReceiveQueue;
  /** Bytes that the other end may still send. */
  receiveCredit: number;
  /** Bytes read since credit was given back. */
  readSinceCredit: number;
  finishReceived: boolean;
  reader: { maxBytes: number; resolve: (bytes: Uint8Array | null) => void; reject: (error: Error) => void } | null;
  /** Bytes that we may still send. */
  sendCredit: number;
  writer: { bytes: Uint8Array; at: number; resolve: () => void; reject: (error: Error) => void } | null;
  /** Set by `finish`; the frame goes after all that was written. */
  finishing: { resolve: () => void; reject: (error: Error) => void; promise: Promise<void> } | null;
  finishSent: boolean;
}

/** Bytes that TLS puts into one record (RFC 8446, section 5.1). */
const RECORD_BYTES = 16 * 1024;
/** Space for any frame without data. */
const CONTROL_FRAME_BYTES = HEADER_BYTES + CONTROL_BYTES_MAX;
/** Smallest piece of a longer write that is worth a frame of its own. */
const CRUMB_BYTES = 1024;
const ID_MAX = 2 ** 32 - 1;

/**
 * Many streams over one ordered pipe of bytes, docs/formats/stoq-mux.md. What is not read is not sent: each stream and the channel
 * as a whole have credit, which the reader gives back. Streams that have something to send take turns frame by frame.
 */
export const createMuxChannel = (components: MuxComponents, init: MuxInit): Channel => {
  const { clock, logger } = components;
  const { pipe, tier, direction, remoteAddress, via, binding, onClosed } = init;

  const streams = new Map<number, StreamState>();
  // The dialler's streams have odd numbers, so that both may open at once.
  let nextOwnId = direction === 'out' ? 1 : 2;
  let nextTheirId = direction === 'out' ? 2 : 1;
  let ownOpen = 0;
  let theirOpen = 0;
  const untaken: StreamState[] = [];
  let taker: ((stream: CarrierStream | null) => void) | null = null;
  let closed = false;
  let tellClosed: () => void = () => undefined;
  const whenClosed = new Promise<void>((resolve) => {
    tellClosed = resolve;
  });

  // What is to be sent. Nothing here grows with what the other end sends: pongs and credit are merged.
  let channelSendCredit = CHANNEL_WINDOW_BYTES;
  let channelReceiveCredit = CHANNEL_WINDOW_BYTES;
  let channelReadSinceCredit = 0;
  const credits = new Set<StreamState>();
  const resets = new Set<StreamState>();
  const finishes = new Set<StreamState>();
  /** Streams with bytes and credit, in the order in which they take turns. */
  const senders = new Set<StreamState>();
  let pongToken: Buffer | null = null;
  let pingToken: Buffer | null = null;
  let ping: { token: Buffer; atMs: number } | null = null;
  let pings = 0;
  let rttMs: number | null = null;
  let lastReceivedMs = clock.monotonicMs();
  let inFlight = false;
  let flushSet = false;
  /** Reused while there is much to send, given up when not. */
  let batch: Buffer | null = null;

  const callsOf = (stream: StreamState): { reject: (error: Error) => void }[] =>
    [stream.reader, stream.writer, stream.finishSent ? null : stream.finishing].filter((call) => call !== null);
  /** Ends a stream without a word to the other end. */
  const drop = (stream: StreamState, ended: 'reset' | 'closed', error: CarrierError): void => {
    if (stream.ended !== null) return;
    const calls = callsOf(stream);
    forget(stream);
    stream.ended = ended;
    stream.reader = null;
    stream.writer = null;
    senders.delete(stream);
    credits.delete(stream);
    finishes.delete(stream);
    giveChannelCredit(stream.received.clear());
    for (const call of calls) call.reject(error);
  };
  /** Takes a stream off the books: no frame of it means anything any more. */
  const forget = (stream: StreamState): void => {
    if (!streams.delete(stream.id)) return;
    const index = stream.ours ? -1 : untaken.indexOf(stream);
    if (index >= 0) untaken.splice(index, 1);
    if (!resets.has(stream)) countOut(stream);
  };
  const countOut = (stream: StreamState): void => {
    if (stream.ours) ownOpen -= 1;
    else theirOpen -= 1;
  };
  const close = (): void => {
    if (closed) return;
    closed = true;
    stopTicking();
    for (const stream of streams.values()) drop(stream, 'closed', closedError());
    // Streams that both ends have finished are off the books, but may have unread bytes; those stay readable.
    pipe.destroy();
    batch = null;
    taker?.(null);
    taker = null;
    untaken.length = 0;
    onClosed();
    tellClosed();
  };
  const fail = (problem: string): void => {
    logger.debug('Channel broke the format of the multiplexer', { problem });
    close();
  };

  const giveChannelCredit = (bytes: number): void => {
    channelReadSinceCredit += bytes;
    if (channelReadSinceCredit * CREDIT_PARTS >= CHANNEL_WINDOW_BYTES) wantFlush();
  };
  const wantFlush = (): void => {
    if (flushSet || inFlight || closed) return;
    flushSet = true;
    queueMicrotask(flush);
  };

  const bytesWanted = (): number => {
    let wanted = (credits.size + finishes.size + resets.size + 4) * CONTROL_FRAME_BYTES;
    for (const { writer } of senders) {
      if (wanted >= BATCH_BYTES) break;
      // A second header where the write is cut at a record.
      if (writer !== null) wanted += 2 * HEADER_BYTES + writer.bytes.length - writer.at;
    }
    return Math.min(wanted, BATCH_BYTES);
  };
  const fillControl = (into: Buffer): number => {
    let at = 0;
    if (pongToken !== null) at = writeFrame(into, at, FRAME.pong, 0, pongToken);
    pongToken = null;
    if (pingToken !== null) at = writeFrame(into, at, FRAME.ping, 0, pingToken);
    pingToken = null;
    if (channelReadSinceCredit * CREDIT_PARTS >= CHANNEL_WINDOW_BYTES) {
      at = writeWindow(into, at, 0, channelReadSinceCredit);
      channelReceiveCredit += channelReadSinceCredit;
      channelReadSinceCredit = 0;
    }
    const hasRoom = (): boolean => at + CONTROL_FRAME_BYTES <= into.length;
    for (const stream of resets) {
      if (!hasRoom()) break;
      resets.delete(stream);
      at = writeHeader(into, at, FRAME.reset, 0, stream.id);
      // Not before: who reads nothing and opens ever new streams would make us hold ever more resets.
      countOut(stream);
    }
    for (const stream of credits) {
      if (!hasRoom()) break;
      credits.delete(stream);
      at = writeWindow(into, at, stream.id, stream.readSinceCredit);
      stream.receiveCredit += stream.readSinceCredit;
      stream.readSinceCredit = 0;
    }
    for (const stream of finishes) {
      if (!hasRoom()) break;
      finishes.delete(stream);
      at = writeHeader(into, at, FRAME.finish, 0, stream.id);
      stream.finishSent = true;
      stream.finishing?.resolve();
      if (stream.finishReceived) forget(stream);
    }
    return at;
  };
  const fillData = (into: Buffer, begin: number): number => {
    let at = begin;
    for (const stream of senders) {
      const { writer } = stream;
      const left = writer === null ? 0 : writer.bytes.length - writer.at;
      const room = into.length - at - HEADER_BYTES;
      // The rest of a batch is left empty where only a crumb would fit.
      if (room < Math.min(left, CRUMB_BYTES) || channelSendCredit === 0) break;
      senders.delete(stream);
      if (writer === null) continue;
      let length = Math.min(left, stream.sendCredit, DATA_BYTES_MAX, room, channelSendCredit);
      // A long write is cut where TLS cuts its records, so that the reader gets few pieces and no crumbs between them.
      const over = (at + HEADER_BYTES + length) % RECORD_BYTES;
      if (length < left && over < length) length -= over;
      if (length <= 0) continue;
      at = writeHeader(into, at, FRAME.data, length, stream.id);
      into.set(writer.bytes.subarray(writer.at, writer.at + length), at);
      at += length;
      writer.at += length;
      stream.sendCredit -= length;
      channelSendCredit -= length;
      if (writer.at < writer.bytes.length) {
        // To the end of the line.
        if (stream.sendCredit > 0) senders.add(stream);
        continue;
      }
      stream.writer = null;
      writer.resolve();
      if (stream.finishing !== null) finishes.add(stream);
    }
    return at;
  };
  const flush = (): void => {
    flushSet = false;
    if (closed || inFlight) return;
    const wanted = bytesWanted();
    // Small batches take a piece of Node's pool, large ones a buffer that is kept.
    const into =
      wanted < BATCH_BYTES / 8 ? Buffer.allocUnsafe(wanted) : (batch ??= Buffer.allocUnsafeSlow(BATCH_BYTES));
    const end = fillData(into, fillControl(into));
    if (end === 0) return;
    inFlight = true;
    pipe.write(into.subarray(0, end), onWritten);
  };
  const onWritten = (error?: Error | null): void => {
    inFlight = false;
    if (error != null) close();
    else if (!closed) flush();
  };

  /** @returns the stream that a frame is about; null when it has ended here; or a problem */
  const streamOf = (id: number): StreamState | null | string => {
    const known = streams.get(id);
    if (known !== undefined) return known;
    const ours = id % 2 === nextOwnId % 2;
    if (ours) return id < nextOwnId ? null : `stream ${id}, which was not opened`;
    if (id < nextTheirId) return null;
    // Opening one opens all below it: they were opened in this order, but another may have been the first to send.
    if (theirOpen + (id - nextTheirId) / 2 + 1 > STREAMS_MAX) return `more than ${STREAMS_MAX} streams`;
    for (;;) {
      const stream = newStream(nextTheirId, false);
      theirOpen += 1;
      nextTheirId += 2;
      if (taker === null) untaken.push(stream);
      else {
        taker(streamFor(stream));
        taker = null;
      }
      if (stream.id === id) return stream;
    }
  };
  const newStream = (id: number, ours: boolean): StreamState => {
    const stream: StreamState = {
      id,
      ours,
      ended: null,
      received: createReceiveQueue(),
      receiveCredit: STREAM_WINDOW_BYTES,
      readSinceCredit: 0,
      finishReceived: false,
      reader: null,
      sendCredit: STREAM_WINDOW_BYTES,
      writer: null,
      finishing: null,
      finishSent: false,
    };
    streams.set(id, stream);
    return stream;
  };
  /** What the other end did wrong in the bytes that are being read. */
  let problem: string | null = null;
  const known = (id: number): StreamState | null => {
    if (problem !== null || closed) return null;
    const stream = streamOf(id);
    if (typeof stream !== 'string') return stream;
    problem = stream;
    return null;
  };
  const serveReader = (stream: StreamState): void => {
    const { reader } = stream;
    if (reader === null) return;
    const bytes = takeBytes(stream, reader.maxBytes);
    if (bytes === null && !stream.finishReceived) return;
    stream.reader = null;
    reader.resolve(bytes);
  };
  const takeBytes = (stream: StreamState, maxBytes: number): Uint8Array | null => {
    const bytes = stream.received.take(maxBytes);
    if (bytes === null) return null;
    giveChannelCredit(bytes.length);
    stream.readSinceCredit += bytes.length;
    // A stream whose writer has finished needs no more credit.
    if (!stream.finishReceived && stream.readSinceCredit * CREDIT_PARTS >= STREAM_WINDOW_BYTES) {
      credits.add(stream);
      wantFlush();
    }
    return bytes;
  };

  const frames = createFrameReader({
    onData: (id, part) => {
      const stream = known(id);
      if (problem !== null) return;
      channelReceiveCredit -= part.length;
      if (channelReceiveCredit < 0) {
        problem = 'more bytes than the channel has credit';
        return;
      }
      // Of a stream that has ended here while these bytes were under way.
      if (stream === null) {
        giveChannelCredit(part.length);
        return;
      }
      stream.receiveCredit -= part.length;
      if (stream.finishReceived) problem = 'bytes after the end of a stream';
      else if (stream.receiveCredit < 0) problem = 'more bytes than the stream has credit';
      else {
        stream.received.push(part);
        serveReader(stream);
      }
    },
    onFinish: (id) => {
      const stream = known(id);
      if (stream === null) return;
      if (stream.finishReceived) {
        problem = 'a stream that ends twice';
        return;
      }
      stream.finishReceived = true;
      credits.delete(stream);
      if (stream.finishSent) forget(stream);
      serveReader(stream);
    },
    onReset: (id) => {
      const stream = known(id);
      if (stream !== null) drop(stream, 'reset', resetError());
    },
    onWindow: (id, credit) => {
      if (id === 0) {
        channelSendCredit += credit;
        if (channelSendCredit > CREDIT_MAX) problem = 'more credit than a channel may have';
        wantFlush();
        return;
      }
      const stream = known(id);
      if (stream === null) return;
      stream.sendCredit += credit;
      if (stream.sendCredit > CREDIT_MAX) problem = 'more credit than a stream may have';
      if (stream.writer === null) return;
      senders.add(stream);
      wantFlush();
    },
    onPing: (token) => {
      // Only the newest is answered while the pipe is full: a flood of pings costs nothing to hold.
      pongToken = Buffer.from(token);
      wantFlush();
    },
    onPong: (token) => {
      // One that answers nothing we asked may be late; it says no more than that the other end lives.
      if (ping === null || !ping.token.equals(token)) return;
      rttMs = clock.monotonicMs() - ping.atMs;
      ping = null;
    },
  });

  const streamFor = (stream: StreamState): CarrierStream => {
    const endedError = (): CarrierError => (stream.ended === 'reset' ? resetError() : closedError());
    return {
      read: (maxBytes) => {
        assert(stream.reader === null, 'One read at a time.');
        if (stream.ended !== null) return Promise.reject(endedError());
        const bytes = takeBytes(stream, maxBytes);
        if (bytes !== null || stream.finishReceived) return Promise.resolve(bytes);
        return new Promise((resolve, reject) => {
          stream.reader = { maxBytes, resolve, reject };
        });
      },
      write: (bytes) => {
        assert(stream.writer === null, 'One write at a time.');
        if (stream.ended !== null) return Promise.reject(endedError());
        assert(stream.finishing === null, 'A stream that is finished takes no more bytes.');
        if (bytes.length === 0) return Promise.resolve();
        return new Promise((resolve, reject) => {
          stream.writer = { bytes, at: 0, resolve, reject };
          if (stream.sendCredit > 0) senders.add(stream);
          wantFlush();
        });
      },
      finish: () => {
        if (stream.finishing !== null) return stream.finishing.promise;
        if (stream.ended !== null) return Promise.reject(endedError());
        let resolve: () => void = () => undefined;
        let reject: (error: Error) => void = () => undefined;
        const promise = new Promise<void>((onResolve, onReject) => {
          resolve = onResolve;
          reject = onReject;
        });
        stream.finishing = { resolve, reject, promise };
        if (stream.writer === null) finishes.add(stream);
        wantFlush();
        return promise;
      },
      reset: () => {
        if (streams.has(stream.id)) resets.add(stream);
        drop(stream, 'reset', resetError());
        wantFlush();
      },
    };
  };

  pipe.on('data', (bytes: Buffer) => {
    lastReceivedMs = clock.monotonicMs();
    countBuffer(bytes.length);
    const broken = frames.push(bytes);
    problem ??= broken;
    if (problem !== null && !closed) fail(problem);
  });
  pipe.on('error', (error: Error) => {
    logger.debug('Pipe of a channel broke', { problem: messageOf(error) });
    close();
  });
  // Nobody half-closes a whole channel: an end without a reset of every stream is a loss.
  pipe.on('end', close);
  pipe.on('close', close);
  const idleMs = init.idleMs ?? IDLE_MS;
  const stopTicking = clock.every(init.keepAliveMs ?? KEEP_ALIVE_MS, () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - lastReceivedMs >= idleMs) {
      logger.debug('Channel gave no sign of life', { idleMs });
      close();
      return;
    }
    if (!inFlight) batch = null;
    sendPing();
  });
  const sendPing = (): void => {
    const token = Buffer.alloc(CONTROL_BYTES_MAX);
    pings += 1;
    token.writeUIntBE(pings, 2, 6);
    pingToken = token;
    ping = { token, atMs: clock.monotonicMs() };
    wantFlush();
  };
  // The first round trip is known soon, not only after a keep-alive.
  sendPing();

  return {
    tier,
    direction,
    remoteAddress,
    via,
    binding,
    openStream: () => {
      if (closed) return Promise.reject(closedError());
      if (ownOpen >= STREAMS_MAX || nextOwnId > ID_MAX) return Promise.reject(tooManyError());
      const stream = newStream(nextOwnId, true);
      nextOwnId += 2;
      ownOpen += 1;
      return Promise.resolve(streamFor(stream));
    },
    acceptStream: () => {
      if (closed) return Promise.resolve(null);
      const stream = untaken.shift();
      if (stream !== undefined) return Promise.resolve(streamFor(stream));
      assert(taker === null, 'One call of acceptStream at a time.');
      return new Promise((resolve) => {
        taker = resolve;
      });
    },
    stats: () => ({ rttMs, lostPackets: null, sentPackets: null, ...init.wireBytes() }),
    abort: close,
    closed: whenClosed,
  };
};
