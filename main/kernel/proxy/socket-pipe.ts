import type { Socket as DatagramSocket } from 'node:dgram';
import { type Clock, messageOf } from '../../base/index.ts';
import { DATAGRAMS_WAITING_BYTES_MAX } from './constants.ts';
import { ProxyError } from './errors.ts';
import type { DatagramPipe, Pipe, TableCounters } from './interface.ts';
import type { SpliceEnd } from './splice.ts';

const begun = (counters: TableCounters, clock: Clock): (() => void) => {
  let over = false;
  counters.connectionsNow += 1;
  counters.connectionsTotal += 1;
  counters.usedAtMs = clock.nowMs();
  return () => {
    if (over) return;
    over = true;
    counters.connectionsNow -= 1;
    counters.usedAtMs = clock.nowMs();
  };
};

/** A socket of this machine as a pipe, for an address that this machine answers for itself. */
export const createSocketPipe = (socket: SpliceEnd, counters: TableCounters, clock: Clock): Pipe => {
  const state: { failure: ProxyError | null } = { failure: null };
  let wakeRead: (() => void) | null = null;
  /** Several writes may wait at once: who carries bytes does not wait for each. */
  const waitingWrites: (() => void)[] = [];
  const wakeWrites = (): void => {
    for (const go of waitingWrites.splice(0)) go();
  };
  const left = begun(counters, clock);
  const wake = (): void => {
    wakeRead?.();
    wakeWrites();
  };
  const fail = (detail: string): void => {
    state.failure ??= new ProxyError(
      { code: 'TARGET_AWAY', detail },
      'The service ended this connection; connect again.',
    );
    wake();
  };
  const throwIfFailed = (): void => {
    if (state.failure !== null) throw state.failure;
  };
  socket.on('readable', () => wakeRead?.());
  socket.on('end', () => wakeRead?.());
  socket.on('drain', wakeWrites);
  socket.on('error', (error) => fail(messageOf(error)));
  socket.on('close', () => {
    left();
    if (!socket.readableEnded) fail('it was closed');
    wake();
  });
  return {
    read: async (maxBytes) => {
      for (;;) {
        const size = maxBytes === undefined ? undefined : Math.min(maxBytes, socket.readableLength);
        const chunk = (size === 0 ? null : socket.read(size)) as Buffer | null;
        if (chunk !== null) {
          counters.sentBytes += chunk.length;
          return chunk;
        }
        if (socket.readableEnded) return null;
        throwIfFailed();
        // An end is told only to who reads at it.
        if (size === 0) socket.read(0);
        await new Promise<void>((resolve) => {
          wakeRead = resolve;
        });
        wakeRead = null;
      }
    },
    write: async (bytes) => {
      throwIfFailed();
      counters.receivedBytes += bytes.length;
      if (socket.write(bytes)) return;
      await new Promise<void>((resolve) => {
        waitingWrites.push(resolve);
      });
      throwIfFailed();
    },
    finish: () =>
      new Promise((resolve) => {
        socket.end(() => resolve());
      }),
    reset: () => {
      socket.resetAndDestroy();
      left();
    },
  };
};

/**
 * Sends, or drops where the system takes less than comes: what it does not take at once waits in the memory of this process, and
 * nobody who sends datagrams hears that they should wait.
 *
 * @returns false where it was dropped
 */
export const sendDatagram = (
  socket: Pick<DatagramSocket, 'send' | 'getSendQueueSize'>,
  payload: Uint8Array,
): boolean => {
  if (socket.getSendQueueSize() + payload.length > DATAGRAMS_WAITING_BYTES_MAX) return false;
  socket.send(payload, () => undefined);
  return true;
};
/** A datagram socket of this machine as a pipe. */
export const createSocketDatagrams = (socket: DatagramSocket, counters: TableCounters, clock: Clock): DatagramPipe => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const left = begun(counters, clock);
  let open = true;
  socket.on('error', () => undefined);
  return {
    send: (payload) => {
      if (!open) return false;
      if (!sendDatagram(socket, payload)) return false;
      counters.receivedBytes += payload.length;
      return true;
    },
    onDatagram: (listener) => {
      const onMessage = (payload: Buffer): void => {
        counters.sentBytes += payload.length;
        listener(payload);
      };
      socket.on('message', onMessage);
      return () => {
        socket.off('message', onMessage);
      };
    },
    closed,
    close: () => {
      if (!open) return;
      open = false;
      socket.close();
      left();
      resolve();
    },
  };
};
