import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyRecord } from '../../../../main/base/crypto/index.ts';
import { decodeOffer, hashOfRecord } from '../../../../main/kernel/leases/formats/index.ts';
import type { Offer, OfferQuery } from '../../../../main/kernel/leases/interface.ts';
import { OFFERS_PROTOCOL } from '../../../../main/kernel/leases/offer-messages.ts';
import type { Link } from '../../../../main/kernel/leases/link.ts';
import { type NetworkId, PUBLIC_NETWORK, request } from '../../../../main/transport/stoq/index.ts';
import type { AssetProofs } from '../../../../preload/contract/index.ts';
import {
  createOfferWorld,
  HOME,
  MEMORY_BYTES,
  type OfferNode,
  type OfferWorld,
  WORK,
} from '../../../support/leases/offer-world.ts';

const ALL: OfferQuery = { kind: null, amountMin: 0, priceMicroMax: null, trustedOnly: false, fresh: true };
const MINUTE_MS = 60_000;
let world: OfferWorld;
beforeEach(() => {
  world = createOfferWorld();
});
afterEach(async () => {
  await world.stop();
});
const view = (node: OfferNode) => {
  const [only] = node.own.views();
  if (only === undefined) throw new Error('there is no view');
  return only;
};
const linkFrom = (node: OfferNode, networks: NetworkId[] = []): Pick<Link, 'party' | 'route'> => ({
  party: { kind: 'peer', peerId: node.peerId, keyId: node.peer.local.keyId, networks: new Set(networks) },
  route: 'direct',
});
/** The one offer that somebody with these networks is told. */
const told = async (lender: OfferNode, asker: OfferNode, networks: NetworkId[] = []) =>
  (await lender.own.tellable(linkFrom(asker, networks))).map(({ offer, record }) => ({ offer, record }));
const offerOf = async (lender: OfferNode, asker: OfferNode): Promise<{ offer: Offer; record: Uint8Array }> => {
  const [first] = await told(lender, asker);
  if (first === undefined) throw new Error('nothing is offered');
  return first;
};

