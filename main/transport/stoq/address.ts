import type { NetworkInterfaceInfo } from 'node:os';
import { multiaddr } from '@multiformats/multiaddr';
import { base58btc } from 'multiformats/bases/base58';
import { assert } from '../../base/index.ts';
import type { Address, PeerId } from './interface.ts';

/** Characters of an address with its peer. The longest that the forms allow has 226: a circuit at a zone, with relay and peer. */
export const ADDRESS_LENGTH_MAX = 256;
/** Characters of a zone: Linux allows 15, BSD and macOS too, Windows has numbers. */
const ZONE = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/;
const MEMORY_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
/** No percent sign: the library would decode it, and one place would have several texts. */
const CHARACTERS = /^[A-Za-z0-9/:._-]+$/;
/** Protobuf of an Ed25519 public key in an identity multihash, https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md. */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20);
const PEER_ID_BYTES = PEER_ID_PREFIX.length + 32;
const PEER_ID = /^12D3KooW[1-9A-HJ-NP-Za-km-z]{44}$/;

export type AddressFamily = 'ip6' | 'ip4' | 'memory';
export type AddressTransport = 'quic' | 'tls' | 'memory';
/**
 * How far an address reaches. `private` is RFC 1918, RFC 6598 (shared by a provider's customers) and RFC 4193; `reserved` is
 * multicast and what leads nowhere. Addresses of documentation count as global: they stand for global ones in tests.
 */
export type AddressScope = 'unspecified' | 'loopback' | 'link-local' | 'private' | 'reserved' | 'global' | 'memory';
export interface AddressParts {
  family: AddressFamily;
  /** Without zone; the name of an address in memory. Of a circuit: the relay's. */
  host: string;
  /** Interface of a link-local address. */
  zone: string | null;
  /** 0 for any free one, and in memory. */
  port: number;
  transport: AddressTransport;
  /** The node in the middle, with its own address; null for a direct address. */
  relay: { peer: PeerId; address: Address } | null;
}

/** @returns the peer id, or null when the text is none of an Ed25519 key in its one form */
export const parsePeerId = (text: unknown): PeerId | null => {
  if (typeof text !== 'string' || !PEER_ID.test(text)) return null;
  const bytes = base58btc.baseDecode(text);
  if (bytes.length !== PEER_ID_BYTES || PEER_ID_PREFIX.some((byte, index) => bytes[index] !== byte)) return null;
  return text as PeerId;
};

