import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isNodeError } from '../../../../../main/base/index.ts';
import { createRelayChoice } from '../../../../../main/kernel/proxy/relay-choice/index.ts';
import { REMEMBERED_MAX } from '../../../../../main/kernel/proxy/relay-choice/constants.ts';
import type { Address, Connection, KnownPeer, Mesh, PeerId } from '../../../../../main/transport/stoq/index.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';

interface Stranger {
  relays: boolean;
  /** First two numbers of its address. */
  group: number;
  points: number;
  trusted: boolean;
  days: number;
  banned: boolean;
  rttMs: number;
}
const GOOD: Stranger = { relays: true, group: 1, points: 0, trusted: false, days: 0, banned: false, rttMs: 20 };
const peerOf = (index: number): PeerId => `peer${String(index).padStart(4, '0')}` as PeerId;

/** A choice among so many connected peers; those that are taken away are not connected any more. */
const world = (strangers: readonly Stranger[], init: { stake?: (peer: PeerId) => bigint; seed?: number } = {}) => {
  const clock = createManualClock();
  let here = strangers.map((_, index) => index);
  const at = (index: number): Address =>
    `/ip4/20.${strangers[index]?.group ?? 0}.${index >> 8}.${index & 255}/udp/1/quic-v1` as Address;
  const connectionOf = (index: number): Connection =>
    ({
      peer: { peerId: peerOf(index) },
      remote: { relays: strangers[index]?.relays },
      path: { remoteAddress: at(index), stats: () => ({ rttMs: strangers[index]?.rttMs ?? null }) },
    }) as unknown as Connection;
  const indexOf = (peer: PeerId): number => Number(peer.slice(4));
  const mesh = {
    on: () => () => undefined,
    node: {
      endpoint: {
        connections: () => here.map(connectionOf),
        connection: (peer: PeerId) => (here.includes(indexOf(peer)) ? connectionOf(indexOf(peer)) : null),
      },
    },
    book: {
      get: (peer: PeerId): KnownPeer | null => {
        const one = strangers[indexOf(peer)];
        return one === undefined
          ? null
          : ({
              points: one.points,
              trusted: one.trusted,
              firstSeenAtMs: clock.nowMs() - one.days * 86_400_000,
              addresses: [{ address: at(indexOf(peer)) }],
            } as unknown as KnownPeer);
      },
      isBanned: (peer: PeerId) => strangers[indexOf(peer)]?.banned === true,
    },
  } as unknown as Mesh;
  const { stake, seed = 1 } = init;
  const choice = createRelayChoice({
    outside: { clock, random: createSeededRandom(seed) },
    mesh,
    ...(stake !== undefined && { stake: { stakeMicro: stake } }),
  });
  return {
    clock,
    choice,
    scoreOf: (index: number): number => choice.candidates().find(({ peer }) => peer === peerOf(index))?.score ?? -1,
    stay: (indexes: readonly number[]) => {
      here = [...indexes];
    },
  };
};
/** @returns nobody where there are too few */
const chosenOf = (choose: () => readonly PeerId[]): readonly PeerId[] => {
  try {
    return choose();
  } catch (error) {
    if (isNodeError(error) && error.code === 'NO_RELAYS') return [];
    throw error;
  }
};
const strangers = fc.array(
  fc.record({
    relays: fc.boolean(),
    group: fc.integer({ min: 1, max: 6 }),
    points: fc.nat(100),
    trusted: fc.boolean(),
    days: fc.nat(400),
    banned: fc.boolean(),
    rttMs: fc.nat(900),
  }),
  { maxLength: 30 },
);

test('chooses only who relays, never two of one place, nor of the place of whom it leads to', () => {
  fc.assert(
    fc.property(strangers, fc.integer({ min: 1, max: 4 }), fc.nat(40), fc.nat(1000), (all, count, target, seed) => {
      const { choice } = world(all, { seed });
      const avoid = [peerOf(target)];
      const groupsLeft = new Set(
        all
          .filter((one, index) => one.relays && !one.banned && index !== target && one.group !== all[target]?.group)
          .map(({ group }) => group),
      );
      const chosen = chosenOf(() => choice.choose(count, { avoid }));
      expect(chosen.length).toBe(groupsLeft.size < count ? 0 : count);
      const groups = chosen.map((peer) => all[Number(peer.slice(4))]?.group);
      expect(new Set(groups).size).toBe(chosen.length);
      for (const peer of chosen) {
        const one = all[Number(peer.slice(4))];
        expect(one).toMatchObject({ relays: true, banned: false });
        expect(peer).not.toBe(avoid[0]);
        expect(one?.group).not.toBe(all[target]?.group);
      }
    }),
    { numRuns: 200 },
  );
});

