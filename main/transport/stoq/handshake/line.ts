import type { Clock } from '../../../base/index.ts';
import type { CarrierStream, Channel } from '../carriers/interface.ts';
import { CarrierError, HandshakeError } from '../errors.ts';
import { FRAME_BYTES_MAX, HANDSHAKE_MS_MAX } from './constants.ts';
import { malformed } from './messages.ts';

/** Bytes of the length in front of an answer and of a finish, the highest first. */
const LENGTH_BYTES = 4;

/** The stream of one handshake. Every wait in it ends with the handshake. */
export interface Line {
  /** Exactly so many bytes, and none behind them. @throws {HandshakeError} `HANDSHAKE_MALFORMED` when the stream ends before */
  read(length: number): Promise<Uint8Array>;
  /** @throws {HandshakeError} `HANDSHAKE_MALFORMED` when it says to be larger than {@link FRAME_BYTES_MAX}, before memory is taken for it */
  readFrame(): Promise<Uint8Array>;
  write(bytes: Uint8Array): Promise<void>;
  writeFrame(bytes: Uint8Array): Promise<void>;
  /** Waits for anything else, until the handshake ends. */
  wait<T>(promise: Promise<T>): Promise<T>;
  /** Neither reads nor writes until time is over, or the channel is gone. Always throws. */
  silence(): Promise<never>;
}

export const timedOut = (): HandshakeError =>
  new HandshakeError(
    { code: 'HANDSHAKE_TIMED_OUT', verdict: 'ignore' },
    `The other end did not prove itself within ${HANDSHAKE_MS_MAX / 1000} s: it is too far or too busy, or it deals only with members of its private networks.`,
  );

/** Runs one handshake within its time. When it fails, whatever the reason, the stream is reset and nothing is left behind. */
export const withinTime = async <T>(
  clock: Clock,
  channel: Channel,
  stream: CarrierStream,
  signal: AbortSignal,
  work: (line: Line) => Promise<T>,
): Promise<T> => {
  const over = Promise.withResolvers<never>();
  // Whoever waits hears of it; if nobody does at that moment, nothing is lost.
  over.promise.catch(() => undefined);
  const wait = <V>(promise: Promise<V>): Promise<V> => Promise.race([promise, over.promise]);

  const read = async (length: number): Promise<Uint8Array> => {
    const whole = new Uint8Array(length);
    let place = 0;
    while (place < length) {
      const part = await wait(stream.read(length - place));
      if (part === null) throw malformed('the stream ended in the middle of the handshake');
      whole.set(part, place);
      place += part.length;
    }
    return whole;
  };
  const write = async (bytes: Uint8Array): Promise<void> => wait(stream.write(bytes));
  const line: Line = {
    read,
    readFrame: async () => {
      const header = await read(LENGTH_BYTES);
      const length = new DataView(header.buffer).getUint32(0);
      if (length === 0 || length > FRAME_BYTES_MAX) throw malformed(`a message has 1 to ${FRAME_BYTES_MAX} bytes`);
      return await read(length);
    },
    write,
    writeFrame: async (bytes) => {
      // In one piece: as two, they would leave in two packets.
      const frame = new Uint8Array(LENGTH_BYTES + bytes.length);
      new DataView(frame.buffer).setUint32(0, bytes.length);
      frame.set(bytes, LENGTH_BYTES);
      await write(frame);
    },
    wait,
    silence: async () => {
      await wait(channel.closed);
      throw new CarrierError({ code: 'CLOSED' }, 'The channel was closed before the handshake was done.');
    },
  };

  const onAbort = (): void => {
    over.reject(signal.reason);
  };
  const cancel = clock.after(HANDSHAKE_MS_MAX, () => {
    over.reject(timedOut());
  });
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await wait(work(line));
  } catch (error) {
    stream.reset();
    // What is still on its way in `work` stops at its next wait.
    over.reject(error);
    throw error;
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
};
