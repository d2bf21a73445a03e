import type { Clock } from '../../../base/index.ts';
import { groupOf, isPrivate } from '../address.ts';
import type { Channel } from '../carriers/interface.ts';
import { PeerError } from '../errors.ts';
import type { Address, PeerId } from '../interface.ts';
import type { ConnectionLimits, PeerBook } from '../standing/interface.ts';
import type { Roster } from './roster.ts';

/** A connection as limits see it. */
export interface Occupant {
  readonly peer: PeerId;
  readonly direction: 'in' | 'out';
  /** Where it is, null where no path is. */
  readonly address: Address | null;
  /** Trusted by the owner, or an anchor: never pushed out. */
  readonly kept: boolean;
  readonly streamsOpen: number;
  readonly usedAtMs: number;
  /** 0 to 100, of the book. */
  readonly points: number;
}
export interface Newcomer {
  readonly direction: 'in' | 'out';
  readonly address: Address;
  readonly kept: boolean;
}

/** Ms without a stream after which a connection gives way to a stranger's. */
const IDLE_BEFORE_STRANGERS_MS = 30_000;

/** What a newcomer counts with, null for nothing: many nodes of one home network share a prefix and are no attack. */
export const groupFor = (address: Address | null): string | null =>
  address === null || isPrivate(address) || address.startsWith('/memory/') ? null : groupOf(address);

/** Order of giving way: idle before busy, incoming before chosen by us, of bad standing, longest unused. */
const compareUse = (a: Occupant, b: Occupant): number =>
  Number(a.streamsOpen > 0) - Number(b.streamsOpen > 0) ||
  Number(a.direction === 'out') - Number(b.direction === 'out') ||
  b.points - a.points ||
  a.usedAtMs - b.usedAtMs;

/**
 * Whether there is room.
 *
 * @returns whom to push out, null for nobody; `full` where nobody may be pushed out for this newcomer
 */
export const makeRoom = (
  newcomer: Newcomer,
  occupants: readonly Occupant[],
  limits: ConnectionLimits,
  nowMs: number,
): { evict: PeerId | null } | 'full' => {
  const group = groupFor(newcomer.address);
  if (!newcomer.kept && group !== null) {
    const alike = occupants.filter((one) => !one.kept && groupFor(one.address) === group).length;
    if (alike >= limits.perGroupMax) return 'full';
  }
  const incoming = occupants.filter(({ direction }) => direction === 'in');
  const incomingFull = newcomer.direction === 'in' && incoming.length >= limits.incomingMax;
  if (!incomingFull && occupants.length < limits.connectionsMax) return { evict: null };
  const candidates = (incomingFull ? incoming : occupants)
    .filter((one) => !one.kept)
    // Strangers push out only who does nothing, or connecting in turn would cut everybody's work short.
    .filter(
      (one) =>
        newcomer.kept ||
        newcomer.direction === 'out' ||
        (one.streamsOpen === 0 && nowMs - one.usedAtMs >= IDLE_BEFORE_STRANGERS_MS),
    )
    .toSorted(compareUse);
  const least = candidates[0];
  return least === undefined ? 'full' : { evict: least.peer };
};

/** Paths that one peer may have to us. Two tiers, a hole, a relay, and each once more while one is replaced. */
const PATHS_MAX = 8;

/** Lets peers in whose identity is proved. */
export interface Door {
  /**
   * Makes room for a channel of this peer, where somebody must leave for it.
   *
   * @throws {PeerError} `BANNED` | `FULL`
   */
  admit(peer: PeerId, channel: Channel): void;
  /** What a banned peer is told, and whoever dials one. */
  bannedError(peer: PeerId): PeerError;
}
export interface DoorComponents {
  clock: Clock;
  book: Pick<PeerBook, 'get' | 'isBanned'>;
  roster: Pick<Roster, 'connection' | 'connections'>;
  /** Trusted by the owner, or an anchor. */
  isKept(peer: PeerId): boolean;
}

/** Holds the node to its limits. */
export const createDoor = (
  { clock, book, roster, isKept }: DoorComponents,
  { limits }: { limits: ConnectionLimits },
): Door => {
  const occupants = (): Occupant[] =>
    roster.connections().map((connection) => ({
      peer: connection.peer.peerId,
      direction: connection.direction,
      address: connection.path?.remoteAddress ?? null,
      kept: isKept(connection.peer.peerId),
      streamsOpen: connection.streamsOpen,
      usedAtMs: connection.usedAtMs,
      points: book.get(connection.peer.peerId)?.points ?? 0,
    }));
  const bannedError = (peer: PeerId): PeerError => {
    const ban = book.get(peer)?.ban;
    return new PeerError(
      { code: 'BANNED', peer, untilMs: ban?.untilMs ?? null, reason: ban?.reason ?? '' },
      'This peer is banned here; lift the ban to connect.',
    );
  };
  return {
    admit: (peer, channel) => {
      if (book.isBanned(peer)) throw bannedError(peer);
      const known = roster.connection(peer);
      const full = (limit: number): PeerError =>
        new PeerError(
          { code: 'FULL', limit },
          'There is no room for another connection; close one or raise the limit.',
        );
      if (known !== null) {
        if (known.livePaths.length >= PATHS_MAX) throw full(PATHS_MAX);
        return;
      }
      const room = makeRoom(
        { direction: channel.direction, address: channel.remoteAddress, kept: isKept(peer) },
        occupants(),
        limits,
        clock.monotonicMs(),
      );
      if (room === 'full') throw full(channel.direction === 'in' ? limits.incomingMax : limits.connectionsMax);
      if (room.evict === null) return;
      // It leaves its place at once, and says goodbye while the newcomer comes.
      void roster.connection(room.evict)?.close('full');
    },
    bannedError,
  };
};
