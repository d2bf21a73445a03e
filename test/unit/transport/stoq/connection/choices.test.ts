import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Carrier, Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { makeRoom, type Occupant } from '../../../../../main/transport/stoq/connection/admission.ts';
import { createUdpMemory, planDials, raceDials } from '../../../../../main/transport/stoq/connection/dial.ts';
import { type Candidate, choosePath, surplusOf } from '../../../../../main/transport/stoq/connection/path-choice.ts';
import { type Address, type PeerId, TIERS, type Tier } from '../../../../../main/transport/stoq/interface.ts';
import { createManualClock } from '../../../../support/manual-clock.ts';

const candidate = (id: number, tier: Tier, change: Partial<Candidate> = {}): Candidate => ({
  id,
  tier,
  retired: false,
  suspicious: false,
  measured: null,
  ...change,
});
const measured = (bytesPerSecond: number, rttMs = 20) => ({ bytesPerSecond, rttMs, atMs: 0 });

describe('the path of new streams', () => {
  it.each<[string, Candidate[], number, string]>([
    ['the only one', [candidate(0, 'tls')], 0, 'It is the only path.'],
    [
      'QUIC before TLS',
      [candidate(0, 'tls'), candidate(1, 'quic')],
      1,
      'QUIC goes first until both have been measured.',
    ],
    [
      'a direct one before a relay',
      [candidate(0, 'relay'), candidate(1, 'tls')],
      1,
      'A direct path goes before one through others.',
    ],
    [
      'a hole before a relay',
      [candidate(0, 'relay'), candidate(1, 'punched')],
      1,
      'A path through both NATs goes before a relay.',
    ],
    [
      'the faster one',
      [candidate(0, 'quic', { measured: measured(10e6) }), candidate(1, 'tls', { measured: measured(18e6, 22) })],
      1,
      'TCP was 1.8 times as fast as QUIC when measured (18.0 MB/s and 22.0 ms against 10.0 MB/s and 20.0 ms).',
    ],
    [
      'QUIC where TLS is hardly faster',
      [candidate(0, 'quic', { measured: measured(10e6) }), candidate(1, 'tls', { measured: measured(12e6) })],
      0,
      'QUIC stays, as TCP was not 1.25 times as fast when measured (12.0 MB/s and 20.0 ms against 10.0 MB/s and 20.0 ms).',
    ],
    [
      'another one while the better is silent',
      [candidate(0, 'quic', { suspicious: true }), candidate(1, 'relay')],
      1,
      'QUIC does not answer at the moment.',
    ],
  ])('is %s', (_name, candidates, id, why) => {
    const choice = choosePath(candidates);
    expect([choice.id, choice.why.get(id)]).toEqual([id, why]);
  });

  it('is none where all are retired', () => {
    expect(choosePath([candidate(0, 'quic', { retired: true })]).id).toBeNull();
    expect(choosePath([]).id).toBeNull();
  });

  const candidates = fc
    .array(
      fc.record({
        tier: fc.constantFrom(...TIERS),
        retired: fc.boolean(),
        suspicious: fc.boolean(),
        rate: fc.option(fc.integer({ min: 1, max: 100 })),
        direction: fc.constantFrom('in' as const, 'out' as const),
        ageMs: fc.nat(20_000),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((all) =>
      all.map(({ rate, ...one }, id) => ({
        ...one,
        id,
        via: null,
        measured: rate === null ? null : measured(rate * 1e6),
      })),
    );
  it('is one that takes streams if any does, has a sentence for each, and does not depend on their order', () => {
    fc.assert(
      fc.property(candidates, (all) => {
        const choice = choosePath(all);
        expect(choice.id !== null).toBe(all.some(({ retired }) => !retired));
        expect([...choice.why.values()].filter((why) => /^[A-Z].*\.$/.test(why)).length).toBe(all.length);
        const chosen = all.find(({ id }) => id === choice.id);
        const onlySilent = all.every(({ retired, suspicious }) => retired || suspicious);
        expect(chosen?.suspicious !== true || onlySilent).toBe(true);
      }),
    );
  });

  it('never loses its last sound one to tidying up', () => {
    fc.assert(
      fc.property(candidates, (all) => {
        const surplus = new Set(surplusOf(all));
        const able = all.filter(({ retired }) => !retired);
        const sound = able.filter(({ suspicious }) => !suspicious);
        expect(able.length === 0 || able.some(({ id }) => !surplus.has(id))).toBe(true);
        expect(sound.length === 0 || sound.some(({ id }) => !surplus.has(id))).toBe(true);
      }),
    );
  });
});

describe('the order of dialling', () => {
  const carrier = (tier: Tier, canDial: (address: Address) => boolean): Carrier => ({
    tier,
    canDial,
    listen: () => Promise.reject(new Error('not here')),
    dial: () => Promise.reject(new Error('not here')),
    stop: () => Promise.resolve(),
  });
  const carriers = [
    carrier('quic', (address) => address.endsWith('/quic-v1')),
    carrier('tls', (address) => address.endsWith('/tls')),
    carrier('relay', (address) => address.endsWith('/p2p-circuit')),
  ];
  const six = '/ip6/2001:db8::1/udp/1/quic-v1' as Address;
  const four = '/ip4/192.0.2.1/udp/1/quic-v1' as Address;
  const tls = '/ip6/2001:db8::1/tcp/1/tls' as Address;
  const peer = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo';
  const circuit = `${six}/p2p/${peer}/p2p-circuit` as Address;
  const delays = (udp: ReturnType<typeof createUdpMemory>) =>
    planDials([circuit, tls, four, six, six, '/memory/x' as Address], carriers, udp, null).map(
      ({ address, delayMs }) => [address, delayMs] as const,
    );

  it('is QUIC over IPv6, over IPv4, TLS a moment later, then relays', () => {
    const udp = createUdpMemory(createManualClock());
    expect(delays(udp)).toEqual([
      [six, 0],
      [four, 100],
      [tls, 250],
      [circuit, 500],
    ]);
  });

  it('does not wait for QUIC where UDP did not get through lately', async () => {
    const clock = createManualClock();
    const udp = createUdpMemory(clock);
    udp.failed('2001:db8::1');
    expect(new Map(delays(udp)).get(tls)).toBe(0);
    await clock.advance(600_001);
    expect(new Map(delays(udp)).get(tls)).toBe(250);
    udp.failed('2001:db8::1');
    udp.worked('2001:db8::1');
    expect(new Map(delays(udp)).get(tls)).toBe(250);
  });

  it('goes on at once when what was dialled has failed, tells what was tried, and aborts what comes too late', async () => {
    const clock = createManualClock();
    const udp = createUdpMemory(clock);
    const aborted: string[] = [];
    const dialled: [string, number][] = [];
    const dialing = (tier: Tier, ms: number, fails: boolean): Carrier => ({
      ...carrier(tier, (address) => address.includes(tier === 'quic' ? '/quic-v1' : '/tls')),
      dial: async (address) => {
        dialled.push([tier, clock.monotonicMs()]);
        await clock.sleep(ms);
        if (fails) throw new Error('no');
        return { address, abort: () => aborted.push(tier) } as unknown as Channel;
      },
    });
    const run = (all: Carrier[]) =>
      raceDials(clock, planDials([six, tls], all, udp, null), udp, new AbortController().signal, (channel) =>
        Promise.resolve((channel as unknown as { address: string }).address),
      );
    const failing = run([dialing('quic', 20, true), dialing('tls', 30, true)]);
    await clock.advance(60);
    expect(await failing).toMatchObject({
      value: null,
      tried: [
        { address: six, problem: 'no' },
        { address: tls, problem: 'no' },
      ],
    });
    expect(dialled).toEqual([
      ['quic', 0],
      ['tls', 20],
    ]);
    // QUIC fails, TLS works: the next dial of that host does not wait.
    const overTls = run([dialing('quic', 20, true), dialing('tls', 30, false)]);
    await clock.advance(60);
    expect(await overTls).toEqual({ value: tls, address: tls });
    expect(udp.isBlocked('2001:db8::1')).toBe(true);
    // Both at once now; the slower one is aborted when it comes after all.
    const both = run([dialing('quic', 10, false), dialing('tls', 30, false)]);
    await clock.advance(60);
    expect(await both).toEqual({ value: six, address: six });
    expect(aborted).toEqual(['tls']);
  });
});

describe('room for connections', () => {
  const limits = { connectionsMax: 3, incomingMax: 2, perGroupMax: 1, handshakesMax: 4 };
  const occupant = (name: string, change: Partial<Occupant> = {}): Occupant => ({
    peer: name as PeerId,
    direction: 'in',
    address: `/ip6/2001:db8:${name}::1/udp/1/quic-v1` as Address,
    kept: false,
    streamsOpen: 0,
    usedAtMs: 0,
    points: 0,
    ...change,
  });
  const newcomer = { direction: 'in' as const, address: '/ip6/2001:db8:f::1/udp/1/quic-v1' as Address, kept: false };
  const room = (occupants: Occupant[], change: Partial<typeof newcomer> = {}, nowMs = 60_000) =>
    makeRoom({ ...newcomer, ...change }, occupants, limits, nowMs);

  it('is there below the limits', () => {
    expect(room([occupant('a')])).toEqual({ evict: null });
  });
  it('is made by whoever is of least use', () => {
    expect(room([occupant('a', { usedAtMs: 10 }), occupant('b', { usedAtMs: 5 })])).toEqual({ evict: 'b' });
    expect(room([occupant('a', { points: 40 }), occupant('b', { usedAtMs: -5 })])).toEqual({ evict: 'a' });
    expect(room([occupant('a', { streamsOpen: 1 }), occupant('b')])).toEqual({ evict: 'b' });
  });
  it('is not made for strangers by who is at work, just came, or is kept', () => {
    expect(room([occupant('a', { streamsOpen: 1 }), occupant('b', { usedAtMs: 50_000 })])).toBe('full');
    expect(room([occupant('a', { kept: true }), occupant('b', { kept: true })])).toBe('full');
  });
  it('is made for who is kept, by anyone who is not', () => {
    const busy = [occupant('a', { streamsOpen: 1 }), occupant('b', { kept: true })];
    expect(makeRoom({ ...newcomer, kept: true }, busy, limits, 0)).toEqual({ evict: 'a' });
  });
  it('is bounded for one part of the network, but for who is kept, and not within a home', () => {
    expect(room([occupant('f')])).toBe('full');
    expect(makeRoom({ ...newcomer, kept: true }, [occupant('f')], limits, 0)).toEqual({ evict: null });
    const home = (host: string) => `/ip4/192.168.1.${host}/udp/1/quic-v1` as Address;
    expect(room([occupant('a', { address: home('1') })], { address: home('2') })).toEqual({ evict: null });
  });
});
