import { scopeOf, ipAddress } from '../address.ts';
import type { NatKind, Reachable } from './interface.ts';
import type { UdpAddress } from './stun.ts';

/** How one observer saw our side socket. */
export interface Observation {
  observer: UdpAddress;
  /** Null when it gave no answer. */
  seen: UdpAddress | null;
}
export interface NatFacts {
  observations: readonly Observation[];
  /** Addresses of this machine. */
  localHosts: readonly string[];
  localPort: number;
  /** Whether a peer that was asked to came in by itself; null when none was asked. */
  letIn: boolean | null;
}

/**
 * What stands between this node and the others, RFC 4787, section 4: a NAT that gives one mapping for all destinations can be
 * punched, one that gives each its own hardly. Two observers at different hosts are the least that can tell them apart; where there is
 * IPv4, its NAT is what is named, as IPv6 has none.
 */
export const natKindOf = ({ observations, localHosts, localPort, letIn }: NatFacts): NatKind => {
  const hosts = new Set(observations.map(({ observer }) => observer.host));
  const answered = observations.filter(({ seen }) => seen !== null);
  if (answered.length === 0) return hosts.size >= 2 ? 'blocked' : 'unknown';
  const ip4 = answered.filter(({ seen }) => !seen!.host.includes(':'));
  const told = ip4.length > 0 ? ip4 : answered;
  const own = (seen: UdpAddress): boolean => localHosts.includes(seen.host) && seen.port === localPort;
  if (told.every(({ seen }) => own(seen!))) return letIn === false ? 'firewall' : letIn === null ? 'unknown' : 'none';
  if (new Set(told.map(({ observer }) => observer.host)).size < 2) return 'unknown';
  return new Set(told.map(({ seen }) => `${seen!.host} ${seen!.port}`)).size === 1 ? 'cone' : 'symmetric';
};

/** Whether an address of our own is one that only a provider's own customers see: its router cannot be mapped from here. */
const isShared = (host: string): boolean => scopeOf(ipAddress(host, 1, 'quic')) !== 'global';

export interface ReachFacts {
  reachable: Reachable;
  nat: NatKind;
  /** External hosts of mapped ports. */
  mappedHosts: readonly string[];
  /** Whether routers are asked for ports at all. */
  mapsPorts: boolean;
  hasIp6: boolean;
  relays: number;
}

const BETWEEN: Readonly<Record<NatKind, string>> = {
  none: 'Nothing stands between this node and the others',
  cone: 'A router that can be passed stands between this node and the others',
  symmetric: 'A router that gives every connection another port stands between this node and the others',
  firewall: 'A firewall that lets nothing in unasked stands between this node and the others',
  blocked: 'The network lets no UDP through',
  unknown: 'What stands between this node and the others is not known yet',
};
const COMES: Readonly<Record<Reachable, string>> = {
  yes: 'others reach it directly',
  relay: 'others reach it through a relay',
  no: 'others cannot reach it, it reaches them',
  unknown: 'no other node has tried to reach it yet',
};

/** One sentence for people. */
export const reachSentence = ({ reachable, nat, mappedHosts }: ReachFacts): string => {
  if (reachable === 'yes' && nat !== 'none' && mappedHosts.length > 0)
    return 'The router opened a port for this node: others reach it directly.';
  return `${BETWEEN[nat]}: ${COMES[reachable]}.`;
};

/** What would make it better, the most useful first; empty when nothing would. */
export const reachAdvice = ({ reachable, nat, mappedHosts, mapsPorts, hasIp6, relays }: ReachFacts): string[] => {
  if (reachable === 'yes' || reachable === 'unknown') return [];
  const advice: string[] = [];
  const shared = mappedHosts.some(isShared);
  if (shared)
    advice.push(
      'The provider shares one address among several customers: ask it for an IPv6 address or one of your own.',
    );
  if (nat === 'blocked')
    advice.push(
      'Let UDP through the firewall of this network; without it only slower ways through TCP and relays are left.',
    );
  if (nat === 'firewall') advice.push('Let the port of this node in at the firewall of this machine or network.');
  if ((nat === 'cone' || nat === 'symmetric') && mappedHosts.length === 0)
    advice.push(
      mapsPorts
        ? 'Switch on UPnP or NAT-PMP at the router, or forward the port of this node to this machine there.'
        : 'Let this node ask the router for a port, in the settings of the network.',
    );
  if (!hasIp6 && !shared)
    advice.push('Switch on IPv6 at the router if the provider has it: it needs no port forwarding.');
  if (reachable === 'no' && relays === 0)
    advice.push('Connect to more nodes: among them will be some that relay for others.');
  return advice;
};
