import type { Address } from '../interface.ts';
import { groupOf, isPrivate, partsOf } from '../address.ts';
import { BLOCK_MS_MAX, BLOCK_MS_MIN, GROUPS_MAX, POINTS_AFTER_BAN, POINTS_MAX } from './constants.ts';
import { OFFENCES, type Offence } from './interface.ts';
import { halved } from './peer-entry.ts';

/**
 * Standing of address groups, for what goes wrong before anybody has proved who it is. Forgotten at a restart: a group is nobody's
 * name, and tomorrow another customer has it. Only for channels whose carrier's own handshake was done, or somebody could have a
 * group blocked by writing its addresses into packets.
 */
export interface AddressBlocks {
  offend(address: Address, offence: Offence): void;
  isBlocked(address: Address): boolean;
}
interface Group {
  points: number;
  atMs: number;
  untilMs: number | null;
  blocks: number;
}

/** Of the groups that came first, so many are compared when one must go: the cost of a flood stays small. */
const GROUPS_LOOKED_AT = 64;

/** Near here everybody is of one group: one host answers for itself alone. */
const keyOf = (address: Address): string => (isPrivate(address) ? `host ${partsOf(address).host}` : groupOf(address));

export const createAddressBlocks = (nowMs: () => number): AddressBlocks => {
  const groups = new Map<string, Group>();
  const makeRoom = (): void => {
    let least: string | null = null;
    let leastPoints = Infinity;
    let looked = 0;
    for (const [key, group] of groups) {
      if (looked++ === GROUPS_LOOKED_AT) break;
      const points = halved(group.points, group.atMs, nowMs()) + (isOpen(group) ? 0 : POINTS_MAX);
      if (points < leastPoints) [least, leastPoints] = [key, points];
    }
    if (least !== null) groups.delete(least);
  };
  const isOpen = (group: Group): boolean => group.untilMs === null || nowMs() >= group.untilMs;
  return {
    offend: (address, offence) => {
      const key = keyOf(address);
      let group = groups.get(key);
      if (group === undefined) {
        if (groups.size >= GROUPS_MAX) makeRoom();
        groups.set(key, (group = { points: 0, atMs: nowMs(), untilMs: null, blocks: 0 }));
      }
      group.points = Math.min(POINTS_MAX, halved(group.points, group.atMs, nowMs()) + OFFENCES[offence]);
      group.atMs = nowMs();
      if (group.points < POINTS_MAX || !isOpen(group)) return;
      group.untilMs = nowMs() + Math.min(BLOCK_MS_MAX, BLOCK_MS_MIN * 2 ** group.blocks);
      group.blocks += 1;
      group.points = POINTS_AFTER_BAN;
    },
    isBlocked: (address) => {
      const group = groups.get(keyOf(address));
      return group !== undefined && !isOpen(group);
    },
  };
};