/** Groups of 16 bits of an IPv6 address as the library writes it: hexadecimal, shortened at most once. */
const groupsOf = (host: string): number[] => {
  const [head = '', tail] = host.split('::');
  const read = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = read(head);
  if (tail === undefined) return before;
  const after = read(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
};
const octetsOf = (host: string): number[] => host.split('.').map(Number);
/** IPv4 within IPv6 (RFC 4291, section 2.5.5.2), which sockets of both families report. */
const mappedIp4 = (groups: readonly number[]): string | null =>
  groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff ? ip4At(groups, 6) : null;
const ip4At = (groups: readonly number[], index: number): string => {
  const [high = 0, low = 0] = groups.slice(index, index + 2);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
};

/** One direct address out of the library's components, or null. */
const directOf = (components: readonly { name: string; value?: string | undefined }[]): Address | null => {
  const names = components.map(({ name }) => name).join('/');
  const values = components.map(({ value }) => value ?? '');
  if (names === 'memory') return MEMORY_NAME.test(values[0] ?? '') ? (`/memory/${values[0]}` as Address) : null;
  const zoned = names.startsWith('ip6zone/');
  const zone = zoned ? (values[0] ?? '') : null;
  const [host = '', port = ''] = zoned ? values.slice(1) : values;
  const form = zoned ? names.slice('ip6zone/'.length) : names;
  const tail =
    form === 'ip6/udp/quic-v1' || form === 'ip4/udp/quic-v1'
      ? `udp/${Number(port)}/quic-v1`
      : form === 'ip6/tcp/tls' || form === 'ip4/tcp/tls'
        ? `tcp/${Number(port)}/tls`
        : null;
  if (tail === null) return null;
  if (form.startsWith('ip4')) return zone === null ? (`/ip4/${host}/${tail}` as Address) : null;
  const groups = groupsOf(host);
  const ip4 = mappedIp4(groups);
  if (ip4 !== null) return zone === null ? (`/ip4/${ip4}/${tail}` as Address) : null;
  if (zone === null) return `/ip6/${host}/${tail}` as Address;
  // Only what is ambiguous without it has a zone (RFC 4007).
  if (!ZONE.test(zone) || ((groups[0] ?? 0) & 0xffc0) !== 0xfe80) return null;
  return `/ip6zone/${zone}/ip6/${host}/${tail}` as Address;
};

/**
 * @param text - an address, maybe with `/p2p/<peer>` behind it
 * @returns the address in its one form, and the peer that must answer there; null when it is none of docs/formats/stoq-address.md
 */
export const splitPeer = (text: string): { address: Address; peer: PeerId | null } | null => {
  if (text.length === 0 || text.length > ADDRESS_LENGTH_MAX || !CHARACTERS.test(text)) return null;
  let components: { name: string; value?: string | undefined }[];
  try {
    components = multiaddr(text).getComponents();
  } catch {
    // The library throws several kinds for what is not a multiaddr; none says more than that.
    return null;
  }
  let peer: PeerId | null = null;
  const last = components.at(-1);
  if (last?.name === 'p2p') {
    peer = parsePeerId(last.value);
    if (peer === null) return null;
    components.pop();
  }
  if (components.at(-1)?.name !== 'p2p-circuit') {
    const address = directOf(components);
    return address === null ? null : { address, peer };
  }
  const relay = components.at(-2);
  const relayPeer = relay?.name === 'p2p' ? parsePeerId(relay.value) : null;
  const relayAddress = directOf(components.slice(0, -2));
  return relayPeer === null || relayAddress === null
    ? null
    : { address: circuitAddress(relayAddress, relayPeer), peer };
};

/** @returns the address in its one form, or null when the text is none or names a peer */
export const parseAddress = (text: string): Address | null => {
  const split = splitPeer(text);
  return split === null || split.peer !== null ? null : split.address;
};

/** Reads what a peer sent or a file holds. @returns null unless it is an address in its one form */
export const readAddress = (value: unknown): Address | null =>
  typeof value === 'string' && parseAddress(value) === value ? (value as Address) : null;

/** The address with the peer that must answer there, as people pass it on. */
export const withPeer = (address: Address, peer: PeerId): string => `${address}/p2p/${peer}`;

/**
 * Address of a socket.
 *
 * @param host - IPv4 or IPv6, as sockets tell it: a zone may follow a percent sign, IPv4 may lie in IPv6
 * @throws {AssertionError} when it is not: hosts of strangers go through {@link parseAddress}
 */
export const ipAddress = (host: string, port: number, transport: 'quic' | 'tls'): Address => {
  const [ip = '', zone] = host.split('%');
  const ip6 = ip.includes(':');
  const tail = transport === 'quic' ? `udp/${port}/quic-v1` : `tcp/${port}/tls`;
  // Sockets name the zone of link-local addresses only; for any other it would say nothing.
  const text = `${zone === undefined || !/^fe[89ab]/i.test(ip) ? '' : `/ip6zone/${zone}`}/${ip6 ? 'ip6' : 'ip4'}/${ip}/${tail}`;
  const address = parseAddress(text);
  assert(address !== null, 'A socket has an IP address and a port.');
  return address;
};

/** @throws {AssertionError} when the name is not 1 to 64 of `A-Z a-z 0-9 _ . -` */
export const memoryAddress = (name: string): Address => {
  assert(MEMORY_NAME.test(name), 'A name in memory has 1 to 64 letters, digits, dots, dashes and underscores.');
  return `/memory/${name}` as Address;
};

/** Where a peer is reached through a relay. @throws {AssertionError} when the relay itself is behind one */
export const circuitAddress = (relayAddress: Address, relay: PeerId): Address => {
  assert(!isCircuit(relayAddress), 'A circuit goes through one relay.');
  return `${relayAddress}/p2p/${relay}/p2p-circuit` as Address;
};

const CIRCUIT_END = '/p2p-circuit';
export const isCircuit = (address: Address): boolean => address.endsWith(CIRCUIT_END);

/** Takes an address apart. Works on the text alone, as an {@link Address} has one form. */
export const partsOf = (address: Address): AddressParts => {
  if (isCircuit(address)) {
    const split = address.lastIndexOf('/p2p/');
    const relayAddress = address.slice(0, split) as Address;
    const peer = address.slice(split + '/p2p/'.length, -CIRCUIT_END.length) as PeerId;
    return { ...partsOf(relayAddress), relay: { peer, address: relayAddress } };
  }
  const words = address.split('/');
  if (words[1] === 'memory')
    return { family: 'memory', host: words[2] ?? '', zone: null, port: 0, transport: 'memory', relay: null };
  const zoned = words[1] === 'ip6zone';
  const [, family, host = '', , port, name] = zoned ? words.slice(2) : words;
  return {
    family: family === 'ip6' ? 'ip6' : 'ip4',
    host,
    zone: zoned ? (words[2] ?? null) : null,
    port: Number(port),
    transport: name === 'tls' ? 'tls' : 'quic',
    relay: null,
  };
};

/** Of a circuit: how far its relay's address reaches. */
export const scopeOf = (address: Address): AddressScope => {
  const { family, host } = partsOf(address);
  if (family === 'memory') return 'memory';
  return family === 'ip4' ? scopeOfIp4(octetsOf(host)) : scopeOfIp6(groupsOf(host));
};
/** https://www.iana.org/assignments/iana-ipv4-special-registry, as far as it matters to who dials. */
const scopeOfIp4 = ([a = 0, b = 0, c = 0, d = 0]: readonly number[]): AddressScope => {
  if (a === 0) return b === 0 && c === 0 && d === 0 ? 'unspecified' : 'reserved';
  if (a === 127) return 'loopback';
  if (a === 169 && b === 254) return 'link-local';
  if (a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) || (a === 100 && b >= 64 && b < 128))
    return 'private';
  return a >= 224 ? 'reserved' : 'global';
};
/** https://www.iana.org/assignments/iana-ipv6-special-registry. */
const scopeOfIp6 = (groups: readonly number[]): AddressScope => {
  const first = groups[0] ?? 0;
  if (groups.slice(0, 7).every((group) => group === 0)) {
    const last = groups[7] ?? 0;
    return last === 0 ? 'unspecified' : last === 1 ? 'loopback' : 'reserved';
  }
  if ((first & 0xffc0) === 0xfe80) return 'link-local';
  if ((first & 0xfe00) === 0xfc00) return 'private';
  // All that was ever given out lies in 2000::/3; 64:ff9b::/96 leads to IPv4 through a translator (RFC 6052).
  return (first & 0xe000) === 0x2000 || (first === 0x64 && groups[1] === 0xff9b) ? 'global' : 'reserved';
};

