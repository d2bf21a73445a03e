import { Buffer } from 'node:buffer';
import type { DatagramLink, DatagramPort, RateGate, Stream } from '../interface.ts';
import { DATAGRAM_BYTES_MAX, LINK_DATAGRAM_BYTES_MAX } from '../constants.ts';
import { DATAGRAMS_WAITING_MAX } from './constants.ts';
import { readMessage, writeMessage } from './messages.ts';

/** Headers of IPv6, UDP and the sealed packet around a datagram, bytes. */
const OVERHEAD_BYTES = 40 + 8 + 33;
/** Opens the way where nothing else does: a number that no protocol has, and nothing behind it. */
const OPENER = Uint8Array.of(0);
/** Tries to open the way, one a tick. */
const OPENERS_MAX = 20;

export interface ConnectionDatagrams {
  /** @returns false when it was dropped here */
  send(number: number, payload: Uint8Array): boolean;
  /** Opens the way of its own, once. */
  open(session: Omit<Parameters<DatagramLink['open']>[0], 'onDatagram'>): void;
  /** Reads what comes over the peer's lossy stream until it ends. */
  readLossy(stream: Stream): Promise<void>;
  tick(): void;
  close(): void;
}
export interface ConnectionDatagramsComponents {
  link: DatagramLink | null;
  gate: RateGate;
  /** Opens the stream for datagrams that have no way of their own. */
  openLossy(): Promise<Stream>;
  /** Whether any path is there, so that nothing is opened in vain. */
  hasPath(): boolean;
  onDatagram(number: number, payload: Uint8Array): void;
}

/** Datagrams of one connection: over the side socket where the way is open, else over a stream whose queue is short. */
export const createConnectionDatagrams = (components: ConnectionDatagramsComponents): ConnectionDatagrams => {
  const { link, gate, openLossy, hasPath, onDatagram } = components;
  let port: DatagramPort | null = null;
  let openers = 0;
  let closed = false;
  /** Undefined while there is none; null while it opens. */
  let lossy: Stream | null | undefined;
  let waiting = 0;

  const received = (packet: Uint8Array): void => {
    const number = packet[0];
    if (number !== undefined && number !== 0) onDatagram(number, packet.subarray(1));
  };
  const overStream = (packet: Uint8Array): boolean => {
    if (lossy === undefined) {
      if (!hasPath()) return false;
      lossy = null;
      openLossy().then(
        (stream) => {
          if (closed) stream.reset();
          else lossy = stream;
        },
        () => {
          lossy = undefined;
        },
      );
      return false;
    }
    if (lossy === null || waiting >= DATAGRAMS_WAITING_MAX) return false;
    const stream = lossy;
    waiting += 1;
    writeMessage(stream, packet)
      .catch(() => {
        if (lossy === stream) lossy = undefined;
        stream.reset();
      })
      .finally(() => {
        waiting -= 1;
      });
    return true;
  };
  return {
    send: (number, payload) => {
      if (closed || payload.length > DATAGRAM_BYTES_MAX) return false;
      const packet = Buffer.allocUnsafe(1 + payload.length);
      packet[0] = number;
      packet.set(payload, 1);
      if (port?.confirmed !== true) return overStream(packet);
      if (!port.send(packet)) return false;
      gate.charge(packet.length + OVERHEAD_BYTES, 0);
      return true;
    },
    open: (session) => {
      if (link === null || port !== null || closed) return;
      port = link.open({
        ...session,
        onDatagram: (packet) => {
          gate.charge(0, packet.length + OVERHEAD_BYTES);
          received(packet);
        },
      });
      port.send(OPENER);
    },
    readLossy: async (stream) => {
      for (;;) {
        const packet = await readMessage(stream, { bytesMax: LINK_DATAGRAM_BYTES_MAX });
        if (packet === null) return;
        received(packet);
      }
    },
    tick: () => {
      if (port === null || port.confirmed || openers >= OPENERS_MAX) return;
      openers += 1;
      port.send(OPENER);
    },
    close: () => {
      closed = true;
      port?.close();
      if (lossy !== undefined && lossy !== null) lossy.reset();
    },
  };
};
