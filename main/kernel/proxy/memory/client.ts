import { type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { readMessage, type Stream, writeMessage } from '../../../transport/stoq/index.ts';
import type { LeaseId, Link } from '../../leases/index.ts';
import {
  AWAY_DEADLINE_MS,
  COPY_BYTES_MAX,
  IN_FLIGHT_BYTES_MAX,
  IN_FLIGHT_MAX,
  MEMORY_PROTOCOL,
  OPENING_BYTES_MAX,
  OPENING_DEADLINE_MS,
  READ_BYTES,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  SILENCE_MS_MAX,
  WRITE_BYTES,
} from './constants.ts';
import { closedError, leaseOver, lenderAway, malformed, MemoryError, outOfRange } from './errors.ts';
import type { MemoryMetrics } from './metrics.ts';
import {
  ANSWER_BYTES,
  createIncoming,
  decodeOpeningAnswer,
  encodeOpening,
  type Incoming,
  type Operation,
  OPERATIONS,
  putRequest,
  readAnswer,
  REQUEST_BYTES,
  type Status,
  STATUSES,
} from './protocol.ts';

/** Bytes of one lease at its lender, as they lie there. */
export interface MemoryClient {
  /** Reaches the lender for the first time. @returns bytes of the lease @throws {MemoryError} `LENDER_AWAY` | `LEASE_OVER` */
  open(): Promise<number>;
  /**
   * @param into - `length` bytes that the lender's are put into where they are more than 20 KiB; nobody else may use them until the end
   * @returns bytes as they came: up to 20 KiB a view that keeps more alive, which a caller that keeps them copies
   * @throws {MemoryError} `LENDER_AWAY` | `LEASE_OVER` | `OUT_OF_RANGE` | `CLOSED`
   */
  read(offset: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  /** Done again when its answer was lost. @param bytes - must not change meanwhile */
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Done once, even when its answer was lost. */
  swap(offset: number, expected: Uint8Array, replacement: Uint8Array): Promise<{ swapped: boolean; found: Uint8Array }>;
  close(): void;
}
export interface MemoryClientComponents {
  outside: Outside;
  logger: Logger;
  metrics: MemoryMetrics | null;
  /** To the lender, made again when it broke. */
  openLink: (options: { signal: AbortSignal }) => Promise<Link>;
}
export interface MemoryClientInit {
  lease: LeaseId;
  /** Ms without any progress until an operation fails. @default 15 000 */
  deadlineMs?: number;
}

interface Flight {
  readonly operation: Operation;
  readonly offset: number;
  readonly length: number;
  /** Null for reads. */
  readonly payload: Uint8Array | null;
  /** Where a read of more than 20 KiB puts what comes; null: a place of its own. */
  readonly into: Uint8Array | null;
  readonly queuedMs: number;
  sequence: number;
  /** Its caller was told already; only its answer is still to be skipped. */
  over: boolean;
  resolve(outcome: { status: Status; bytes: Uint8Array }): void;
  reject(error: Error): void;
}

const NAMES = { [OPERATIONS.read]: 'read', [OPERATIONS.write]: 'write', [OPERATIONS.swap]: 'swap' } as const;
const NOTHING = new Uint8Array(0);
/** Ms between looks at what is late, and between tries of what the lender has paused. */
const TICK_MS = 250;

/**
 * Speaks `/hypermesh/memory/1` with one lender: one long stream, many operations under way, answers in order. When the stream breaks
 * it is opened again and what has no answer is asked again; the lender stops the old stream before it answers the new one.
 */
export const createMemoryClient = (components: MemoryClientComponents, init: MemoryClientInit): MemoryClient => {
  const { outside, metrics, openLink } = components;
  const { clock } = outside;
  const logger = components.logger.child('memory');
  const { lease, deadlineMs = AWAY_DEADLINE_MS } = init;
  const session = outside.random.bytes(16);

  let sizeBytes: number | null = null;
  let stream: Stream | null = null;
  let connecting = false;
  let connectedBefore = false;
  /** Nothing is tried any more. */
  let end: MemoryError | null = null;
  let nextSequence = 1;
  let waiting: Flight[] = [];
  let flying: Flight[] = [];
  /** First of `flying` that has no answer; the list is cut now and then. */
  let head = 0;
  let flyingBytes = 0;
  let paused: Flight[] = [];
  let outbox: Uint8Array[] = [];
  /** Bytes of the first one that have left. */
  let outboxAt = 0;
  /** Where pieces are put together; used again once the stream has taken it. */
  let joined: Uint8Array | null = null;
  let pumping = false;
  let retryMs = RETRY_MS_MIN;
  let progressMs = clock.monotonicMs();
  let stopTicking: (() => void) | null = null;
  let openers: { resolve: (sizeBytes: number) => void; reject: (error: Error) => void; sinceMs: number }[] = [];

  const isIdle = (): boolean =>
    head === flying.length && waiting.length === 0 && paused.length === 0 && openers.length === 0;
  const emptyOutbox = (): void => {
    outbox = [];
    outboxAt = 0;
    // A stream that broke may still hold it.
    joined = null;
  };
  const fail = (flight: Flight, error: Error): void => {
    if (flight.over) return;
    flight.over = true;
    flight.reject(error);
  };
  const failAll = (error: Error): void => {
    for (const flight of [...flying.slice(head), ...waiting, ...paused]) fail(flight, error);
    for (const { reject } of openers) reject(error);
    flying = [];
    waiting = [];
    paused = [];
    openers = [];
    head = 0;
    flyingBytes = 0;
  };
  const endWith = (error: MemoryError): void => {
    if (end !== null) return;
    end = error;
    stopTicking?.();
    stopTicking = null;
    emptyOutbox();
    const last = stream;
    stream = null;
    last?.reset();
    failAll(error);
  };

  // Sending.
  const push = (flight: Flight): void => {
    const { payload } = flight;
    const isSmall = payload !== null && payload.length <= COPY_BYTES_MAX;
    const bytes = Buffer.allocUnsafe(REQUEST_BYTES + (isSmall ? payload.length : 0));
    putRequest(bytes, 0, flight);
    if (isSmall) bytes.set(payload, REQUEST_BYTES);
    outbox.push(bytes);
    if (payload !== null && !isSmall) outbox.push(payload);
  };
  /** @returns what is to be sent, as much of it as fits into one write; its bytes are good until the next call */
  const nextPiece = (): Uint8Array => {
    const [only] = outbox;
    if (outbox.length === 1 && only !== undefined && outboxAt === 0 && only.length <= WRITE_BYTES) {
      outbox = [];
      return only;
    }
    joined ??= new Uint8Array(WRITE_BYTES);
    let bytes = 0;
    let first = 0;
    while (first < outbox.length && bytes < WRITE_BYTES) {
      const piece = outbox[first] as Uint8Array;
      const length = Math.min(piece.length - outboxAt, WRITE_BYTES - bytes);
      joined.set(piece.subarray(outboxAt, outboxAt + length), bytes);
      bytes += length;
      outboxAt += length;
      if (outboxAt < piece.length) break;
      outboxAt = 0;
      first += 1;
    }
    outbox = first === outbox.length ? [] : outbox.slice(first);
    return joined.subarray(0, bytes);
  };
  const pump = async (to: Stream): Promise<void> => {
    try {
      while (stream === to && outbox.length > 0) {
        await to.write(nextPiece());
        progressMs = clock.monotonicMs();
      }
    } catch (error) {
      broken(to, error);
    } finally {
      if (stream === to) pumping = false;
    }
  };
  const admit = (): void => {
    let taken = 0;
    for (const flight of waiting) {
      const under = flying.length - head;
      if (under >= IN_FLIGHT_MAX || (under > 0 && flyingBytes + flight.length > IN_FLIGHT_BYTES_MAX)) break;
      taken += 1;
      if (flight.over) continue;
      flight.sequence = nextSequence;
      nextSequence += 1;
      flying.push(flight);
      flyingBytes += flight.length;
      push(flight);
    }
    if (taken > 0) waiting = taken === waiting.length ? [] : waiting.slice(taken);
    if (outbox.length === 0 || pumping || stream === null) return;
    pumping = true;
    const to = stream;
    // What is asked for in the same turn leaves in one write.
    queueMicrotask(() => void pump(to));
  };

  // Receiving.
  const settle = (status: Status, bytes: Uint8Array): void => {
    const flight = flying[head] as Flight;
    head += 1;
    flyingBytes -= flight.length;
    if (head === flying.length || head > 1024) {
      flying = flying.slice(head);
      head = 0;
    }
    if (flight.over) return;
    if (status === STATUSES.paused) {
      paused.push(flight);
      return;
    }
    flight.over = true;
    flight.resolve({ status, bytes });
  };
  const receive = async (from: Stream, incoming: Incoming): Promise<void> => {
    const more = async (): Promise<void> => {
      const chunk = await from.read(READ_BYTES);
      if (chunk === null) throw malformed('it ended while answers were due');
      progressMs = clock.monotonicMs();
      incoming.push(chunk);
    };
    for (;;) {
      while (incoming.bytes < ANSWER_BYTES) await more();
      const { status, length, sequence } = readAnswer(incoming.take(ANSWER_BYTES));
      const flight = flying[head];
      if (flight?.sequence !== sequence) throw malformed('it answers what was not asked');
      const given =
        status === STATUSES.done
          ? flight.operation !== OPERATIONS.write
          : status === STATUSES.differs && flight.operation === OPERATIONS.swap;
      if (length !== (given ? flight.length : 0) || (status === STATUSES.differs && !given))
        throw malformed('an answer does not fit its operation');
      let bytes: Uint8Array = NOTHING;
      if (length > COPY_BYTES_MAX) {
        bytes = flight.into ?? Buffer.allocUnsafeSlow(length);
        for (let at = 0; at < length; ) {
          if (incoming.bytes === 0) await more();
          const piece = Math.min(incoming.bytes, length - at);
          incoming.copy(bytes, at, piece);
          at += piece;
        }
      } else if (length > 0) {
        while (incoming.bytes < length) await more();
        bytes = incoming.take(length);
      }
      if (stream !== from) return;
      if (status === STATUSES.over) {
        endWith(leaseOver('The lender ended it.'));
        return;
      }
      settle(status, bytes);
      if (waiting.length > 0) admit();
    }
  };

  // Connecting.
  const opened = async (): Promise<{ fresh: Stream; size: number }> => {
    const controller = new AbortController();
    let fresh: Stream | null = null;
    const cancel = clock.after(OPENING_DEADLINE_MS, () => {
      controller.abort(lenderAway(OPENING_DEADLINE_MS));
      fresh?.reset();
    });
    try {
      const link = await openLink({ signal: controller.signal });
      fresh = await link.openStream(MEMORY_PROTOCOL);
      const answered = (flying[head]?.sequence ?? nextSequence) - 1;
      await writeMessage(fresh, encodeOpening({ lease, session, answered }));
      const message = await readMessage(fresh, { bytesMax: OPENING_BYTES_MAX });
      if (message === null) throw malformed('it ended without an answer to the opening');
      const answer = decodeOpeningAnswer(message);
      if (!answer.ok) throw leaseOver(answer.sentence);
      if (sizeBytes !== null && answer.sizeBytes !== sizeBytes)
        throw leaseOver('It has another size than before, so it is not the memory that was lent.');
      return { fresh, size: answer.sizeBytes };
    } catch (error) {
      fresh?.reset();
      throw error;
    } finally {
      cancel();
    }
  };
  const connect = async (): Promise<void> => {
    connecting = true;
    try {
      const { fresh, size } = await opened();
      connecting = false;
      if (end !== null) {
        fresh.reset();
        return;
      }
      sizeBytes = size;
      stream = fresh;
      pumping = false;
      retryMs = RETRY_MS_MIN;
      progressMs = clock.monotonicMs();
      if (connectedBefore) metrics?.reconnected.inc();
      connectedBefore = true;
      const reached = openers;
      openers = [];
      for (const { resolve } of reached) resolve(size);
      emptyOutbox();
      flying = flying.slice(head).filter((flight) => !flight.over);
      head = 0;
      flyingBytes = flying.reduce((sum, flight) => sum + flight.length, 0);
      for (const flight of flying) push(flight);
      admit();
      receive(fresh, createIncoming()).catch((error: unknown) => broken(fresh, error));
    } catch (error) {
      connecting = false;
      if (error instanceof MemoryError && error.code === 'LEASE_OVER') endWith(error);
      else again(error);
    }
  };
  const again = (error: unknown): void => {
    if (end !== null || isIdle()) return;
    logger.debug('Lender of memory is not reached', { problem: messageOf(error), retryMs });
    connecting = true;
    clock.after(retryMs, () => {
      connecting = false;
      wake();
    });
    retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
  };
  const broken = (which: Stream, error: unknown): void => {
    if (stream !== which) return;
    stream = null;
    pumping = false;
    emptyOutbox();
    which.reset();
    again(error);
  };
  /** Looks at what is late. */
  const tick = (): void => {
    const nowMs = clock.monotonicMs();
    const isLate = (sinceMs: number): boolean => nowMs - Math.max(sinceMs, progressMs) >= deadlineMs;
    // Progress of others is none for what is paused.
    for (const flight of [...flying.slice(head), ...waiting, ...paused])
      if (paused.includes(flight) ? nowMs - flight.queuedMs >= deadlineMs : isLate(flight.queuedMs))
        fail(flight, lenderAway(deadlineMs));
    const late = openers.filter(({ sinceMs }) => nowMs - sinceMs >= deadlineMs);
    openers = openers.filter(({ sinceMs }) => nowMs - sinceMs < deadlineMs);
    for (const { reject } of late) reject(lenderAway(deadlineMs));
    waiting = [...paused, ...waiting].filter((flight) => !flight.over);
    paused = [];
    if (stream !== null && head < flying.length && nowMs - progressMs >= SILENCE_MS_MAX)
      broken(stream, new Error('no answer came'));
    if (stream === null && flying.every((flight) => flight.over)) {
      flying = [];
      head = 0;
      flyingBytes = 0;
    }
    if (isIdle()) {
      stopTicking?.();
      stopTicking = null;
    } else wake();
  };
  const wake = (): void => {
    if (end !== null || isIdle()) return;
    stopTicking ??= clock.every(TICK_MS, tick);
    if (stream !== null) admit();
    else if (!connecting) void connect();
  };

  const ask = (
    operation: Operation,
    offset: number,
    length: number,
    payload: Uint8Array | null,
    into: Uint8Array | null,
  ): Promise<{ status: Status; bytes: Uint8Array }> => {
    if (end !== null) return Promise.reject(end);
    metrics?.asked.inc(1, { operation: NAMES[operation] });
    return new Promise((resolve, reject) => {
      const queuedMs = clock.monotonicMs();
      if (isIdle()) progressMs = queuedMs;
      waiting.push({ operation, offset, length, payload, into, queuedMs, sequence: 0, over: false, resolve, reject });
      wake();
    });
  };
  const done = async (
    operation: Operation,
    offset: number,
    length: number,
    payload: Uint8Array | null,
    into: Uint8Array | null = null,
  ): Promise<{ status: Status; bytes: Uint8Array }> => {
    const outcome = await ask(operation, offset, length, payload, into);
    if (outcome.status === STATUSES.outOfRange) throw outOfRange(offset, length, sizeBytes ?? 0);
    return outcome;
  };
  return {
    open: () => {
      if (end !== null) return Promise.reject(end);
      if (sizeBytes !== null) return Promise.resolve(sizeBytes);
      return new Promise((resolve, reject) => {
        openers.push({ resolve, reject, sinceMs: clock.monotonicMs() });
        wake();
      });
    },
    read: async (offset, length, into) => (await done(OPERATIONS.read, offset, length, null, into ?? null)).bytes,
    write: async (offset, bytes) => {
      await done(OPERATIONS.write, offset, bytes.length, bytes);
    },
    swap: async (offset, expected, replacement) => {
      const payload = Buffer.concat([expected, replacement]);
      const { status, bytes } = await done(OPERATIONS.swap, offset, expected.length, payload);
      return { swapped: status === STATUSES.done, found: bytes };
    },
    close: () => endWith(closedError()),
  };
};
