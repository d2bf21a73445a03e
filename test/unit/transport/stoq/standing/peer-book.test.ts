import { afterEach, describe, expect, it } from 'vitest';
import { StoreError } from '../../../../../main/base/index.ts';
import { createPeerRows } from '../../../../../main/api/network/peer-rows.ts';
import { circuitAddress, ipAddress, memoryAddress, parseAddress } from '../../../../../main/transport/stoq/address.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import {
  ADDRESSES_MAX,
  BANNED_MAX,
  GROUPS_MAX,
  HEARSAY_MAX,
  KEPT_MAX,
  PEERS_MAX,
  WRITE_DELAY_MS,
} from '../../../../../main/transport/stoq/standing/constants.ts';
import { OFFENCES } from '../../../../../main/transport/stoq/standing/interface.ts';
import {
  createMemoryRows,
  createTestBook,
  globalAddress,
  peerNumber,
  remoteInfo,
  type TestBook,
} from '../../../../support/stoq/book.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createMemoryStore } from '../../../../support/memory-store.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const peer = peerNumber(1);
const open: TestBook[] = [];
const testBook = (...given: Parameters<typeof createTestBook>): TestBook => {
  const made = createTestBook(...given);
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const one of open.splice(0)) await one.book.stop();
});
const offend = ({ book }: TestBook, id = peer, points = 100): void => {
  for (let left = points; left > 0; left -= OFFENCES.badSignature) book.offend(id, 'badSignature', 'test');
};

describe('points', () => {
  it('add up by price, are bounded, and halve every hour', async () => {
    const made = testBook();
    made.book.setTrusted(peer, true);
    made.book.offend(peer, 'protocolBroken', 'a frame too many');
    expect(made.book.get(peer)).toMatchObject({
      points: OFFENCES.protocolBroken,
      lastOffence: { offence: 'protocolBroken', detail: 'a frame too many', atMs: made.clock.nowMs() },
    });
    await made.clock.advance(HOUR_MS);
    expect(made.book.get(peer)?.points).toBe(OFFENCES.protocolBroken / 2);
    made.book.offend(peer, 'badSignature', 'x');
    made.book.offend(peer, 'badSignature', 'x');
    made.book.offend(peer, 'badSignature', 'x'.repeat(1_000));
    expect(made.book.get(peer)?.points).toBe(100);
    expect(made.book.get(peer)?.lastOffence?.detail).toHaveLength(200);
    await made.clock.advance(10 * HOUR_MS);
    expect(made.book.get(peer)?.points).toBe(0.1);
  });
  it('ban at 100, for an hour, then twice as long each time, seven days at most', async () => {
    const made = testBook();
    const bans: unknown[] = [];
    made.book.on('banned', (event) => bans.push(event));
    for (const hours of [1, 2, 4, 8, 16, 32, 64, 128, 168, 168]) {
      offend(made);
      expect(made.book.isBanned(peer)).toBe(true);
      expect(made.book.get(peer)?.ban).toEqual({
        untilMs: made.clock.nowMs() + hours * HOUR_MS,
        reason: 'badSignature: test',
        byOwner: false,
      });
      await made.clock.advance(hours * HOUR_MS - 1);
      expect(made.book.isBanned(peer)).toBe(true);
      await made.clock.advance(1);
      expect(made.book.isBanned(peer)).toBe(false);
      expect(made.book.get(peer)?.ban).toBeNull();
    }
    expect(bans).toHaveLength(10);
    await made.clock.advance(29 * DAY_MS);
    expect(made.book.isBanned(peer)).toBe(false);
  });
  it('forget former bans after thirty days', async () => {
    const made = testBook();
    made.book.confirm(peer, globalAddress(1), remoteInfo());
    offend(made);
    offend(made);
    await made.clock.advance(25 * DAY_MS);
    made.book.confirm(peer, globalAddress(1), remoteInfo());
    await made.clock.advance(6 * DAY_MS);
    offend(made);
    expect(made.book.get(peer)?.ban?.untilMs).toBe(made.clock.nowMs() + HOUR_MS);
  });
  it('ban no friend, and no friend is banned by another room', () => {
    const made = testBook();
    made.book.setTrusted(peer, true);
    offend(made, peer, 500);
    made.book.ban(peer, { untilMs: null, reason: 'flood', byOwner: false });
    expect(made.book.isBanned(peer)).toBe(false);
    expect(made.book.get(peer)?.points).toBe(100);
  });
  it('do not fill the book with those who offend', () => {
    const made = testBook();
    for (let number = 0; number < 3 * BANNED_MAX; number++) offend(made, peerNumber(number));
    expect(made.book.list().length).toBeLessThanOrEqual(BANNED_MAX);
    expect(made.book.isBanned(peerNumber(3 * BANNED_MAX - 1))).toBe(true);
  });
});

