import { decodeCbor, encodeCbor, messageOf } from '../../../base/index.ts';
import { parsePeerId, readAddress } from '../address.ts';
import type { BookTime } from './book-time.ts';
import {
  ADDRESSES_MAX,
  AGENT_LENGTH_MAX,
  NAME_LENGTH_MAX,
  POINTS_MAX,
  REASON_LENGTH_MAX,
  ROW_BYTES_MAX,
  ROW_ITEMS_MAX,
  ROW_VERSION,
} from './constants.ts';
import { OFFENCES, type Offence, type PeerSource } from './interface.ts';
import type { EntryAddress, EntryBan, PeerEntry } from './peer-entry.ts';

const SOURCES: ReadonlySet<string> = new Set<PeerSource>([
  'owner',
  'invite',
  'mdns',
  'bootstrap',
  'seed',
  'dht',
  'incoming',
  'rendezvous',
]);
/** Characters of a teller: the longest is a memory name. */
const TELLER_LENGTH_MAX = 80;

/** Row of the database, docs/formats/stoq-peer-book.md. */
export const encodeRow = (entry: PeerEntry, time: BookTime): Uint8Array => {
  const wall = (atMs: number | null): number | null => (atMs === null ? null : Math.round(time.toWall(atMs)));
  return encodeCbor({
    v: ROW_VERSION,
    peer: entry.peerId,
    name: entry.name,
    trusted: entry.trusted,
    source: entry.source,
    teller: entry.teller,
    addresses: entry.addresses.map((one) => ({
      address: one.address,
      source: one.source,
      confirmedAtMs: wall(one.confirmedAtMs),
      addedAtMs: wall(one.addedAtMs),
      failures: one.failures,
    })),
    firstSeenAtMs: wall(entry.firstSeenAtMs),
    lastSeenAtMs: wall(entry.lastSeenAtMs),
    answersSinceMs: wall(entry.answersSinceMs),
    points: Math.round(entry.points),
    pointsAtMs: wall(entry.pointsAtMs),
    lastOffence: entry.lastOffence && { ...entry.lastOffence, atMs: wall(entry.lastOffence.atMs) },
    ban: entry.ban && { ...entry.ban, untilMs: wall(entry.ban.untilMs) },
    bans: entry.bans,
    bannedAtMs: wall(entry.bannedAtMs),
    sentBytes: entry.sentBytes,
    receivedBytes: entry.receivedBytes,
    agent: entry.agent,
  });
};

/** What is wrong with a row. Never leaves {@link decodeRow}. */
class RowProblem extends Error {}
const refuse = (problem: string): never => {
  throw new RowProblem(problem);
};
const fieldsOf = (value: unknown, names: readonly string[], what: string): Record<string, unknown> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    return refuse(`${what} is no map`);
  const found = Object.keys(value);
  if (found.length !== names.length || names.some((name) => !Object.hasOwn(value, name)))
    return refuse(`${what} does not have exactly the fields ${names.join(', ')}`);
  return value as Record<string, unknown>;
};
const textOf = (value: unknown, lengthMax: number, what: string): string =>
  typeof value === 'string' && value.length <= lengthMax ? value : refuse(`${what} is no text of ${lengthMax} at most`);
const countOf = (value: unknown, what: string): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : refuse(`${what} is no whole number`);
const flagOf = (value: unknown, what: string): boolean =>
  typeof value === 'boolean' ? value : refuse(`${what} is neither true nor false`);
const orNull = <T>(value: unknown, read: (value: unknown) => T): T | null => (value === null ? null : read(value));
const sourceOf = (value: unknown, what: string): PeerSource =>
  typeof value === 'string' && SOURCES.has(value) ? (value as PeerSource) : refuse(`${what} is no source`);

const ROW_FIELDS = [
  'v',
  'peer',
  'name',
  'trusted',
  'source',
  'teller',
  'addresses',
  'firstSeenAtMs',
  'lastSeenAtMs',
  'answersSinceMs',
  'points',
  'pointsAtMs',
  'lastOffence',
  'ban',
  'bans',
  'bannedAtMs',
  'sentBytes',
  'receivedBytes',
  'agent',
];

