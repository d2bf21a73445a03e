import { groupOf, isPrivate } from '../address.ts';
import type { Address, PeerId } from '../interface.ts';
import type { ConnectionLimits } from '../standing/interface.ts';

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