describe('bans by the owner', () => {
  it('hold for good, over restarts, and end trust', async () => {
    const store = createMemoryRows();
    const made = testBook({ store });
    made.book.setTrusted(peer, true);
    made.book.ban(peer, { untilMs: null, reason: 'mine', byOwner: true });
    expect(made.book.get(peer)).toMatchObject({
      trusted: false,
      ban: { untilMs: null, reason: 'mine', byOwner: true },
    });
    expect(made.book.learn(peer, [globalAddress(1)], 'dht')).toBe(false);
    expect(made.book.candidates(8)).toEqual([]);
    await made.book.stop();
    const later = testBook({ store, clock: createManualClock({ nowMs: made.clock.nowMs() + 400 * DAY_MS }) });
    await later.book.load();
    await later.clock.advance(DAY_MS);
    expect(later.book.isBanned(peer)).toBe(true);
    later.book.unban(peer);
    expect(later.book.isBanned(peer)).toBe(false);
  });
  it('end when the owner says', async () => {
    const made = testBook();
    made.book.ban(peer, { untilMs: made.clock.nowMs() + 5_000, reason: 'short', byOwner: true });
    await made.clock.advance(4_999);
    expect(made.book.isBanned(peer)).toBe(true);
    await made.clock.advance(1);
    expect(made.book.isBanned(peer)).toBe(false);
    made.book.ban(peer, { untilMs: null, reason: '', byOwner: true });
    made.book.setTrusted(peer, true);
    expect(made.book.isBanned(peer)).toBe(false);
  });
  it('are for good by the owner alone', () => {
    const made = testBook();
    made.book.ban(peer, { untilMs: null, reason: 'flood', byOwner: false });
    expect(made.book.get(peer)?.ban?.untilMs).toBe(made.clock.nowMs() + 7 * DAY_MS);
  });
});

describe('a clock that is set', () => {
  it.each([-10 * 365, 10 * 365])('by %i days changes no ban, no points and no address', async (days) => {
    const made = testBook({ store: createMemoryRows() });
    offend(made);
    made.book.learn(peerNumber(2), [globalAddress(2)], 'dht');
    made.book.offend(peerNumber(2), 'malformed', '');
    made.clock.setNowMs(made.clock.nowMs() + days * DAY_MS);
    await made.clock.advance(30 * 60_000);
    expect(made.book.isBanned(peer)).toBe(true);
    expect(made.book.get(peerNumber(2))?.points).toBeCloseTo(OFFENCES.malformed * 2 ** -0.5, 0);
    expect(made.book.get(peerNumber(2))?.addresses).toHaveLength(1);
    // Shown by the clock as it is now.
    expect(made.book.get(peer)?.ban?.untilMs).toBe(made.clock.nowMs() + 30 * 60_000);
    await made.clock.advance(30 * 60_000);
    expect(made.book.isBanned(peer)).toBe(false);
  });
  it('between two runs makes no ban longer, and a stamp of the future is one of now', async () => {
    const store = createMemoryRows();
    const made = testBook({ store });
    offend(made);
    made.book.confirm(peerNumber(2), globalAddress(2), remoteInfo());
    await made.book.stop();
    const clock = createManualClock({ nowMs: made.clock.nowMs() - 1_000 * DAY_MS });
    const later = testBook({ store, clock });
    await later.book.load();
    expect(later.book.get(peer)?.ban?.untilMs).toBe(clock.nowMs() + HOUR_MS);
    expect(later.book.get(peerNumber(2))?.lastSeenAtMs).toBe(clock.nowMs());
    await clock.advance(HOUR_MS);
    expect(later.book.isBanned(peer)).toBe(false);
  });
  it('rewrites the rows, so that the next start finds plausible times', async () => {
    const store = createMemoryRows();
    // A machine without a clock of its own: 1970 until the network says otherwise.
    const clock = createManualClock({ nowMs: 1_000 });
    const made = testBook({ store, clock });
    made.book.confirm(peer, globalAddress(1), remoteInfo());
    await clock.advance(60_000);
    clock.setNowMs(Date.UTC(2026, 10, 21));
    await clock.advance(15 * 60_000);
    await made.book.stop();
    const later = testBook({ store, clock: createManualClock({ nowMs: clock.nowMs() + 1_000 }) });
    await later.book.load();
    expect(later.book.get(peer)?.addresses).toHaveLength(1);
    expect(later.book.get(peer)?.lastSeenAtMs).toBeGreaterThan(Date.UTC(2026, 10, 20));
  });
});