test('a score is 0 to 100, falls with points and failures and rises with trust, age, stake and speed', () => {
  fc.assert(
    fc.property(
      strangers.filter((all) => all.length > 0),
      fc.nat(5),
      fc.double({ min: 1, max: 1e9, noNaN: true }),
      (all, failures, bytesPerSecond) => {
        const one = { ...GOOD, ...all[0], relays: true, banned: false };
        const score = (given: Partial<Stranger>, init?: Parameters<typeof world>[1]): number =>
          world([{ ...one, ...given }], init).scoreOf(0);
        expect(score({})).toBeGreaterThanOrEqual(0);
        expect(score({})).toBeLessThanOrEqual(100);
        expect(score({ points: Math.min(100, one.points + 10) })).toBeLessThanOrEqual(score({}));
        expect(score({ trusted: true })).toBeGreaterThanOrEqual(score({ trusted: false }));
        expect(score({ days: one.days + 5 })).toBeGreaterThanOrEqual(score({}));
        expect(score({ rttMs: one.rttMs + 100 })).toBeLessThanOrEqual(score({}));
        expect(score({}, { stake: () => 5_000_000_000n })).toBeGreaterThanOrEqual(score({}));
        const { choice, scoreOf, clock } = world([one]);
        const before = scoreOf(0);
        for (let count = 0; count < failures; count++) choice.report(peerOf(0), { ok: false });
        expect(scoreOf(0)).toBeLessThanOrEqual(before);
        clock.advanceSync(6 * 3_600_000);
        expect(scoreOf(0)).toBe(before);
        choice.report(peerOf(0), { ok: true, bytesPerSecond });
        expect(scoreOf(0)).toBeGreaterThanOrEqual(before);
        for (const { why } of choice.candidates()) expect(why).toMatch(/^[A-Z].*\.$/);
      },
    ),
    { numRuns: 60 },
  );
});

test('says why, in a sentence', () => {
  const { choice } = world([{ ...GOOD, trusted: true, days: 12.5, points: 4 }]);
  choice.report(peerOf(0), { ok: false });
  choice.report(peerOf(0), { ok: true, bytesPerSecond: 3_200_000, rttMs: 40 });
  expect(choice.candidates()[0]).toMatchObject({
    why: 'Trusted, it broke rules (4 points), known for 12 days, 3.2 MB/s measured, 40 ms away, failed lately.',
    group: '4:20.1',
    standing: 96,
    bytesPerSecond: 3_200_000,
  });
});

test('takes better relays more often, and all of them sometimes', () => {
  const all = [0, 1, 2, 3].map((group) => ({ ...GOOD, group, points: group * 25, trusted: group === 0 }));
  const { choice } = world(all);
  const counts = [0, 0, 0, 0];
  for (let round = 0; round < 600; round++)
    for (const peer of choice.choose(1, { avoid: [] })) counts[Number(peer.slice(4))]! += 1;
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(counts).toEqual(counts.toSorted((a, b) => b - a));
});

test('remembers who is away for a while, ranks it lower, and forgets in the end; and bounds what it remembers', () => {
  const all = Array.from({ length: 3 }, (_, group) => ({ ...GOOD, group }));
  const { choice, clock, stay, scoreOf } = world(all);
  const before = scoreOf(1);
  stay([0]);
  expect(choice.candidates()).toHaveLength(3);
  expect(scoreOf(1)).toBeLessThan(before);
  clock.advanceSync(7 * 3_600_000);
  expect(choice.candidates().map(({ peer }) => peer)).toEqual([peerOf(0)]);

  const many = world(Array.from({ length: REMEMBERED_MAX + 100 }, () => GOOD));
  expect(many.choice.candidates().length).toBeLessThanOrEqual(REMEMBERED_MAX);
  for (let index = 0; index < 2_000; index++) many.choice.report(peerOf(index + 5_000), { ok: true });
  // Reports of whoever never said that it relays make no relay of it.
  expect(many.choice.candidates().every(({ peer }) => Number(peer.slice(4)) < 5_000)).toBe(true);
});