export const isLoopback = (address: Address): boolean => scopeOf(address) === 'loopback';
/** Whether it means something only near here: the own machine, link or private network. */
export const isPrivate = (address: Address): boolean => {
  const scope = scopeOf(address);
  return scope === 'loopback' || scope === 'link-local' || scope === 'private';
};
/** Whether it names one place that can be dialled: no wildcard, no multicast, a port. */
export const isDialable = (address: Address): boolean => {
  const scope = scopeOf(address);
  return scope === 'memory' || (scope !== 'unspecified' && scope !== 'reserved' && partsOf(address).port !== 0);
};

const hex = (number: number | undefined): string => (number ?? 0).toString(16);
const ip4Group = (host: string): string => `4:${octetsOf(host).slice(0, 2).join('.')}`;
/** Addresses that were IPv4 before: 6to4 (RFC 3056) and translated ones (RFC 6052) belong with it, or /16s would count many times. */
const embeddedIp4 = (groups: readonly number[]): string | null => {
  if (groups[0] === 0x2002) return ip4At(groups, 1);
  return groups[0] === 0x64 && groups[1] === 0xff9b ? ip4At(groups, 6) : null;
};
const groupWith = (address: Address, ip6Groups: number): string => {
  const { family, host } = partsOf(address);
  if (family === 'memory') return `m:${host.split('.')[0]}`;
  if (family === 'ip4') return ip4Group(host);
  const groups = groupsOf(host);
  const ip4 = embeddedIp4(groups);
  return ip4 === null ? `6:${groups.slice(0, ip6Groups).map(hex).join(':')}` : ip4Group(ip4);
};
/**
 * Who it is likely to share its owner with: /48 of IPv6, which is what one customer gets; /16 of IPv4; in memory the name up
 * to its first dot. A circuit counts as its relay.
 */
