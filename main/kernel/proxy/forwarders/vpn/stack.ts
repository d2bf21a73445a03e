import type { Logger, Outside } from '../../../../base/index.ts';
import { type GlobalAddress, globalAddressBytes } from '../../../leases/index.ts';
import type { Dialer } from '../../interface.ts';
import { ECHO_MS_MAX, ECHOES_MAX, ICMP_ERRORS_PER_SECOND, TICK_MS } from './constants.ts';
import { failureOf } from './failure.ts';
import type { PacketOutput } from './frames.ts';
import { type IcmpError, isEchoRequest, writeEchoReply, writeIcmpError } from './icmp.ts';
import { destinationOf, NEXT_ICMP, readPacket } from './ipv6.ts';
import { createRate } from './rate.ts';
import { createTcp } from './tcp/tcp.ts';
import { createUdp } from './udp.ts';

/** Why a packet went nowhere. */
export const DROPS = ['malformed', 'multicast', 'checksum', 'stranger', 'refused', 'bounded'] as const;
export type Drop = (typeof DROPS)[number];

export interface StackComponents {
  outside: Outside;
  logger: Logger;
  dialer: Dialer;
  output: PacketOutput;
  dropped(why: Drop): void;
}
export interface StackInit {
  /** This machine's on the device: packets from any other are refused. */
  local: GlobalAddress;
  mtuBytes: number;
}
/** Ends the connections of programs on this machine as if it were the far hosts, and carries what is in them over the dialer. */
export interface Stack {
  readonly tcpConnections: number;
  readonly udpExchanges: number;
  /** The packet belongs to the stack from here on. Throws for nothing that a packet can hold. */
  receive(packet: Buffer): void;
  /** After a batch of packets. */
  flush(): void;
  /** The device takes packets again. */
  room(): void;
  /** Resets all connections. */
  close(): void;
}

export const createStack = (
  { outside, logger, dialer, output, dropped }: StackComponents,
  { local, mtuBytes }: StackInit,
): Stack => {
  const { clock } = outside;
  const localBytes = globalAddressBytes(local);
  const mayTell = createRate(clock, ICMP_ERRORS_PER_SECOND);
  const closed = new AbortController();
  let echoes = 0;

  const fail = (packet: Buffer, error: IcmpError, pointer = 0): void => {
    if (mayTell()) writeIcmpError(output, packet, error, pointer);
  };
  const drop = (): void => dropped('bounded');
  const tcp = createTcp({ outside, dialer, logger, output, fail, drop }, { mtuBytes });
  const udp = createUdp({ clock, dialer, logger, output, fail, drop }, { mtuBytes });

  const echo = async (packet: Buffer): Promise<void> => {
    const request = Buffer.from(packet);
    const abort = new AbortController();
    const cancelTimeout = clock.after(ECHO_MS_MAX, () => abort.abort());
    echoes += 1;
    try {
      await dialer.ping(destinationOf(request), { signal: AbortSignal.any([abort.signal, closed.signal]) });
      if (!closed.signal.aborted) writeEchoReply(output, request);
    } catch (error) {
      const failure = failureOf(error);
      if (!closed.signal.aborted) fail(request, failure === 'reset' ? 'noRoute' : failure);
    } finally {
      cancelTimeout();
      echoes -= 1;
    }
  };
  const receiveIcmp = (packet: Buffer): void => {
    // Errors about what we sent change nothing here: TCP notices by itself, and nothing else is owed an answer.
    if (!isEchoRequest(packet)) return;
    if (echoes >= ECHOES_MAX) drop();
    else void echo(packet);
  };
  const stopTicking = clock.every(TICK_MS, () => {
    const nowMs = clock.monotonicMs();
    tcp.tick(nowMs);
    udp.tick(nowMs);
  });

  return {
    get tcpConnections() {
      return tcp.count;
    },
    get udpExchanges() {
      return udp.count;
    },
    receive: (packet) => {
      if (closed.signal.aborted) return;
      const read = readPacket(packet, localBytes);
      switch (read.kind) {
        case 'drop':
          dropped(read.why);
          return;
        case 'stranger':
          dropped('stranger');
          // It may be an error itself, which is answered with none: RFC 4443, section 2.4 (e).
          if (packet[6] !== NEXT_ICMP) fail(packet, 'source');
          return;
        case 'refused':
          dropped('refused');
          fail(packet, 'header', read.pointer);
          return;
        case 'tcp':
          tcp.receive(packet);
          return;
        case 'udp':
          udp.receive(packet);
          return;
        case 'icmp':
          receiveIcmp(packet);
      }
    },
    flush: () => tcp.flush(),
    room: () => tcp.room(),
    close: () => {
      if (closed.signal.aborted) return;
      stopTicking();
      tcp.close();
      udp.close();
      closed.abort();
    },
  };
};
