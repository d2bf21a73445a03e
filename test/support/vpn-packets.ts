import { isIPv6 } from 'node:net';

// Packets made and read by the letter of the RFCs, without any code of the program's: what the stack says is held against it.

export const LOCAL = 'fd00:aa::1';
export const FAR = 'fd12::34';
/** 16 bytes of an address in any way of writing it. */
export const addressBytes = (text: string): Buffer => {
  if (!isIPv6(text)) throw new Error(`no address: ${text}`);
  const [left = '', right] = text.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
};

/** RFC 1071, word by word. */
export const naiveSum = (bytes: Uint8Array): number => {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
};
const pseudoHeader = (packet: Buffer): Buffer => {
  const tail = Buffer.alloc(8);
  tail.writeUInt32BE(packet.length - 40, 0);
  tail[7] = packet[6]!;
  return Buffer.concat([packet.subarray(8, 40), tail]);
};
/** Whether the sum of a packet is right. */
export const sumHolds = (packet: Buffer): boolean =>
  naiveSum(Buffer.concat([pseudoHeader(packet), packet.subarray(40)])) === 0xffff;

/** @param sumAt - offset of the sum in the payload, filled in; null: left as it is */
export const packetOf = (
  next: number,
  payload: Uint8Array,
  sumAt: number | null,
  { source = LOCAL, destination = FAR }: { source?: string; destination?: string } = {},
): Buffer => {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = next;
  header[7] = 64;
  addressBytes(source).copy(header, 8);
  addressBytes(destination).copy(header, 24);
  const packet = Buffer.concat([header, payload]);
  if (sumAt !== null) {
    packet.writeUInt16BE(0, 40 + sumAt);
    packet.writeUInt16BE(
      ~naiveSum(Buffer.concat([pseudoHeader(packet), packet.subarray(40)])) & 0xffff || 0xffff,
      40 + sumAt,
    );
  }
  return packet;
};

export interface TcpFields {
  from?: number;
  to?: number;
  sequence: number;
  acknowledgement?: number;
  /** Such as `SA`: F, S, R, P, A. */
  flags: string;
  window?: number;
  options?: Uint8Array;
  payload?: Uint8Array;
}
const FLAGS = 'FSRPA';
export const tcpPacket = (fields: TcpFields, ends?: { source?: string; destination?: string }): Buffer => {
  const { from = 40_000, to = 80, options = new Uint8Array(0), payload = new Uint8Array(0) } = fields;
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt32BE(fields.sequence >>> 0, 4);
  header.writeUInt32BE((fields.acknowledgement ?? 0) >>> 0, 8);
  header[12] = ((20 + options.length) / 4) << 4;
  for (const flag of fields.flags) header[13]! |= 1 << FLAGS.indexOf(flag);
  header.writeUInt16BE(fields.window ?? 65_535, 14);
  return packetOf(6, Buffer.concat([header, options, payload]), 16, ends);
};
export interface TcpSeen {
  from: number;
  to: number;
  sequence: number;
  acknowledgement: number;
  flags: string;
  window: number;
  options: Buffer;
  payload: Buffer;
}
/** @throws {Error} when it is no whole TCP packet from the far address to the local one with a right sum */
export const readTcp = (packet: Buffer): TcpSeen => {
  if (packet[0]! >> 4 !== 6 || packet[6] !== 6 || packet.readUInt16BE(4) !== packet.length - 40)
    throw new Error('no TCP in IPv6');
  if (!packet.subarray(24, 40).equals(addressBytes(LOCAL))) throw new Error('to somebody else');
  if (!sumHolds(packet)) throw new Error('wrong sum');
  const headerBytes = (packet[52]! >> 4) * 4;
  return {
    from: packet.readUInt16BE(40),
    to: packet.readUInt16BE(42),
    sequence: packet.readUInt32BE(44),
    acknowledgement: packet.readUInt32BE(48),
    flags: [...FLAGS].filter((_, bit) => (packet[53]! & (1 << bit)) !== 0).join(''),
    window: packet.readUInt16BE(54),
    options: packet.subarray(60, 40 + headerBytes),
    payload: packet.subarray(40 + headerBytes),
  };
};

export const udpPacket = (
  payload: Uint8Array,
  { from = 40_000, to = 53 }: { from?: number; to?: number } = {},
  ends?: { source?: string; destination?: string },
): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  return packetOf(17, Buffer.concat([header, payload]), 6, ends);
};
export const echoPacket = (payload: Uint8Array, ends?: { source?: string; destination?: string }): Buffer =>
  packetOf(58, Buffer.concat([Uint8Array.of(128, 0, 0, 0, 0x12, 0x34, 0, 1), payload]), 2, ends);
