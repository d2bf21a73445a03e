import { Emitter, isNodeError, messageOf, type Logger, type Outside } from '../../../base/index.ts';
import type { Address, PeerId } from '../interface.ts';
import { isDialable, isPrivate, partsOf, scopeOf } from '../address.ts';
import { createAddressBlocks } from './address-blocks.ts';
import { createBookTime } from './book-time.ts';
import {
  ADDRESSES_READ_MAX,
  AGE_INTERVAL_MS,
  AGENT_LENGTH_MAX,
  ANCHOR_AGE_MS_MIN,
  ANCHOR_SEEN_MS,
  ANCHORS_MAX,
  BANS_FORGOTTEN_MS,
  BAN_MS_MAX,
  BAN_MS_MIN,
  CANDIDATES_PER_PROVIDER_MIN,
  CANDIDATES_PER_PROVIDER_RATIO,
  CONFIRMED_LIFE_MS,
  NAME_LENGTH_MAX,
  POINTS_AFTER_BAN,
  POINTS_MAX,
  REASON_LENGTH_MAX,
  WRITE_DELAY_MS,
  WRITE_ROWS_MAX,
} from './constants.ts';
import {
  OFFENCES,
  type KnownPeer,
  type Offence,
  type PeerBook,
  type PeerBookEvents,
  type PeerBookStore,
  type PeerSource,
} from './interface.ts';
import type { StandingMetrics } from './metrics.ts';
import {
  addAddress,
  dropOldAddresses,
  halved,
  isBannedAt,
  isOwners,
  mainPlace,
  mayDial,
  NEAR,
  newEntry,
  placeOf,
  type PeerEntry,
} from './peer-entry.ts';
import { decodeRow, encodeRow } from './peer-row.ts';
import { createPeerTables, TABLES } from './peer-tables.ts';

export interface PeerBookComponents {
  outside: Outside;
  logger: Logger;
  /** Null keeps nothing over restarts. */
  store: PeerBookStore | null;
  metrics?: StandingMetrics | null;
}
export interface PeerBookInit {
  /** This node itself, which has no place in its book. @default null */
  self?: PeerId | null;
}
/** {@link PeerBook} with its end. */
export interface PeerBookControl extends PeerBook {
  /** Writes what is not written and sets no timer any more. May be called twice. */
  stop(): Promise<void>;
}

/** Sources that are this node's own knowledge or its owner's word: near addresses mean something there. */
const OWN_SOURCES: ReadonlySet<PeerSource> = new Set(['owner', 'invite', 'mdns', 'bootstrap']);
const cut = (text: string, lengthMax: number): string => {
  const whole = text.slice(0, lengthMax);
  // Half a letter beyond the first plane could not be written as UTF-8.
  return /[\uD800-\uDBFF]$/.test(whole) ? whole.slice(0, -1) : whole.toWellFormed();
};

