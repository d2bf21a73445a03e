import { describe, expect, it } from 'vitest';
import type { Address, PeerId } from '../../../../../main/transport/stoq/interface.ts';
import {
  PER_GROUP_MAX,
  PER_PROVIDER_MAX,
  PER_TELLER_MAX,
  TRIED_MAX,
} from '../../../../../main/transport/stoq/standing/constants.ts';
import { createTestBook, globalAddress, peerNumber, remoteInfo } from '../../../../support/stoq/book.ts';

const ATTACKERS = 1_000;
const HONEST = 200;
const attacker = (number: number): PeerId => peerNumber(1_000_000 + number);
const attackers = new Set(Array.from({ length: ATTACKERS }, (_, number) => attacker(number)));
const evil = (ids: readonly PeerId[]): number => ids.filter((id) => attackers.has(id)).length;

/** An attacker with so many providers, in each of which it holds as many customers' networks as it likes. */
const place = (number: number, providers: number): Address =>
  globalAddress(0x6000 + (number % providers), number % 211, number + 1);
/** A book of peers that answered, each of its own provider. */
const honestBook = (seed: number) => {
  const made = createTestBook({ seed });
  for (let number = 0; number < HONEST; number++)
    made.book.confirm(peerNumber(number), globalAddress(number + 1), remoteInfo());
  return made;
};
const honestLeft = (made: ReturnType<typeof createTestBook>): number =>
  made.book.list().filter(({ peerId }) => !attackers.has(peerId)).length;

describe('an attacker with 1000 ids in few groups', () => {
  it.each([1, 4, 16])('of %i providers gets its shares of the book and no more, and pushes nobody out', (providers) => {
    const made = honestBook(providers);
    // It dials us, tells of its ids in every way, and answers every dial.
    for (let round = 0; round < 2; round++)
      for (let number = 0; number < ATTACKERS; number++) {
        const at = place(number, providers);
        const next = attacker((number + 1) % ATTACKERS);
        made.book.met(attacker(number), at, remoteInfo({ addresses: [at] }));
        for (const source of ['seed', 'dht', 'rendezvous'] as const)
          made.book.learn(next, [place(number + 1, providers)], source, at);
        made.book.confirm(attacker(number), at, remoteInfo());
      }
    expect(honestLeft(made)).toBe(HONEST);
    const held = evil(made.book.list().map(({ peerId }) => peerId));
    // Tried and heard, each bounded by provider.
    expect(held).toBeLessThanOrEqual(2 * PER_PROVIDER_MAX * providers);
    expect(held).toBeGreaterThan(0);
  });
  it.each([1, 4, 16])('of %i providers gets its share of candidates, drawn four hundred times', (providers) => {
    const made = honestBook(100 + providers);
    for (let number = 0; number < ATTACKERS; number++)
      made.book.confirm(attacker(number), place(number, providers), remoteInfo());
    let drawn = 0;
    let bad = 0;
    let whole = 0;
    for (let time = 0; time < 400; time++) {
      const found = made.book.candidates(8);
      drawn += found.length;
      bad += evil(found);
      if (evil(found) === found.length) whole += 1;
    }
    expect(drawn).toBe(3_200);
    // One of each provider in turn: as many chances as it has providers.
    expect(bad / drawn).toBeLessThan((1.5 * providers) / (HONEST + providers) + 0.005);
    expect(whole).toBe(0);
  });
  it('of one network gets sixteen places, however many ids it has', () => {
    const made = honestBook(7);
    for (let number = 0; number < ATTACKERS; number++)
      made.book.confirm(attacker(number), globalAddress(0x6000, 1, number + 1), remoteInfo());
    expect(evil(made.book.list().map(({ peerId }) => peerId))).toBeLessThanOrEqual(2 * PER_GROUP_MAX);
  });
  it('gets no candidates at all past a quarter while few honest peers are known', () => {
    const made = createTestBook({ seed: 3 });
    for (let number = 0; number < 3; number++)
      made.book.confirm(peerNumber(number), globalAddress(number + 1), remoteInfo());
    for (let number = 0; number < ATTACKERS; number++)
      made.book.confirm(attacker(number), place(number, 1), remoteInfo());
    for (let time = 0; time < 100; time++) {
      const found = made.book.candidates(8);
      expect(found.length - evil(found)).toBe(3);
      expect(evil(found)).toBeLessThanOrEqual(2);
    }
  });
  it('does not become the anchors, and does not push them out', async () => {
    const made = honestBook(9);
    const { book, clock } = made;
    await clock.advance(3 * 3_600_000);
    for (let number = 0; number < HONEST; number++) book.count(peerNumber(number), 1, 1);
    const before = book.anchors();
    expect(before).toHaveLength(8);
    for (let hour = 0; hour < 5; hour++) {
      for (let number = 0; number < ATTACKERS; number++) {
        book.confirm(attacker(number), place(number, 16), remoteInfo());
        book.count(attacker(number), 1, 1);
      }
      for (const peer of before) book.count(peer, 1, 1);
      await clock.advance(3_600_000);
    }
    expect(book.anchors()).toEqual(before);
  });
});

describe('one liar', () => {
  it('that tells of thousands fills its own share, and the claims of others stay', () => {
    const made = createTestBook({ seed: 5 });
    const { book } = made;
    for (let number = 0; number < HONEST; number++)
      book.learn(peerNumber(number), [globalAddress(number + 1)], 'dht', globalAddress(2_000 + number));
    // Invented peers all over the world.
    for (let number = 0; number < 6_000; number++)
      book.learn(
        peerNumber(50_000 + number),
        [globalAddress(0x5000 + (number % 9_000))],
        'seed',
        globalAddress(0x6666),
      );
    expect(book.list().filter(({ peerId }) => !attackers.has(peerId)).length).toBe(HONEST + PER_TELLER_MAX);
    for (let number = 0; number < HONEST; number++) expect(book.get(peerNumber(number))).not.toBeNull();
  });
  it('that moves from provider to provider cannot empty the tried ones', () => {
    const made = honestBook(6);
    for (let number = 0; number < 2 * TRIED_MAX; number++)
      made.book.confirm(peerNumber(50_000 + number), globalAddress(0x3000 + number), remoteInfo());
    for (let number = 0; number < HONEST; number++) expect(made.book.get(peerNumber(number))).not.toBeNull();
  });
  it('cannot have us dial what it names in place of a known peer', () => {
    const made = honestBook(8);
    const lies = Array.from({ length: 40 }, (_, host) => globalAddress(0x6000, 0, host + 1));
    for (let number = 0; number < HONEST; number++)
      made.book.learn(peerNumber(number), lies, 'seed', globalAddress(0x6666));
    for (let number = 0; number < HONEST; number++) {
      const known = made.book.get(peerNumber(number));
      expect(known?.addresses.map(({ address }) => address)).toContain(globalAddress(number + 1));
      expect(known?.addresses.length).toBeLessThanOrEqual(5);
    }
  });
});