describe('what is learned', () => {
  it('is kept with its source, and told once', () => {
    const { book, clock } = testBook();
    const changes: string[] = [];
    book.on('changed', ({ peer: who }) => changes.push(who));
    expect(book.learn(peer, [globalAddress(1)], 'seed')).toBe(true);
    expect(book.learn(peer, [globalAddress(1)], 'seed')).toBe(false);
    expect(changes).toEqual([peer]);
    expect(book.get(peer)).toEqual({
      peerId: peer,
      name: '',
      trusted: false,
      addresses: [{ address: globalAddress(1), source: 'seed', confirmedAtMs: null, addedAtMs: clock.nowMs() }],
      source: 'seed',
      firstSeenAtMs: clock.nowMs(),
      lastSeenAtMs: null,
      points: 0,
      lastOffence: null,
      ban: null,
      sentBytes: 0,
      receivedBytes: 0,
      agent: null,
    });
  });
  it('is not this node itself, and nothing that cannot be dialled', () => {
    const { book } = testBook({ self: peer });
    expect(book.learn(peer, [globalAddress(1)], 'owner')).toBe(false);
    book.setTrusted(peer, true);
    book.met(peer, globalAddress(1), remoteInfo());
    expect(book.list()).toEqual([]);
    for (const text of ['/ip6/::/udp/1/quic-v1', '/ip6/2a00::1/udp/0/quic-v1', '/ip6/ff02::1/udp/1/quic-v1'])
      expect(book.learn(peerNumber(2), [parseAddress(text) as Address], 'dht')).toBe(false);
    expect(book.learn(peerNumber(2), [], 'dht')).toBe(false);
    expect(book.learn(peerNumber(2), [], 'owner')).toBe(true);
  });
  it('believes near addresses only from near, and zones from nobody else', () => {
    const { book } = testBook();
    const lan = ipAddress('192.168.1.7', 4001, 'quic');
    const zoned = ipAddress('fe80::7%eth0', 4001, 'quic');
    const loopback = ipAddress('::1', 4001, 'quic');
    expect(book.learn(peer, [lan, zoned, loopback, circuitAddress(lan, peerNumber(9))], 'dht', globalAddress(1))).toBe(
      false,
    );
    expect(book.learn(peer, [zoned, loopback], 'dht', ipAddress('192.168.1.9', 5, 'quic'))).toBe(false);
    expect(book.learn(peer, [lan], 'dht', ipAddress('192.168.1.9', 5, 'quic'))).toBe(true);
    expect(book.learn(peer, [loopback], 'seed', ipAddress('::1', 5, 'quic'))).toBe(true);
    expect(book.learn(peer, [zoned], 'mdns')).toBe(true);
    expect(book.learn(peerNumber(2), [lan], 'incoming', memoryAddress('a'))).toBe(true);
  });
  it('bounds addresses, and lets no hearsay push out what is known better', () => {
    const { book } = testBook();
    const own = Array.from({ length: ADDRESSES_MAX }, (_, index) => globalAddress(1, 0, index + 1));
    book.learn(peer, own, 'dht');
    book.confirm(peer, globalAddress(1, 0, 3), remoteInfo());
    const lies = Array.from({ length: 64 }, (_, index) => globalAddress(2, 0, index + 1));
    book.learn(peer, lies, 'seed');
    expect(book.get(peer)?.addresses.map(({ address }) => address)).toEqual([...own].sort());
    book.learn(peerNumber(2), lies, 'seed');
    expect(book.get(peerNumber(2))?.addresses).toHaveLength(HEARSAY_MAX);
    book.learn(peerNumber(2), own, 'incoming');
    expect(book.get(peerNumber(2))?.addresses.filter(({ source }) => source === 'incoming')).toHaveLength(
      ADDRESSES_MAX,
    );
    // What was confirmed outlasts anything that is only said.
    book.learn(
      peer,
      Array.from({ length: 32 }, (_, index) => globalAddress(3, 0, index + 1)),
      'incoming',
    );
    expect(book.get(peer)?.addresses.some(({ confirmedAtMs }) => confirmedAtMs !== null)).toBe(true);
    expect(book.get(peer)?.addresses).toHaveLength(ADDRESSES_MAX);
  });
  it('forgets addresses that fail or grow old, and not what the owner entered', async () => {
    const { book, clock } = testBook();
    book.learn(peer, [globalAddress(1)], 'owner');
    book.learn(peer, [globalAddress(2)], 'dht');
    for (let time = 0; time < 30; time++) {
      book.failed(peer, globalAddress(1));
      book.failed(peer, globalAddress(2));
    }
    expect(book.get(peer)?.addresses.map(({ address }) => address)).toEqual([globalAddress(1)]);
    book.learn(peerNumber(2), [globalAddress(3)], 'dht');
    book.confirm(peerNumber(3), globalAddress(4), remoteInfo());
    await clock.advance(8 * DAY_MS);
    expect(book.get(peerNumber(2))?.addresses).toEqual([]);
    expect(book.get(peerNumber(3))?.addresses).toHaveLength(1);
    await clock.advance(31 * DAY_MS);
    expect(book.list().map(({ peerId }) => peerId)).toEqual([peer]);
  });
  it('notes who dialled us and who answered', async () => {
    const { book, clock } = testBook();
    book.met(peer, globalAddress(7), remoteInfo({ agent: 'é'.repeat(100), addresses: [globalAddress(1)] }));
    expect(book.get(peer)).toMatchObject({ source: 'incoming', agent: 'é'.repeat(64), lastSeenAtMs: clock.nowMs() });
    await clock.advance(5_000);
    book.confirm(peer, globalAddress(1), remoteInfo({ agent: 'b', addresses: [globalAddress(2)] }));
    book.count(peer, 10, 20);
    book.count(peer, 1, 2);
    const known = book.get(peer);
    expect(known).toMatchObject({ agent: 'b', sentBytes: 11, receivedBytes: 22, lastSeenAtMs: clock.nowMs() });
    expect(known?.addresses.map(({ confirmedAtMs }) => confirmedAtMs)).toEqual([clock.nowMs(), null]);
  });
});

