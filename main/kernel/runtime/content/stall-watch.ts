import type { Clock } from '../../../base/index.ts';
import type { Stream } from '../../../transport/stoq/index.ts';

/** Looked at so often, and so many bytes must have moved since: a line of 8 kbit/s does it. */
const WINDOW_MS = 30_000;
const BYTES_MIN = 30 * 1024;
/** For the other end to write out and hash what it has. */
const WAIT_WINDOWS = 10;

export interface StallWatch {
  moved(bytes: number): void;
  /** Nothing moves from now on: the other end works on an answer, for which it has five minutes. */
  waits(): void;
  stop(): void;
}
/** Ends a stream on which a transfer does not move, in either direction. */
export const createStallWatch = (clock: Clock, stream: Pick<Stream, 'reset'>): StallWatch => {
  let bytes = 0;
  let windows = 0;
  const stop = clock.every(WINDOW_MS, () => {
    windows -= 1;
    if (windows <= 0 && bytes < BYTES_MIN) {
      stop();
      stream.reset();
    }
    bytes = 0;
  });
  return {
    moved: (more) => void (bytes += more),
    waits: () => void (windows = WAIT_WINDOWS),
    stop,
  };
};
