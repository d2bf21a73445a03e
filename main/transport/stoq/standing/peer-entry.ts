import type { Address, PeerId } from '../interface.ts';
import { compareAddresses, groupOf, isPrivate, providerOf } from '../address.ts';
import {
  ADDRESSES_MAX,
  CONFIRMED_FAILURES_MAX,
  CONFIRMED_LIFE_MS,
  HEARSAY_MAX,
  POINTS_HALF_LIFE_MS,
  RETRY_MS_MAX,
  RETRY_MS_MIN,
  TRUSTED_RETRY_MS_MAX,
  UNCONFIRMED_FAILURES_MAX,
  UNCONFIRMED_LIFE_MS,
} from './constants.ts';
import type { Offence, PeerSource } from './interface.ts';

export interface EntryAddress {
  address: Address;
  source: PeerSource;
  confirmedAtMs: number | null;
  addedAtMs: number;
  /** In a row. */
  failures: number;
  /** Of the last failure; not kept over restarts. */
  failedAtMs: number | null;
}
export interface EntryBan {
  /** Null: for good. */
  untilMs: number | null;
  /** Whole length, so that a clock that was set back makes it no longer. */
  forMs: number | null;
  reason: string;
  byOwner: boolean;
}
/** What the book holds of one peer. Times are the book's. */
export interface PeerEntry {
  readonly peerId: PeerId;
  name: string;
  trusted: boolean;
  addresses: EntryAddress[];
  source: PeerSource;
  /** Who told of it first: a provider, or the source where nobody in particular did. */
  teller: string;
  firstSeenAtMs: number;
  lastSeenAtMs: number | null;
  /** First time that it answered our dial, without a long absence since. */
  answersSinceMs: number | null;
  /** As of `pointsAtMs`. */
  points: number;
  pointsAtMs: number;
  lastOffence: { offence: Offence; atMs: number; detail: string } | null;
  ban: EntryBan | null;
  /** Bans by points, the present one included. */
  bans: number;
  bannedAtMs: number | null;
  sentBytes: number;
  receivedBytes: number;
  agent: string | null;
  /** Of {@link mainPlace}: reading an address takes microseconds, and a flood asks for it often. */
  place: MainPlace | null;
}
export interface MainPlace {
  readonly address: Address;
  readonly group: string;
  readonly provider: string;
}

/** How much a claim about an address is worth: the owner's word, then the peer's own, then what others say. */
const RANKS: Readonly<Record<PeerSource, number>> = {
  owner: 5,
  invite: 5,
  mdns: 3,
  incoming: 3,
  dht: 3,
  bootstrap: 3,
  rendezvous: 1,
  seed: 1,
};
const CONFIRMED_RANK = 4;
export const isOwners = (source: PeerSource): boolean => source === 'owner' || source === 'invite';
const isHearsay = (address: EntryAddress): boolean => RANKS[address.source] === 1 && address.confirmedAtMs === null;
const rankOf = (address: EntryAddress): number =>
  Math.max(RANKS[address.source], address.confirmedAtMs === null ? 0 : CONFIRMED_RANK);

export const newEntry = (peerId: PeerId, source: PeerSource, teller: string, nowMs: number): PeerEntry => ({
  peerId,
  name: '',
  trusted: false,
  addresses: [],
  source,
  teller,
  firstSeenAtMs: nowMs,
  lastSeenAtMs: null,
  answersSinceMs: null,
  points: 0,
  pointsAtMs: nowMs,
  lastOffence: null,
  ban: null,
  bans: 0,
  bannedAtMs: null,
  sentBytes: 0,
  receivedBytes: 0,
  agent: null,
  place: null,
});

/** @returns points now: halved every hour. A time before the last offence changes nothing. */
export const halved = (points: number, sinceMs: number, nowMs: number): number =>
  points * 2 ** (-Math.max(0, nowMs - sinceMs) / POINTS_HALF_LIFE_MS);

export const isBannedAt = (entry: PeerEntry, nowMs: number): boolean =>
  entry.ban !== null && (entry.ban.untilMs === null || nowMs < entry.ban.untilMs);