describe('the owner', () => {
  it('names, trusts and forgets', () => {
    const { book } = testBook();
    book.setName(peer, `Grüße ${'🐟'.repeat(40)}`);
    expect(book.get(peer)?.name).toBe(`Grüße ${'🐟'.repeat(29)}`);
    book.setTrusted(peer, true);
    expect(book.get(peer)?.trusted).toBe(true);
    expect(book.forget(peer)).toBe(true);
    expect(book.forget(peer)).toBe(false);
    expect(book.get(peer)).toBeNull();
  });
  it('loses no friend to any number of others', () => {
    const { book } = testBook();
    book.setTrusted(peer, true);
    for (let number = 2; number < KEPT_MAX + 200; number++) book.setName(peerNumber(number), `n${number}`);
    expect(book.get(peer)?.trusted).toBe(true);
    expect(book.list().length).toBeLessThanOrEqual(KEPT_MAX);
  });
});

describe('candidates', () => {
  it('begin with friends, leave out who is banned or has just failed', async () => {
    const made = testBook();
    const { book, clock } = made;
    for (let number = 1; number <= 20; number++) book.confirm(peerNumber(number), globalAddress(number), remoteInfo());
    book.setTrusted(peerNumber(7), true);
    offend(made, peerNumber(8));
    book.failed(peerNumber(9), globalAddress(9));
    const found = book.candidates(50);
    expect(found[0]).toBe(peerNumber(7));
    expect(new Set(found).size).toBe(18);
    expect(found).not.toContain(peerNumber(8));
    expect(found).not.toContain(peerNumber(9));
    await clock.advance(30_000);
    expect(book.candidates(50)).toContain(peerNumber(9));
    expect(book.candidates(3)).toHaveLength(3);
    expect(book.candidates(0)).toEqual([]);
  });
  it('wait longer after each failure, for friends a minute at most', async () => {
    const { book, clock } = testBook();
    book.learn(peer, [globalAddress(1)], 'owner');
    for (let time = 0; time < 10; time++) book.failed(peer, globalAddress(1));
    await clock.advance(HOUR_MS);
    expect(book.candidates(1)).toEqual([]);
    book.setTrusted(peer, true);
    expect(book.candidates(1)).toEqual([peer]);
    book.failed(peer, globalAddress(1));
    expect(book.candidates(1)).toEqual([]);
    await clock.advance(60_000);
    expect(book.candidates(1)).toEqual([peer]);
  });
  it('are drawn anew each time', () => {
    const { book } = testBook();
    for (let number = 1; number <= 40; number++) book.confirm(peerNumber(number), globalAddress(number), remoteInfo());
    const seen = new Set<string>();
    for (let time = 0; time < 40; time++) for (const id of book.candidates(4)) seen.add(id);
    expect(seen.size).toBeGreaterThan(35);
  });
});

