import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert, type Logger, messageOf, type Outside } from '../../../../base/index.ts';
import { groupOf, ipAddress, isPrivate, partsOf } from '../../address.ts';
import { CarrierError } from '../../errors.ts';
import type { Address } from '../../interface.ts';
import {
  closedError,
  noSuchAddressError,
  notAllowedError,
  portInUseError,
  timedOutError,
  unreachableError,
} from '../carrier-errors.ts';
import type { Carrier, Channel } from '../interface.ts';
import type { CarrierMetrics } from '../metrics.ts';
import { HANDSHAKE_MS, HANDSHAKES_AT_ONCE } from './constants.ts';
import { createTlsCredentials, secureChannel } from './secure-channel.ts';

export interface TlsCarrierComponents {
  outside: Outside;
  logger: Logger;
  metrics: CarrierMetrics | null;
}
export interface TlsCarrierInit {
  /** Ms that TCP's and TLS's handshakes may take together. @default 5000 */
  handshakeMs?: number;
  /** Ms without a byte after which a channel is gone. @default 20 000 */
  idleMs?: number;
  /** Ms between signs of life. @default 6000 */
  keepAliveMs?: number;
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | null)?.code;

/** @returns null for one that is gone already, or whose zone has a name that addresses do not allow */
const remoteOf = ({ remoteAddress, remotePort }: Socket): Address | null => {
  if (remoteAddress === undefined || remotePort === undefined) return null;
  try {
    return ipAddress(remoteAddress, remotePort, 'tls');
  } catch {
    // An assertion meant for our own sockets: this one is a stranger's, who must not end the process by it.
    return null;
  }
};

