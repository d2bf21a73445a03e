import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../../../../main/base/index.ts';
import {
  createOwnPeerRecord,
  createRecordChecker,
  decodePeerRecord,
  encodePeerRecord,
  isInTime,
  isNewer,
} from '../../../../../main/transport/stoq/discovery/peer-record.ts';
import {
  deriveMembership,
  dhtProtocolOf,
  mdnsTag,
  membershipOf,
  networkIdOf,
  rendezvousTopic,
} from '../../../../../main/transport/stoq/discovery/membership.ts';
import { createProviderStore } from '../../../../../main/transport/stoq/discovery/dht/provider-store.ts';
import { createRecordStore, type Storable } from '../../../../../main/transport/stoq/discovery/dht/record-store.ts';
import { createRoutingTable } from '../../../../../main/transport/stoq/discovery/dht/routing-table.ts';
import { commonBits, dhtIdOf } from '../../../../../main/transport/stoq/discovery/dht/key.ts';
import type { PeerRecord } from '../../../../../main/transport/stoq/discovery/interface.ts';
import { createSelfMadeVerifier } from '../../../../../main/transport/stoq/verifier.ts';
import type { Address, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createInlineWorkers } from '../../../../support/stoq/inline-workers.ts';
import { createFakeVerifier, fakeLocal } from '../../../../support/stoq/fake-endpoints.ts';
import { makePeer } from '../../../../support/stoq/make-peer.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = Date.UTC(2026, 0, 5);
const recordOf = (peerId: PeerId, change: Partial<PeerRecord> = {}): PeerRecord => ({
  peerId,
  addresses: ['/ip6/2a0b::1/udp/4001/quic-v1' as Address],
  sequence: 1,
  issuedAtMs: NOW_MS,
  lifeMs: 12 * HOUR_MS,
  ...change,
});

