import { isLoopback, isPrivate, partsOf } from '../address.ts';
import type { Channel } from '../carriers/interface.ts';
import type { Address } from '../interface.ts';
import { groupFor } from './admission.ts';

/** A place that a handshake has. */
export interface HandshakePlace {
  /** Whose place it was: that channel is to be ended. Null where there was room. */
  readonly evicted: Channel | null;
  /** Gives the place back. May be called twice, and after another has taken it. */
  leave(): void;
}
/** Bounded places of handshakes that others began and that have shown nothing yet. */
export interface HandshakePlaces {
  /** @returns null where the channel must go */
  take(channel: Channel): HandshakePlace | null;
  /** Places that are taken. */
  readonly size: number;
}

const isNearHost = (address: Address): boolean => isPrivate(address) && !isLoopback(address);
/** Near here every host is one of its own; the own machine, where all may be one, is its owner's. */
const groupOfHandshake = (address: Address): string | null =>
  isNearHost(address) ? partsOf(address).host : groupFor(address);

/**
 * Shares the places by where the handshakes come from: one group has half of them at most. Where all are taken, the oldest of the group
 * that has most gives way, if that is more than the newcomer's would have: whoever wants to keep others out by silence needs addresses of
 * as many groups as there are places.
 *
 * @param init.handshakesMax - places
 */
export const createHandshakePlaces = ({ handshakesMax }: { handshakesMax: number }): HandshakePlaces => {
  let taken = 0;
  /** Channels by address group, oldest first. */
  const byGroup = new Map<string, Set<Channel>>();

  const greediest = (ofGroup: number): { group: string; channel: Channel } | null => {
    let most: { group: string; channel: Channel } | null = null;
    let size = ofGroup + 1;
    for (const [group, channels] of byGroup) {
      const [oldest] = channels;
      if (oldest !== undefined && channels.size > size) [most, size] = [{ group, channel: oldest }, channels.size];
    }
    return most;
  };
  const leaveGroup = (group: string, channel: Channel): void => {
    const channels = byGroup.get(group);
    if (channels?.delete(channel) !== true) return;
    taken -= 1;
    if (channels.size === 0) byGroup.delete(group);
  };
  return {
    take: (channel) => {
      const group = groupOfHandshake(channel.remoteAddress);
      const ofGroup = group === null ? 0 : (byGroup.get(group)?.size ?? 0);
      const isFull = taken >= handshakesMax;
      const gives = isFull && group !== null ? greediest(ofGroup) : null;
      // One part of the network leaves half of the places to others.
      if ((isFull && gives === null) || ofGroup >= Math.ceil(handshakesMax / 2)) return null;
      if (gives !== null) leaveGroup(gives.group, gives.channel);
      taken += 1;
      if (group !== null) {
        const channels = byGroup.get(group) ?? new Set();
        byGroup.set(group, channels.add(channel));
      }
      let isLeft = false;
      return {
        evicted: gives?.channel ?? null,
        leave: () => {
          if (group !== null) leaveGroup(group, channel);
          else if (!isLeft) taken -= 1;
          isLeft = true;
        },
      };
    },
    get size() {
      return taken;
    },
  };
};
