import { Buffer } from 'node:buffer';
import type { CarrierStream } from '../carriers/interface.ts';

/** First writes up to here take the prefix along in one call; a larger one would have to be copied. */
const JOIN_BYTES_MAX = 16 * 1024;

/** A stream with bytes that go in front of everything else: an opening frame, or its answer. */
export interface PrimedStream extends CarrierStream {
  /** Sends the prefix if nothing has sent it yet. Errors are told by what is called next. */
  flush(): void;
  /** Whether the prefix is still here. */
  readonly primed: boolean;
}

/**
 * Holds `prefix` back until there is something to send with it: a request and its opening leave in one packet, and so do an
 * acceptance and the answer.
 */
export const primeStream = (stream: CarrierStream, prefix: Uint8Array): PrimedStream => {
  let held: Uint8Array | null = prefix;
  /** Of a prefix that left by itself, while it is under way: carriers take one call at a time. */
  let leaving: Promise<void> | null = null;

  const leave = (bytes: Uint8Array): Promise<void> => {
    held = null;
    leaving = stream.write(bytes).finally(() => {
      leaving = null;
    });
    return leaving;
  };
  return {
    get primed() {
      return held !== null;
    },
    flush: () => {
      // Whoever writes or reads next meets the same failure.
      if (held !== null) leave(held).catch(() => undefined);
    },
    read: (maxBytes) => stream.read(maxBytes),
    write: (bytes) => {
      if (held === null) return leaving === null ? stream.write(bytes) : leaving.then(() => stream.write(bytes));
      if (bytes.length <= JOIN_BYTES_MAX) return leave(Buffer.concat([held, bytes]));
      return leave(held).then(() => stream.write(bytes));
    },
    finish: () => {
      if (held !== null) return leave(held).then(() => stream.finish());
      return leaving === null ? stream.finish() : leaving.then(() => stream.finish());
    },
    reset: () => {
      held = null;
      stream.reset();
    },
  };
};
