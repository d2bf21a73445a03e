import type { PeerView } from '../../../preload/contract/index.ts';

/** More would be a ball of wool; the table has all of them. */
export const DRAWN_MAX = 48;
/** Height of the drawing, px; its width follows the page. */
export const GRAPH_HEIGHT_PX = 380;
/** Where the first peer stands: to the right and a little up, since names are written below. */
const FIRST_ANGLE = -0.3;
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
  const behind = new Map<string, PeerView[]>();
  for (const peer of drawn) {
    const via = viaOf(peer);
    if (via !== null) behind.set(via, [...(behind.get(via) ?? []), peer]);
  }
  // Who carries others takes the room of all of them.
  const roomOf = (peer: PeerView): number => Math.max(1, behind.get(peer.peerId)?.length ?? 0);
  const rooms = direct.reduce((sum, peer) => sum + roomOf(peer), 0);
  const turn = (2 * Math.PI) / Math.max(1, rooms);
  const [first] = direct;
  let taken = first === undefined ? 0 : -roomOf(first) / 2;
  for (const peer of direct) {
    const room = roomOf(peer);
    const angle = (taken + room / 2) * turn + FIRST_ANGLE;
    taken += room;
    // A relay stands close, so that there is room beyond it.
    at(peer, angle, relays.has(peer.peerId) ? 0.05 : distanceOf(peer.path?.rttMs ?? null), null);
  }
  for (const [via, group] of behind) {
    const relay = places.get(via);
    const middle = relay?.angle ?? -Math.PI / 2;
    const spread = Math.min(Math.PI * 0.8, Math.max(0.16 * (group.length - 1), turn * (group.length - 1)));
    group
      .sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
      .forEach((peer, index) => {
        const angle = middle + (group.length === 1 ? 0 : (index / (group.length - 1) - 0.5) * spread);
        at(peer, angle, 1, relay === undefined ? null : via);
      });
  }
  return drawn.flatMap((peer) => places.get(peer.peerId)?.placed ?? []);
};

/** Height of a label with a little air, px, and of its letters on average. */
const LABEL_HEIGHT_PX = 17;
const LETTER_PX = 7;

/**
 * Which peers can have their name beside them without covering another's: trusted ones first, then named ones, then those
 * with most to say. The others show theirs when they are pointed at.
 *
 * @param placed - as {@link placePeers} has it
 * @param textOf - what would stand there
 */
export const labelled = (placed: readonly Placed[], textOf: (peer: PeerView) => string): ReadonlySet<string> => {
  const rank = ({ peer }: Placed): number =>
    (peer.trusted ? 4 : 0) + (peer.name === '' ? 0 : 2) + (peer.path === null ? 0 : 1);
  // Names are written above in the upper half and below in the lower one.
  const boxes: { x: number; y: number; half: number }[] = [{ x: 0, y: 31, half: 34 }];
  const shown = new Set<string>();
  for (const place of [...placed].sort((a, b) => rank(b) - rank(a))) {
    const box = {
      x: place.x,
      y: place.y + (place.y < 0 ? -20 : 22),
      half: (textOf(place.peer).length * LETTER_PX) / 2,
    };
    const free = boxes.every(
      (other) => Math.abs(other.x - box.x) > other.half + box.half || Math.abs(other.y - box.y) > LABEL_HEIGHT_PX,
    );
    const overDot = placed.some(
      (other) =>
        other !== place &&
        Math.abs(other.x - box.x) < box.half + 9 &&
        Math.abs(other.y - box.y) < LABEL_HEIGHT_PX / 2 + 9,
    );
    if (!free || overDot) continue;
    boxes.push(box);
    shown.add(place.peer.peerId);
  }
  return shown;
};

/** Width of a line, px, by what goes over it now: 1 for nothing, 5 for 100 MB/s and more. */
export const lineWidth = (bytesPerSecond: number): number =>
  bytesPerSecond < 1000 ? 1.25 : Math.min(5, 1.25 + Math.log10(bytesPerSecond / 1000) * 0.75);
