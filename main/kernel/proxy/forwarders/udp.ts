import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import { isNodeError } from '../../../base/index.ts';
import { UDP_CLIENTS_MAX, UDP_IDLE_MS, UDP_WAITING_MAX } from '../constants.ts';
import type { DatagramPipe, LocalForwarder } from '../interface.ts';
import { bindLoopback, isNoAddress } from '../local-listener.ts';
import { newCounters } from '../translation-table.ts';
import type { ForwarderComponents, ForwarderInit } from './tcp.ts';

/** One program that sends datagrams: its address and port, and its way to the far service. */
interface Client {
  /** Null while it opens. */
  pipe: DatagramPipe | null;
  /** What came meanwhile. */
  waiting: Uint8Array[];
  usedAtMs: number;
  readonly life: AbortController;
}

/** How often silent programs are looked for, of the time that they may be silent. */
const LOOKS = 10;
/** The kernel's own bound is small; a burst that comes while this thread does something else is to survive. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Leads datagrams to a port of this machine to one far service, and answers back to whoever sent. */
export const startUdpForwarder = async (
  { outside, logger, dialer, onOutcome }: ForwarderComponents,
  init: ForwarderInit & { idleMs?: number; clientsMax?: number },
): Promise<LocalForwarder> => {
  const { clock } = outside;
  const { target, port, preferred = null, idleMs = UDP_IDLE_MS, clientsMax = UDP_CLIENTS_MAX } = init;
  const counters = newCounters(clock.nowMs());
  /** By socket, address and port, the one that was silent longest first. */
  const clients = new Map<string, Client>();

  const forget = (key: string, client: Client): void => {
    if (clients.get(key) !== client) return;
    clients.delete(key);
    counters.connectionsNow -= 1;
    client.life.abort(new Error('nothing came any more'));
    client.pipe?.close();
  };
  const open = async (key: string, client: Client, socket: Socket, from: RemoteInfo): Promise<void> => {
    try {
      const pipe = await dialer.associate(target, { signal: client.life.signal });
      if (client.life.signal.aborted) {
        pipe.close();
        return;
      }
      client.pipe = pipe;
      pipe.onDatagram((payload) => {
        client.usedAtMs = clock.monotonicMs();
        counters.receivedBytes += payload.length;
        socket.send(payload, from.port, from.address, () => undefined);
      });
      void pipe.closed.then(() => forget(key, client));
      for (const payload of client.waiting.splice(0)) pipe.send(payload);
      onOutcome?.({ peer: null, route: null, problem: null });
    } catch (error) {
      const aborted = client.life.signal.aborted;
      forget(key, client);
      if (aborted) return;
      if (!isNodeError(error)) throw error;
      counters.refused += 1;
      onOutcome?.({ peer: null, route: null, problem: error.message });
      logger.debug('A far service was not to be had', { code: error.code, problem: error.message });
    }
  };
  const onMessage = (socket: Socket, payload: Uint8Array, from: RemoteInfo): void => {
    const key = `${from.family} ${from.address} ${from.port}`;
    let client = clients.get(key);
    if (client === undefined) {
      if (clients.size >= clientsMax) {
        let oldest: [string, Client] | null = null;
        for (const entry of clients) if (oldest === null || entry[1].usedAtMs < oldest[1].usedAtMs) oldest = entry;
        if (oldest !== null) forget(...oldest);
      }
      client = { pipe: null, waiting: [], usedAtMs: clock.monotonicMs(), life: new AbortController() };
      clients.set(key, client);
      counters.connectionsNow += 1;
      counters.connectionsTotal += 1;
      counters.usedAtMs = clock.nowMs();
      void open(key, client, socket, from);
    }
    client.usedAtMs = clock.monotonicMs();
    counters.sentBytes += payload.length;
    if (client.pipe !== null) client.pipe.send(payload);
    else if (client.waiting.length < UDP_WAITING_MAX) client.waiting.push(payload);
  };
  const bind = async (host: string, wanted: number): Promise<{ bound: Socket; port: number } | null> => {
    const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ...(isIPv6(host) && { ipv6Only: true }) });
    try {
      socket.bind({ address: host, port: wanted, exclusive: true });
      await once(socket, 'listening');
    } catch (error) {
      socket.close();
      if (isNoAddress(error)) return null;
      throw error;
    }
    try {
      socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    } catch {
      // Some systems allow no more than they have by themselves; it works, with more loss.
    }
    socket.on('message', (payload, from) => onMessage(socket, payload, from));
    socket.on('error', () => undefined);
    return { bound: socket, port: socket.address().port };
  };
  const unbind = async (socket: Socket): Promise<void> => {
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  };
  const { bound: sockets, host, port: real } = await bindLoopback(port, bind, unbind, preferred);
  const cancel = clock.every(Math.max(1, idleMs / LOOKS), () => {
    const nowMs = clock.monotonicMs();
    for (const [key, client] of clients) if (nowMs - client.usedAtMs >= idleMs) forget(key, client);
  });
  let stopped: Promise<void> | null = null;
  return {
    listen: { host, port: real },
    counters,
    stop: () => {
      stopped ??= (async () => {
        cancel();
        for (const [key, client] of clients) forget(key, client);
        await Promise.all(sockets.map(unbind));
      })();
      return stopped;
    },
  };
};