describe('anchors', () => {
  it('are peers that answered for long, of different providers, and outlast a restart', async () => {
    const store = createMemoryRows();
    const { book, clock } = testBook({ store });
    for (let number = 1; number <= 12; number++) {
      book.confirm(peerNumber(number), globalAddress(number), remoteInfo());
      // Of the same provider, and younger.
      await clock.advance(60_000);
      book.confirm(peerNumber(100 + number), globalAddress(number, 1), remoteInfo());
    }
    book.met(peerNumber(50), globalAddress(50), remoteInfo({ addresses: [globalAddress(50)] }));
    expect(book.anchors()).toEqual([]);
    await clock.advance(2 * HOUR_MS);
    for (let number = 1; number <= 12; number++) {
      book.count(peerNumber(number), 1, 1);
      book.count(peerNumber(100 + number), 1, 1);
    }
    const oldest = Array.from({ length: 8 }, (_, index) => peerNumber(index + 1));
    expect(book.anchors()).toEqual(oldest);
    await book.stop();
    const later = testBook({ store, clock: createManualClock({ nowMs: clock.nowMs() + HOUR_MS }) });
    await later.book.load();
    expect(later.book.anchors()).toEqual(oldest);
    await later.clock.advance(8 * DAY_MS);
    expect(later.book.anchors()).toEqual([]);
  });
});

describe('address groups', () => {
  it('are blocked at 100 points for ten minutes, then longer, and let friends through', async () => {
    const { book, clock } = testBook();
    const bad = globalAddress(6, 6, 1);
    const neighbour = globalAddress(6, 6, 2);
    for (let time = 0; time < 4; time++) book.offendAddress(bad, 'handshakeRefused');
    expect(book.isBlockedAddress(neighbour)).toBe(true);
    expect(book.isBlockedAddress(globalAddress(6, 7))).toBe(false);
    book.confirm(peer, neighbour, remoteInfo());
    book.setTrusted(peer, true);
    expect(book.isBlockedAddress(neighbour)).toBe(false);
    expect(book.isBlockedAddress(bad)).toBe(true);
    await clock.advance(600_000);
    expect(book.isBlockedAddress(bad)).toBe(false);
    for (let time = 0; time < 4; time++) book.offendAddress(bad, 'handshakeRefused');
    await clock.advance(1_199_999);
    expect(book.isBlockedAddress(bad)).toBe(true);
    await clock.advance(1);
    expect(book.isBlockedAddress(bad)).toBe(false);
  });
  it('near here answer each for one host', () => {
    const { book } = testBook();
    for (let time = 0; time < 4; time++) book.offendAddress(ipAddress('192.168.1.7', 1, 'tls'), 'handshakeRefused');
    expect(book.isBlockedAddress(ipAddress('192.168.1.7', 2, 'quic'))).toBe(true);
    expect(book.isBlockedAddress(ipAddress('192.168.1.8', 2, 'quic'))).toBe(false);
  });
  it('are bounded, and a blocked one stays', () => {
    const { book } = testBook();
    for (let time = 0; time < 2; time++) book.offendAddress(globalAddress(6), 'badSignature');
    for (let group = 0; group < 2 * GROUPS_MAX; group++) book.offendAddress(globalAddress(7, group), 'timedOut');
    expect(book.isBlockedAddress(globalAddress(6))).toBe(true);
  });
});

