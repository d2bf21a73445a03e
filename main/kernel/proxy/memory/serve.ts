import type { Stream } from '../../../transport/stoq/index.ts';
import type { LeaseId } from '../../leases/index.ts';
import {
  IN_FLIGHT_MAX,
  OPERATION_BYTES_MAX,
  READ_BYTES,
  SWAP_BYTES_MAX,
  SWAP_BYTES_MIN,
  WRITE_BYTES,
} from './constants.ts';
import { malformed } from './errors.ts';
import type { MemoryMetrics } from './metrics.ts';
import type { Pool } from './pool.ts';
import {
  createIncoming,
  encodeAnswer,
  OPERATIONS,
  type Opening,
  readRequest,
  type Request,
  REQUEST_BYTES,
  type Status,
  STATUSES,
} from './protocol.ts';

/** A lease of memory that runs, at the lender. */
export interface Served {
  readonly id: LeaseId;
  readonly pool: Pool;
  /** What it may take now; 0 while the lease has stopped for want of a signature. */
  effective: number;
  over: boolean;
  /** The one stream that counts: a newer one ends the one before, so that nothing late is done after it. */
  stream: Stream | null;
  /** Run of the borrower that `swaps` are of, hexadecimal. */
  session: string;
  /** What swaps found, by number, for a borrower that lost the answer and asks again. At most {@link IN_FLIGHT_MAX}. */
  readonly swaps: Map<number, { status: Status; found: Uint8Array }>;
  sentBytes: number;
  receivedBytes: number;
}

const NAMES = { [OPERATIONS.read]: 'read', [OPERATIONS.write]: 'write', [OPERATIONS.swap]: 'swap' } as const;

/** Bytes that follow the 24 of a request. @throws {MemoryError} `MALFORMED` */
const payloadOf = ({ operation, length }: Request): number => {
  if (operation === OPERATIONS.swap) {
    if (length < SWAP_BYTES_MIN || length > SWAP_BYTES_MAX) throw malformed('it swaps too few or too many bytes');
    return 2 * length;
  }
  if (length < 1 || length > OPERATION_BYTES_MAX) throw malformed('an operation is of no bytes, or of too many');
  return operation === OPERATIONS.write ? length : 0;
};

/** Takes note of who begins: swaps of another run are of no use any more, nor are those that were answered. */
export const beginSession = (served: Served, opening: Opening): void => {
  const session = Buffer.from(opening.session).toString('hex');
  if (session !== served.session) {
    served.session = session;
    served.swaps.clear();
  }
  for (const sequence of served.swaps.keys()) if (sequence <= opening.answered) served.swaps.delete(sequence);
};

/**
 * Does what comes in a stream whose opening was found to be right, one after the other, until either end has enough. A write is done
 * whole or not at all. Every answer leaves as soon as nothing else that has arrived waits to be done.
 *
 * @throws {MemoryError} `MALFORMED` {StreamError}
 */
export const serveOperations = async (served: Served, stream: Stream, metrics: MemoryMetrics | null): Promise<void> => {
  const { pool } = served;
  const incoming = createIncoming();
  /** Where answers are put together, as the memory may change before they leave; used again once the stream has taken it. */
  const joined = new Uint8Array(WRITE_BYTES);
  let joinedBytes = 0;
  let before = -1;

  const flush = async (): Promise<void> => {
    if (joinedBytes === 0) return;
    const bytes = joined.subarray(0, joinedBytes);
    joinedBytes = 0;
    served.sentBytes += bytes.length;
    await stream.write(bytes);
  };
  /** @returns whether so many bytes are there; false where the borrower has finished */
  const wait = async (bytes: number): Promise<boolean> => {
    while (incoming.bytes < bytes) {
      await flush();
      const chunk = await stream.read(READ_BYTES);
      if (chunk === null) return false;
      served.receivedBytes += chunk.length;
      incoming.push(chunk);
    }
    return true;
  };
  const answer = async (
    status: Status,
    sequence: number,
    views: readonly Uint8Array[],
    length: number,
  ): Promise<void> => {
    for (const piece of [encodeAnswer({ status, length, sequence }), ...views])
      for (let at = 0; at < piece.length; ) {
        if (joinedBytes === WRITE_BYTES) await flush();
        const end = Math.min(piece.length, at + WRITE_BYTES - joinedBytes);
        joined.set(at === 0 && end === piece.length ? piece : piece.subarray(at, end), joinedBytes);
        joinedBytes += end - at;
        at = end;
      }
  };
  const refuse = (status: Status, { sequence, length, operation }: Request, payload: number): Promise<void> => {
    metrics?.refused.inc(1, { cause: status === STATUSES.paused ? 'paused' : 'range' });
    // A write of 8 MiB that is refused was not put together for nothing: its pieces only pass.
    if (payload > 0) incoming.take(operation === OPERATIONS.swap ? 2 * length : length);
    return answer(status, sequence, [], 0);
  };
  const swap = (offset: number, { sequence, length }: Request): { status: Status; found: Uint8Array } => {
    const expected = incoming.take(length);
    const replacement = incoming.take(length);
    const known = served.swaps.get(sequence);
    if (known !== undefined) return known;
    const views = pool.views(offset, length);
    const found = Buffer.concat(views);
    const same = found.equals(expected);
    if (same) {
      let at = 0;
      for (const view of views) view.set(replacement.subarray(at, (at += view.length)));
    }
    const outcome = { status: same ? STATUSES.done : STATUSES.differs, found };
    served.swaps.set(sequence, outcome);
    if (served.swaps.size > IN_FLIGHT_MAX) served.swaps.delete(served.swaps.keys().next().value as number);
    return outcome;
  };

  for (;;) {
    if (!(await wait(REQUEST_BYTES))) {
      if (incoming.bytes > 0) throw malformed('an operation is cut short');
      await flush();
      return;
    }
    const request = readRequest(incoming.take(REQUEST_BYTES));
    const payload = payloadOf(request);
    if (request.sequence <= before) throw malformed('numbers of operations do not ascend');
    before = request.sequence;
    if (!(await wait(payload))) throw malformed('an operation is cut short');
    // Looked at after every wait: nothing of an ended lease, or of a stream that was replaced, is done.
    if (served.over || served.stream !== stream) {
      stream.reset();
      return;
    }
    const { operation, offset, length, sequence } = request;
    if (offset === null || offset > pool.sizeBytes - length) await refuse(STATUSES.outOfRange, request, payload);
    else if (served.effective === 0) await refuse(STATUSES.paused, request, payload);
    else {
      metrics?.served.inc(1, { operation: NAMES[operation] });
      metrics?.servedBytes.inc(length);
      if (operation === OPERATIONS.read) await answer(STATUSES.done, sequence, pool.views(offset, length), length);
      else if (operation === OPERATIONS.write) {
        for (const view of pool.views(offset, length)) incoming.copy(view, 0, view.length);
        await answer(STATUSES.done, sequence, [], 0);
      } else {
        const { status, found } = swap(offset, request);
        await answer(status, sequence, [found], found.length);
      }
    }
  }
};
