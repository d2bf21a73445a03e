import { formatGlobalAddress, type GlobalAddress } from '../../../leases/index.ts';

// IPv6 as this device speaks it: RFC 8200 without extension headers, RFC 4443, checksums of RFC 1071.

export const IPV6_HEADER_BYTES = 40;
export const NEXT_TCP = 6;
export const NEXT_UDP = 17;
export const NEXT_ICMP = 58;
/** Source, destination and the two ports, which lie side by side: the name of a TCP connection or UDP exchange. */
const FLOW_FROM = 8;
const FLOW_TO = 44;
const HOP_LIMIT = 64;

/** What came through the device: a packet for one of the protocols, or what is wrong with it. */
export type Packet =
  | { kind: 'tcp' | 'udp' | 'icmp' }
  /** Not IPv6, not whole, or to many: nobody is told. */
  | { kind: 'drop'; why: 'malformed' | 'multicast' | 'checksum' }
  /** From an address that is not this machine's on the device. */
  | { kind: 'stranger' }
  /** A protocol, fragment or option that is not carried; `pointer` is where it is named. */
  | { kind: 'refused'; pointer: number };

/** Reads the header and checks the sum. @param local - 16 bytes, this machine's address on the device */
export const readPacket = (packet: Buffer, local: Uint8Array): Packet => {
  if (packet.length < IPV6_HEADER_BYTES || packet[0]! >> 4 !== 6) return { kind: 'drop', why: 'malformed' };
  if (packet.readUInt16BE(4) !== packet.length - IPV6_HEADER_BYTES || packet[7] === 0)
    return { kind: 'drop', why: 'malformed' };
  // Routers, neighbours and names are asked for on every device; nobody but us is on this one.
  if (packet[24] === 0xff) return { kind: 'drop', why: 'multicast' };
  // An answer to a group, to no address or to the far one itself would go astray.
  if (packet[8] === 0xff || packet.compare(UNSPECIFIED, 0, 16, 8, 24) === 0) return { kind: 'drop', why: 'malformed' };
  if (packet[24] !== 0xfd) return { kind: 'drop', why: 'malformed' };
  if (packet.compare(local, 0, 16, 8, 24) !== 0) return { kind: 'stranger' };
  const next = packet[6];
  const kind = next === NEXT_TCP ? 'tcp' : next === NEXT_UDP ? 'udp' : next === NEXT_ICMP ? 'icmp' : null;
  if (kind === null) return { kind: 'refused', pointer: 6 };
  if (packet.length < IPV6_HEADER_BYTES + 8) return { kind: 'drop', why: 'malformed' };
  return sumOf(packet) === 0xffff ? { kind } : { kind: 'drop', why: 'checksum' };
};
const UNSPECIFIED = new Uint8Array(16);

/** Where a packet that was read goes. */
export const destinationOf = (packet: Buffer): GlobalAddress => formatGlobalAddress(packet.subarray(24, 40));

/** Names a connection or exchange: both addresses, both ports. */
export const flowOf = (packet: Buffer): string => packet.toString('latin1', FLOW_FROM, FLOW_TO);

/**
 * Header of an answer to `packet`: addresses exchanged.
 *
 * @param target - of the answer's whole length
 */
export const writeAnswerHeader = (target: Buffer, packet: Buffer, next: number): void => {
  target.writeUInt32BE(0x60000000, 0);
  target.writeUInt16BE(target.length - IPV6_HEADER_BYTES, 4);
  target[6] = next;
  target[7] = HOP_LIMIT;
  packet.copy(target, 8, 24, 40);
  packet.copy(target, 24, 8, 24);
};

/** Puts the sum where a protocol keeps it. @param at - offset in the packet */
export const writeSum = (packet: Buffer, at: number): void => {
  packet[at] = 0;
  packet[at + 1] = 0;
  packet.writeUInt16BE(~sumOf(packet) & 0xffff, at);
};

/**
 * Sum of the pseudo-header of RFC 8200, section 8.1, and everything after the header: addresses and payload lie side by side.
 * Words are added as little-endian halves and exchanged at the end, which RFC 1071, section 2 (B), allows.
 */
const sumOf = (packet: Buffer): number => {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const end = packet.length;
  let at = 8;
  // Exact: 2^14 words of 32 bits stay far below 2^53. Two sums, so that one addition need not wait for the other.
  let a = 0;
  let b = 0;
  for (const last = end - 15; at < last; at += 16) {
    a += view.getUint32(at, true) + view.getUint32(at + 4, true);
    b += view.getUint32(at + 8, true) + view.getUint32(at + 12, true);
  }
  for (const last = end - 1; at < last; at += 2) a += view.getUint16(at, true);
  if (at < end) a += view.getUint8(at);
  const length = end - IPV6_HEADER_BYTES;
  let sum = a + b + swap(length) + swap(packet[6]!);
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return swap(sum);
};
const swap = (word: number): number => ((word & 0xff) << 8) | (word >> 8);
