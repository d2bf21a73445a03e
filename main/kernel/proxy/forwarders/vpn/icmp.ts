import { IPV6_HEADER_BYTES, NEXT_ICMP, writeAnswerHeader, writeSum } from './ipv6.ts';
import type { PacketOutput } from './frames.ts';
import { MTU_BYTES_MIN } from './constants.ts';

// RFC 4443: echoes, and errors about packets that are not carried.

const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
const HEADER_BYTES = 8;
const SUM_AT = IPV6_HEADER_BYTES + 2;

/** Errors and what programs make of them on Linux. */
export const ICMP_ERRORS = {
  /** No way there now: ENETUNREACH. */
  noRoute: { type: 1, code: 0 },
  /** It is there and does not let us in: EACCES. */
  prohibited: { type: 1, code: 1 },
  /** Nobody answers for the address: EHOSTUNREACH. */
  unknown: { type: 1, code: 3 },
  /** Nobody answers at the port: ECONNREFUSED. */
  port: { type: 1, code: 4 },
  /** The sender's address is not this machine's on the device. */
  source: { type: 1, code: 5 },
  /** A protocol or extension header that is not carried. */
  header: { type: 4, code: 1 },
} as const;
export type IcmpError = keyof typeof ICMP_ERRORS;

export const isEchoRequest = (packet: Buffer): boolean =>
  packet[IPV6_HEADER_BYTES] === ECHO_REQUEST && packet[IPV6_HEADER_BYTES + 1] === 0;

/** @returns whether there was room for it */
export const writeEchoReply = (output: PacketOutput, request: Buffer): boolean => {
  const reply = output.reserve(request.length);
  if (reply === null) return false;
  request.copy(reply, IPV6_HEADER_BYTES, IPV6_HEADER_BYTES);
  writeAnswerHeader(reply, request, NEXT_ICMP);
  reply[IPV6_HEADER_BYTES] = ECHO_REPLY;
  writeSum(reply, SUM_AT);
  return true;
};

/**
 * Tells a sender what became of its packet, with as much of it as fits the smallest MTU (RFC 4443, section 3.1).
 *
 * @param pointer - for `header`: offset of what is not carried
 * @returns whether there was room for it
 */
export const writeIcmpError = (output: PacketOutput, packet: Buffer, error: IcmpError, pointer = 0): boolean => {
  const quoted = Math.min(packet.length, MTU_BYTES_MIN - IPV6_HEADER_BYTES - HEADER_BYTES);
  const answer = output.reserve(IPV6_HEADER_BYTES + HEADER_BYTES + quoted);
  if (answer === null) return false;
  writeAnswerHeader(answer, packet, NEXT_ICMP);
  const { type, code } = ICMP_ERRORS[error];
  answer[IPV6_HEADER_BYTES] = type;
  answer[IPV6_HEADER_BYTES + 1] = code;
  answer.writeUInt32BE(pointer, IPV6_HEADER_BYTES + 4);
  packet.copy(answer, IPV6_HEADER_BYTES + HEADER_BYTES, 0, quoted);
  writeSum(answer, SUM_AT);
  return true;
};
