import { messageOf, type Clock, type Logger } from '../../../../base/index.ts';
import type { DatagramPipe, Dialer } from '../../interface.ts';
import { DIAL_MS_MAX, UDP_EXCHANGES_MAX, UDP_IDLE_MS, UDP_IDLE_MS_MIN, UDP_WAITING_MAX } from './constants.ts';
import { failureOf } from './failure.ts';
import type { PacketOutput } from './frames.ts';
import type { IcmpError } from './icmp.ts';
import { destinationOf, flowOf, IPV6_HEADER_BYTES, NEXT_UDP, writeAnswerHeader, writeSum } from './ipv6.ts';

const AT = IPV6_HEADER_BYTES;
const HEADER_BYTES = 8;
const SUM_AT = AT + 6;

export interface UdpComponents {
  clock: Clock;
  dialer: Dialer;
  logger: Logger;
  output: PacketOutput;
  /** Tells the sender of a packet what became of it. */
  fail(packet: Buffer, error: IcmpError): void;
  /** Counts a packet that went nowhere. */
  drop(): void;
}
/** UDP of programs here, one exchange for each pair of ends. */
export interface Udp {
  readonly count: number;
  receive(packet: Buffer): void;
  tick(nowMs: number): void;
  close(): void;
}
interface Exchange {
  pipe: DatagramPipe | null;
  /** Packets that came before the pipe was there. */
  waiting: Buffer[];
  usedAtMs: number;
  readonly abort: AbortController;
}

export const createUdp = (
  { clock, dialer, logger, output, fail, drop }: UdpComponents,
  { mtuBytes }: { mtuBytes: number },
): Udp => {
  /** Least recently begun first. */
  const exchanges = new Map<string, Exchange>();

  const end = (flow: string, exchange: Exchange): void => {
    if (exchanges.get(flow) === exchange) exchanges.delete(flow);
    exchange.abort.abort();
    exchange.pipe?.close();
    exchange.waiting = [];
  };
  const makeRoom = (): boolean => {
    if (exchanges.size < UDP_EXCHANGES_MAX) return true;
    let idlest: [string, Exchange] | null = null;
    for (const entry of exchanges) if (idlest === null || entry[1].usedAtMs < idlest[1].usedAtMs) idlest = entry;
    if (idlest === null || clock.monotonicMs() - idlest[1].usedAtMs < UDP_IDLE_MS_MIN) return false;
    end(...idlest);
    return true;
  };
  const answer = (template: Buffer, payload: Uint8Array): void => {
    const bytes = AT + HEADER_BYTES + payload.length;
    const packet = bytes > mtuBytes ? null : output.reserve(bytes);
    if (packet === null) {
      drop();
      return;
    }
    writeAnswerHeader(packet, template, NEXT_UDP);
    template.copy(packet, AT, AT + 2, AT + 4);
    template.copy(packet, AT + 2, AT, AT + 2);
    packet.writeUInt16BE(HEADER_BYTES + payload.length, AT + 4);
    packet.set(payload, AT + HEADER_BYTES);
    writeSum(packet, SUM_AT);
    // Zero stands for no sum, which IPv6 does not have: RFC 8200, section 8.1.
    if (packet.readUInt16BE(SUM_AT) === 0) packet.writeUInt16BE(0xffff, SUM_AT);
  };
  const payloadOf = (packet: Buffer): Buffer => packet.subarray(AT + HEADER_BYTES);

  const begin = async (flow: string, exchange: Exchange, packet: Buffer): Promise<void> => {
    const template = Buffer.from(packet.subarray(0, AT + 4));
    const port = packet.readUInt16BE(AT + 2);
    const cancelTimeout = clock.after(DIAL_MS_MAX, () => exchange.abort.abort());
    try {
      const pipe = await dialer.associate(
        { kind: 'service', address: destinationOf(packet), port, route: 'direct' },
        { signal: exchange.abort.signal },
      );
      // An exchange lasts as long as it is used; only the search for it ends.
      cancelTimeout();
      exchange.pipe = pipe;
      if (exchanges.get(flow) !== exchange) {
        pipe.close();
        return;
      }
      pipe.onDatagram((payload) => {
        exchange.usedAtMs = clock.monotonicMs();
        answer(template, payload);
      });
      for (const waiting of exchange.waiting) if (!pipe.send(payloadOf(waiting))) drop();
      exchange.waiting = [];
      await pipe.closed;
      end(flow, exchange);
    } catch (error) {
      if (exchanges.get(flow) === exchange) {
        const failure = failureOf(error);
        logger.debug('A datagram found no way', { reason: messageOf(error) });
        for (const waiting of exchange.waiting) fail(waiting, failure === 'reset' ? 'port' : failure);
      }
      end(flow, exchange);
    } finally {
      cancelTimeout();
    }
  };

  return {
    get count() {
      return exchanges.size;
    },
    receive: (packet) => {
      if (
        packet.readUInt16BE(AT + 4) !== packet.length - AT ||
        packet.readUInt16BE(AT) === 0 ||
        packet.readUInt16BE(AT + 2) === 0 ||
        packet.readUInt16BE(SUM_AT) === 0
      ) {
        drop();
        return;
      }
      const flow = flowOf(packet);
      const known = exchanges.get(flow);
      if (known !== undefined) {
        known.usedAtMs = clock.monotonicMs();
        if (known.pipe !== null) {
          if (!known.pipe.send(payloadOf(packet))) drop();
        } else if (known.waiting.length < UDP_WAITING_MAX) known.waiting.push(Buffer.from(packet));
        else drop();
        return;
      }
      if (!makeRoom()) {
        drop();
        return;
      }
      const exchange: Exchange = {
        pipe: null,
        waiting: [Buffer.from(packet)],
        usedAtMs: clock.monotonicMs(),
        abort: new AbortController(),
      };
      exchanges.set(flow, exchange);
      void begin(flow, exchange, exchange.waiting[0]!);
    },
    tick: (nowMs) => {
      for (const [flow, exchange] of exchanges) if (nowMs - exchange.usedAtMs >= UDP_IDLE_MS) end(flow, exchange);
    },
    close: () => {
      for (const [flow, exchange] of exchanges) end(flow, exchange);
    },
  };
};
