import type { Outside } from '../../../../base/index.ts';
import { ipAddress, partsOf } from '../../address.ts';
import type { Hole } from '../../reach/create-side-socket.ts';
import { timedOutError } from '../carrier-errors.ts';
import type { Carrier, Channel } from '../interface.ts';

/** Ms in which the other end's QUIC must have come through its hole. */
const ACCEPT_MS = 8_000;

/** QUIC through holes in NATs: our endpoint on loopback, the side socket's shim, the hole, and the same at the other end. */
export interface PunchedCarrier {
  start(): Promise<void>;
  /** As the one who made the hole. @throws {CarrierError} | {ReachError} `NOT_PUNCHED` */
  dial(hole: Hole, signal: AbortSignal): Promise<Channel>;
  /** As the other end. `onReady`: packets are let through from now on. @throws {CarrierError} `TIMED_OUT` | {ReachError} `NOT_PUNCHED` */
  accept(hole: Hole, onReady: () => Promise<void>): Promise<Channel>;
  stop(): Promise<void>;
}

/** @param components.quic - one of its own: whatever comes in at its listener came through a hole */
export const createPunchedCarrier = ({ outside, quic }: { outside: Outside; quic: Carrier }): PunchedCarrier => {
  /** By port of the shim that stands for the other end. */
  const awaited = new Map<number, (channel: Channel) => void>();
  let port = 0;

  const wrap = (channel: Channel, hole: Hole): Channel => {
    void channel.closed.then(() => hole.close());
    void hole.closed.then(() => channel.abort());
    return {
      tier: 'punched',
      direction: channel.direction,
      remoteAddress: ipAddress(hole.remote.host, hole.remote.port, 'quic'),
      via: null,
      binding: channel.binding,
      openStream: () => channel.openStream(),
      acceptStream: () => channel.acceptStream(),
      stats: () => channel.stats(),
      abort: () => channel.abort(),
      closed: channel.closed,
    };
  };
  return {
    start: async () => {
      const listener = await quic.listen(ipAddress('127.0.0.1', 0, 'quic'), (channel) => {
        const from = partsOf(channel.remoteAddress).port;
        const take = awaited.get(from);
        awaited.delete(from);
        // Other programs of this machine can knock too; they are behind no hole.
        if (take === undefined) channel.abort();
        else take(channel);
      });
      port = partsOf(listener.address).port;
    },
    dial: async (hole, signal) => {
      const shim = await hole.openShim(null);
      return wrap(await quic.dial(ipAddress('127.0.0.1', shim, 'quic'), { signal }), hole);
    },
    accept: async (hole, onReady) => {
      const shim = await hole.openShim(port);
      const came = Promise.withResolvers<Channel>();
      awaited.set(shim, came.resolve);
      const cancel = outside.clock.after(ACCEPT_MS, () =>
        came.reject(timedOutError(ipAddress(hole.remote.host, hole.remote.port, 'quic'))),
      );
      void hole.closed.then(() => came.reject(timedOutError(ipAddress(hole.remote.host, hole.remote.port, 'quic'))));
      came.promise.catch(() => undefined);
      try {
        await onReady();
        return wrap(await came.promise, hole);
      } finally {
        cancel();
        awaited.delete(shim);
      }
    },
    stop: () => quic.stop(),
  };
};
