import { assert, type Clock, isNodeError } from '../../../base/index.ts';
import type { CarrierStream } from '../carriers/interface.ts';
import { StreamError } from '../errors.ts';
import type { RateGate, Stream } from '../interface.ts';
import type { Offence } from '../standing/interface.ts';
import { ANSWER_DEADLINE_MS, CHUNK_BYTES, WRITE_BYTES_MAX } from './constants.ts';
import { ANSWERS } from './frames.ts';
import type { PrimedStream } from './primed-stream.ts';

/** What a stream tells the path that it is on. */
export interface StreamHost {
  readonly clock: Clock;
  readonly gate: RateGate;
  /** Whose bytes they are, for the gate: streams of one peer share its turns. */
  readonly flow: string;
  /** Bytes of the stream's own went to the carrier or came from it. */
  moved(sentBytes: number, receivedBytes: number): void;
  /** Everything the peer sent was read, or null: the rest will not be. Once per stream. */
  consumed(number: number, bytes: number | null): void;
  /** Both directions are over. Once per stream. */
  ended(stream: PathStream): void;
  offended(offence: Offence, detail: string): void;
}

export interface PathStreamInit {
  number: number;
  protocol: string;
  direction: 'in' | 'out';
  extensions: Readonly<Record<string, Uint8Array>>;
  /** Bytes below everything, with the opening or its answer still in front. */
  primed: PrimedStream;
  /** What data goes through: `primed`, or a second layer of encryption over it. */
  data: CarrierStream;
  bytesMax: number | null;
  deadlineMs: number | null;
  bytesPerSecondMin: number | null;
  signal: AbortSignal | null;
}

/** A stream and what its path does with it. */
export interface PathStream extends Stream {
  readonly number: number;
  readonly endedHow: StreamError | Error | 'finished' | null;
  /** Whether the peer has told what became of what we wrote. */
  readonly settled: boolean;
  /** Whether it was finished and the peer has not told what became of it. */
  readonly unsettled: boolean;
  /** The peer's acknowledgement. */
  onAck(bytes: number | null): void;
  /** Tells the peer that what it sends is not read any more. */
  stopReading(): void;
  /** Ends it with `error`; what waits on it rejects. */
  fail(error: Error): void;
  /** Looks at what is late. Called every 250 ms or so. */
  tick(nowMs: number): void;
}

/** Ms over which the smallest rate of a protocol is reckoned. */
const SLOW_WINDOW_MS = 10_000;

const closedError = (cause?: unknown): StreamError =>
  new StreamError(
    { code: 'CLOSED' },
    'The path of this stream is gone and data is missing; open another stream and ask again.',
    { cause },
  );
const resetError = (): StreamError =>
  new StreamError({ code: 'RESET' }, 'The peer ended this stream before its time; ask again, or ask another peer.');

/** What a carrier throws, as users of streams know it. */
const translated = (error: unknown): Error => {
  if (error instanceof StreamError || !isNodeError(error)) return error as Error;
  return error.code === 'RESET' ? resetError() : closedError(error);
};

const refusalOf = (answer: number, protocol: string): StreamError => {
  switch (answer) {
    case ANSWERS.unknown:
      return new StreamError(
        { code: 'PROTOCOL_UNKNOWN', protocol },
        `The peer does not speak ${protocol}; ask another one.`,
      );
    case ANSWERS.refused:
      return new StreamError({ code: 'REFUSED', protocol }, `The peer refused a stream of ${protocol}.`);
    case ANSWERS.tooMany:
      return new StreamError(
        { code: 'TOO_MANY', protocol },
        `The peer takes no more streams of ${protocol} at once; wait until others have ended.`,
      );
    default:
      return new StreamError(
        { code: 'MALFORMED', problem: `an opening was answered with ${answer}`, verdict: 'reject' },
        `The peer answered the opening of a stream with ${answer}, which means nothing.`,
      );
  }
};

