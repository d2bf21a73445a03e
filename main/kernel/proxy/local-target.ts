import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { isIPv6, connect, type Socket } from 'node:net';
import { type Clock, messageOf } from '../../base/index.ts';
import { FORWARD_DIAL_MS, SOCKET_BUFFER_BYTES } from './constants.ts';
import { ProxyError } from './errors.ts';

export type SocketTarget = { host: string; port: number } | { path: string };
/** Where a connection goes: a service of this machine, a destination that was checked, or a port of a job. */
export type StreamTarget = SocketTarget | { job: string; port: number };

const away = (detail: string): ProxyError =>
  new ProxyError(
    { code: 'TARGET_AWAY', detail },
    'The service behind this address does not answer now; ask its owner to start it, or try again later.',
  );

/**
 * Connects to a service of this machine, or to a destination that was checked.
 *
 * @returns a socket that stays half open when the other end finishes
 * @throws {ProxyError} `TARGET_AWAY`, with a sentence that tells nothing of this machine
 */
export const dialLocal = (
  target: SocketTarget,
  { clock, signal, timeoutMs = FORWARD_DIAL_MS }: { clock: Clock; signal?: AbortSignal; timeoutMs?: number },
): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const options = { allowHalfOpen: true, noDelay: true, highWaterMark: SOCKET_BUFFER_BYTES };
    const socket = connect({ ...target, ...options });
    const settle = (): void => {
      cancel();
      signal?.removeEventListener('abort', onAbort);
      socket.removeListener('error', onError);
      socket.removeListener('connect', onConnect);
    };
    const fail = (error: unknown): void => {
      settle();
      // An error may still come of a socket that nobody waits for.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error instanceof ProxyError ? error : away(messageOf(error)));
    };
    const onError = (error: Error): void => fail(error);
    const onAbort = (): void => fail(away('it was given up'));
    const onConnect = (): void => {
      settle();
      socket.pause();
      resolve(socket);
    };
    const cancel = clock.after(timeoutMs, () => fail(away('it took too long')));
    socket.once('error', onError);
    socket.once('connect', onConnect);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });

/** A datagram socket that hears nobody but its one target. @throws {ProxyError} `TARGET_AWAY` */
export const dialDatagrams = ({ host, port }: { host: string; port: number }): Promise<DatagramSocket> =>
  new Promise((resolve, reject) => {
    // A name is looked up as the family that it has; loopback by name is what services of this machine listen at.
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4' });
    const fail = (error: Error): void => {
      socket.close();
      reject(away(messageOf(error)));
    };
    socket.once('error', fail);
    socket.connect(port, host, () => {
      socket.removeListener('error', fail);
      resolve(socket);
    });
  });
