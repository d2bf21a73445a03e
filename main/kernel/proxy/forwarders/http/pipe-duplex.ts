import { Duplex } from 'node:stream';
import { messageOf } from '../../../../base/index.ts';
import type { Pipe } from '../../interface.ts';

const errorOf = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
const tell = async (work: Promise<void>, done: (error?: Error | null) => void): Promise<void> => {
  let failure: Error | null = null;
  try {
    await work;
  } catch (error) {
    failure = errorOf(error);
  }
  done(failure);
};

/** A {@link Pipe} as a stream of Node, for libraries that take nothing else. Destroying it resets the pipe. */
export const duplexOfPipe = (pipe: Pipe): Duplex => {
  let reading = false;
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: (size) => {
      if (reading) return;
      reading = true;
      pipe.read(Math.max(1, size)).then(
        (chunk) => {
          reading = false;
          duplex.push(chunk);
        },
        (error: unknown) => duplex.destroy(errorOf(error)),
      );
    },
    write: (chunk: Buffer, _encoding, done) => void tell(pipe.write(chunk), done),
    final: (done) => void tell(pipe.finish(), done),
    destroy: (error, done) => {
      pipe.reset();
      done(error);
    },
  });
  return duplex;
};