/** A stream over one stream of a carrier. Nothing happens per chunk but the two calls and the gate. */
export const createPathStream = (host: StreamHost, init: PathStreamInit): PathStream => {
  const { clock, gate, flow } = host;
  const { number, protocol, direction, primed, data, bytesMax, bytesPerSecondMin, signal } = init;
  const openedAtMs = clock.monotonicMs();

  let failure: Error | null = null;
  let inputEnded = false;
  let outputEnded = false;
  let consumedTold = false;
  let endedTold = false;
  let readBytes = 0;
  let sentBytes = 0;
  /** What the pending read and write wait for, so that an end from here reaches them whatever the carrier does. */
  let stopRead: ((error: Error) => void) | null = null;
  let stopWrite: ((error: Error) => void) | null = null;
  /** Writes one behind the other; null while there is none. */
  let writing: Promise<void> | null = null;
  let answered: Promise<void> | null = null;
  let answerIn = direction === 'in';
  let ack: 'none' | 'done' | Error = 'none';
  let ackWaiters: { resolve: () => void; reject: (error: Error) => void }[] = [];
  /** Whether a read waits for the peer, and not for the owner's limit. */
  let waiting = false;
  /** Of the smallest rate: ms waited and bytes come since. */
  let slowWaitedMs = 0;
  let slowBytes = 0;
  let lastTickMs = openedAtMs;

  const tellConsumed = (bytes: number | null): void => {
    if (consumedTold) return;
    consumedTold = true;
    host.consumed(number, bytes);
  };
  const tellEnded = (): void => {
    if (endedTold) return;
    endedTold = true;
    cancelDeadline();
    signal?.removeEventListener('abort', onAbort);
    host.ended(stream);
  };
  const settleAck = (outcome: 'done' | Error): void => {
    if (ack !== 'none') return;
    ack = outcome;
    for (const { resolve, reject } of ackWaiters) {
      if (outcome === 'done') resolve();
      else reject(outcome);
    }
    ackWaiters = [];
  };
  const fail = (error: Error): void => {
    if (failure !== null || endedTold) return;
    failure = error;
    primed.reset();
    settleAck(error);
    tellConsumed(null);
    tellEnded();
    stopRead?.(error);
    stopWrite?.(error);
  };
  const throwIfFailed = (): void => {
    if (failure !== null) throw failure;
  };
  const settle = (): void => {
    if (inputEnded && outputEnded) tellEnded();
  };
  /** Waits for `work` unless the stream fails first. */
  const orFail = <T>(work: Promise<T>, side: 'read' | 'write'): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (side === 'read') stopRead = reject;
      else stopWrite = reject;
      work.then(
        (value) => {
          if (side === 'read') stopRead = null;
          else stopWrite = null;
          resolve(value);
        },
        (error: unknown) => {
          // Found here and not by the protocol: a seal that does not hold.
          if (failure === null && error instanceof StreamError && error.code === 'MALFORMED')
            host.offended('malformed', error.message);
          fail(translated(error));
          reject(failure ?? translated(error));
        },
      );
    });

  const readAnswer = async (): Promise<void> => {
    const byte = await primed.read(1);
    if (byte === null) throw closedError();
    if (byte[0] !== ANSWERS.accepted) throw refusalOf(byte[0] ?? -1, protocol);
    answerIn = true;
  };
  /** The opening leaves, and the answer is awaited from now on, whether or not anybody reads: a refusal ends writing too. */
  const begin = (): Promise<void> => {
    if (answered === null) {
      answered = readAnswer();
      answered.catch((error: unknown) => fail(translated(error)));
    }
    return answered;
  };

  const read = async (maxBytes = CHUNK_BYTES): Promise<Uint8Array | null> => {
    assert(maxBytes >= 1, 'A read must ask for a byte or more.');
    if (failure !== null) throw failure;
    if (inputEnded) return null;
    assert(stopRead === null, 'A stream must be read by one reader at a time.');
    if (!answerIn) {
      primed.flush();
      await orFail(begin(), 'read');
    }
    waiting = true;
    const chunk = await orFail(data.read(Math.min(maxBytes, CHUNK_BYTES)), 'read');
    waiting = false;
    // An end from here may have come in the same turn.
    throwIfFailed();
    if (chunk === null) {
      inputEnded = true;
      tellConsumed(readBytes);
      settle();
      return null;
    }
    readBytes += chunk.length;
    slowBytes += chunk.length;
    host.moved(0, chunk.length);
    if (bytesMax !== null && readBytes > bytesMax) {
      host.offended('limitBroken', `more than ${bytesMax} bytes in a stream of ${protocol}`);
      fail(
        new StreamError(
          { code: 'TOO_LARGE', limitBytes: bytesMax, verdict: 'reject' },
          `The peer sent more than ${bytesMax} bytes in one stream of ${protocol}.`,
        ),
      );
      throwIfFailed();
    }
    const wait = gate.receive(chunk.length, flow);
    if (wait !== undefined) await orFail(wait, 'read');
    return chunk;
  };

  const writeAll = async (bytes: Uint8Array): Promise<void> => {
    for (let place = 0; place < bytes.length; ) {
      if (failure !== null) throw failure;
      // The gate is asked chunk by chunk; what it lets through at once goes to the carrier in one call.
      let end = place;
      let wait: Promise<void> | void = undefined;
      while (end < bytes.length && end - place < WRITE_BYTES_MAX && wait === undefined) {
        const length = Math.min(CHUNK_BYTES, bytes.length - end);
        wait = gate.send(length, flow);
        end += length;
      }
      if (wait !== undefined) await orFail(wait, 'write');
      const part = bytes.length === end - place ? bytes : bytes.subarray(place, end);
      await orFail(data.write(part), 'write');
      if (direction === 'out' && answered === null) void begin();
      sentBytes += part.length;
      host.moved(part.length, 0);
      place = end;
    }
  };
  const finishNow = async (): Promise<void> => {
    if (failure !== null) throw failure;
    if (outputEnded) return;
    await orFail(data.finish(), 'write');
    if (direction === 'out' && answered === null) void begin();
    outputEnded = true;
    settle();
  };
  /** One call after another: the carrier takes one at a time. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = writing === null ? work() : writing.then(work, work);
    writing = turn;
    const over = (): void => {
      if (writing === turn) writing = null;
    };
    turn.then(over, over);
    return turn;
  };

  const onAbort = (): void => {
    fail((signal?.reason as Error | undefined) ?? resetError());
  };
  const deadlineMs = init.deadlineMs;
  let cancelDeadline = (): void => undefined;
  if (deadlineMs !== null)
    cancelDeadline = clock.after(deadlineMs, () => {
      // A peer that keeps us waiting is at fault; a program of ours that takes its time is not.
      if (direction === 'in' && waiting) host.offended('timedOut', `a stream of ${protocol} took too long`);
      fail(
        new StreamError(
          { code: 'DEADLINE', deadlineMs },
          `This stream of ${protocol} was not done within ${deadlineMs} ms; ask again, or ask another peer.`,
        ),
      );
    });

  const stream: PathStream = {
    number,
    protocol,
    direction,
    extensions: init.extensions,
    read,
    write: (bytes) => {
      if (failure !== null) return Promise.reject(failure);
      assert(!outputEnded, 'Nothing may be written behind the end of a stream.');
      return inTurn(() => writeAll(bytes));
    },
    finish: () => inTurn(finishNow),
    acknowledged: () =>
      new Promise((resolve, reject) => {
        if (ack === 'done') resolve();
        else if (ack !== 'none') reject(ack);
        else ackWaiters.push({ resolve, reject });
      }),
    reset: () => fail(new StreamError({ code: 'RESET' }, 'This stream was reset here.')),
    get endedHow() {
      return failure ?? (endedTold ? 'finished' : null);
    },
    get settled() {
      return ack !== 'none';
    },
    get unsettled() {
      return outputEnded && ack === 'none';
    },
    onAck: (bytes) => {
      if (bytes === null) settleAck(failure ?? resetError());
      else if (bytes === sentBytes && (outputEnded || writing !== null)) settleAck('done');
      else {
        host.offended('lied', `it acknowledged ${bytes} bytes of ${sentBytes}`);
        settleAck(resetError());
      }
    },
    stopReading: () => tellConsumed(null),
    fail: (error) => {
      fail(error);
      settleAck(error);
    },
    tick: (nowMs) => {
      if (primed.primed) {
        primed.flush();
        if (direction === 'out') void begin();
      }
      if (!answerIn && nowMs - openedAtMs > ANSWER_DEADLINE_MS)
        fail(
          new StreamError(
            { code: 'DEADLINE', deadlineMs: ANSWER_DEADLINE_MS },
            `The peer did not answer the opening of a stream of ${protocol} within ${ANSWER_DEADLINE_MS} ms.`,
          ),
        );
      if (bytesPerSecondMin !== null && waiting) {
        slowWaitedMs += nowMs - lastTickMs;
        if (slowWaitedMs >= SLOW_WINDOW_MS) {
          if ((slowBytes * 1000) / slowWaitedMs < bytesPerSecondMin) {
            host.offended('tooSlow', `fewer than ${bytesPerSecondMin} bytes a second in a stream of ${protocol}`);
            fail(
              new StreamError(
                { code: 'TOO_SLOW', verdict: 'reject' },
                `The peer sent fewer than ${bytesPerSecondMin} bytes a second in a stream of ${protocol}.`,
              ),
            );
          }
          slowWaitedMs = 0;
          slowBytes = 0;
        }
      }
      lastTickMs = nowMs;
    },
  };
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return stream;
};