const read = (row: Uint8Array, time: BookTime): PeerEntry => {
  if (row.length > ROW_BYTES_MAX) refuse('it is too large');
  const nowMs = time.nowMs();
  const fields = fieldsOf(decodeCbor(row, ROW_ITEMS_MAX), ROW_FIELDS, 'it');
  if (fields['v'] !== ROW_VERSION) refuse(`its version is not ${ROW_VERSION}`);
  // What is stamped later than now was written before the clock was set back: it is as if it had happened now.
  const stamp = (value: unknown, what: string): number => Math.min(nowMs, time.fromWall(countOf(value, what)));
  const addresses = fields['addresses'];
  if (!Array.isArray(addresses) || addresses.length > ADDRESSES_MAX) refuse('addresses are no list, or too many');
  return {
    peerId: parsePeerId(fields['peer']) ?? refuse('peer is no peer id'),
    name: textOf(fields['name'], NAME_LENGTH_MAX, 'name'),
    trusted: flagOf(fields['trusted'], 'trusted'),
    source: sourceOf(fields['source'], 'source'),
    teller: textOf(fields['teller'], TELLER_LENGTH_MAX, 'teller'),
    addresses: (addresses as unknown[]).map((value): EntryAddress => {
      const one = fieldsOf(value, ['address', 'source', 'confirmedAtMs', 'addedAtMs', 'failures'], 'an address');
      return {
        address: readAddress(one['address']) ?? refuse('an address is none'),
        source: sourceOf(one['source'], 'source of an address'),
        confirmedAtMs: orNull(one['confirmedAtMs'], (at) => stamp(at, 'confirmedAtMs')),
        addedAtMs: stamp(one['addedAtMs'], 'addedAtMs'),
        failures: countOf(one['failures'], 'failures'),
        failedAtMs: null,
      };
    }),
    firstSeenAtMs: stamp(fields['firstSeenAtMs'], 'firstSeenAtMs'),
    lastSeenAtMs: orNull(fields['lastSeenAtMs'], (at) => stamp(at, 'lastSeenAtMs')),
    answersSinceMs: orNull(fields['answersSinceMs'], (at) => stamp(at, 'answersSinceMs')),
    points: Math.min(POINTS_MAX, countOf(fields['points'], 'points')),
    pointsAtMs: stamp(fields['pointsAtMs'], 'pointsAtMs'),
    lastOffence: orNull(fields['lastOffence'], (value) => {
      const one = fieldsOf(value, ['offence', 'atMs', 'detail'], 'lastOffence');
      const offence = one['offence'];
      if (typeof offence !== 'string' || !Object.hasOwn(OFFENCES, offence)) return refuse('offence is none of ours');
      return {
        offence: offence as Offence,
        atMs: stamp(one['atMs'], 'atMs'),
        detail: textOf(one['detail'], REASON_LENGTH_MAX, 'detail'),
      };
    }),
    ban: orNull(fields['ban'], (value): EntryBan => {
      const one = fieldsOf(value, ['untilMs', 'forMs', 'reason', 'byOwner'], 'ban');
      const forMs = orNull(one['forMs'], (ms) => countOf(ms, 'forMs'));
      const untilMs = orNull(one['untilMs'], (at) => time.fromWall(countOf(at, 'untilMs')));
      if ((forMs === null) !== (untilMs === null))
        refuse('ban has an end without a length, or a length without an end');
      return {
        untilMs: untilMs === null ? null : Math.min(untilMs, nowMs + (forMs ?? 0)),
        forMs,
        reason: textOf(one['reason'], REASON_LENGTH_MAX, 'reason'),
        byOwner: flagOf(one['byOwner'], 'byOwner'),
      };
    }),
    bans: countOf(fields['bans'], 'bans'),
    bannedAtMs: orNull(fields['bannedAtMs'], (at) => stamp(at, 'bannedAtMs')),
    sentBytes: countOf(fields['sentBytes'], 'sentBytes'),
    receivedBytes: countOf(fields['receivedBytes'], 'receivedBytes'),
    agent: orNull(fields['agent'], (text) => textOf(text, AGENT_LENGTH_MAX, 'agent')),
    place: null,
  };
};

/** @returns the entry, or one clause that says what is wrong with the row */
export const decodeRow = (row: Uint8Array, time: BookTime): { entry: PeerEntry } | { problem: string } => {
  try {
    return { entry: read(row, time) };
  } catch (error) {
    // The codec throws plain errors, too.
    return { problem: messageOf(error) };
  }
};
