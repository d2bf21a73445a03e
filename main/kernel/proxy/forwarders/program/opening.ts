import type { Socket } from 'node:net';
import type { Pipe } from '../../interface.ts';
import { ProxyError } from '../../errors.ts';

/**
 * A connection of a program while it says what it wants. Nothing is taken out of the socket beyond what is asked for, so that
 * whoever carries the bytes afterwards finds all that came too early.
 */
export interface Opening extends Pick<Pipe, 'read' | 'write'> {
  /** Ends reading here. */
  release(): Socket;
}
export const createOpening = (socket: Socket): Opening => {
  let gone = socket.destroyed;
  let wake = (): void => undefined;
  const onChange = (): void => wake();
  const onClose = (): void => {
    gone = true;
    wake();
  };
  socket.on('readable', onChange);
  socket.once('end', onChange);
  socket.once('close', onClose);
  return {
    read: async (maxBytes = 64 * 1024) => {
      for (;;) {
        const size = Math.min(maxBytes, socket.readableLength);
        // An end is told only to who reads at it.
        const chunk = socket.read(size) as Buffer | null;
        if (chunk !== null && size > 0) return chunk;
        if (socket.readableEnded) return null;
        if (gone) throw new ProxyError({ code: 'TARGET_AWAY', detail: 'closed' }, 'The program has gone.');
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    // Answers of this phase have a few bytes: there is nothing to wait for.
    write: async (bytes) => {
      if (!gone && !socket.writableEnded) socket.write(bytes);
    },
    release: () => {
      socket.off('readable', onChange);
      socket.off('end', onChange);
      socket.off('close', onClose);
      return socket;
    },
  };
};
