import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { DatagramPipe, Dialer, Pipe } from '../../main/kernel/proxy/interface.ts';
import { ProxyError } from '../../main/kernel/proxy/errors.ts';
import type { PeerId } from '../../main/transport/stoq/index.ts';

// A dialer whose far side is this machine's loopback: real servers, no peers.

/** A socket as a pipe. It must not be flowing. */
export const pipeOfSocket = (socket: Socket): Pipe => {
  let ended = false;
  let failed: Error | null = null;
  let wake = (): void => undefined;
  let wakeWriter = (): void => undefined;
  socket.on('readable', () => wake());
  socket.on('drain', () => wakeWriter());
  socket.on('end', () => {
    ended = true;
    wake();
  });
  socket.on('error', (error) => {
    failed = error;
  });
  socket.on('close', () => {
    if (!ended) failed ??= new Error('The socket closed.');
    wake();
    wakeWriter();
  });
  return {
    read: async (maxBytes = 65_536) => {
      for (;;) {
        if (socket.readableLength > 0)
          return socket.read(Math.min(socket.readableLength, maxBytes)) as Uint8Array | null;
        if (ended) return null;
        if (failed !== null) throw failed;
        // A stream that was read to its end says so only when it is read once more.
        socket.read(0);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    write: async (bytes) => {
      if (failed !== null) throw failed;
      if (socket.write(bytes)) return;
      await new Promise<void>((resolve) => {
        wakeWriter = resolve;
      });
      if (failed !== null) throw failed as Error;
    },
    finish: () =>
      new Promise((resolve) => {
        socket.end(() => resolve());
      }),
    reset: () => {
      socket.destroy();
    },
  };
};

export interface SocketDialerInit {
  /** The one address that somebody answers for; a port there is the same port of ::1. */
  address: string;
  /** A port that is there and lets nobody in. */
  privatePort: number;
}
export const createSocketDialer = ({ address: known, privatePort }: SocketDialerInit): Dialer => {
  const check = (address: string, port: number): void => {
    if (address !== known) throw new ProxyError({ code: 'ADDRESS_UNKNOWN', address }, 'Nobody answers.');
    if (port === privatePort) throw new ProxyError({ code: 'REFUSED_THERE', reason: 'privacy' }, 'Not for you.');
  };
  return {
    connect: async (target) => {
      if (target.kind !== 'service') throw new Error('Only services here.');
      check(target.address, target.port);
      const socket = connect({ host: '::1', port: target.port, allowHalfOpen: true, noDelay: true });
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', (error) =>
          reject(new ProxyError({ code: 'TARGET_AWAY', detail: error.message }, 'Nothing listens.')),
        );
      });
      socket.removeAllListeners('error');
      return Object.assign(pipeOfSocket(socket), { peer: 'somebody' as PeerId, route: 'direct' as const });
    },
    associate: async (target): Promise<DatagramPipe> => {
      if (target.kind !== 'service') throw new Error('Only services here.');
      check(target.address, target.port);
      const socket = createSocket('udp6');
      await new Promise<void>((resolve) => {
        socket.connect(target.port, '::1', resolve);
      });
      const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
      socket.on('close', onClosed);
      socket.on('error', () => socket.close());
      return {
        send: (payload) => {
          socket.send(payload);
          return true;
        },
        onDatagram: (listener) => {
          socket.on('message', listener);
          return () => socket.off('message', listener);
        },
        closed,
        close: () => {
          try {
            socket.close();
          } catch {
            // It closed by itself.
          }
        },
      };
    },
    ping: async (address) => {
      check(address, 0);
      return 1;
    },
  };
};