describe('peer records', () => {
  const { peerId } = fakeLocal('a');
  const fields = {
    v: 1,
    kind: 'peer',
    peerId,
    addresses: ['/ip6/2a0b::1/udp/4001/quic-v1'],
    sequence: 1,
    issuedAtMs: NOW_MS,
    lifeMs: HOUR_MS,
  };

  it.each([
    ['another version', { ...fields, v: 2 }],
    ['another kind', { ...fields, kind: 'pear' }],
    ['another peer than its signer', { ...fields, peerId: fakeLocal('b').peerId }],
    ['seventeen addresses', { ...fields, addresses: Array.from({ length: 17 }, (_, n) => `/memory/n${n}`) }],
    ['an address twice', { ...fields, addresses: ['/memory/a', '/memory/a'] }],
    ['an address in another form', { ...fields, addresses: ['/ip6/2A0B::1/udp/4001/quic-v1'] }],
    ['an address that leads nowhere', { ...fields, addresses: ['/ip4/0.0.0.0/tcp/1/tls'] }],
    ['an address with port 0', { ...fields, addresses: ['/ip4/8.8.8.8/tcp/0/tls'] }],
    ['a negative sequence', { ...fields, sequence: -1 }],
    ['no life', { ...fields, lifeMs: 0 }],
    ['more life than a day', { ...fields, lifeMs: 24 * HOUR_MS + 1 }],
    ['one field more', { ...fields, more: 1 }],
    ['no map', [1, 2]],
  ])('are refused with %s', (_what, value) => {
    expect(() => decodePeerRecord(encodeCbor(value), peerId)).toThrow(
      expect.objectContaining({ code: 'PEER_RECORD_MALFORMED' }),
    );
  });

  it('are believed with a clock that is two hours off, and not with one that is four off', () => {
    expect(isInTime(NOW_MS, HOUR_MS, NOW_MS - 2 * HOUR_MS)).toBe(true);
    expect(isInTime(NOW_MS, HOUR_MS, NOW_MS + 3 * HOUR_MS)).toBe(true);
    expect(isInTime(NOW_MS, HOUR_MS, NOW_MS - 4 * HOUR_MS)).toBe(false);
    expect(isInTime(NOW_MS, HOUR_MS, NOW_MS + 5 * HOUR_MS)).toBe(false);
  });

  it('never give way to older ones', () => {
    expect(isNewer(recordOf(peerId, { sequence: 2 }), recordOf(peerId, { sequence: 1 }))).toBe(true);
    expect(isNewer(recordOf(peerId, { sequence: 1 }), recordOf(peerId, { sequence: 1 }))).toBe(false);
    expect(isNewer(recordOf(peerId, { sequence: 1, issuedAtMs: NOW_MS + 1 }), recordOf(peerId, { sequence: 2 }))).toBe(
      false,
    );
  });

  it('hold with real signatures, and not when a bit of them was changed', async () => {
    const verifier = createSelfMadeVerifier({
      workers: createInlineWorkers({
        rooms: { stoq: async () => (await import('../../../../../main/transport/stoq/tasks.ts')).stoqTasks },
      }),
    });
    const checker = createRecordChecker({ verifier, clock: createManualClock({ nowMs: NOW_MS }) });
    const { local } = makePeer(1);
    const encoded = await local.sign('stoq-peer', encodePeerRecord(recordOf(local.peerId)));
    expect(await checker.openPeer(encoded)).toMatchObject(recordOf(local.peerId));
    const changed = new Uint8Array(encoded);
    changed[changed.length - 10] = (changed.at(-10) ?? 0) ^ 1;
    await expect(checker.openPeer(changed)).rejects.toMatchObject({ code: 'SIGNATURE_REFUSED' });
    await expect(checker.open('stoq-dht', encoded)).rejects.toMatchObject({ code: 'SIGNATURE_REFUSED' });
    await expect(checker.openPeer(new Uint8Array(8 * 1024 + 1))).rejects.toMatchObject({
      code: 'PEER_RECORD_MALFORMED',
    });
  });

  it('are checked once, however often they are seen', async () => {
    const verifier = createFakeVerifier();
    const checker = createRecordChecker({ verifier, clock: createManualClock({ nowMs: NOW_MS }) });
    const { sign } = fakeLocal('a');
    const encoded = await sign('stoq-peer', encodePeerRecord(recordOf(peerId)));
    await Promise.all([checker.openPeer(encoded), checker.openPeer(encoded)]);
    await checker.openPeer(encoded);
    expect(verifier.opened).toBe(1);
  });

  it('of our own are signed again when addresses change, time goes by or the clock is set, and grow always', async () => {
    const clock = createManualClock({ nowMs: NOW_MS });
    let addresses = ['/ip6/2a0b::1/udp/1/quic-v1', '/ip4/192.168.1.1/tcp/1/tls'] as Address[];
    const own = createOwnPeerRecord({ clock, local: fakeLocal('a'), addresses: () => addresses });
    const first = await own.current();
    // Where there is an address for the whole world, those of the own house are nobody's business.
    expect(first.addresses).toEqual(['/ip6/2a0b::1/udp/1/quic-v1']);
    expect(await own.current()).toBe(first);
    addresses = ['/ip4/192.168.1.1/tcp/1/tls', '/ip4/127.0.0.1/tcp/1/tls'] as Address[];
    const second = await own.current();
    expect(second.addresses).toEqual(['/ip4/192.168.1.1/tcp/1/tls']);
    expect(second.sequence).toBeGreaterThan(first.sequence);
    await clock.advance(6 * HOUR_MS);
    const third = await own.current();
    expect(third.sequence).toBeGreaterThan(second.sequence);
    clock.setNowMs(NOW_MS - 2 * HOUR_MS);
    const fourth = await own.current();
    expect(fourth.issuedAtMs).toBe(NOW_MS - 2 * HOUR_MS);
    expect(fourth.sequence).toBeGreaterThan(third.sequence);
    own.raise({ ...fourth, sequence: fourth.sequence + 100 });
    expect((await own.current()).sequence).toBe(fourth.sequence + 101);
  });
});

