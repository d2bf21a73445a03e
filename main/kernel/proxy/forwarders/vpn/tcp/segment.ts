import { TCP_MSS_DEFAULT, TCP_MSS_MIN, TCP_WINDOW_SHIFT_MAX } from '../constants.ts';
import { IPV6_HEADER_BYTES, NEXT_TCP, writeAnswerHeader, writeSum } from '../ipv6.ts';
import type { PacketOutput } from '../frames.ts';

// Segments of RFC 9293 in packets of IPv6.

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

const HEADER_BYTES = 20;
const AT = IPV6_HEADER_BYTES;
const SUM_AT = AT + 16;
export const TCP_OVERHEAD_BYTES = IPV6_HEADER_BYTES + HEADER_BYTES;
/** MSS and window scale, filled up to whole words. */
const SYN_OPTIONS_BYTES = 8;

export interface Segment {
  sequence: number;
  acknowledgement: number;
  flags: number;
  /** As it stands there, not scaled. */
  window: number;
  /** Of a SYN. */
  mss: number;
  /** Of a SYN; null: its windows are not scaled. */
  shift: number | null;
  payload: Buffer;
}

/** @param packet - one that {@link readPacket} took for TCP @returns null when the segment is not as RFC 9293 has it */
export const readSegment = (packet: Buffer): Segment | null => {
  if (packet.length < AT + HEADER_BYTES) return null;
  const headerBytes = (packet[AT + 12]! >> 4) * 4;
  if (headerBytes < HEADER_BYTES || AT + headerBytes > packet.length) return null;
  if (packet.readUInt16BE(AT) === 0 || packet.readUInt16BE(AT + 2) === 0) return null;
  const flags = packet[AT + 13]!;
  const segment: Segment = {
    sequence: packet.readUInt32BE(AT + 4),
    acknowledgement: packet.readUInt32BE(AT + 8),
    flags,
    window: packet.readUInt16BE(AT + 14),
    mss: TCP_MSS_DEFAULT,
    shift: null,
    payload: packet.subarray(AT + headerBytes),
  };
  return (flags & SYN) === 0 || readOptions(packet.subarray(AT + HEADER_BYTES, AT + headerBytes), segment)
    ? segment
    : null;
};

/** RFC 9293, section 3.1; others than ours are passed over. */
const readOptions = (options: Buffer, segment: Segment): boolean => {
  for (let at = 0; at < options.length; ) {
    const kind = options[at];
    if (kind === 0) return true;
    if (kind === 1) {
      at += 1;
      continue;
    }
    const length = options[at + 1] ?? 0;
    if (length < 2 || at + length > options.length) return false;
    if (kind === 2 && length === 4) segment.mss = Math.max(options.readUInt16BE(at + 2), TCP_MSS_MIN);
    if (kind === 3 && length === 3) segment.shift = Math.min(options[at + 2]!, TCP_WINDOW_SHIFT_MAX);
    at += length;
  }
  return true;
};

export interface SegmentFields {
  sequence: number;
  acknowledgement: number;
  flags: number;
  window: number;
}
/**
 * @param packet - any of the other end's: the answer goes back where it came from
 * @param payloadBytes - that `fill` puts in
 * @param syn - what a SYN tells; `shift` null: no window scale
 * @returns whether there was room for it
 */
export const writeSegment = (
  output: PacketOutput,
  packet: Buffer,
  fields: SegmentFields,
  payloadBytes = 0,
  fill: ((target: Buffer) => void) | null = null,
  syn: { mss: number; shift: number | null } | null = null,
): boolean => {
  const optionBytes = syn === null ? 0 : SYN_OPTIONS_BYTES;
  const segment = output.reserve(AT + HEADER_BYTES + optionBytes + payloadBytes);
  if (segment === null) return false;
  writeAnswerHeader(segment, packet, NEXT_TCP);
  packet.copy(segment, AT, AT + 2, AT + 4);
  packet.copy(segment, AT + 2, AT, AT + 2);
  segment.writeUInt32BE(fields.sequence >>> 0, AT + 4);
  segment.writeUInt32BE(fields.acknowledgement >>> 0, AT + 8);
  segment[AT + 12] = ((HEADER_BYTES + optionBytes) / 4) << 4;
  segment[AT + 13] = fields.flags;
  segment.writeUInt16BE(fields.window, AT + 14);
  segment.writeUInt32BE(0, AT + 16);
  if (syn !== null) {
    segment.writeUInt32BE((0x02040000 | syn.mss) >>> 0, AT + HEADER_BYTES);
    segment.writeUInt32BE(syn.shift === null ? 0 : 0x01030300 | syn.shift, AT + HEADER_BYTES + 4);
  }
  fill?.(segment.subarray(AT + HEADER_BYTES + optionBytes));
  writeSum(segment, SUM_AT);
  return true;
};

/** RFC 9293, section 3.10.7.1: what belongs to no connection is reset, but for a reset. */
export const writeReset = (output: PacketOutput, packet: Buffer, segment: Segment): boolean => {
  if ((segment.flags & RST) !== 0) return true;
  if ((segment.flags & ACK) !== 0)
    return writeSegment(output, packet, {
      sequence: segment.acknowledgement,
      acknowledgement: 0,
      flags: RST,
      window: 0,
    });
  return writeSegment(output, packet, {
    sequence: 0,
    acknowledgement: segment.sequence + lengthOf(segment),
    flags: RST | ACK,
    window: 0,
  });
};

/** Sequence numbers that a segment takes. */
export const lengthOf = ({ flags, payload }: Segment): number =>
  payload.length + ((flags & SYN) === 0 ? 0 : 1) + ((flags & FIN) === 0 ? 0 : 1);

/** How far `a` is ahead of `b` on the circle of 2^32 (RFC 9293, section 3.4). */
export const ahead = (a: number, b: number): number => (a - b) | 0;
export const plus = (a: number, b: number): number => (a + b) >>> 0;