/** TLS 1.3 over TCP, for where UDP is blocked or slower. Knows zones of link-local addresses. */
export const createTlsCarrier = (components: TlsCarrierComponents, init: TlsCarrierInit = {}): Carrier => {
  const { outside, logger, metrics } = components;
  const credentials = createTlsCredentials(outside);
  const handshakeMs = init.handshakeMs ?? HANDSHAKE_MS;
  const channels = new Set<Channel>();
  const listeners = new Set<() => Promise<void>>();
  /** Sockets whose handshake is under way. */
  const pending = new Set<Socket>();
  let stopped = false;

  const secure = async (
    socket: Socket,
    direction: 'in' | 'out',
    remoteAddress: Address,
    signal?: AbortSignal,
  ): Promise<Channel> => {
    const channel = await secureChannel(
      { outside, logger },
      {
        credentials,
        pipe: socket,
        tier: 'tls',
        direction,
        remoteAddress,
        signal,
        handshakeMs,
        keepAliveMs: init.keepAliveMs,
        idleMs: init.idleMs,
        onClosed: () => {
          channels.delete(channel);
          metrics?.channels.set(channels.size, { tier: 'tls' });
        },
      },
    );
    channels.add(channel);
    metrics?.channels.set(channels.size, { tier: 'tls' });
    metrics?.opened.inc(1, { tier: 'tls', direction });
    return channel;
  };
  const canDial = (address: Address): boolean => {
    const { transport, relay } = partsOf(address);
    return transport === 'tls' && relay === null;
  };
  const hostOf = (address: Address): string => {
    const { host, zone } = partsOf(address);
    return zone === null ? host : `${host}%${zone}`;
  };
  /** Waits for `ready` of a socket or server, or its error. */
  const until = (emitter: Socket | Server, ready: 'connect' | 'listening'): Promise<void> =>
    new Promise((resolve, reject) => {
      emitter.once('error', reject);
      emitter.once(ready, () => {
        emitter.off('error', reject);
        resolve();
      });
    });

  return {
    tier: 'tls',
    canDial,
    listen: async (address, onChannel) => {
      if (stopped) throw closedError();
      if (!canDial(address)) throw noSuchAddressError(address);
      const { port, host, zone, family } = partsOf(address);
      // Ours only: a server knows no channel of another listener.
      const own = new Set<Channel>();
      const ownPending = new Set<Socket>();
      /** How many of them are of one network; near here, of one host. */
      const pendingOf = new Map<string, number>();
      const greet = async (socket: Socket, remote: Address): Promise<void> => {
        ownPending.add(socket);
        pending.add(socket);
        try {
          const channel = await secure(socket, 'in', remote);
          own.add(channel);
          void channel.closed.then(() => own.delete(channel));
          onChannel(channel);
        } catch (error) {
          socket.destroy();
          metrics?.refused.inc(1, { tier: 'tls' });
          logger.debug('TLS handshake of a stranger failed', { problem: messageOf(error) });
        } finally {
          ownPending.delete(socket);
          pending.delete(socket);
        }
      };
      /** One host or network that connects and says nothing leaves half of the places to others. */
      const admit = (socket: Socket): void => {
        const remote = remoteOf(socket);
        const group = remote === null ? '' : isPrivate(remote) ? partsOf(remote).host : groupOf(remote);
        const ofGroup = pendingOf.get(group) ?? 0;
        if (remote === null || ownPending.size >= HANDSHAKES_AT_ONCE || ofGroup >= HANDSHAKES_AT_ONCE / 2) {
          metrics?.refused.inc(1, { tier: 'tls' });
          socket.destroy();
          return;
        }
        pendingOf.set(group, ofGroup + 1);
        void greet(socket, remote).finally(() => {
          const left = (pendingOf.get(group) ?? 1) - 1;
          if (left === 0) pendingOf.delete(group);
          else pendingOf.set(group, left);
        });
      };
      const server = createServer({ noDelay: true }, admit);
      server.listen({ host: hostOf(address), port, ipv6Only: family === 'ip6' });
      try {
        await until(server, 'listening');
      } catch (error) {
        const code = codeOf(error);
        if (code === 'EADDRINUSE') throw portInUseError(address);
        throw code === 'EACCES' || code === 'EPERM' ? notAllowedError(address) : noSuchAddressError(address);
      }
      // A single failure to accept, such as for want of file descriptors, is no reason to end.
      server.on('error', (error) => {
        logger.warn('TCP connection could not be accepted', { problem: messageOf(error) });
      });
      const bound = server.address();
      assert(bound !== null && typeof bound === 'object', 'A listening TCP server has an address.');
      let closing: Promise<void> | null = null;
      const close = (): Promise<void> => {
        listeners.delete(close);
        closing ??= new Promise((resolve) => {
          server.close(() => {
            resolve();
          });
          for (const socket of ownPending) socket.destroy();
          for (const channel of own) channel.abort();
        });
        return closing;
      };
      listeners.add(close);
      return { address: ipAddress(zone === null ? host : `${host}%${zone}`, bound.port, 'tls'), close };
    },
    dial: async (address, { signal }) => {
      signal.throwIfAborted();
      if (stopped) throw closedError();
      if (!canDial(address)) throw noSuchAddressError(address);
      const socket = connect({ host: hostOf(address), port: partsOf(address).port, noDelay: true });
      let timedOut = false;
      const abort = (): void => {
        socket.destroy(new Error('aborted'));
      };
      const cancelTimer = outside.clock.after(handshakeMs, () => {
        timedOut = true;
        abort();
      });
      pending.add(socket);
      signal.addEventListener('abort', abort, { once: true });
      try {
        await until(socket, 'connect');
        return await secure(socket, 'out', address, signal);
      } catch (error) {
        socket.destroy();
        signal.throwIfAborted();
        metrics?.dialsFailed.inc(1, { tier: 'tls' });
        if (timedOut || codeOf(error) === 'ETIMEDOUT') throw timedOutError(address);
        if (error instanceof CarrierError) throw error;
        throw unreachableError(address, codeOf(error) === 'ECONNREFUSED' ? 'it refuses connections' : messageOf(error));
      } finally {
        cancelTimer();
        pending.delete(socket);
        signal.removeEventListener('abort', abort);
      }
    },
    stop: async () => {
      stopped = true;
      for (const socket of pending) socket.destroy(new Error('stopped'));
      for (const channel of channels) channel.abort();
      await Promise.all([...listeners].map((close) => close()));
    },
  };
};
