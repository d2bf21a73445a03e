import { type Server, type Socket, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { assert, type Clock } from '../../../../base/index.ts';
import { parseIp } from '../../destinations/index.ts';
import { ProxyError } from '../../errors.ts';
import type { LocalProxy, TableCounters } from '../../interface.ts';
import type { ProgramMetrics } from './metrics.ts';
import { CONNECTIONS_MAX, LINGER_MS, OPENING_MS_MAX, SILENT_MAX } from './constants.ts';

/** One connection of a program, as the proxy that serves it sees it. */
export interface ProgramConnection {
  readonly socket: Socket;
  /** It has said what it wants: from now on nobody hurries it. */
  opened(): void;
  /** It was not served. */
  refused(): void;
  /** Ends it: what was written arrives, what still comes is not waited for. */
  end(): void;
}
export interface ListenerComponents {
  clock: Clock;
  metrics: ProgramMetrics | null;
}
export interface ListenerInit {
  kind: 'socks' | 'http' | 'names';
  host: string;
  /** 0 takes a free one. */
  port: number;
  serve(connection: ProgramConnection): void;
  /** @default {@link CONNECTIONS_MAX} */
  connectionsMax?: number;
  /** @default {@link SILENT_MAX} */
  silentMax?: number;
  /** @default {@link OPENING_MS_MAX} */
  openingMsMax?: number;
}

const listen = (server: Server, host: string, port: number): Promise<AddressInfo> =>
  new Promise((resolve, reject) => {
    const onError = ({ code }: NodeJS.ErrnoException): void => {
      reject(
        code === 'EADDRINUSE'
          ? new ProxyError(
              { code: 'PORT_IN_USE', port },
              `Port ${port} is taken by another program; choose another one.`,
            )
          : new ProxyError(
              { code: 'PORT_REFUSED', port },
              `The system does not give out port ${port} (${code ?? 'unknown reason'}); choose one above 1023.`,
            ),
      );
    };
    server.once('error', onError);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', onError);
      resolve(server.address() as AddressInfo);
    });
  });

/**
 * Listens for programs of this machine, at a loopback address only. Whoever says nothing is thrown out, first when others want
 * in, so that connections that stay silent keep nobody from being served.
 *
 * @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED`
 */
export const createListener = async (
  { clock, metrics }: ListenerComponents,
  init: ListenerInit,
): Promise<LocalProxy & { counters: TableCounters; readonly silent: number }> => {
  const { kind, host, serve } = init;
  const { connectionsMax = CONNECTIONS_MAX, silentMax = SILENT_MAX, openingMsMax = OPENING_MS_MAX } = init;
  const ip = parseIp(host);
  assert(
    ip !== null && (ip.family === 4 ? ip.bytes[0] === 127 : host === '::1'),
    'Proxies listen for programs of this machine alone.',
  );
  const counters: TableCounters = {
    connectionsNow: 0,
    connectionsTotal: 0,
    sentBytes: 0,
    receivedBytes: 0,
    refused: 0,
    usedAtMs: 0,
  };
  const all = new Set<Socket>();
  /** Oldest first. */
  const silent = new Map<Socket, () => void>();
  let stopping: Promise<void> | null = null;

  const refuse = (): void => {
    counters.refused += 1;
    metrics?.refused.inc(1, { kind });
  };
  const server = createServer({ allowHalfOpen: true, keepAlive: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    if (silent.size >= silentMax)
      for (const [oldest] of silent) {
        oldest.destroy();
        silent.delete(oldest);
        refuse();
        break;
      }
    if (all.size >= connectionsMax) {
      refuse();
      socket.destroy();
      return;
    }
    all.add(socket);
    const cancel = clock.after(openingMsMax, () => {
      refuse();
      socket.destroy();
    });
    silent.set(socket, cancel);
    const noLongerSilent = (): void => {
      cancel();
      silent.delete(socket);
    };
    counters.connectionsNow = all.size;
    counters.connectionsTotal += 1;
    counters.usedAtMs = clock.nowMs();
    metrics?.connections.inc(1, { kind });
    socket.once('close', () => {
      noLongerSilent();
      all.delete(socket);
      counters.connectionsNow = all.size;
    });
    const end = (): void => {
      socket.end();
      // An end is seen only by who reads up to it.
      socket.resume();
      const stop = clock.after(LINGER_MS, () => socket.destroy());
      socket.once('close', stop);
    };
    serve({ socket, opened: noLongerSilent, refused: refuse, end });
  });
  const { port } = await listen(server, host, init.port);
  // Out of file numbers for a moment: who came is gone, the next may get in.
  server.on('error', () => refuse());
  return {
    listen: { host, port },
    counters,
    refused: () => counters.refused,
    get silent() {
      return silent.size;
    },
    stop: () => {
      stopping ??= new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of all) socket.destroy();
      });
      return stopping;
    },
  };
};