describe('own offers', () => {
  it('are signed, fresh, and say what the owner said', async () => {
    const lender = await world.node('lender', 1);
    const friend = await world.node('friend', 2);
    lender.book.setTrusted(friend.peerId, true);
    await lender.lend(
      { privacyLevel: 'P2P', allocationType: 'Verified', price: { mode: 'fixed', microPerHour: '7' } },
      { percentMax: 25 },
    );
    const { offer, record } = await offerOf(lender, friend);
    const { payload, keyId, signer } = verifyRecord(record, { domain: 'lease-offer' });
    expect(keyId).toBe(lender.peer.local.keyId);
    expect(decodeOffer(payload, signer)).toEqual(offer);
    expect(offer).toMatchObject({
      kind: 'memory',
      amountMax: MEMORY_BYTES / 4,
      allocationType: 'Verified',
      requiredProofs: ['space', 'stake', 'work', 'time'],
      priceMicro: 7n,
      utcOffsetMinutes: 60,
      issuedAtMs: world.clock.nowMs(),
      expiresAtMs: world.clock.nowMs() + 30 * MINUTE_MS,
    });
    expect(new Set(offer.grid)).toEqual(new Set([25]));
    expect(view(lender)).toMatchObject({ offered: true, address: offer.address, percentNow: 50 });
    expect(lender.own.own(hashOfRecord(record))?.terms).toEqual(lender.share.terms);
  });

  it('are made anew at half their life; the old one may be asked for until it has run out', async () => {
    const lender = await world.node('lender', 1);
    const friend = await world.node('friend', 2);
    await lender.addressBook.set('own', [friend.peerId]);
    const first = await offerOf(lender, friend);
    await world.clock.advance(14 * MINUTE_MS);
    await lender.settle();
    expect((await offerOf(lender, friend)).record).toEqual(first.record);
    await world.clock.advance(2 * MINUTE_MS);
    await lender.settle();
    const second = await offerOf(lender, friend);
    expect(second.offer.sequence).toBeGreaterThan(first.offer.sequence);
    expect(second.offer.expiresAtMs).toBe(world.clock.nowMs() + 30 * MINUTE_MS - (16 - 15) * MINUTE_MS);
    expect(lender.own.own(hashOfRecord(first.record))).not.toBeNull();
    await world.clock.advance(15 * MINUTE_MS);
    expect(lender.own.own(hashOfRecord(first.record))).toBeNull();
    expect(lender.own.own(hashOfRecord(second.record))).not.toBeNull();
    // Another clock, which went back by a day: what is said of its time must be true again.
    world.clock.setNowMs(world.clock.nowMs() - 24 * 60 * MINUTE_MS);
    await world.clock.advance(MINUTE_MS);
    await lender.settle();
    const third = await offerOf(lender, friend);
    expect(third.offer.sequence).toBeGreaterThan(second.offer.sequence);
    expect(third.offer.issuedAtMs).toBeLessThan(second.offer.issuedAtMs);
  });

  it('are taken back at once when the owner says otherwise, before anything new is signed', async () => {
    const lender = await world.node('lender', 1, { networks: [{ id: HOME, name: 'home' }] });
    const member = await world.node('member', 2, { networks: [{ id: HOME, name: 'home' }] });
    await lender.lend({ privacyLevel: 'PrivateNetwork', allocationType: 'Public' });
    const [before] = await told(lender, member, [HOME]);
    expect(lender.announced()).toEqual(['home offers/memory']);
    const changing = lender.lend({ privacyLevel: 'Private' });
    expect(lender.announced()).toEqual([]);
    expect(await told(lender, member, [HOME])).toEqual([]);
    await changing;
    // The record is the same: whether somebody may have it is asked when it asks.
    expect(lender.own.own(hashOfRecord(before?.record ?? new Uint8Array(0)))?.terms.privacyLevel).toBe('Private');
    await lender.lend({ privacyLevel: 'PrivateNetwork', leaseMinutesMax: 5 });
    expect(lender.own.own(hashOfRecord(before?.record ?? new Uint8Array(0)))).toBeNull();
    expect((await told(lender, member, [HOME]))[0]?.offer.minutesMax).toBe(5);
  });

  it('are withdrawn while there is nothing to lend, nobody to sign or no network, and say so', async () => {
    const lender = await world.node('lender', 1);
    const own = await world.node('own', 2);
    await lender.addressBook.set('own', [own.peerId]);
    expect(await told(lender, own)).toHaveLength(1);
    const silent = async (sentence: RegExp | string): Promise<void> => {
      expect(await told(lender, own)).toEqual([]);
      expect(view(lender)).toMatchObject({ offered: false });
      expect(view(lender).sentence).toMatch(sentence);
    };
    await lender.level(0, 'Paused by you until you resume');
    await silent('Paused by you');
    await lender.level(50);
    await lender.lend({ leasesMax: 0 });
    await silent('No leases at once');
    await lender.lend({ leasesMax: 4 }, { percentMax: 0 });
    await silent('slider');
    await lender.lend({}, { percentMax: 50 });
    await lender.lock(true);
    await silent('locked');
    await lender.lock(false);
    await lender.online(false);
    await silent('talks to nobody');
    await lender.online(true);
    lender.amountMax = undefined;
    await lender.level(50);
    await silent('cannot lend it');
    lender.amountMax = 1000;
    await lender.level(50);
    expect((await told(lender, own))[0]?.offer.amountMax).toBe(1000);
    expect(view(lender).sentence).toBe('Your own nodes (the group own) can find it and have it.');
  });

  it('are announced in exactly the networks that may know, again after each start of the network', async () => {
    const networks = [
      { id: HOME, name: 'home' },
      { id: WORK, name: 'work' },
    ];
    const lender = await world.node('lender', 1, { networks });
    const announced = async (change: Parameters<OfferNode['lend']>[0]): Promise<string[]> => {
      await lender.lend(change);
      return lender.announced();
    };
    expect(await announced({ privacyLevel: 'P2P', allocationType: 'Public' })).toEqual([]);
    expect(await announced({ privacyLevel: 'PrivateNetwork' })).toEqual(['home offers/memory', 'work offers/memory']);
    expect(await announced({ privacyNames: ['work'] })).toEqual(['work offers/memory']);
    expect(await announced({ privacyLevel: 'PublicNetwork', privacyNames: [] })).toEqual(['public offers/memory']);
    expect(await announced({ privacyLevel: 'FullPublic' })).toHaveLength(3);
    expect(await announced({ allocationType: 'Private' })).toEqual([]);
    await announced({ privacyLevel: 'PublicNetwork', allocationType: 'Public' });
    await lender.online(false);
    expect(lender.own.announcedIn('memory')).toEqual([]);
    await lender.online(true);
    expect(lender.own.announcedIn('memory')).toEqual([PUBLIC_NETWORK]);
  });

  it('carry what the newest proofs showed', async () => {
    const lender = await world.node('lender', 1);
    const own = await world.node('own', 2);
    await lender.addressBook.set('own', [own.peerId]);
    expect((await offerOf(lender, own)).offer.proven).toBeNull();
    const { offer } = await offerOf(lender, own);
    await lender.prove([
      { asset: offer.asset, proven: { known: true, value: { label: 'Space on disk', value: 12.4, unit: 'bytes' } } },
    ] as unknown as AssetProofs[]);
    expect((await offerOf(lender, own)).offer.proven).toEqual({ label: 'Space on disk', value: 12, unit: 'bytes' });
  });

  it('tell whoever asks only what it may know, and somebody banned nothing', async () => {
    const lender = await world.node('lender', 1);
    const friend = await world.node('friend', 2);
    const stranger = await world.node('stranger', 3);
    await lender.lend({ privacyLevel: 'P2P', allocationType: 'Public' });
    lender.book.setTrusted(friend.peerId, true);
    for (const one of [friend, stranger]) world.connect(lender, one);
    expect((await friend.search.search(ALL)).offers).toHaveLength(1);
    expect(await stranger.search.search(ALL)).toEqual({ offers: [], asked: 1, silent: 0 });
    lender.book.ban(friend.peerId, { untilMs: null, reason: 'a test', byOwner: true });
    expect((await friend.search.search(ALL)).offers).toEqual([]);
  });

  it('do not mind questions that are none', async () => {
    const lender = await world.node('lender', 1);
    const stranger = await world.node('stranger', 3);
    const link = await stranger.links.open({ peer: lender.peerId, route: 'direct' });
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0xff), new Uint8Array(64).fill(0x80), new Uint8Array(4096)])
      await expect(request(link, OFFERS_PROTOCOL, bytes)).rejects.toThrow(/reset/);
    expect(world.net.failures.map(({ error }) => (error as { data: { verdict: string } }).data.verdict)).toEqual([
      'reject',
      'reject',
      'reject',
      'reject',
    ]);
  });
});
