import type { Pipe } from '../../../interface.ts';
import type { TcpConnection, TcpListener } from './connection.ts';

/** Small segments that wait are handed on together, up to so many bytes; a large one goes alone, as to copy it costs more than a write. */
const WRITE_BYTES_MAX = 64 * 1024;
const SMALL_BYTES_MAX = 16 * 1024;
/** Asked of the far side at once. */
const READ_BYTES_MAX = 256 * 1024;

/** One TCP connection and one pipe, with back-pressure both ways. */
export interface TcpBridge {
  readonly listener: TcpListener;
  /** Before `accept` is called on the connection. */
  attach(connection: TcpConnection, pipe: Pipe): void;
  /** Gives the pipe up. */
  reset(): void;
}

/** @param onDone - nothing more comes of it: the connection is closed, and what it had received has gone on */
export const createTcpBridge = (onDone: () => void): TcpBridge => {
  let connection: TcpConnection | null = null;
  let pipe: Pipe | null = null;
  let received: Buffer[] = [];
  let finished = false;
  let closed = false;
  let writing = false;
  let written = false;
  let done = false;
  let wake = (): void => undefined;

  const end = (): void => {
    if (done) return;
    done = true;
    onDone();
  };
  const reset = (): void => {
    received = [];
    written = true;
    closed = true;
    pipe?.reset();
    wake();
    end();
  };
  const fail = (): void => {
    // Through `closed` of the listener where the connection is still there.
    connection?.abort();
    reset();
  };
  const takeReceived = (): Buffer => {
    const first = received.shift()!;
    let bytes = first.length;
    let count = 0;
    for (const next of first.length > SMALL_BYTES_MAX ? [] : received) {
      if (next.length > SMALL_BYTES_MAX || bytes + next.length > WRITE_BYTES_MAX) break;
      bytes += next.length;
      count += 1;
    }
    return count === 0 ? first : Buffer.concat([first, ...received.splice(0, count)], bytes);
  };
  const write = async (far: Pipe, near: TcpConnection): Promise<void> => {
    if (writing) return;
    writing = true;
    try {
      while (received.length > 0) {
        const bytes = takeReceived();
        await far.write(bytes);
        near.consume(bytes.length);
      }
      if (finished && !written) {
        written = true;
        await far.finish();
      }
      if (closed && written) end();
    } catch {
      fail();
    } finally {
      writing = false;
    }
  };
  const startWrite = (): void => {
    if (pipe !== null && connection !== null) void write(pipe, connection);
  };
  const read = async (far: Pipe, near: TcpConnection): Promise<void> => {
    try {
      for (;;) {
        while (near.roomBytes === 0 && !closed)
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        if (closed) return;
        const bytes = await far.read(Math.min(near.roomBytes, READ_BYTES_MAX));
        if (closed) return;
        if (bytes === null) {
          near.finish();
          return;
        }
        near.send(bytes);
      }
    } catch {
      if (!closed) fail();
    }
  };

  return {
    listener: {
      opened: () => {
        if (pipe !== null && connection !== null) void read(pipe, connection);
      },
      data: (bytes) => {
        received.push(bytes);
        startWrite();
      },
      finished: () => {
        finished = true;
        startWrite();
      },
      room: () => wake(),
      closed: (aborted) => {
        closed = true;
        wake();
        if (aborted || pipe === null) reset();
        else if (written && !writing) end();
      },
    },
    attach: (near, far) => {
      connection = near;
      pipe = far;
    },
    reset,
  };
};
