import type { Stream } from '../../../transport/stoq/index.ts';
import type { JobPipe } from '../drivers/interface.ts';

/** Bytes read at once. */
const READ_BYTES = 64 * 1024;

type End = Pick<JobPipe, 'read' | 'write' | 'finish' | 'reset'>;
const carry = async (from: End, to: End, told: (bytes: number) => void): Promise<void> => {
  for (;;) {
    const bytes = await from.read(READ_BYTES);
    if (bytes === null) break;
    told(bytes.length);
    await to.write(bytes);
  }
  await to.finish();
};
/**
 * Carries bytes both ways until both have finished. What breaks one way ends both.
 *
 * @param counters - told of bytes that came in from the stream, and that went out over it
 */
export const splicePipe = async (
  stream: Stream,
  pipe: JobPipe,
  counters: { in: (bytes: number) => void; out: (bytes: number) => void },
): Promise<void> => {
  try {
    await Promise.all([carry(stream, pipe, counters.in), carry(pipe, stream, counters.out)]);
  } catch (error) {
    stream.reset();
    pipe.reset();
    throw error;
  }
};
/** A stream as a pipe to a job's port. */
export const pipeOf = (stream: Stream): JobPipe => ({
  read: (bytesMax) => stream.read(bytesMax),
  write: (bytes) => stream.write(bytes),
  finish: () => stream.finish(),
  reset: () => stream.reset(),
});
