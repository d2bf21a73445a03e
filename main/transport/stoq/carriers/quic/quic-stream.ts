import { assert, countBuffer } from '../../../../base/index.ts';
import type { CarrierError } from '../../errors.ts';
import { closedError, resetError } from '../carrier-errors.ts';
import type { CarrierStream } from '../interface.ts';
import type { NativeStream } from './native-quic.ts';

/** The native layer tells causes apart by message only; these are quinn's for a reset in either direction. */
const RESET_MESSAGES = /^(stream reset by peer|sending stopped by peer)/;

/** A native call costs some 20 µs, so short reads, such as of a header byte by byte, are served from a longer one. */
const READ_BYTES_MIN = 4 * 1024;

/**
 * Writes up to this size are copied and answered at once: each native call goes to another thread and back, and whoever writes a
 * header, a body and then reads would wait for three of them.
 */
const COPY_BYTES_MAX = 4 * 1024;
/** Bytes of small writes that may wait for the native layer; then the writer waits. */
const SMALL_BYTES_MAX = 32 * 1024;

type State = 'open' | 'reset' | 'closed';

/** @param onEnd - called once both directions have ended, whichever way */
export const createQuicStream = (native: NativeStream, onEnd: () => void): CarrierStream & { close(): void } => {
  let state: State = 'open';
  /** What was read beyond what was asked for. */
  let rest: Uint8Array | null = null;
  /** Copies of small writes that the native layer has not been given yet. */
  let small: Uint8Array[] = [];
  let smallBytes = 0;
  let pumping: Promise<void> | null = null;
  let finishing = false;
  let readDone = false;
  let writeDone = false;
  /** Ends the calls under way: the native ones only end when the other side does something. */
  const waiting = new Set<(error: CarrierError) => void>();

  const end = (to: 'reset' | 'closed'): void => {
    if (state !== 'open') return;
    state = to;
    const error = errorOf(to);
    for (const reject of waiting) reject(error);
    waiting.clear();
    if (!(readDone && writeDone)) onEnd();
  };
  const errorOf = (at: 'reset' | 'closed'): CarrierError => (at === 'reset' ? resetError() : closedError());
  /** Both directions end together here, in QUIC each by itself. Neither call may wait for anything we wait for. */
  const endNative = (): void => {
    native.resetWrite().catch(() => undefined);
    native.stopRead().catch(() => undefined);
  };
  const failed = (error: unknown): CarrierError => {
    if (state === 'open') {
      const to = error instanceof Error && RESET_MESSAGES.test(error.message) ? 'reset' : 'closed';
      if (to === 'reset') endNative();
      end(to);
    }
    return state === 'reset' ? resetError() : closedError();
  };
  /** Runs a native call that ends at once when the stream does. */
  const call = <T>(run: () => Promise<T>, onDone: (value: T) => void): Promise<T> => {
    if (state !== 'open') return Promise.reject(errorOf(state));
    return new Promise((resolve, reject) => {
      waiting.add(reject);
      run().then(
        (value) => {
          // What came too late is not given out: after `stopRead` the native layer answers like at a clean end.
          if (!waiting.delete(reject)) return;
          onDone(value);
          resolve(value);
        },
        (error: unknown) => {
          waiting.delete(reject);
          reject(failed(error));
        },
      );
    });
  };

  /** Hands on what small writes have left, joined, until there is no more. Whatever goes wrong ends the stream, so it rejects nothing. */
  const pump = async (): Promise<void> => {
    while (smallBytes > 0 && state === 'open') {
      const bytes = small.length === 1 ? (small[0] as Uint8Array) : Buffer.concat(small);
      small = [];
      smallBytes = 0;
      await call(
        () => native.write(bytes),
        () => undefined,
      ).catch(() => undefined);
    }
    pumping = null;
  };
  /** Waits for all small writes. @throws {CarrierError} when the stream ended meanwhile */
  const pumped = async (): Promise<void> => {
    while (pumping !== null) await pumping;
    if (state !== 'open') throw errorOf(state);
  };

  return {
    read: async (maxBytes) => {
      if (rest === null) {
        if (readDone) return null;
        rest = await call(
          () => native.read(Math.max(maxBytes, READ_BYTES_MIN)),
          (bytes) => {
            if (bytes !== null) countBuffer(bytes.length);
            if (bytes !== null || readDone) return;
            readDone = true;
            if (writeDone) onEnd();
          },
        );
      } else if (state !== 'open') throw errorOf(state);
      const bytes = rest;
      if (bytes === null || bytes.length <= maxBytes) {
        rest = null;
        return bytes;
      }
      rest = bytes.subarray(maxBytes);
      // A copy: the little that its reader wants may be kept for long.
      return new Uint8Array(bytes.subarray(0, maxBytes));
    },
    write: async (bytes) => {
      assert(!finishing, 'A stream that is finished takes no more bytes.');
      if (state !== 'open') throw errorOf(state);
      if (bytes.length > COPY_BYTES_MAX) {
        await pumped();
        await call(
          () => native.write(bytes),
          () => undefined,
        );
        return;
      }
      if (bytes.length > 0) {
        // Not by `slice`, which copies nothing of a Buffer.
        small.push(new Uint8Array(bytes));
        smallBytes += bytes.length;
        pumping ??= pump();
      }
      if (smallBytes > SMALL_BYTES_MAX) await pumped();
    },
    finish: async () => {
      if (writeDone) return;
      if (state !== 'open') throw errorOf(state);
      finishing = true;
      await pumped();
      await call(
        () => native.finishWrite(),
        () => {
          if (writeDone) return;
          writeDone = true;
          if (readDone) onEnd();
        },
      );
    },
    reset: () => {
      if (state !== 'open' || (readDone && writeDone)) return;
      endNative();
      end('reset');
    },
    close: () => {
      end('closed');
    },
  };
};