describe('private networks', () => {
  it('have an id and keys of name and secret, the same for all who know both', async () => {
    const workers = createInlineWorkers();
    const a = await deriveMembership({ workers }, { name: ' Familie Müller ', secret: 'correct horse battery' });
    const b = await deriveMembership({ workers }, { name: 'Familie Mu\u0308ller', secret: 'correct horse battery' });
    const other = await deriveMembership({ workers }, { name: 'Familie Meier', secret: 'correct horse battery' });
    expect(a).toEqual(b);
    expect(a.id).toMatch(/^[a-z2-7]{52}$/);
    expect(other.id).not.toBe(a.id);
    expect(a.name).toBe('Familie Müller');
    await expect(deriveMembership({ workers }, { name: 'x', secret: 'too short' })).rejects.toMatchObject({
      code: 'NETWORK_SECRET_SHORT',
    });
    for (const name of ['', ' ', 'x'.repeat(65), 'a\u0007b'])
      await expect(deriveMembership({ workers }, { name, secret: 'long enough secret' })).rejects.toMatchObject({
        code: 'NETWORK_NAME_INVALID',
      });
  });

  it('use their key for one purpose at a time', () => {
    const key = new Uint8Array(32).fill(5);
    const nonce = new Uint8Array(8);
    const texts = [rendezvousTopic(key, 1), rendezvousTopic(key, 2), mdnsTag(key, 1, nonce), mdnsTag(key, 2, nonce)];
    expect(new Set(texts.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(4);
    expect(dhtProtocolOf(key)).toMatch(/^\/hypermesh\/dht-[a-z2-7]{24}\/1$/);
    expect(dhtProtocolOf(key)).not.toContain(networkIdOf(key).slice(0, 8));
    expect(dhtProtocolOf(null)).toBe('/hypermesh/dht/1');
    expect(membershipOf('a', key).id).toBe(membershipOf('b', key).id);
  });
});

describe('what is kept for others', () => {
  const own = new Uint8Array(32);
  const keyAt = (distance: number): Uint8Array => {
    const key = new Uint8Array(32);
    key[0] = distance;
    return key;
  };
  const item = (distance: number, signer: string, change: Partial<Storable> = {}): Storable => ({
    key: keyAt(distance),
    signer: signer as PeerId,
    sequence: 1,
    issuedAtMs: 0,
    lifeMs: HOUR_MS,
    encoded: new Uint8Array(100),
    ...change,
  });
  const limits = { recordsMax: 4, bytesMax: 1000, perSignerMax: 3, perSenderMax: 3 };
  const storeAt = (nowMs: () => number) => createRecordStore({ nowMs }, { own, limits });
  const by = (name: string): PeerId => name as PeerId;

  it('goes by distance when there is no room: what others are closer to goes first', () => {
    const store = storeAt(() => 0);
    for (const distance of [10, 20, 30, 40]) store.add(item(distance, `s${distance}`), by(`p${distance}`));
    expect(store.add(item(50, 'x'), by('p')).outcome).toBe('full');
    expect(store.add(item(5, 'x'), by('p')).outcome).toBe('stored');
    expect([5, 10, 20, 30, 40].map((distance) => store.get(keyAt(distance)) !== null)).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(store.add(item(1, 'x', { encoded: new Uint8Array(900) }), by('p')).outcome).toBe('stored');
    expect(store.stats().bytes).toBeLessThanOrEqual(1000);
  });

  it('is bounded for each signer and each sender, and newer versions count for who brought the first', () => {
    const store = storeAt(() => 0);
    for (const distance of [1, 2, 3]) expect(store.add(item(distance, 's'), by(`p${distance}`)).outcome).toBe('stored');
    expect(store.add(item(4, 's'), by('p4')).outcome).toBe('full');
    expect(store.add(item(1, 's', { sequence: 2 }), by('p9')).outcome).toBe('stored');
    const other = storeAt(() => 0);
    for (const distance of [1, 2, 3]) other.add(item(distance, `s${distance}`), by('flooder'));
    expect(other.add(item(4, 's4'), by('flooder')).outcome).toBe('full');
    expect(other.add(item(1, 's1', { sequence: 9 }), by('flooder')).outcome).toBe('stored');
  });

  it('keeps the newest, says what is newer, and forgets in time', () => {
    let nowMs = 0;
    const store = storeAt(() => nowMs);
    store.add(item(1, 's', { sequence: 5 }), by('p'));
    expect(store.add(item(1, 's', { sequence: 4 }), by('p'))).toMatchObject({
      outcome: 'older',
      newer: { sequence: 5 },
    });
    expect(store.add(item(1, 's', { sequence: 5 }), by('p')).outcome).toBe('same');
    nowMs = 5 * HOUR_MS;
    expect(store.get(keyAt(1))).toBeNull();
    store.age();
    expect(store.stats()).toEqual({ records: 0, bytes: 0 });
  });

  it('holds so many providers of a topic, of a peer and in all', () => {
    let nowMs = 0;
    const store = createProviderStore(
      { monotonicMs: () => nowMs },
      { own, limits: { lifeMs: HOUR_MS, topicsMax: 3, perTopicMax: 2, perPeerMax: 2 } },
    );
    const add = (distance: number, peer: string) => store.add(keyAt(distance), { peer: by(peer), sealed: null });
    expect([add(1, 'a'), add(1, 'b'), add(1, 'c')]).toEqual([true, true, false]);
    expect([add(2, 'a'), add(3, 'a')]).toEqual([true, false]);
    expect([add(3, 'd'), add(4, 'e'), add(0, 'f')]).toEqual([true, false, true]);
    expect(store.get(keyAt(3))).toEqual([]);
    nowMs = HOUR_MS;
    expect(add(1, 'c')).toBe(true);
    expect(store.get(keyAt(1)).map(({ peer }) => peer)).toEqual(['c']);
    store.age();
    expect(store.size()).toBe(1);
  });
});

describe('the routing table', () => {
  const me = dhtIdOf(fakeLocal('me').peerId);
  /** Peers whose ids differ from ours in the first bit. */
  const far = Array.from({ length: 200 }, (_, n) => fakeLocal(`p${n}`).peerId)
    .map((peer) => ({ peer, id: dhtIdOf(peer) }))
    .filter(({ id }) => commonBits(me, id) === 0);
  const at = (n: number, address?: string) => ({
    peer: far[n]?.peer as PeerId,
    id: far[n]?.id as Uint8Array,
    addresses: [(address ?? `/memory/n${n}`) as Address],
  });

  it('prefers those who have been there for long to a flood of new ones', () => {
    const table = createRoutingTable(me);
    for (let n = 0; n < 20; n++) expect(table.offer(at(n), n).outcome).toBe('added');
    expect(table.offer(at(0), 50)).toEqual({ outcome: 'known' });
    // The one that was silent longest is asked before it goes.
    expect(table.offer(at(30), 60)).toMatchObject({ outcome: 'full', oldest: { peer: at(1).peer }, seenMs: 1 });
    expect(table.has(at(30).peer)).toBe(false);
    expect(table.failed(at(1).peer)).toBe(false);
    expect(table.failed(at(1).peer)).toBe(true);
    expect(table.offer(at(30), 70).outcome).toBe('added');
  });

  it('takes two of one group of addresses into a bucket, and as many as there are on a LAN', () => {
    const table = createRoutingTable(me);
    const one = (n: number) => at(n, `/ip6/2a0b:1:1:${n + 1}::1/udp/1/quic-v1`);
    expect([0, 1, 2].map((n) => table.offer(one(n), n).outcome)).toEqual(['added', 'added', 'crowded']);
    // Nor does one of another group get in there by moving.
    expect(table.offer(at(5, '/ip6/2a0b:2::1/udp/1/quic-v1'), 5).outcome).toBe('added');
    expect(table.offer(one(5), 6).outcome).toBe('known');
    expect(table.closest(me, 20).find(({ peer }) => peer === at(5).peer)?.addresses).toEqual([
      '/ip6/2a0b:2::1/udp/1/quic-v1',
    ]);
    table.remove(one(0).peer);
    expect(table.offer(one(2), 7).outcome).toBe('added');
    for (let n = 10; n < 20; n++) expect(table.offer(at(n, `/ip4/192.168.1.${n}/tcp/1/tls`), n).outcome).toBe('added');
  });

  it('knows which buckets nobody looked through', () => {
    const table = createRoutingTable(me);
    table.offer(at(0), 0);
    expect(table.stale(10)).toEqual([0]);
    table.touch(at(1).id, 20);
    expect(table.stale(10)).toEqual([]);
    expect(table.stale(30)).toEqual([0]);
  });
});