/** Where the peer counts: the address that answered last, or the first that was named. */
export const mainPlace = (entry: PeerEntry): MainPlace | null => {
  let best: EntryAddress | null = null;
  for (const one of entry.addresses)
    if (best === null || (one.confirmedAtMs ?? -1) > (best.confirmedAtMs ?? -1)) best = one;
  if (best === null) return null;
  if (entry.place?.address !== best.address) entry.place = { address: best.address, ...placeOf(best.address) };
  return entry.place;
};

/** One name for all that is near: its groups say nothing about whose it is. */
export const NEAR = 'near';
export const placeOf = (address: Address): { group: string; provider: string } =>
  isPrivate(address) ? { group: NEAR, provider: NEAR } : { group: groupOf(address), provider: providerOf(address) };

/**
 * Adds one address. What is worth less makes room; claims of others never push out what the peer itself or the owner said.
 *
 * @returns whether anything changed
 */
export const addAddress = (entry: PeerEntry, address: Address, source: PeerSource, nowMs: number): boolean => {
  const known = entry.addresses.find((one) => one.address === address);
  if (known !== undefined) {
    const better = RANKS[source] > RANKS[known.source];
    // The peer's own word keeps its address fresh; anybody else's does not.
    const fresher = RANKS[source] >= 3 && nowMs - known.addedAtMs > UNCONFIRMED_LIFE_MS / 7;
    if (better) known.source = source;
    if (better || fresher) known.addedAtMs = nowMs;
    return better || fresher;
  }
  const added: EntryAddress = {
    address,
    source,
    confirmedAtMs: null,
    addedAtMs: nowMs,
    failures: 0,
    failedAtMs: null,
  };
  const hearsay = entry.addresses.filter(isHearsay);
  const full = entry.addresses.length >= ADDRESSES_MAX;
  const crowd = isHearsay(added) && hearsay.length >= HEARSAY_MAX ? hearsay : full ? entry.addresses : [];
  if (crowd.length > 0) {
    const worst = crowd.reduce((a, b) => (isWorse(b, a) ? b : a));
    const makesRoom = rankOf(worst) < rankOf(added) || (rankOf(worst) === rankOf(added) && RANKS[source] !== 1);
    if (!makesRoom && worst.failures === 0) return false;
    if (rankOf(worst) > rankOf(added)) return false;
    entry.addresses.splice(entry.addresses.indexOf(worst), 1);
  }
  // In order of dialling.
  const before = entry.addresses.findIndex((one) => compareAddresses(address, one.address) < 0);
  entry.addresses.splice(before === -1 ? entry.addresses.length : before, 0, added);
  return true;
};
const isWorse = (a: EntryAddress, b: EntryAddress): boolean =>
  rankOf(a) !== rankOf(b)
    ? rankOf(a) < rankOf(b)
    : a.failures !== b.failures
      ? a.failures > b.failures
      : (a.confirmedAtMs ?? a.addedAtMs) < (b.confirmedAtMs ?? b.addedAtMs);

/** Forgets addresses that are old or fail. What the owner entered stays. @returns whether any went */
export const dropOldAddresses = (entry: PeerEntry, nowMs: number): boolean => {
  const kept = entry.addresses.filter((one) => {
    if (isOwners(one.source) || (entry.trusted && one.confirmedAtMs !== null)) return true;
    return one.confirmedAtMs === null
      ? one.failures < UNCONFIRMED_FAILURES_MAX && nowMs - one.addedAtMs < UNCONFIRMED_LIFE_MS
      : one.failures < CONFIRMED_FAILURES_MAX && nowMs - one.confirmedAtMs < CONFIRMED_LIFE_MS;
  });
  if (kept.length === entry.addresses.length) return false;
  entry.addresses = kept;
  return true;
};

/** Whether one of its addresses may be dialled now: at once, or after a wait that doubles with each failure. */
export const mayDial = (entry: PeerEntry, nowMs: number): boolean =>
  entry.addresses.some(({ failures, failedAtMs }) => {
    if (failures === 0 || failedAtMs === null) return true;
    const waitMs = Math.min(entry.trusted ? TRUSTED_RETRY_MS_MAX : RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));
    return nowMs - failedAtMs >= waitMs;
  });
