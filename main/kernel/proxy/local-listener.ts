import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { LISTENER_CONNECTIONS_MAX, SOCKET_BUFFER_BYTES } from './constants.ts';
import { ProxyError } from './errors.ts';

/** Where programs of this machine connect: both loopback addresses, so that `localhost` leads there whichever it means. */
export const LOOPBACK_HOSTS = ['::1', '127.0.0.1'] as const;
/** How often another free port is tried, where it is free at one of the two addresses only. */
const TRIES = 16;

export interface LocalListener {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Closes it and every connection. */
  stop(): Promise<void>;
}

/** @returns the error that says so, for whatever a listening socket fails with */
export const portError = (error: unknown, port: number): ProxyError => {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'EACCES'
    ? new ProxyError(
        { code: 'PORT_REFUSED', port },
        `The system does not let this program listen at port ${port}; take one above 1023.`,
        { cause: error },
      )
    : new ProxyError(
        { code: 'PORT_IN_USE', port },
        `Port ${port} of this machine is in use or not to be had; take another one, or 0 for any.`,
        { cause: error },
      );
};
/**
 * Binds the same port at every loopback address that this machine has.
 *
 * @param bind - binds one; gives the real port, or null where the machine has no such address
 * @param preferred - taken where it is free. @default none
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const bindLoopback = async <T>(
  port: number,
  bind: (host: string, port: number) => Promise<{ bound: T; port: number } | null>,
  unbind: (bound: T) => Promise<void>,
  preferred: number | null = null,
): Promise<{ bound: T[]; host: string; port: number }> => {
  const tried = preferred === null ? [] : [preferred];
  const wanted = port === 0 ? [...tried, ...Array.from({ length: TRIES }, () => 0)] : [port];
  let last: unknown = null;
  for (const first of wanted) {
    const bound: T[] = [];
    let real = first;
    let host: string | null = null;
    try {
      for (const one of LOOPBACK_HOSTS) {
        const made = await bind(one, real);
        if (made === null) continue;
        bound.push(made.bound);
        real = made.port;
        host ??= one;
      }
      if (host !== null) return { bound, host, port: real };
    } catch (error) {
      last = error;
    }
    for (const one of bound) await unbind(one);
  }
  throw portError(last, port);
};

/** Whether this machine has no such address: IPv6 may be off. */
export const isNoAddress = (error: unknown): boolean =>
  ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes((error as NodeJS.ErrnoException).code ?? '');

/**
 * Listens for programs of this machine. Sockets are half open when the other end finishes, are paused, and have no delay.
 *
 * @param options.connectionsMax - further ones are closed at once. @default 1024
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const listenLocally = async (
  port: number,
  onConnection: (socket: Socket) => void,
  options: { connectionsMax?: number; preferred?: number | null } = {},
): Promise<LocalListener> => {
  const { connectionsMax = LISTENER_CONNECTIONS_MAX, preferred = null } = options;
  const sockets = new Set<Socket>();
  const accept = (socket: Socket): void => {
    // Somebody must hear of what goes wrong from the first moment on.
    socket.on('error', () => undefined);
    if (sockets.size >= connectionsMax) {
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    onConnection(socket);
  };
  const bind = async (host: string, wanted: number): Promise<{ bound: Server; port: number } | null> => {
    const server = createServer(
      { allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: SOCKET_BUFFER_BYTES },
      accept,
    );
    try {
      server.listen({ host, port: wanted, backlog: 1024 });
      await once(server, 'listening');
    } catch (error) {
      if (isNoAddress(error)) return null;
      throw error;
    }
    return { bound: server, port: (server.address() as { port: number }).port };
  };
  const unbind = async (server: Server): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    await closed;
  };
  const { bound: servers, host, port: real } = await bindLoopback(port, bind, unbind, preferred);
  let stopped: Promise<void> | null = null;
  return {
    host,
    port: real,
    get connections() {
      return sockets.size;
    },
    stop: () => {
      stopped ??= (async () => {
        const closing = servers.map(unbind);
        for (const socket of sockets) socket.destroy();
        await Promise.all(closing);
      })();
      return stopped;
    },
  };
};
