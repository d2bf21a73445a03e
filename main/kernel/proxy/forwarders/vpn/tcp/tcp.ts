import { messageOf, type Logger, type Outside } from '../../../../../base/index.ts';
import type { Dialer } from '../../../interface.ts';
import {
  CHALLENGES_PER_SECOND,
  DIAL_MS_MAX,
  TCP_BUFFER_BYTES_MAX,
  TCP_BUFFER_BYTES_MIN,
  TCP_BUFFERS_BYTES_MAX,
  TCP_CONNECTIONS_MAX,
  TCP_DIALS_MAX,
} from '../constants.ts';
import { failureOf } from '../failure.ts';
import type { PacketOutput } from '../frames.ts';
import type { IcmpError } from '../icmp.ts';
import { destinationOf, flowOf, IPV6_HEADER_BYTES } from '../ipv6.ts';
import { createRate } from '../rate.ts';
import { createTcpBridge, type TcpBridge } from './bridge.ts';
import { createTcpConnection, type TcpConnection } from './connection.ts';
import { ACK, ahead, readSegment, RST, type Segment, SYN, writeReset } from './segment.ts';

export interface TcpComponents {
  outside: Outside;
  dialer: Dialer;
  logger: Logger;
  output: PacketOutput;
  /** Tells the sender of a packet what became of it. */
  fail(packet: Buffer, error: IcmpError): void;
  /** Counts a packet that went nowhere. */
  drop(): void;
}
/** TCP connections of programs here. */
export interface Tcp {
  readonly count: number;
  receive(packet: Buffer): void;
  /** After a batch of packets. */
  flush(): void;
  /** The device takes packets again. */
  room(): void;
  tick(nowMs: number): void;
  /** Resets all. */
  close(): void;
}
interface Entry {
  readonly connection: TcpConnection;
  readonly bridge: TcpBridge;
  readonly abort: AbortController;
}

export const createTcp = (
  { outside: { clock, random }, dialer, logger, output, fail, drop }: TcpComponents,
  { mtuBytes }: { mtuBytes: number },
): Tcp => {
  const entries = new Map<string, Entry>();
  /** All whose bytes have not gone on yet, closed connections among them. */
  const bridges = new Set<TcpBridge>();
  const touched = new Set<TcpConnection>();
  const mayChallenge = createRate(clock, CHALLENGES_PER_SECOND);
  let dials = 0;

  const bufferBytes = (): number =>
    Math.max(
      TCP_BUFFER_BYTES_MIN,
      Math.min(TCP_BUFFER_BYTES_MAX, Math.floor(TCP_BUFFERS_BYTES_MAX / Math.max(1, bridges.size))),
    );
  /** Room for one more: a connection that only waits out its time gives way. */
  const makeRoom = (): boolean => {
    for (const { connection } of bridges.size < TCP_CONNECTIONS_MAX ? [] : entries.values()) {
      connection.expire();
      if (bridges.size < TCP_CONNECTIONS_MAX) break;
    }
    return bridges.size < TCP_CONNECTIONS_MAX;
  };

  const begin = async (flow: string, entry: Entry, packet: Buffer, syn: Segment): Promise<void> => {
    dials += 1;
    const cancelTimeout = clock.after(DIAL_MS_MAX, () => entry.abort.abort());
    try {
      const pipe = await dialer.connect(
        {
          kind: 'service',
          address: destinationOf(packet),
          port: packet.readUInt16BE(IPV6_HEADER_BYTES + 2),
          route: 'direct',
        },
        { signal: entry.abort.signal },
      );
      if (entry.connection.state !== 'waiting') {
        pipe.reset();
        return;
      }
      entry.bridge.attach(entry.connection, pipe);
      entry.connection.accept();
    } catch (error) {
      if (entry.connection.state !== 'waiting') return;
      logger.debug('A connection found no way', { reason: messageOf(error) });
      const failure = failureOf(error);
      if (failure === 'reset') writeReset(output, packet, syn);
      else fail(packet, failure);
      entry.connection.abort();
      if (entries.get(flow) === entry) entries.delete(flow);
    } finally {
      cancelTimeout();
      dials -= 1;
    }
  };
  const open = (packet: Buffer, flow: string, syn: Segment): void => {
    if (dials >= TCP_DIALS_MAX || !makeRoom()) {
      drop();
      return;
    }
    // Of its own, as it is kept until the far side has answered and lies in a large buffer.
    const own = Buffer.from(packet);
    const bridge = createTcpBridge(() => bridges.delete(bridge));
    const abort = new AbortController();
    const { listener } = bridge;
    const connection = createTcpConnection(
      {
        clock,
        output,
        listener: {
          ...listener,
          closed: (aborted) => {
            if (entries.get(flow) === entry) entries.delete(flow);
            abort.abort();
            listener.closed(aborted);
          },
        },
        bufferBytes,
        mayChallenge,
      },
      { packet: own, syn, mtuBytes, sequence: Buffer.from(random.bytes(4)).readUInt32BE() },
    );
    const entry: Entry = { connection, bridge, abort };
    entries.set(flow, entry);
    bridges.add(bridge);
    void begin(flow, entry, own, { ...syn, payload: syn.payload.subarray(0, 0) });
  };

  return {
    get count() {
      return entries.size;
    },
    receive: (packet) => {
      const segment = readSegment(packet);
      if (segment === null) {
        drop();
        return;
      }
      const flow = flowOf(packet);
      const known = entries.get(flow);
      const opens = (segment.flags & (SYN | ACK | RST)) === SYN;
      // RFC 9293, section 3.10.7.4: the same ports again, by a program that is in a hurry.
      const again =
        opens && known?.connection.state === 'timeWait' && ahead(segment.sequence, known.connection.nextSequence) > 0;
      if (known !== undefined && !again) {
        known.connection.receive(segment);
        touched.add(known.connection);
      } else if (opens) {
        known?.connection.expire();
        open(packet, flow, segment);
      } else writeReset(output, packet, segment);
    },
    flush: () => {
      for (const connection of touched) connection.flush();
      touched.clear();
    },
    room: () => {
      for (const { connection } of entries.values()) connection.flush();
    },
    tick: (nowMs) => {
      for (const { connection } of entries.values()) connection.tick(nowMs);
    },
    close: () => {
      for (const { connection } of entries.values()) connection.abort();
      for (const bridge of bridges) bridge.reset();
      entries.clear();
      touched.clear();
    },
  };
};
