import { bytesOfHost, hostOfBytes } from './stun.ts';

// NAT-PMP, RFC 6886, and its successor PCP, RFC 6887: what is said to a router's port 5351. Bytes only; port-mapper.ts sends them.

export const GATEWAY_PORT = 5351;
/** Protocol numbers of IANA. */
const NUMBERS = { udp: 17, tcp: 6 } as const;
export type PortProtocol = keyof typeof NUMBERS;

/** @param lifetimeS - 0 takes the mapping away */
export const encodePmpMap = (
  protocol: PortProtocol,
  internalPort: number,
  externalPort: number,
  lifetimeS: number,
): Uint8Array => {
  const packet = new Uint8Array(12);
  const view = new DataView(packet.buffer);
  packet[1] = protocol === 'udp' ? 1 : 2;
  view.setUint16(4, internalPort);
  view.setUint16(6, externalPort);
  view.setUint32(8, lifetimeS);
  return packet;
};
export const encodePmpAddress = (): Uint8Array => new Uint8Array(2);

/** Version 0, section 3.5 of RFC 6886. 1: the version is not spoken. */
export type PmpAnswer =
  | { kind: 'refused'; result: number }
  | { kind: 'address'; host: string; epochS: number }
  | {
      kind: 'mapped';
      protocol: PortProtocol;
      internalPort: number;
      externalPort: number;
      lifetimeS: number;
      epochS: number;
    };
/** @returns null for what is no answer of NAT-PMP */
export const readPmpAnswer = (packet: Uint8Array): PmpAnswer | null => {
  if (packet.length < 8 || packet[0] !== 0 || packet[1]! < 128) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const result = view.getUint16(2);
  if (result !== 0) return { kind: 'refused', result };
  const epochS = view.getUint32(4);
  const operation = packet[1]! - 128;
  if (operation === 0 && packet.length >= 12)
    return { kind: 'address', host: hostOfBytes(packet.subarray(8, 12)), epochS };
  if ((operation !== 1 && operation !== 2) || packet.length < 16) return null;
  return {
    kind: 'mapped',
    protocol: operation === 1 ? 'udp' : 'tcp',
    internalPort: view.getUint16(8),
    externalPort: view.getUint16(10),
    lifetimeS: view.getUint32(12),
    epochS,
  };
};

const PCP_VERSION = 2;
const PCP_MAP = 1;
const PCP_BYTES = 60;
const to16 = (host: string): Uint8Array => {
  const bytes = bytesOfHost(host);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return mapped;
};

/** @param nonce - 12 bytes, the same for renewing and removing @param client - our address as the router sees it */
export const encodePcpMap = (
  protocol: PortProtocol,
  client: string,
  internalPort: number,
  external: { host: string | null; port: number },
  lifetimeS: number,
  nonce: Uint8Array,
): Uint8Array => {
  const packet = new Uint8Array(PCP_BYTES);
  const view = new DataView(packet.buffer);
  packet[0] = PCP_VERSION;
  packet[1] = PCP_MAP;
  view.setUint32(4, lifetimeS);
  packet.set(to16(client), 8);
  packet.set(nonce, 24);
  packet[36] = NUMBERS[protocol];
  view.setUint16(40, internalPort);
  view.setUint16(42, external.port);
  // "Any" is all zeros in the family that is asked for, RFC 6887, section 11.1.
  packet.set(to16(external.host ?? (client.includes(':') ? '::' : '0.0.0.0')), 44);
  return packet;
};
export type PcpAnswer =
  | { kind: 'refused'; result: number }
  | {
      kind: 'mapped';
      nonce: Uint8Array;
      protocol: PortProtocol | null;
      internalPort: number;
      externalHost: string;
      externalPort: number;
      lifetimeS: number;
      epochS: number;
    };
/** @returns null for what is no answer of PCP to a MAP request */
export const readPcpAnswer = (packet: Uint8Array): PcpAnswer | null => {
  if (packet.length < 24 || packet[0] !== PCP_VERSION || packet[1] !== 128 + PCP_MAP) return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet[3] !== 0) return { kind: 'refused', result: packet[3]! };
  if (packet.length < PCP_BYTES) return null;
  const number = packet[36];
  return {
    kind: 'mapped',
    nonce: packet.slice(24, 36),
    protocol: number === NUMBERS.udp ? 'udp' : number === NUMBERS.tcp ? 'tcp' : null,
    internalPort: view.getUint16(40),
    externalPort: view.getUint16(42),
    externalHost: hostOfBytes(packet.subarray(44, 60)),
    lifetimeS: view.getUint32(4),
    epochS: view.getUint32(8),
  };
};
