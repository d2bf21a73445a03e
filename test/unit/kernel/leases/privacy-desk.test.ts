import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { privacyPreview } from '../../../../preload/contract/index.ts';
import { createOfferWorld, HOME, type OfferNode, type OfferWorld } from '../../../support/leases/offer-world.ts';

let world: OfferWorld;
let lender: OfferNode;
let friend: OfferNode;
let member: OfferNode;
beforeEach(async () => {
  world = createOfferWorld();
  const networks = [{ id: HOME, name: 'home' }];
  lender = await world.node('lender', 1, { networks });
  friend = await world.node('friend', 2);
  member = await world.node('member', 3, { networks });
  lender.book.setTrusted(friend.peerId, true);
  lender.book.setName(friend.peerId, 'attic');
  world.connect(lender, friend);
  world.connect(lender, member);
});
afterEach(async () => {
  await world.stop();
});
const row = (side: ReturnType<OfferNode['desk']['preview']>['after'], who: string) =>
  side.rows.find((one) => one.who === who);

describe('a preview', () => {
  it('lists who could do what, how many of them are connected, and what changes', () => {
    const preview = lender.desk.preview('memory', { privacyLevel: 'P2P', allocationType: 'Public' });
    expect(privacyPreview.parse(preview)).toEqual(preview);
    expect(row(preview.before, 'trusted')).toMatchObject({
      discover: false,
      connect: false,
      allocate: false,
      peersNow: 1,
    });
    expect(row(preview.after, 'trusted')).toMatchObject({ discover: true, connect: true, allocate: true, peersNow: 1 });
    expect(row(preview.after, 'member')).toMatchObject({ discover: false, peersNow: 1 });
    expect(preview.after.routes).toEqual(['direct']);
    expect(preview.changes).toContain(
      'Peers that you trust can find it, connect to it and have it from then on; one of them is connected now.',
    );
    expect(preview.after.seen[0]).toMatch(
      /^Whoever may find it reads that one lease may have up to 8.00 GiB, at which hours/,
    );
    expect(preview.before.seen).toEqual([
      'Only your own nodes can read that this machine lends memory; everybody else gets the answer that there is nothing.',
    ]);
    expect(preview.after.ports[0]).toContain('Port 41414');
    expect(preview.after.destinations).toEqual([
      'Nowhere: whoever borrows memory opens no connection out of this machine.',
    ]);
    // Nothing was changed by looking.
    expect(lender.share.terms.privacyLevel).toBe('Private');
  });

  it('has no changes where there are none', () => {
    const preview = lender.desk.preview('memory', {});
    expect(preview.changes).toEqual([]);
    expect(preview.after).toEqual(preview.before);
  });

  it('says what is lost, and which routes open and close', async () => {
    await lender.lend({
      privacyLevel: 'FullPublic',
      allocationType: 'Anonymous',
      proxy: { relaysAllowed: true, exitAllowed: false },
    });
    const { changes, before } = lender.desk.preview('memory', {
      privacyLevel: 'PrivateNetwork',
      proxy: { relaysAllowed: false, exitAllowed: false },
    });
    expect(before.routes).toEqual(['direct', 'relay', 'anonymous']);
    expect(changes).toContain('Anybody behind an anonymous route can no longer find it, connect to it and have it.');
    expect(changes).toContain('Peers that you trust can no longer find it, connect to it and have it.');
    expect(changes).toContain(
      'Anonymous routes, on which nobody knows who is at the other end are refused from then on.',
    );
    expect(changes).toContain('Others see: Everybody in home can find in its directory that this node lends memory.');
  });

  it('warns of what needs a second look', () => {
    const warnings = (change: Parameters<OfferNode['desk']['preview']>[1]): string =>
      lender.desk.preview('memory', change).warnings.join('\n');
    expect(warnings({ privacyLevel: 'FullPublic', allocationType: 'Public' })).toContain('Everybody in the world');
    expect(warnings({ privacyLevel: 'P2P', privacyNames: ['cellar', '@none'] })).toContain(
      'cellar and @none mean nobody',
    );
    lender.book.setName(member.peerId, 'shed');
    expect(warnings({ privacyLevel: 'P2P', privacyNames: ['shed'] })).toContain(
      'shed is named but not trusted, and stays outside',
    );
    expect(warnings({ privacyLevel: 'PrivateNetwork', privacyNames: ['work'] })).toContain('in none of the networks');
    expect(warnings({ privacyLevel: 'PublicNetwork', privacyNames: ['home'] })).toContain('called public');
    expect(warnings({ privacyLevel: 'P2P', allocationType: 'Anonymous' })).toContain('FullPublic only');
    expect(warnings({ privacyLevel: 'P2P', allocationType: 'Private' })).toContain('lets nobody else in');
    expect(warnings({ leasesMax: 0 })).toContain('nobody can have it');
    expect(warnings({ privacyLevel: 'FullPublic', allocationType: 'Public', requiredProofs: ['time'] })).toContain(
      'Proofs name their node',
    );
    lender.networks = [];
    expect(warnings({ privacyLevel: 'PrivateNetwork', allocationType: 'Public' })).toContain('in no private network');
    lender.amountMax = undefined;
    expect(warnings({})).toContain('cannot lend memory yet');
  });

  it('refuses what this machine has not', () => {
    expect(() => lender.desk.preview('gpu:card9', {})).toThrow(expect.objectContaining({ code: 'RESOURCE_UNKNOWN' }));
  });
});

describe('the log', () => {
  it('keeps what was asked and answered after each change, newest first', async () => {
    expect(await lender.desk.log()).toEqual([]);
    await lender.lend({ privacyLevel: 'P2P', allocationType: 'Public' });
    await lender.lend({ leaseMinutesMax: 60 });
    await world.clock.advance(1000);
    await lender.lend({ privacyLevel: 'FullPublic' });
    const entries = await lender.desk.log();
    expect(entries.map(({ before, after }) => [before, after])).toEqual([
      ['P2P; Public; no relays; no exit', 'FullPublic; Public; no relays; no exit'],
      ['Private; Private; no relays; no exit', 'P2P; Public; no relays; no exit'],
    ]);
    expect(entries[1]).toMatchObject({
      resource: 'memory',
      atMs: world.clock.nowMs() - 1000,
      seen: [
        'Of 2 connected peers 1 is told that this node lends memory: attic.',
        'Somebody on an anonymous route is told nothing.',
        'It is in no directory.',
      ],
    });
    expect(entries[0]?.seen).toEqual([
      expect.stringMatching(/^Of 2 connected peers 2 are told that this node lends memory: attic and 12D3/),
      'Somebody on an anonymous route is told, too.',
      'It is in the directory of public and home.',
    ]);
  });

  it('keeps the newest 256, and begins anew where what is kept is no log', async () => {
    await lender.settings.set('leases.privacyLog', { v: 1, entries: [7, { atMs: 'now' }] });
    expect(await lender.desk.log()).toEqual([]);
    const entry = { atMs: 1, resource: 'memory', before: 'a', after: 'b', seen: ['c'] };
    await lender.settings.set('leases.privacyLog', { v: 1, entries: Array.from({ length: 256 }, () => entry) });
    await lender.lend({ privacyLevel: 'P2P' });
    const entries = await lender.desk.log();
    expect(entries).toHaveLength(256);
    expect(entries[0]?.before).toContain('Private');
    expect(entries[255]).toEqual(entry);
  });
});