/** See docs/formats/stoq-standing.md for points and bans, docs/formats/stoq-peer-book.md for rows and bounds. */
export const createPeerBook = (components: PeerBookComponents, init: PeerBookInit = {}): PeerBookControl => {
  const { outside, logger, store, metrics = null } = components;
  const { self = null } = init;
  const { clock, random } = outside;
  const emitter = new Emitter<PeerBookEvents>();
  const time = createBookTime(clock);
  const tables = createPeerTables({ random });
  const blocks = createAddressBlocks(() => time.nowMs());
  const dirty = new Set<PeerId>();
  let cancelWrite: (() => void) | null = null;
  let writing: Promise<void> | null = null;
  let stopped = false;

  // Rows

  const writeSome = async (book: PeerBookStore): Promise<boolean> => {
    const peers = [...dirty].slice(0, WRITE_ROWS_MAX);
    for (const peer of peers) dirty.delete(peer);
    const rows = peers.map((peer) => {
      const entry = tables.get(peer);
      return { peer, row: entry === undefined ? null : encodeRow(entry, time) };
    });
    try {
      await book.write(rows);
      return true;
    } catch (error) {
      if (!isNodeError(error)) throw error;
      for (const peer of peers) dirty.add(peer);
      logger.warn('Peers could not be written and are tried again', { peers: peers.length, reason: messageOf(error) });
      return false;
    }
  };
  const writeAll = async (): Promise<void> => {
    if (store === null) dirty.clear();
    else while (dirty.size > 0 && (await writeSome(store)));
    // What could not be written, or came meanwhile.
    if (dirty.size > 0) writeSoon();
  };
  const flush = async (): Promise<void> => {
    cancelWrite?.();
    cancelWrite = null;
    // One at a time: an older row never follows a newer one.
    while (writing !== null) await writing;
    writing = writeAll().finally(() => {
      writing = null;
    });
    await writing;
  };
  const writeSoon = (): void => {
    if (stopped || cancelWrite !== null || store === null) return;
    cancelWrite = clock.after(WRITE_DELAY_MS, () => {
      cancelWrite = null;
      void flush();
    });
  };

  // Entries

  const isBanned = (peer: PeerId): boolean => {
    const entry = tables.get(peer);
    return entry !== undefined && isBannedAt(entry, time.nowMs());
  };
  const pointsOf = (entry: PeerEntry): number => halved(entry.points, entry.pointsAtMs, time.nowMs());
  const setPoints = (entry: PeerEntry, points: number): void => {
    entry.points = Math.min(POINTS_MAX, points);
    entry.pointsAtMs = time.nowMs();
  };
  const changed = (peer: PeerId): void => {
    dirty.add(peer);
    writeSoon();
    emitter.emit('changed', { peer });
  };
  /** Puts an entry where it belongs now. @returns false when there is no place for it: then it is gone */
  const settle = (entry: PeerEntry): boolean => {
    const { placed, evicted } = tables.place(entry, time.nowMs());
    for (const peer of evicted) changed(peer);
    if (placed) changed(entry.peerId);
    metrics?.evicted.inc(evicted.length);
    for (const table of TABLES) metrics?.peers.set(tables.sizeOf(table), { table });
    return placed;
  };
  const tellerOf = (from: Address | null, source: PeerSource): string =>
    from === null ? source : placeOf(from).provider;
  const entryOf = (peer: PeerId, source: PeerSource, from: Address | null = null): PeerEntry =>
    tables.get(peer) ?? newEntry(peer, source, tellerOf(from, source), time.nowMs());

  const believes = (address: Address, source: PeerSource, from: Address | null): boolean => {
    if (!isDialable(address)) return false;
    // A zone is a name on one machine: only this one's own discovery knows it.
    if (partsOf(address).zone !== null && !OWN_SOURCES.has(source)) return false;
    if (!isPrivate(address) || OWN_SOURCES.has(source) || from === null) return true;
    if (scopeOf(from) === 'memory') return true;
    // Otherwise a stranger could have us knock at every door of the home we stand in.
    return isPrivate(from) && (scopeOf(address) !== 'loopback' || scopeOf(from) === 'loopback');
  };
  const addAll = (
    entry: PeerEntry,
    addresses: readonly Address[],
    source: PeerSource,
    from: Address | null,
  ): boolean => {
    let any = false;
    for (const address of addresses.slice(0, ADDRESSES_READ_MAX))
      if (believes(address, source, from)) any = addAddress(entry, address, source, time.nowMs()) || any;
    return any;
  };
  const isOffered = (entry: PeerEntry, nowMs: number): boolean => !isBannedAt(entry, nowMs) && mayDial(entry, nowMs);

  const view = (entry: PeerEntry): KnownPeer => {
    const wall = (atMs: number): number => Math.round(time.toWall(atMs));
    const wallOrNull = (atMs: number | null): number | null => (atMs === null ? null : wall(atMs));
    const ban = isBannedAt(entry, time.nowMs()) ? entry.ban : null;
    return {
      peerId: entry.peerId,
      name: entry.name,
      trusted: entry.trusted,
      addresses: entry.addresses.map((one) => ({
        address: one.address,
        source: one.source,
        confirmedAtMs: wallOrNull(one.confirmedAtMs),
        addedAtMs: wall(one.addedAtMs),
      })),
      source: entry.source,
      firstSeenAtMs: wall(entry.firstSeenAtMs),
      lastSeenAtMs: wallOrNull(entry.lastSeenAtMs),
      points: Math.round(pointsOf(entry) * 10) / 10,
      lastOffence: entry.lastOffence && { ...entry.lastOffence, atMs: wall(entry.lastOffence.atMs) },
      ban: ban && { untilMs: wallOrNull(ban.untilMs), reason: ban.reason, byOwner: ban.byOwner },
      sentBytes: entry.sentBytes,
      receivedBytes: entry.receivedBytes,
      agent: entry.agent,
    };
  };

  /** A stranger at 100 points. */
  const banForPoints = (entry: PeerEntry, reason: string): void => {
    const nowMs = time.nowMs();
    if (entry.bannedAtMs !== null && nowMs - entry.bannedAtMs > BANS_FORGOTTEN_MS) entry.bans = 0;
    const forMs = Math.min(BAN_MS_MAX, BAN_MS_MIN * 2 ** entry.bans);
    entry.bans += 1;
    entry.bannedAtMs = nowMs;
    entry.ban = { untilMs: nowMs + forMs, forMs, reason, byOwner: false };
    logger.info('Peer banned', { peer: entry.peerId, reason, forMs });
  };
  const tellBan = (entry: PeerEntry): void => {
    if (entry.ban === null) return;
    const { untilMs, reason } = entry.ban;
    metrics?.bans.inc();
    emitter.emit('banned', {
      peer: entry.peerId,
      reason,
      untilMs: untilMs === null ? null : Math.round(time.toWall(untilMs)),
    });
  };

  const age = (): void => {
    const nowMs = time.nowMs();
    if (time.look()) {
      logger.info('The clock was set, and the times in the peer book with it');
      for (const entry of tables.entries()) dirty.add(entry.peerId);
      writeSoon();
    }
    // Settling moves entries about.
    const entries = Array.from(tables.entries());
    for (const entry of entries) {
      const dropped = dropOldAddresses(entry, nowMs);
      const over = entry.ban !== null && !isBannedAt(entry, nowMs);
      if (over) {
        entry.ban = null;
        setPoints(entry, Math.min(pointsOf(entry), POINTS_AFTER_BAN));
      }
      const seenAtMs = entry.lastSeenAtMs ?? entry.firstSeenAtMs;
      const forgotten =
        !entry.trusted &&
        entry.name === '' &&
        entry.ban === null &&
        entry.addresses.length === 0 &&
        pointsOf(entry) < 1 &&
        nowMs - Math.max(seenAtMs, entry.bannedAtMs ?? 0) > CONFIRMED_LIFE_MS;
      if (forgotten) {
        tables.remove(entry.peerId);
        changed(entry.peerId);
      } else if (dropped || over) settle(entry);
    }
  };
  const cancelAge = clock.every(AGE_INTERVAL_MS, age);

  return {
    on: (name, listener) => emitter.on(name, listener),
    load: async () => {
      if (store === null) return;
      const entries: PeerEntry[] = [];
      for (const { peer, row } of await store.readAll()) {
        const read = decodeRow(row, time);
        const problem = 'problem' in read ? read.problem : read.entry.peerId === peer ? null : 'it is of another peer';
        // Left as it is: a newer version may have written it.
        if (problem !== null) logger.warn('A row of the peer book is not read', { peer: peer.slice(0, 64), problem });
        else if ('entry' in read && tables.get(read.entry.peerId) === undefined && read.entry.peerId !== self)
          entries.push(read.entry);
      }
      // Who was seen last has the better claim to a place.
      entries.sort((a, b) => (b.lastSeenAtMs ?? b.firstSeenAtMs) - (a.lastSeenAtMs ?? a.firstSeenAtMs));
      for (const entry of entries) {
        const { placed, evicted } = tables.place(entry, time.nowMs());
        for (const peer of placed ? evicted : [...evicted, entry.peerId]) dirty.add(peer);
      }
      age();
      writeSoon();
      logger.info('Peer book read', { peers: tables.size });
    },
    get: (peer) => {
      const entry = tables.get(peer);
      return entry === undefined ? null : view(entry);
    },
    list: () => Array.from(tables.entries(), view),
    learn: (peer, addresses, source, from = null) => {
      if (peer === self || isBanned(peer)) return false;
      const known = tables.get(peer);
      const entry = known ?? entryOf(peer, source, from);
      let any = addAll(entry, addresses, source, from);
      // Nothing that leads to it: only what the owner says, or a peer that is there, is noted all the same.
      if (known === undefined && !any && !isOwners(source) && source !== 'incoming') return false;
      if (source === 'incoming') {
        entry.lastSeenAtMs = time.nowMs();
        any = true;
      }
      if (isOwners(source) && !isOwners(entry.source)) {
        entry.source = source;
        any = true;
      }
      if (known !== undefined && !any) return false;
      return settle(entry);
    },
    met: (peer, from, remote) => {
      if (peer === self) return;
      const entry = entryOf(peer, 'incoming', from);
      entry.lastSeenAtMs = time.nowMs();
      entry.agent = cut(remote.agent, AGENT_LENGTH_MAX);
      addAll(entry, remote.addresses, 'incoming', from);
      settle(entry);
    },
    confirm: (peer, address, remote) => {
      if (peer === self) return;
      const nowMs = time.nowMs();
      const entry = entryOf(peer, 'incoming', address);
      // The endpoint dialled it: whoever gave it, it is right.
      addAddress(entry, address, tables.get(peer) === undefined ? 'incoming' : entry.source, nowMs);
      const found = entry.addresses.find((one) => one.address === address);
      if (found !== undefined) {
        found.confirmedAtMs = nowMs;
        found.failures = 0;
        found.failedAtMs = null;
      }
      const absentMs = nowMs - (entry.lastSeenAtMs ?? nowMs);
      if (entry.answersSinceMs === null || absentMs > ANCHOR_SEEN_MS) entry.answersSinceMs = nowMs;
      entry.lastSeenAtMs = nowMs;
      entry.agent = cut(remote.agent, AGENT_LENGTH_MAX);
      addAll(entry, remote.addresses, 'incoming', address);
      settle(entry);
    },
    failed: (peer, address) => {
      const entry = tables.get(peer);
      const found = entry?.addresses.find((one) => one.address === address);
      if (entry === undefined || found === undefined) return;
      found.failures += 1;
      found.failedAtMs = time.nowMs();
      dropOldAddresses(entry, time.nowMs());
      settle(entry);
    },
    count: (peer, sentBytes, receivedBytes) => {
      const entry = tables.get(peer);
      if (entry === undefined) return;
      entry.sentBytes = Math.min(Number.MAX_SAFE_INTEGER, entry.sentBytes + sentBytes);
      entry.receivedBytes = Math.min(Number.MAX_SAFE_INTEGER, entry.receivedBytes + receivedBytes);
      if (receivedBytes > 0) entry.lastSeenAtMs = time.nowMs();
      // No event: it is told often, and who shows traffic asks for it.
      dirty.add(peer);
      writeSoon();
    },
    offend: (peer, offence: Offence, detail) => {
      if (peer === self) return;
      const entry = entryOf(peer, 'incoming');
      setPoints(entry, pointsOf(entry) + OFFENCES[offence]);
      entry.lastOffence = { offence, atMs: time.nowMs(), detail: cut(detail, REASON_LENGTH_MAX) };
      metrics?.offences.inc(1, { offence });
      // A friend's program may be broken; whether it stays a friend is for the owner to say.
      const bans = entry.points >= POINTS_MAX && !entry.trusted && !isBannedAt(entry, time.nowMs());
      if (bans) banForPoints(entry, cut(`${offence}: ${detail}`, REASON_LENGTH_MAX));
      settle(entry);
      if (bans) tellBan(entry);
    },
    ban: (peer, { untilMs, reason, byOwner }) => {
      if (peer === self) return;
      const entry = entryOf(peer, byOwner ? 'owner' : 'incoming');
      if (!byOwner && (entry.trusted || entry.ban?.byOwner === true)) return;
      const nowMs = time.nowMs();
      const leftMs = untilMs === null ? null : Math.max(0, time.fromWall(untilMs) - nowMs);
      // For good is the owner's word alone.
      const forMs = byOwner ? leftMs : Math.min(leftMs ?? BAN_MS_MAX, BAN_MS_MAX);
      entry.ban = {
        untilMs: forMs === null ? null : nowMs + forMs,
        forMs: forMs === null ? null : Math.round(forMs),
        reason: cut(reason, REASON_LENGTH_MAX),
        byOwner,
      };
      entry.bannedAtMs = nowMs;
      if (byOwner) entry.trusted = false;
      settle(entry);
      tellBan(entry);
    },
    unban: (peer) => {
      const entry = tables.get(peer);
      if (entry === undefined || entry.ban === null) return;
      entry.ban = null;
      setPoints(entry, Math.min(pointsOf(entry), POINTS_AFTER_BAN));
      settle(entry);
    },
    setName: (peer, name) => {
      if (peer === self) return;
      const entry = entryOf(peer, 'owner');
      entry.name = cut(name, NAME_LENGTH_MAX);
      settle(entry);
    },
    setTrusted: (peer, trusted) => {
      if (peer === self) return;
      const entry = entryOf(peer, 'owner');
      entry.trusted = trusted;
      // What it did before is forgiven with the same word.
      if (trusted && entry.ban !== null) {
        entry.ban = null;
        setPoints(entry, 0);
      }
      settle(entry);
    },
    forget: (peer) => {
      if (!tables.remove(peer)) return false;
      changed(peer);
      return true;
    },
    isBanned,
    isBlockedAddress: (address) => {
      if (!blocks.isBlocked(address)) return false;
      // Friends are let in from among bad neighbours.
      const { host } = partsOf(address);
      for (const entry of tables.entries())
        if (
          entry.trusted &&
          entry.addresses.some((one) => one.confirmedAtMs !== null && partsOf(one.address).host === host)
        )
          return false;
      return true;
    },
    offendAddress: (address, offence) => {
      blocks.offend(address, offence);
    },
    anchors: () => {
      const nowMs = time.nowMs();
      const ageOf = (entry: PeerEntry): number => (entry.lastSeenAtMs ?? 0) - (entry.answersSinceMs ?? Infinity);
      const providers = new Set<string>();
      const anchors: PeerId[] = [];
      const old = [...tables.entries()]
        .filter(
          (entry) =>
            ageOf(entry) >= ANCHOR_AGE_MS_MIN &&
            nowMs - (entry.lastSeenAtMs ?? 0) <= ANCHOR_SEEN_MS &&
            isOffered(entry, nowMs),
        )
        .sort((a, b) => ageOf(b) - ageOf(a));
      for (const entry of old) {
        const provider = mainPlace(entry)?.provider;
        if (provider === undefined || providers.has(provider)) continue;
        providers.add(provider);
        anchors.push(entry.peerId);
        if (anchors.length === ANCHORS_MAX) break;
      }
      return anchors;
    },
    candidates: (count) => {
      const nowMs = time.nowMs();
      const trusted: PeerId[] = [];
      /** By provider, tried ones before those only heard of. */
      const byProvider = new Map<string, { tried: PeerId[]; heard: PeerId[] }>();
      for (const entry of tables.entries()) {
        if (!isOffered(entry, nowMs)) continue;
        if (entry.trusted) {
          trusted.push(entry.peerId);
          continue;
        }
        const provider = mainPlace(entry)?.provider;
        if (provider === undefined) continue;
        let found = byProvider.get(provider);
        if (found === undefined) byProvider.set(provider, (found = { tried: [], heard: [] }));
        const answered = entry.addresses.some((one) => one.confirmedAtMs !== null && one.failures === 0);
        found[answered ? 'tried' : 'heard'].push(entry.peerId);
      }
      const shuffled = shuffle(trusted);
      const perProvider = Math.max(CANDIDATES_PER_PROVIDER_MIN, Math.ceil(count * CANDIDATES_PER_PROVIDER_RATIO));
      const providers = shuffle([...byProvider.entries()]).map(([provider, { tried, heard }]) => ({
        mostly: tried,
        else: heard,
        left: provider === NEAR ? Infinity : perProvider,
      }));
      const picked: PeerId[] = shuffled.slice(0, count);
      // One of each provider per round: how many ids somebody has there does not matter.
      for (let before = -1; picked.length < count && picked.length > before; ) {
        before = picked.length;
        for (const provider of providers) {
          if (picked.length >= count || provider.left === 0) continue;
          // Every fourth is one that never answered, or nobody new would ever be met.
          const [first, second] =
            random.below(4) === 0 ? [provider.else, provider.mostly] : [provider.mostly, provider.else];
          const peer = draw(first) ?? draw(second);
          if (peer === undefined) continue;
          provider.left -= 1;
          picked.push(peer);
        }
      }
      return picked;
    },
    flush,
    stop: async () => {
      stopped = true;
      cancelAge();
      await flush();
    },
  };

  function shuffle<T>(list: T[]): T[] {
    // Fisher and Yates; in place.
    for (let index = list.length - 1; index > 0; index--) {
      const other = random.below(index + 1);
      [list[index], list[other]] = [list[other] as T, list[index] as T];
    }
    return list;
  }
  /** Takes one out, each as likely as the other. */
  function draw<T>(list: T[]): T | undefined {
    if (list.length === 0) return undefined;
    const index = random.below(list.length);
    const drawn = list[index];
    const last = list.pop() as T;
    if (index < list.length) list[index] = last;
    return drawn;
  }
};
