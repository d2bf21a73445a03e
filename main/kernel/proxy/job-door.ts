import { Duplex } from 'node:stream';
import { callbackify } from 'node:util';
import { messageOf } from '../../base/index.ts';
import { SOCKET_BUFFER_BYTES } from './constants.ts';
import { ProxyError } from './errors.ts';
import type { JobPipe } from '../runtime/index.ts';
import type { SpliceEnd } from './splice.ts';

/** A way into a port on which a job listens, wherever it runs; handed in by whoever composes the node. */
export type JobDoor = (job: string, port: number) => Promise<JobPipe>;

const away = (detail: string): ProxyError =>
  new ProxyError(
    { code: 'TARGET_AWAY', detail },
    'The service behind this address does not answer now; ask its owner to start it, or try again later.',
  );

/** Tells a stream how something ended, as streams want to be told. */
const settle = (work: Promise<void>, done: (error?: Error | null) => void): void => {
  const tell = async (): Promise<Error | null> => {
    try {
      await work;
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  };
  callbackify(tell)((_failed, error) => done(error));
};

/** A connection into a job, as a socket of this machine would be. */
class JobSocket extends Duplex implements SpliceEnd {
  readonly #pipe: JobPipe;
  #isReading = false;

  constructor(pipe: JobPipe) {
    super({
      allowHalfOpen: true,
      readableHighWaterMark: SOCKET_BUFFER_BYTES,
      writableHighWaterMark: SOCKET_BUFFER_BYTES,
    });
    this.#pipe = pipe;
  }
  override _read(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    this.#pipe.read(SOCKET_BUFFER_BYTES).then(
      (bytes) => {
        this.#isReading = false;
        this.push(bytes);
      },
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(messageOf(error))),
    );
  }
  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    settle(this.#pipe.write(chunk), done);
  }
  override _final(done: (error?: Error | null) => void): void {
    settle(this.#pipe.finish(), done);
  }
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.readableEnded || !this.writableFinished) this.#pipe.reset();
    done(error);
  }
  resetAndDestroy(): void {
    this.destroy();
  }
}

/** @throws {ProxyError} `TARGET_AWAY`, with a sentence that tells nothing of the job */
export const dialJob = async (
  { job, port }: { job: string; port: number },
  door: JobDoor,
  signal?: AbortSignal,
): Promise<SpliceEnd> => {
  let pipe: JobPipe;
  try {
    pipe = await door(job, port);
  } catch (error) {
    throw away(messageOf(error));
  }
  if (signal?.aborted === true) {
    pipe.reset();
    throw away('it was given up');
  }
  const socket = new JobSocket(pipe);
  socket.pause();
  return socket;
};