describe('rows', () => {
  it('are written together, a while after the change, and survive an end without warning', async () => {
    const store = createMemoryRows();
    const { book, clock } = testBook({ store });
    for (let number = 1; number <= 50; number++) book.learn(peerNumber(number), [globalAddress(number)], 'dht');
    expect(store.writes).toBe(0);
    await clock.advance(WRITE_DELAY_MS);
    expect(store.writes).toBe(1);
    expect(store.rows.size).toBe(50);
    book.forget(peerNumber(1));
    await clock.advance(WRITE_DELAY_MS);
    // kill -9 here: nothing is flushed.
    const later = testBook({
      store: createMemoryRows(new Map(store.rows)),
      clock: createManualClock({ nowMs: clock.nowMs() }),
    });
    await later.book.load();
    expect(
      later.book
        .list()
        .map((known) => known.peerId)
        .sort(),
    ).toEqual(
      book
        .list()
        .map((known) => known.peerId)
        .sort(),
    );
    expect(later.book.get(peerNumber(2))).toEqual(book.get(peerNumber(2)));
  });
  it('keep everything there is to know', async () => {
    const store = createMemoryRows();
    const made = testBook({ store });
    made.book.confirm(peer, globalAddress(1), remoteInfo({ agent: 'a/1', addresses: [globalAddress(2)] }));
    made.book.setName(peer, 'Nachbar');
    made.book.count(peer, 5, 6);
    offend(made);
    await made.book.stop();
    const later = testBook({ store, clock: createManualClock({ nowMs: made.clock.nowMs() }) });
    await later.book.load();
    expect(later.book.get(peer)).toEqual(made.book.get(peer));
  });
  it('are tried again when the disk refuses', async () => {
    const store = createMemoryRows();
    const { book, clock, logged } = testBook({ store });
    store.failWith = new StoreError({ code: 'DISK_FULL' } as never, 'full');
    book.learn(peer, [globalAddress(1)], 'dht');
    await clock.advance(WRITE_DELAY_MS);
    expect(logged.at(-1)?.message).toContain('could not be written');
    store.failWith = null;
    await clock.advance(WRITE_DELAY_MS);
    expect(store.rows.has(peer)).toBe(true);
  });
  it('that are damaged are passed over, said, and left alone', async () => {
    const store = createMemoryRows();
    const { book } = testBook({ store });
    book.learn(peer, [globalAddress(1)], 'dht');
    book.learn(peerNumber(2), [globalAddress(2)], 'dht');
    await book.flush();
    const row = store.rows.get(peer) as Uint8Array;
    store.rows.set(peer, row.slice(0, -1));
    store.rows.set(peerNumber(3), row);
    store.rows.set('nobody', new Uint8Array(100_000));
    const later = testBook({ store });
    await later.book.load();
    expect(later.book.list().map(({ peerId }) => peerId)).toEqual([peerNumber(2)]);
    expect(later.logged.filter(({ message }) => message === 'A row of the peer book is not read')).toHaveLength(3);
    await later.book.stop();
    expect(store.rows.size).toBe(4);
  });
  it('go through the real database and back', async () => {
    const clock = createManualClock();
    const store = await createMemoryStore(clock);
    try {
      const rows = createPeerRows({ store, clock });
      const { book } = testBook({ store: rows, clock });
      for (let number = 1; number <= 1_200; number++) book.learn(peerNumber(number), [globalAddress(number)], 'owner');
      await book.stop();
      expect(book.list().length).toBe(KEPT_MAX);
      const later = testBook({ store: rows, clock });
      await later.book.load();
      expect(later.book.list().length).toBe(KEPT_MAX);
      expect(later.book.get(peerNumber(1_100))).toEqual(book.get(peerNumber(1_100)));
    } finally {
      await store.close();
    }
  });
  it('leave no timer behind', async () => {
    const { book, clock } = testBook({ store: createMemoryRows() });
    book.learn(peer, [globalAddress(1)], 'dht');
    await book.stop();
    await book.stop();
    book.learn(peerNumber(2), [globalAddress(1)], 'dht');
    expect(clock.pendingCount).toBe(0);
  });
});

describe('bounds', () => {
  it('hold whatever is told', () => {
    const { book } = testBook();
    for (let number = 0; number < 9_000; number++) {
      const id = peerNumber(number);
      const address = globalAddress(number % 3_000, number % 7);
      if (number % 3 === 0) book.confirm(id, address, remoteInfo());
      else if (number % 3 === 1) book.learn(id, [address], 'dht', globalAddress(number % 500));
      else book.met(id, globalAddress(number % 900), remoteInfo({ addresses: [address] }));
    }
    expect(book.list().length).toBeLessThanOrEqual(PEERS_MAX);
    expect(book.list().length).toBeGreaterThan(2_000);
  });
});
