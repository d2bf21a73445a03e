import type { Clock } from '../../../base/index.ts';
import { StreamError } from '../errors.ts';
import type { ProtocolSpec, Stream } from '../interface.ts';
import type { PeerConnection } from './connection.ts';
import { MEASURE_BYTES, MEASURE_DEADLINE_MS, MEASURE_PROTOCOL } from './constants.ts';
import type { ConnectionPath, Measured } from './path.ts';

/** Bytes of the first try. Where they take long, more would take the owner's line for nothing. */
const FIRST_BYTES = 64 * 1024;
/** Ms of the first try below which a larger one says more. */
const FIRST_MS_MAX = 200;
const PIECE = new Uint8Array(64 * 1024);

export const MEASURE_SPEC: ProtocolSpec = {
  name: MEASURE_PROTOCOL,
  streamsMax: 1,
  opensPerTenSeconds: 8,
  bytesMax: MEASURE_BYTES,
  deadlineMs: MEASURE_DEADLINE_MS,
};

const writeBytes = async (stream: Stream, bytes: number): Promise<void> => {
  for (let left = bytes; left > 0; left -= PIECE.length)
    await stream.write(left < PIECE.length ? PIECE.subarray(0, left) : PIECE);
  await stream.finish();
};
const countBytes = async (stream: Stream): Promise<number> => {
  let bytes = 0;
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) bytes += chunk.length;
  return bytes;
};

/** Gives back as many bytes as came; the protocol's limits bound them. */
export const answerMeasure = async (stream: Stream): Promise<void> => {
  await writeBytes(stream, await countBytes(stream));
  await stream.acknowledged();
};

const once = async (
  clock: Clock,
  connection: PeerConnection,
  path: ConnectionPath,
  bytes: number,
): Promise<{ ms: number }> => {
  const stream = await connection.openStreamOn(path, MEASURE_PROTOCOL, MEASURE_DEADLINE_MS, bytes);
  const startMs = clock.monotonicMs();
  try {
    await writeBytes(stream, bytes);
    const back = await countBytes(stream);
    if (back !== bytes)
      throw new StreamError(
        { code: 'MALFORMED', problem: `${back} bytes came back of ${bytes}`, verdict: 'reject' },
        'The peer did not answer a measurement as it must.',
      );
    return { ms: Math.max(0.001, clock.monotonicMs() - startMs) };
  } catch (error) {
    stream.reset();
    throw error;
  }
};

/**
 * Measures a path by sending up to 1 MiB there and back, one way after the other.
 *
 * @returns bytes a second, mean of both ways, and the round trip @throws {StreamError}
 */
export const measurePath = async (
  clock: Clock,
  connection: PeerConnection,
  path: ConnectionPath,
): Promise<Measured> => {
  const rttMs = await path.ping();
  const first = await once(clock, connection, path, FIRST_BYTES);
  const [bytes, { ms }] =
    first.ms > FIRST_MS_MAX
      ? [FIRST_BYTES, first]
      : [MEASURE_BYTES, await once(clock, connection, path, MEASURE_BYTES)];
  // Of the time, one round trip is the way and not the rate.
  const movingMs = Math.max(ms / 10, ms - rttMs);
  return { bytesPerSecond: (2 * bytes * 1000) / movingMs, rttMs, atMs: clock.monotonicMs() };
};
