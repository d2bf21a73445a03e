import type { Socket } from 'node:dgram';
import type { Clock } from '../../base/index.ts';
import type { Stream } from '../../transport/stoq/index.ts';
import { UDP_IDLE_MS } from './constants.ts';
import { createDatagramWriter, readDatagrams } from './datagram-frames.ts';
import type { DatagramPipe, Limit, TableCounters } from './interface.ts';
import { sendDatagram } from './socket-pipe.ts';

/** Datagrams over one stream of the forward protocol. */
export const createStreamDatagrams = (stream: Stream): DatagramPipe => {
  const listeners = new Set<(payload: Uint8Array) => void>();
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const close = (): void => {
    stream.reset();
    resolve();
  };
  const writer = createDatagramWriter(stream, { onError: close });
  readDatagrams(stream, (payload) => {
    for (const listener of listeners) listener(payload);
  }).then(close, close);
  return {
    send: (payload) => writer.send(payload),
    onDatagram: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    closed,
    close,
  };
};

export interface SpliceDatagramsOptions {
  clock: Clock;
  /** `sentBytes` are those that went from the socket into the stream. */
  counters: TableCounters;
  limit: Limit | null;
  signal: AbortSignal;
  moved: (sentBytes: number, receivedBytes: number) => void;
  /** @default 5 min, RFC 4787 */
  idleMs?: number;
}
/** Carries datagrams between a connected socket of this machine and a stream until either ends or nothing comes for too long. */
export const spliceDatagrams = (socket: Socket, stream: Stream, options: SpliceDatagramsOptions): Promise<void> =>
  new Promise((resolve) => {
    const { clock, counters, limit, signal, moved, idleMs = UDP_IDLE_MS } = options;
    let usedAtMs = clock.monotonicMs();
    let over = false;
    const end = (): void => {
      if (over) return;
      over = true;
      cancelIdle();
      signal.removeEventListener('abort', end);
      socket.close();
      stream.reset();
      resolve();
    };
    const cancelIdle = clock.every(Math.max(1, Math.min(idleMs, 30_000)), () => {
      if (clock.monotonicMs() - usedAtMs >= idleMs) end();
    });
    const writer = createDatagramWriter(stream, {
      onError: end,
      ...(limit !== null && { gate: (bytes: number) => limit.send(bytes) }),
    });
    socket.on('message', (payload: Buffer) => {
      usedAtMs = clock.monotonicMs();
      if (!writer.send(payload)) return;
      counters.sentBytes += payload.length;
      moved(payload.length, 0);
    });
    // Such as a port at which nobody listens: it may listen with the next datagram.
    socket.on('error', () => undefined);
    readDatagrams(stream, (payload) => {
      if (over) return;
      usedAtMs = clock.monotonicMs();
      counters.receivedBytes += payload.length;
      moved(0, payload.length);
      const wait = limit?.receive(payload.length);
      if (wait === undefined) {
        sendDatagram(socket, payload);
        return;
      }
      return wait.then(() => {
        if (!over) sendDatagram(socket, payload);
      });
    }).then(end, end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
