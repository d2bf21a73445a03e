import { isIPv4, isIPv6 } from 'node:net';

// Binding of RFC 8489, as much of it as address echo takes: no credentials, no fingerprint, no other method.

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const XOR_MAPPED_ADDRESS = 0x0020;
const MAPPED_ADDRESS = 0x0001;
const SOFTWARE = 0x8022;
/** A request of ours is as long as the longest answer, an IPv6 one. Who answers nothing longer than what it got amplifies nothing. */
export const STUN_REQUEST_BYTES = 44;
/** Attributes of one packet; none that we know has more than a handful. */
const ATTRIBUTES_MAX = 32;

/** An address of UDP: numbers of an address as `node:net` writes them, never a name. */
export interface UdpAddress {
  host: string;
  port: number;
}

/** @returns 4 or 16 bytes @throws {Error} when it is no address */
export const bytesOfHost = (host: string): Uint8Array => {
  if (isIPv4(host)) return Uint8Array.from(host.split('.'), Number);
  if (!isIPv6(host)) throw new Error(`${host} is no IP address.`);
  const [plain = ''] = host.split('%');
  const words = (text: string): number[] =>
    text === ''
      ? []
      : text.split(':').flatMap((word) => {
          if (!word.includes('.')) return [Number.parseInt(word, 16)];
          const [a = 0, b = 0, c = 0, d = 0] = word.split('.').map(Number);
          return [a * 256 + b, c * 256 + d];
        });
  const [before = '', after] = plain.split('::');
  const head = words(before);
  const tail = after === undefined ? [] : words(after);
  const all = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 0xff]));
};

/** @param bytes - 4 or 16 @returns the shortest text, RFC 5952; IPv4 inside IPv6 as IPv4 */
export const hostOfBytes = (bytes: Uint8Array): string => {
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return bytes.subarray(12).join('.');
  const words = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! * 256 + bytes[2 * i + 1]!);
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (words[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  const text = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  if (best.length < 2) return text(words);
  return `${text(words.slice(0, best.start))}::${text(words.slice(best.start + best.length))}`;
};

/** The one text of an address: sockets of both families write IPv4 inside IPv6, zones and long forms differently. */
export const normalHost = (host: string): string => {
  if (!host.includes(':')) return host;
  const zone = host.indexOf('%');
  return hostOfBytes(bytesOfHost(host)) + (zone < 0 ? '' : host.slice(zone));
};

/** What is in front of us, by its first bytes: a whole STUN packet or none. */
const readHeader = (packet: Uint8Array): { type: number; view: DataView } | null => {
  if (packet.length < HEADER_BYTES) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const length = view.getUint16(2);
  if (view.getUint32(4) !== MAGIC_COOKIE || length % 4 !== 0 || HEADER_BYTES + length !== packet.length) return null;
  return { type: view.getUint16(0), view };
};

/** Whether a packet is STUN by its cookie and length, RFC 8489, section 5. */
export const isStun = (packet: Uint8Array): boolean => readHeader(packet) !== null;

/** @param transaction - 12 random bytes, which the answer brings back */
export const encodeBindingRequest = (transaction: Uint8Array): Uint8Array => {
  const packet = new Uint8Array(STUN_REQUEST_BYTES);
  const view = new DataView(packet.buffer);
  view.setUint16(0, BINDING_REQUEST);
  view.setUint16(2, STUN_REQUEST_BYTES - HEADER_BYTES);
  view.setUint32(4, MAGIC_COOKIE);
  packet.set(transaction, 8);
  // Padding that every server ignores: the name of the software, unnamed.
  view.setUint16(HEADER_BYTES, SOFTWARE);
  view.setUint16(HEADER_BYTES + 2, STUN_REQUEST_BYTES - HEADER_BYTES - 4);
  packet.fill(0x20, HEADER_BYTES + 4);
  return packet;
};

/** @returns the transaction of a Binding request, null for anything else */
export const readBindingRequest = (packet: Uint8Array): Uint8Array | null => {
  const header = readHeader(packet);
  if (header?.type !== BINDING_REQUEST) return null;
  // A comprehension-required attribute (below 0x8000) asks for what we do not do, RFC 8489, section 6.3.1.
  for (const { type } of attributes(packet, header.view)) if (type === null || type < 0x8000) return null;
  return packet.slice(8, HEADER_BYTES);
};

/** @param seen - where the request came from */
export const encodeBindingAnswer = (transaction: Uint8Array, seen: UdpAddress): Uint8Array => {
  const address = bytesOfHost(seen.host);
  const length = 8 + address.length;
  const packet = new Uint8Array(HEADER_BYTES + length);
  const view = new DataView(packet.buffer);
  view.setUint16(0, BINDING_SUCCESS);
  view.setUint16(2, length);
  view.setUint32(4, MAGIC_COOKIE);
  packet.set(transaction, 8);
  view.setUint16(20, XOR_MAPPED_ADDRESS);
  view.setUint16(22, 4 + address.length);
  packet[25] = address.length === 4 ? 1 : 2;
  view.setUint16(26, seen.port ^ (MAGIC_COOKIE >>> 16));
  // The mask is the cookie and the transaction, which lie in the header in this order.
  address.forEach((byte, i) => {
    packet[28 + i] = byte ^ packet[4 + i]!;
  });
  return packet;
};

function* attributes(
  packet: Uint8Array,
  view: DataView,
): Generator<{ type: number | null; start: number; length: number }> {
  let place = HEADER_BYTES;
  for (let count = 0; place < packet.length; count++) {
    const length = place + 4 <= packet.length ? view.getUint16(place + 2) : Number.NaN;
    // The length goes beyond the packet, or there are too many: nothing of it is believed.
    if (!(place + 4 + length <= packet.length) || count >= ATTRIBUTES_MAX) {
      yield { type: null, start: place, length: 0 };
      return;
    }
    yield { type: view.getUint16(place), start: place + 4, length };
    place += 4 + Math.ceil(length / 4) * 4;
  }
}

/** @returns how the other end sees us, null when it is no answer to a Binding request or says no usable address */
export const readBindingAnswer = (packet: Uint8Array): { transaction: Uint8Array; seen: UdpAddress } | null => {
  const header = readHeader(packet);
  if (header?.type !== BINDING_SUCCESS) return null;
  let plain: UdpAddress | null = null;
  for (const { type, start, length } of attributes(packet, header.view)) {
    if (type === null) return null;
    if (type !== XOR_MAPPED_ADDRESS && type !== MAPPED_ADDRESS) continue;
    const family = packet[start + 1];
    const size = family === 1 ? 4 : family === 2 ? 16 : 0;
    if (size === 0 || length !== 4 + size) return null;
    const masked = type === XOR_MAPPED_ADDRESS;
    const port = header.view.getUint16(start + 2) ^ (masked ? MAGIC_COOKIE >>> 16 : 0);
    const bytes = packet.slice(start + 4, start + 4 + size);
    if (masked) bytes.forEach((byte, i) => (bytes[i] = byte ^ packet[4 + i]!));
    if (port === 0) return null;
    const seen = { host: hostOfBytes(bytes), port };
    // Routers rewrite addresses that they find in plain sight, which is why the masked one counts.
    if (masked) return { transaction: packet.slice(8, HEADER_BYTES), seen };
    plain = seen;
  }
  return plain && { transaction: packet.slice(8, HEADER_BYTES), seen: plain };
};
