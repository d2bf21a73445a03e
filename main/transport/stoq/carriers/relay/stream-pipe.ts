import { Duplex } from 'node:stream';
import { messageOf } from '../../../../base/index.ts';
import type { Stream } from '../../interface.ts';

/** One read of a circuit. */
const READ_BYTES = 64 * 1024;

/** A stream of ours as a pipe of Node, which TLS wants. Back-pressure goes through: what TLS does not take is not read. */
export const pipeOf = (stream: Stream): Duplex => {
  let reading = false;
  const pipe: Duplex = new Duplex({
    readableHighWaterMark: READ_BYTES,
    writableHighWaterMark: READ_BYTES,
    read: () => {
      if (reading) return;
      reading = true;
      void (async () => {
        try {
          for (;;) {
            const chunk = await stream.read(READ_BYTES);
            // A stream ends cleanly or throws: the end is what the other end meant.
            if (!pipe.push(chunk) || chunk === null) break;
          }
        } catch (error) {
          pipe.destroy(error instanceof Error ? error : new Error(messageOf(error)));
        } finally {
          reading = false;
        }
      })();
    },
    write: (chunk: Uint8Array, _encoding, taken) => {
      // Bytes are the stream's until the promise resolves; Node keeps them as long.
      stream.write(chunk).then(() => taken(), taken);
    },
    final: (taken) => {
      stream.finish().then(() => taken(), taken);
    },
    destroy: (error, done) => {
      stream.reset();
      done(error);
    },
  });
  return pipe;
};
