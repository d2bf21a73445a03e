import type { PeerView } from '../../../preload/contract/index.ts';

/** More would be a ball of wool; the table has all of them. */
export const DRAWN_MAX = 48;
/** Height of the drawing, px; its width follows the page. */
export const GRAPH_HEIGHT_PX = 380;
/** Round trips at the inner and at the outer ring, ms: a machine in the same room, and one behind two oceans. */
const NEAR_MS = 0.3;
const FAR_MS = 300;

export interface Placed {
  peer: PeerView;
  /** Px from the middle of the drawing. */
  x: number;
  y: number;
  /** The peer that its path goes through, where that one is drawn; else the middle. */
  via: string | null;
}

/** 0 at the nearest, 1 at the farthest; each step out is a multiple of the round trip, not a sum. */
export const distanceOf = (rttMs: number | null): number => {
  if (rttMs === null) return 0.55;
  const bounded = Math.min(FAR_MS, Math.max(NEAR_MS, rttMs));
  return Math.log(bounded / NEAR_MS) / Math.log(FAR_MS / NEAR_MS);
};

/** Fraction of a turn that an id stands for, so that a peer keeps its place as others come and go. */
const angleHash = (id: string): number => {
  let hash = 2166136261;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 16777619);
  return (hash >>> 0) / 2 ** 32;
};

/**
 * Places connected peers around this node: near is fast. Peers keep their order around the circle by id and share it out
 * evenly; one that is reached through a relay stands beyond that relay.
 *
 * @param peers - connected ones; those beyond {@link DRAWN_MAX} are left out, relays last
 * @param width - px
 */
export const placePeers = (peers: readonly PeerView[], width: number, height = GRAPH_HEIGHT_PX): Placed[] => {
  const relays = new Set(peers.flatMap(({ path }) => path?.via ?? []));
  const drawn = [...peers]
    .sort((a, b) => Number(relays.has(b.peerId)) - Number(relays.has(a.peerId)))
    .slice(0, DRAWN_MAX);
  const there = new Set(drawn.map(({ peerId }) => peerId));
  const viaOf = (peer: PeerView): string | null => {
    const via = peer.path?.via ?? null;
    return via !== null && there.has(via) && via !== peer.peerId ? via : null;
  };
  const direct = drawn.filter((peer) => viaOf(peer) === null);
  direct.sort((a, b) => angleHash(a.peerId) - angleHash(b.peerId) || (a.peerId < b.peerId ? -1 : 1));
  // An ellipse: screens are wide. The margins leave room for names.
  const outerX = Math.max(60, width / 2 - 84);
  const outerY = height / 2 - 44;
  const inner = 0.42;
  const places = new Map<string, { angle: number; placed: Placed }>();
  const at = (peer: PeerView, angle: number, distance: number, via: string | null): void => {
    const reach = inner + (1 - inner) * Math.min(1, distance);
    places.set(peer.peerId, {
      angle,
      placed: { peer, x: Math.cos(angle) * outerX * reach, y: Math.sin(angle) * outerY * reach, via },
    });
  };
  direct.forEach((peer, index) => {
    const angle = ((index + 0.5) / direct.length) * 2 * Math.PI - Math.PI / 2;
    const carries = relays.has(peer.peerId);
    // A relay stands close, so that there is room beyond it.
    at(peer, angle, carries ? 0.05 : distanceOf(peer.path?.rttMs ?? null), null);
  });
  const behind = new Map<string, PeerView[]>();
  for (const peer of drawn) {
    const via = viaOf(peer);
    if (via !== null) behind.set(via, [...(behind.get(via) ?? []), peer]);
  }
  for (const [via, group] of behind) {
    const relay = places.get(via);
    const middle = relay?.angle ?? -Math.PI / 2;
    const spread = Math.min((2 * Math.PI) / Math.max(3, direct.length), 0.35 * group.length);
    group
      .sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
      .forEach((peer, index) => {
        const angle = middle + (group.length === 1 ? 0 : (index / (group.length - 1) - 0.5) * spread);
        at(peer, angle, 1, relay === undefined ? null : via);
      });
  }
  return drawn.flatMap((peer) => places.get(peer.peerId)?.placed ?? []);
};

/** Width of a line, px, by what goes over it now: 1 for nothing, 5 for 100 MB/s and more. */
export const lineWidth = (bytesPerSecond: number): number =>
  bytesPerSecond < 1000 ? 1.25 : Math.min(5, 1.25 + Math.log10(bytesPerSecond / 1000) * 0.75);
