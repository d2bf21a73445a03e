import type { Clock } from '../../../../base/index.ts';
import { parseAddress, splitPeer } from '../../address.ts';
import type { Address } from '../../interface.ts';
import { closedError, tooManyError } from '../carrier-errors.ts';
import type { CarrierStream, Channel } from '../interface.ts';
import { IP4_UDP_BYTES, IP6_UDP_BYTES, OPEN_WAIT_MS, STREAMS_MAX } from './constants.ts';
import type { NativeConnection, NativeStream } from './native-quic.ts';
import { createQuicStream } from './quic-stream.ts';

/** @returns where the other end is and the id of the key that it showed; null when the native layer says something else */
export const remoteOf = (connection: NativeConnection): { address: Address; carrierId: string } | null => {
  const remote = splitPeer(connection.remoteMultiaddr());
  return remote === null || remote.peer === null || parseAddress(remote.address) === null
    ? null
    : { address: remote.address, carrierId: remote.peer };
};

export const createQuicChannel = (
  components: { clock: Clock },
  init: {
    native: NativeConnection;
    direction: 'in' | 'out';
    remoteAddress: Address;
    binding: Uint8Array;
    /** Called once when the channel is gone. */
    onClosed: () => void;
  },
): Channel => {
  const { clock } = components;
  const { native, direction, remoteAddress, binding } = init;
  // Held here and not only by their users: a native stream that is collected as garbage ends as if it had been finished, and what
  // its writer never sent would look like a clean end.
  const streams = new Set<{ close(): void }>();
  let opened = 0;
  let isClosed = false;
  let told: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => {
    told = resolve;
  });
  const onGone = (): void => {
    if (isClosed) return;
    isClosed = true;
    for (const stream of streams) stream.close();
    streams.clear();
    init.onClosed();
    told();
  };
  native.closed().then(onGone, onGone);

  const take = (stream: NativeStream, ours: boolean): CarrierStream => {
    const taken = createQuicStream(stream, () => {
      if (streams.delete(taken) && ours) opened -= 1;
    });
    streams.add(taken);
    return taken;
  };
  /** A stream that came when nobody wanted it any more. */
  const drop = (stream: NativeStream): void => {
    stream.resetWrite().catch(() => undefined);
    stream.stopRead().catch(() => undefined);
  };
  const headerBytes = remoteAddress.startsWith('/ip4/') ? IP4_UDP_BYTES : IP6_UDP_BYTES;

  return {
    tier: 'quic',
    direction,
    remoteAddress,
    via: null,
    binding,
    openStream: () => {
      if (isClosed) return Promise.reject(closedError());
      if (opened >= STREAMS_MAX) return Promise.reject(tooManyError());
      opened += 1;
      return new Promise((resolve, reject) => {
        let over = false;
        const giveUp = (error: Error): void => {
          over = true;
          cancel();
          opened -= 1;
          reject(error);
        };
        const cancel = clock.after(OPEN_WAIT_MS, () => {
          giveUp(tooManyError());
        });
        native.outboundStream().then(
          (stream) => {
            if (over) {
              drop(stream);
              return;
            }
            over = true;
            cancel();
            if (isClosed) {
              opened -= 1;
              reject(closedError());
            } else resolve(take(stream, true));
          },
          () => {
            if (!over) giveUp(closedError());
          },
        );
      });
    },
    acceptStream: async () => {
      if (isClosed) return null;
      try {
        const stream = await native.inboundStream();
        return isClosed ? null : take(stream, false);
      } catch {
        // The only way in which it fails is with the whole connection.
        return null;
      }
    },
    stats: () => {
      const stats = native.stats();
      return {
        rttMs: native.rtt(),
        lostPackets: stats.pathLostPackets,
        sentPackets: stats.pathSentPackets,
        wireSentBytes: stats.udpTxBytes + headerBytes * stats.udpTxDatagrams,
        wireReceivedBytes: stats.udpRxBytes + headerBytes * stats.udpRxDatagrams,
      };
    },
    abort: () => {
      native.abort();
      onGone();
    },
    closed,
  };
};