export const groupOf = (address: Address): string => groupWith(address, 3);
/** The same one size up, /32 of IPv6: what one provider gets, and what can be rented. */
export const providerOf = (address: Address): string => groupWith(address, 2);

/**
 * What sits behind one router: /56 of IPv6, the most that a home is commonly given (RFC 6177), and one address of IPv4. Whoever is of
 * the same site comes in by another way than the rest of the world.
 */
export const siteOf = (address: Address): string => {
  const { family, host } = partsOf(address);
  if (family !== 'ip6') return `${family}:${host}`;
  const [a, b, c, d = 0] = groupsOf(host);
  return `ip6:${[a, b, c, d & 0xff00].map(hex).join(':')}`;
};

const RANKS = { memory: 0, ip6: 1, ip4: 2, quic: 0, tls: 1 } as const;
/** Order of dialling: direct before circuits, IPv6 before IPv4, QUIC before TLS, then the text. */
export const compareAddresses = (a: Address, b: Address): number => {
  const [left, right] = [partsOf(a), partsOf(b)];
  return (
    Number(left.relay !== null) - Number(right.relay !== null) ||
    RANKS[left.family] - RANKS[right.family] ||
    RANKS[left.transport] - RANKS[right.transport] ||
    (a < b ? -1 : a > b ? 1 : 0)
  );
};

/**
 * Replaces a wildcard by the machine's addresses of its family.
 *
 * @param interfaces - what `os.networkInterfaces()` says
 * @param zones - how zones are written: names of interfaces, numbers on Windows
 * @returns in order of dialling; loopback only where there is nothing else; the address itself when it is no wildcard
 */
export const expandAddress = (
  address: Address,
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  zones: 'name' | 'number' = 'name',
): Address[] => {
  if (scopeOf(address) !== 'unspecified' || isCircuit(address)) return [address];
  const { family, port, transport } = partsOf(address);
  if (transport === 'memory') return [address];
  const found = new Set<Address>();
  for (const [name, infos] of Object.entries(interfaces))
    for (const info of infos ?? []) {
      if ((info.family === 'IPv6') !== (family === 'ip6')) continue;
      const zone = zones === 'name' ? name : String(info.scopeid ?? 0);
      const linkLocal = /^fe[89ab]/i.test(info.address);
      // Without a zone that can be written, nobody could dial it.
      if (linkLocal && !ZONE.test(zone)) continue;
      const plain = info.address.split('%')[0] ?? '';
      found.add(ipAddress(linkLocal ? `${plain}%${zone}` : plain, port, transport));
    }
  const all = [...found].sort(compareAddresses);
  const away = all.filter((one) => !isLoopback(one));
  return away.length > 0 ? away : all;
};
