import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../../../main/base/index.ts';
import { LeaseFormatError } from '../../../../main/kernel/leases/errors.ts';
import { encodeOffer, hashOfRecord } from '../../../../main/kernel/leases/formats/index.ts';
import type { OfferQuery } from '../../../../main/kernel/leases/interface.ts';
import {
  decodeOffersAnswer,
  decodeOffersQuestion,
  encodeOffersAnswer,
  encodeOffersQuestion,
  offersSpec,
} from '../../../../main/kernel/leases/offer-messages.ts';
import { rankOffers, sayAmount, type Rankable } from '../../../../main/kernel/leases/ranking.ts';
import { offerNamed } from '../../../../main/kernel/leases/search.ts';
import { respond } from '../../../../main/transport/stoq/index.ts';
import type { OfferView } from '../../../../preload/contract/index.ts';
import { createOfferWorld, HOME, type OfferNode, type OfferWorld } from '../../../support/leases/offer-world.ts';
import { AT_MS, exampleOffer, withField } from '../../../support/leases/records.ts';
import { makePeer } from '../../../support/stoq/make-peer.ts';

const ALL: OfferQuery = { kind: null, amountMin: 0, priceMicroMax: null, trustedOnly: false, fresh: false };
const networks = [{ id: HOME, name: 'home' }];
let world: OfferWorld;
beforeEach(() => {
  world = createOfferWorld();
});
afterEach(async () => {
  await world.stop();
});
const lend = (node: OfferNode, change: Parameters<OfferNode['lend']>[0] = {}): Promise<void> =>
  node.lend({ privacyLevel: 'PublicNetwork', allocationType: 'Public', ...change });
const names = (all: readonly OfferView[], nodes: readonly OfferNode[]): string[] =>
  all.map(({ peerId }) => nodes.find((node) => node.peerId === peerId)?.name ?? 'nobody');
/** In place of what a node answers by itself. */
const answerWith = (node: OfferNode, answer: () => Uint8Array | Promise<Uint8Array>): (() => void) =>
  node.links.handle(offersSpec, (stream) => respond(stream, {}, answer));

