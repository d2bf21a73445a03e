import type { Duplex } from 'node:stream';
import { type Clock, countBuffer } from '../../base/index.ts';
import { SPLICE_HIGH_BYTES, SPLICE_LOW_BYTES, TCP_HALF_CLOSED_IDLE_MS, TCP_IDLE_MS } from './constants.ts';
import type { Limit, Pipe, TableCounters } from './interface.ts';

/** A socket of this machine (made with `allowHalfOpen`), or what behaves as one. */
export interface SpliceEnd extends Duplex {
  /** At once, with whatever is on its way. */
  resetAndDestroy(): unknown;
}

export interface SpliceOptions {
  clock: Clock;
  /** `sentBytes` are those that went from the socket into the pipe. */
  counters: TableCounters;
  /** What the pipe's side may take; null without a limit. @default null */
  limit?: Limit | null;
  /** Ends it from outside, both ways at once. */
  signal?: AbortSignal;
  /** Ms without a byte either way. @default 2 h 5 min, RFC 5382 */
  idleMs?: number;
  /** Called with every piece, for totals above. */
  moved?: (sentBytes: number, receivedBytes: number) => void;
}

/**
 * Carries bytes between a socket of this machine (made with `allowHalfOpen`) and a pipe, both ways, until both have ended or one
 * breaks. An end of one direction goes on as an end; the other direction lives on. Bytes are handed on as they are, without a copy;
 * neither side is read further than the other one takes.
 *
 * @returns when both sides are closed; never rejects, as who breaks a connection tells both of its ends and nobody else
 */
export const splice = (socket: SpliceEnd, pipe: Pipe, options: SpliceOptions): Promise<void> =>
  new Promise((resolve) => {
    const { clock, counters, limit = null, signal, idleMs = TCP_IDLE_MS, moved } = options;
    let usedAtMs = clock.monotonicMs();
    let inFlight = 0;
    let paused = false;
    let outDone = false;
    let inDone = false;
    let over = false;
    /** What waits for the limit, one behind the other; null while nothing does. */
    let waiting: Promise<void> | null = null;
    let wake: (() => void) | null = null;

    const end = (): void => {
      if (over) return;
      over = true;
      cancelIdle();
      signal?.removeEventListener('abort', broken);
      wake?.();
      resolve();
    };
    const broken = (): void => {
      if (over) return;
      socket.resetAndDestroy();
      pipe.reset();
      end();
    };
    const halfDone = (): void => {
      if (outDone && inDone) end();
    };
    const cancelIdle = clock.every(Math.max(1, Math.min(idleMs, 60_000)), () => {
      const bound = outDone || inDone ? Math.min(idleMs, TCP_HALF_CLOSED_IDLE_MS) : idleMs;
      if (clock.monotonicMs() - usedAtMs >= bound) broken();
    });

    // From the socket into the pipe.
    const written = (bytes: number): void => {
      inFlight -= bytes;
      if (paused && inFlight <= SPLICE_LOW_BYTES && !over) {
        paused = false;
        socket.resume();
      }
    };
    const write = (chunk: Uint8Array): void => {
      pipe.write(chunk).then(() => written(chunk.length), broken);
    };
    socket.on('data', (chunk: Buffer) => {
      countBuffer(chunk.length);
      usedAtMs = clock.monotonicMs();
      counters.sentBytes += chunk.length;
      moved?.(chunk.length, 0);
      inFlight += chunk.length;
      if (inFlight >= SPLICE_HIGH_BYTES || limit?.bytesPerSecond != null) {
        paused = true;
        socket.pause();
      }
      const wait = waiting ?? limit?.send(chunk.length);
      if (wait === undefined) {
        write(chunk);
        return;
      }
      // In order, also where the limit came or went meanwhile.
      const turn: Promise<void> = (waiting === null ? wait : waiting.then(() => limit?.send(chunk.length))).then(() => {
        if (waiting === turn) waiting = null;
        if (!over) write(chunk);
      });
      waiting = turn;
    });
    socket.on('end', () => {
      const finish = (): void => {
        pipe.finish().then(() => {
          outDone = true;
          halfDone();
        }, broken);
      };
      if (waiting === null) finish();
      else void waiting.then(finish);
    });
    socket.on('error', broken);
    socket.on('close', () => {
      // Closed in good order: what was read from it is still on its way into the pipe.
      if (!socket.readableEnded || !socket.writableFinished) broken();
    });
    socket.on('drain', () => wake?.());
    if (signal?.aborted === true) {
      broken();
      return;
    }
    signal?.addEventListener('abort', broken, { once: true });

    // From the pipe into the socket. What is there already leaves in one call: a seal opens 16 KiB at a time, and a call to the
    // system for each would cost more than opening it did.
    let corked = false;
    const uncork = (): void => {
      corked = false;
      socket.uncork();
    };
    const put = (chunk: Uint8Array): boolean => {
      if (!corked) {
        corked = true;
        socket.cork();
        // Runs once all that came in with this turn has been read.
        setImmediate(uncork);
      }
      return socket.write(chunk);
    };
    const pump = async (): Promise<void> => {
      for (;;) {
        const chunk = await pipe.read();
        if (over) return;
        if (chunk === null) break;
        const wait = limit?.receive(chunk.length);
        if (wait !== undefined) await wait;
        usedAtMs = clock.monotonicMs();
        counters.receivedBytes += chunk.length;
        moved?.(0, chunk.length);
        if (!put(chunk)) {
          await new Promise<void>((go) => {
            wake = go;
          });
          wake = null;
          if (over) return;
        }
      }
      socket.end(() => {
        inDone = true;
        halfDone();
      });
    };
    pump().catch(broken);
    socket.resume();
  });
