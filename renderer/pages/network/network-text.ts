import type { NetworkTier, PathView, PeerView, ReachView } from '../../../preload/contract/index.ts';

/** Every peer id of this kind begins alike, so the end tells two apart: `12D3…f3kLmQpZ`. */
export const shortPeer = (peerId: string): string => `${peerId.slice(0, 4)}…${peerId.slice(-8)}`;

/** What the owner calls a peer, or the end of its id. */
export const peerTitle = (peer: { peerId: string; name: string }): string =>
  peer.name === '' ? shortPeer(peer.peerId) : peer.name;

const TIERS: Record<NetworkTier, string> = {
  quic: 'QUIC',
  tls: 'TCP',
  punched: 'QUIC through NAT',
  relay: 'Relay',
  memory: 'In memory',
};
export const tierText = (tier: NetworkTier): string => TIERS[tier];

/** `QUIC`, or `Relay by attic`. @param nameOf - title of the relay */
export const pathText = (path: PathView, nameOf: (peerId: string) => string): string =>
  path.via === null ? tierText(path.tier) : `Relay by ${nameOf(path.via)}`;

/** `/ip6/2001:db8::7/udp/4001/quic-v1` as `2001:db8::7, UDP 4001`; what is no such address stays as it is. */
export const addressText = (address: string): string => {
  const circuit = /^(.+)\/p2p\/\w+\/p2p-circuit$/.exec(address);
  if (circuit?.[1] !== undefined) return `through ${addressText(circuit[1])}`;
  const found = /^(?:\/ip6zone\/[^/]+)?\/ip[46]\/([^/]+)\/(udp|tcp)\/(\d+)(?:\/(?:quic-v1|tls))?$/.exec(address);
  return found === null ? address : `${found[1]}, ${found[2]?.toUpperCase()} ${found[3]}`;
};

const SOURCES: Record<PeerView['source'], string> = {
  owner: 'added by you',
  invite: 'by an invite',
  mdns: 'on the local network',
  bootstrap: 'first peer in the settings',
  seed: 'told by another peer',
  dht: 'found in the network',
  incoming: 'it came to us',
  rendezvous: 'in a private network',
};
export const sourceText = (source: PeerView['source']): string => SOURCES[source];

/** Round trip with a unit, finer where it is short. */
export const roundTripText = (ms: number): string =>
  ms < 1 ? `${ms.toFixed(2)} ms` : ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;

/** How a peer behaved, in a word with its tone. 0 points are spotless, 100 a ban. */
export const standingOf = (peer: PeerView): { word: string; tone: 'neutral' | 'accent' | 'warning' | 'problem' } => {
  if (peer.ban !== null) return { word: 'banned', tone: 'problem' };
  if (peer.trusted) return { word: 'trusted', tone: 'accent' };
  if (peer.points >= 50) return { word: `poor, ${Math.round(peer.points)} of 100`, tone: 'problem' };
  if (peer.points >= 10) return { word: `fair, ${Math.round(peer.points)} of 100`, tone: 'warning' };
  return { word: 'good', tone: 'neutral' };
};

const REACHABLE: Record<ReachView['reachable'], { headline: string; tone: 'on' | 'limited' | 'paused' | 'off' }> = {
  yes: { headline: 'Others can reach this node directly', tone: 'on' },
  relay: { headline: 'Others reach this node through a relay', tone: 'limited' },
  no: { headline: 'Others cannot reach this node', tone: 'paused' },
  unknown: { headline: 'Nobody has tried to reach this node yet', tone: 'off' },
};
export const reachableText = (reach: ReachView) => REACHABLE[reach.reachable];

/** Most useful first: connected, then trusted, then lately seen. */
export const inOrder = (peers: readonly PeerView[]): PeerView[] =>
  [...peers].sort(
    (a, b) =>
      Number(b.connected) - Number(a.connected) ||
      Number(b.trusted) - Number(a.trusted) ||
      (b.lastSeenAtMs ?? b.firstSeenAtMs) - (a.lastSeenAtMs ?? a.firstSeenAtMs) ||
      (a.peerId < b.peerId ? -1 : 1),
  );
