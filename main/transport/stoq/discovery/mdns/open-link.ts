import { createSocket, type RemoteInfo } from 'node:dgram';
import { BlockList } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import multicastDns, { type ResponseOutgoingPacket } from 'multicast-dns';
import { messageOf } from '../../../../base/index.ts';
import { MDNS_GROUP_IP4, MDNS_GROUP_IP6, MDNS_READ_BYTES_MAX } from '../constants.ts';
import type { MdnsPacket } from './packets.ts';

/** One interface in one family: what multicast goes through. */
export interface LinkSpec {
  /** Interface. */
  name: string;
  family: 'ip6' | 'ip4';
  /** How the interface is written behind a percent sign. */
  zone: string;
  /** Own address in that family. */
  address: string;
  /** Networks that are on the link: address and bits of their prefixes. */
  prefixes: readonly { address: string; bits: number }[];
  /** Whether nodes are looked for here. Where there is IPv6, IPv4 only answers those who have nothing else. */
  asks: boolean;
}
export interface MdnsLink {
  send(packet: MdnsPacket): void;
  close(): Promise<void>;
}
export interface LinkHandlers {
  /** Called before a packet is taken apart. @returns whether it may be */
  admit(): boolean;
  /** A packet from the link itself, in any shape. */
  onPacket(packet: unknown): void;
  /** It cannot be used (any more). */
  onProblem(problem: string): void;
}
/** Opens a link; replaced in tests. */
export type OpenLink = (spec: LinkSpec, port: number, handlers: LinkHandlers) => MdnsLink;

const prefixBits = ({ cidr }: NetworkInterfaceInfo): number => Number(cidr?.split('/')[1] ?? 128);

/**
 * Links of a machine that nodes may be on: interfaces that are up, other than loopback.
 *
 * @param interfaces - what `os.networkInterfaces()` says
 * @param zones - how zones are written: names of interfaces, numbers on Windows
 */
export const linksOf = (
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
  zones: 'name' | 'number' = 'name',
): LinkSpec[] => {
  const found: LinkSpec[] = [];
  for (const [name, infos] of Object.entries(interfaces)) {
    const outside = (infos ?? []).filter(({ internal }) => !internal);
    const hasIp6 = outside.some(({ family, address }) => family === 'IPv6' && /^fe[89ab]/i.test(address));
    for (const family of ['ip6', 'ip4'] as const) {
      const own = outside.filter((info) => (info.family === 'IPv6') === (family === 'ip6'));
      // Multicast of IPv6 leaves from the link-local address.
      const first = family === 'ip6' ? own.find(({ address }) => /^fe[89ab]/i.test(address)) : own[0];
      if (first === undefined) continue;
      found.push({
        name,
        family,
        zone: zones === 'name' ? name : String(first.scopeid ?? 0),
        address: first.address,
        prefixes: own.map((info) => ({ address: info.address, bits: prefixBits(info) })),
        asks: family === 'ip6' || !hasIp6,
      });
    }
  }
  return found;
};

/** Whether a packet came from the link itself: link-local, or of a network that is on it. Others were routed here, or lie. */
export const isFromLink = (spec: LinkSpec): ((host: string) => boolean) => {
  const family = spec.family === 'ip6' ? 'ipv6' : 'ipv4';
  const list = new BlockList();
  for (const { address, bits } of spec.prefixes) list.addSubnet(address, bits, family);
  return (host) => {
    const [address = '', zone] = host.split('%');
    // Every socket hears what comes in on any interface; each link takes its own.
    if (zone !== undefined && zone !== spec.zone) return false;
    return (spec.family === 'ip6' && /^fe[89ab]/i.test(address)) || list.check(address, family);
  };
};

/** A link of this machine, by the package `multicast-dns`. */
export const openLink: OpenLink = (spec, port, { admit, onPacket, onProblem }) => {
  const isIp6 = spec.family === 'ip6';
  const type = isIp6 ? 'udp6' : 'udp4';
  // Others on this machine (a printer service, a second node) listen at the same port.
  const socket = createSocket({ type, reuseAddr: true, ...(isIp6 && { ipv6Only: true }) });
  const isOurs = isFromLink(spec);
  // The package takes every packet apart before anybody sees it: what comes too fast, is too long or from elsewhere stops here.
  const emit = socket.emit.bind(socket) as (name: string, ...rest: unknown[]) => boolean;
  socket.emit = ((name: string, ...rest: unknown[]): boolean => {
    if (name !== 'message') return emit(name, ...rest);
    const [message, from] = rest as [Buffer, RemoteInfo];
    return message.length <= MDNS_READ_BYTES_MAX && isOurs(from.address) && admit() ? emit(name, ...rest) : false;
  }) as typeof socket.emit;
  let closed = false;
  const mdns = multicastDns({
    socket,
    type,
    port,
    ip: isIp6 ? MDNS_GROUP_IP6 : MDNS_GROUP_IP4,
    interface: isIp6 ? `::%${spec.zone}` : spec.address,
    bind: isIp6 ? '::' : '0.0.0.0',
  });
  mdns.on('packet', onPacket);
  mdns.on('error', (error: Error) => onProblem(messageOf(error)));
  // Rubbish, and interfaces that have just gone: the next look at the interfaces sees to it.
  mdns.on('warning', () => undefined);
  return {
    send: (packet) => {
      if (closed) return;
      const done = (error?: Error | null): void => {
        if (error instanceof Error && !closed) onProblem(messageOf(error));
      };
      if (packet.type === 'query') mdns.query({ questions: packet.questions ?? [] }, done);
      else {
        const { answers = [], additionals = [] } = packet;
        // The types of the package know no `flush` of RFC 6762, section 10.2, which it writes.
        mdns.respond({ answers, additionals } as unknown as ResponseOutgoingPacket, done);
      }
    },
    close: () =>
      new Promise((resolve) => {
        if (closed) {
          resolve();
          return;
        }
        closed = true;
        mdns.destroy(() => resolve());
      }),
  };
};