describe('a search', () => {
  it('asks those who are connected and those in the directories, and says who was silent', async () => {
    const [seeker, near, far, mute] = [
      await world.node('seeker', 1),
      await world.node('near', 2),
      await world.node('far', 3),
      await world.node('mute', 4),
    ];
    await lend(near);
    await lend(far);
    world.connect(seeker, near);
    world.connect(seeker, mute);
    world.net.down('mute');
    const { offers, asked, silent } = await seeker.search.search(ALL);
    expect({ asked, silent }).toEqual({ asked: 3, silent: 1 });
    expect(names(offers, [near, far])).toEqual(['near', 'far']);
    expect(offers[0]).toMatchObject({ rttMs: 10, trusted: false, priceMicro: '0', percentNow: 50 });
    expect(offers[0]?.why).toBe('Unknown; 10 ms away; free of charge; up to 8.0 GiB at this hour; knows who borrows.');
    expect(offers[1]?.why).toContain('distance not measured');
  });

  it('keeps answers for a minute, unless it is told to ask again', async () => {
    const [seeker, lender] = [await world.node('seeker', 1), await world.node('lender', 2)];
    await lend(lender);
    world.connect(seeker, lender);
    let opened = 0;
    world.net.onOpen = () => {
      opened += 1;
    };
    await seeker.search.search(ALL);
    await seeker.search.search({ ...ALL, kind: 'memory' });
    expect(opened).toBe(1);
    await seeker.search.search({ ...ALL, fresh: true });
    expect(opened).toBe(2);
    await world.clock.advance(61_000);
    await Promise.all([seeker.search.search(ALL), seeker.search.search(ALL)]);
    expect(opened).toBe(3);
    await lend(lender, { privacyLevel: 'Private' });
    expect((await seeker.search.search(ALL)).offers).toHaveLength(1);
    expect((await seeker.search.search({ ...ALL, fresh: true })).offers).toEqual([]);
  });

  it('gives up on whoever takes too long, and shows the others', async () => {
    const [seeker, quick, slow] = [
      await world.node('seeker', 1),
      await world.node('quick', 2),
      await world.node('slow', 3),
    ];
    await lend(quick);
    world.connect(seeker, quick);
    world.connect(seeker, slow);
    answerWith(slow, () => new Promise(() => undefined));
    const searching = seeker.search.search(ALL);
    await world.clock.advance(4_900);
    world.net.down('slow');
    const { offers, silent } = await searching;
    expect(offers).toHaveLength(1);
    expect(silent).toBe(1);
  });

  it('stops when nobody waits for it any more, and needs a network and keys', async () => {
    const seeker = await world.node('seeker', 1);
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(seeker.search.search(ALL, { signal: gone })).rejects.toThrow('gone');
    await seeker.lock(true);
    await expect(seeker.search.search(ALL)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
    await seeker.lock(false);
    await seeker.online(false);
    await expect(seeker.search.search(ALL)).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });

  it('filters by kind, amount, price and trust', async () => {
    const [seeker, dear, cheap] = [
      await world.node('seeker', 1),
      await world.node('dear', 2),
      await world.node('cheap', 3),
    ];
    await lend(dear, { price: { mode: 'fixed', microPerHour: '50' } });
    await cheap.lend({ privacyLevel: 'PublicNetwork', allocationType: 'Public' }, { percentMax: 1 });
    for (const one of [dear, cheap]) world.connect(seeker, one);
    seeker.book.setTrusted(dear.peerId, true);
    const found = async (query: Partial<OfferQuery>): Promise<string[]> =>
      names((await seeker.search.search({ ...ALL, ...query })).offers, [dear, cheap]).toSorted();
    expect(await found({})).toEqual(['cheap', 'dear']);
    expect(await found({ kind: 'network' })).toEqual([]);
    expect(await found({ amountMin: 2 ** 30 })).toEqual(['dear']);
    expect(await found({ priceMicroMax: 49n })).toEqual(['cheap']);
    expect(await found({ trustedOnly: true })).toEqual(['dear']);
    await seeker.addressBook.set('own', [cheap.peerId]);
    expect(await found({ trustedOnly: true })).toEqual(['cheap', 'dear']);
  });

  it('counts offers only from whoever signed them, and holds others against who shows them', async () => {
    const [seeker, thief, lender] = [
      await world.node('seeker', 1),
      await world.node('thief', 2),
      await world.node('lender', 3),
    ];
    await lend(lender);
    const stolen = (
      await lender.own.tellable({
        party: {
          kind: 'peer',
          peerId: thief.peerId,
          keyId: thief.peer.local.keyId,
          networks: new Set(['public' as never]),
        },
        route: 'direct',
      })
    )[0]?.record;
    answerWith(thief, () => encodeOffersAnswer([stolen ?? new Uint8Array(1)]));
    world.connect(seeker, thief);
    expect((await seeker.search.search({ ...ALL, kind: 'storage' })).silent).toBe(1);
    expect(seeker.book.get(thief.peerId)?.points).toBeGreaterThan(0);
  });

  it('survives answers of every wrong shape', async () => {
    const [seeker, liar] = [await world.node('seeker', 1), await world.node('liar', 2)];
    world.connect(seeker, liar);
    const { signer } = liar.peer;
    const nowMs = world.clock.nowMs();
    const mine = (change: Parameters<typeof exampleOffer>[1]): Promise<Uint8Array> =>
      signer.sign(
        'lease-offer',
        encodeOffer(exampleOffer(liar.peer.keys.node, { issuedAtMs: nowMs, expiresAtMs: nowMs + 1000, ...change })),
      );
    const good = await mine({});
    const wrong: Uint8Array[] = [
      new Uint8Array(0),
      Uint8Array.of(0xa0),
      new Uint8Array(1000).fill(0x80),
      encodeOffersAnswer([new Uint8Array(8)]),
      encodeOffersAnswer([Uint8Array.from(good, (byte, index) => (index === 2000 ? byte ^ 1 : byte))]),
      encodeOffersAnswer([await signer.sign('probe', encodeOffer(exampleOffer(liar.peer.keys.node)))]),
    ];
    for (const answer of wrong) {
      const withdraw = answerWith(liar, () => answer);
      const before = seeker.book.get(liar.peerId)?.points ?? 0;
      expect(await seeker.search.search({ ...ALL, fresh: true })).toMatchObject({ offers: [], silent: 1 });
      expect(seeker.book.get(liar.peerId)?.points ?? 0).toBeGreaterThan(before);
      seeker.book.unban(liar.peerId);
      withdraw();
    }
    // Nobody's fault: clocks are wrong, and newer offers replace older ones.
    const late = await mine({ issuedAtMs: nowMs - 5 * 3_600_000, expiresAtMs: nowMs - 5 * 3_600_000 + 1000 });
    const newer = await mine({ sequence: AT_MS + 5, amountMax: 77 });
    const payload = withField(encodeOffer(exampleOffer(liar.peer.keys.node)), decodeCbor, 'v', 2);
    const ofTomorrow = await signer.sign('lease-offer', payload);
    answerWith(liar, () => encodeOffersAnswer([ofTomorrow, newer, late, good]));
    const { offers } = await seeker.search.search({ ...ALL, fresh: true });
    expect(offers.map(({ amountMax }) => amountMax)).toEqual([77]);
  });

  it('finds nobody in the directories of networks that it is not in', async () => {
    const lender = await world.node('lender', 2, { networks });
    await lend(lender, { privacyLevel: 'PrivateNetwork' });
    const stranger = await world.node('stranger', 3);
    expect(await stranger.search.search(ALL)).toEqual({ offers: [], asked: 0, silent: 0 });
    const member = await world.node('member', 4, { networks });
    expect((await member.search.search(ALL)).offers).toHaveLength(1);
  });
});

describe('an offer by its id', () => {
  it('is found by its beginning while it lives', async () => {
    const [seeker, one, two] = [await world.node('seeker', 1), await world.node('one', 2), await world.node('two', 3)];
    for (const lender of [one, two]) {
      await lend(lender);
      world.connect(seeker, lender);
    }
    const { offers } = await seeker.search.search(ALL);
    const [first] = offers;
    const id = first?.id ?? '';
    const found = seeker.search.found(id.slice(0, 12));
    expect(Buffer.from(found.hash).toString('hex')).toBe(id);
    expect(hashOfRecord(found.record)).toEqual(found.hash);
    expect(seeker.search.found(id.toUpperCase()).peerId).toBe(first?.peerId);
    for (const wrong of ['', 'abc', 'zzzz', `${id}00`, '%', id.slice(0, 3)])
      expect(() => seeker.search.found(wrong)).toThrow(expect.objectContaining({ code: 'OFFER_UNKNOWN' }));
    await world.clock.advance(31 * 60_000);
    expect(() => seeker.search.found(id)).toThrow(expect.objectContaining({ code: 'OFFER_UNKNOWN' }));
  });
});

describe('the name of an offer', () => {
  const ids = ['abcd1111', 'abcd2222', '12345678'];
  it('may be its beginning, where that means one', () => {
    expect(offerNamed(ids, ' 1234 ')).toBe('12345678');
    expect(offerNamed(ids, 'ABCD2')).toBe('abcd2222');
    expect(() => offerNamed(ids, 'abcd')).toThrow(
      expect.objectContaining({ code: 'OFFER_AMBIGUOUS', data: { offer: 'abcd', matches: 2 } }),
    );
    expect(() => offerNamed(ids, 'abc')).toThrow(expect.objectContaining({ code: 'OFFER_UNKNOWN' }));
  });
});

describe('messages of offers', () => {
  it('are read as they were written, and end in an error of ours whatever else they are', () => {
    for (const kind of [null, 'memory', 'gpu'] as const)
      expect(decodeOffersQuestion(encodeOffersQuestion(kind))).toBe(kind);
    const records = [new Uint8Array(3).fill(1), new Uint8Array(8192)];
    expect(decodeOffersAnswer(encodeOffersAnswer(records))).toEqual(records);
    const many = Array.from({ length: 20 }, () => new Uint8Array(1));
    expect(decodeOffersAnswer(encodeOffersAnswer(many))).toHaveLength(16);
    const outcome = (read: () => unknown): string => {
      try {
        read();
        return 'read';
      } catch (error) {
        if (error instanceof LeaseFormatError) return error.code;
        throw error;
      }
    };
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc
        .record(
          {
            v: fc.constantFrom(0, 1, 2, 'x'),
            kind: fc.string(),
            offers: fc.oneof(fc.array(fc.uint8Array()), fc.integer()),
          },
          { requiredKeys: [] },
        )
        .map((map) => encodeCbor(map)),
    );
    fc.assert(
      fc.property(value, (bytes) => {
        expect(outcome(() => decodeOffersQuestion(bytes))).toMatch(/^LEASE_RECORD_/);
        expect(outcome(() => decodeOffersAnswer(bytes))).toMatch(/^LEASE_RECORD_|^read$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('ranks', () => {
  const peer = makePeer(1).keys.node;
  const one = (change: Partial<Rankable> & { price?: bigint; amount?: number } = {}): Rankable => ({
    own: false,
    trusted: false,
    rttMs: 40,
    points: 0,
    ...change,
    offer: exampleOffer(peer, { priceMicro: change.price ?? 0n, amountMax: change.amount ?? 1000 }),
  });
  const score = (a: Rankable, b: Rankable): number[] => rankOffers([a, b], AT_MS).map((rank) => rank.score);
  const prefers = (a: Rankable, b: Rankable): boolean => {
    const [first = 0, second = 0] = score(a, b);
    return first > second;
  };

  it('put trust, nearness, price, amount and spotlessness before their want', () => {
    expect(prefers(one({ own: true }), one({ trusted: true }))).toBe(true);
    expect(prefers(one({ trusted: true }), one())).toBe(true);
    expect(prefers(one({ rttMs: 5 }), one({ rttMs: 80 }))).toBe(true);
    expect(prefers(one({ rttMs: 100 }), one({ rttMs: null }))).toBe(true);
    expect(prefers(one(), one({ price: 10n }))).toBe(true);
    expect(prefers(one({ amount: 2000 }), one())).toBe(true);
    expect(prefers(one(), one({ points: 60 }))).toBe(true);
  });

  it('stay between 0 and 100 and say what they are made of', () => {
    for (const all of [
      [one({ own: true, rttMs: 0 })],
      [one({ points: 100, rttMs: 9999, price: 10n ** 29n }), one({ price: 1n })],
    ])
      for (const { score: each, why } of rankOffers(all, AT_MS)) {
        expect(each).toBeGreaterThanOrEqual(0);
        expect(each).toBeLessThanOrEqual(100);
        expect(why).toMatch(/^[A-Z].*\.$/);
      }
  });

  it('say amounts as people do', () => {
    expect(sayAmount(0, 'bytes')).toBe('0 bytes');
    expect(sayAmount(1536, 'bytes')).toBe('1.5 KiB');
    expect(sayAmount(8 * 1024 ** 3, 'bytes')).toBe('8.0 GiB');
    expect(sayAmount(2 ** 53, 'bytesPerSecond')).toBe('8.0 PiB a second');
    expect(sayAmount(2500, 'millicores')).toBe('2.5 cores');
    expect(sayAmount(1, 'containers')).toBe('1 container');
  });
});
