import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  ECHO_MS_MAX,
  ECHOES_MAX,
  ICMP_ERRORS_PER_SECOND,
  UDP_EXCHANGES_MAX,
  UDP_IDLE_MS,
  UDP_IDLE_MS_MIN,
  UDP_WAITING_MAX,
} from '../../../../../../main/kernel/proxy/forwarders/vpn/constants.ts';
import { ProxyError, RouteError } from '../../../../../../main/kernel/proxy/errors.ts';
import {
  addressBytes,
  echoPacket,
  FAR,
  LOCAL,
  packetOf,
  sumHolds,
  tcpPacket,
  udpPacket,
} from '../../../../../support/vpn-packets.ts';
import { createVpnWorld, type VpnWorld } from '../../../../../support/vpn-world.ts';

let world: VpnWorld;
beforeEach(() => {
  world = createVpnWorld();
});
/** Type and code of ICMPv6, after a look at everything around them. */
const icmpOf = (packet: Buffer | undefined): number[] => {
  expect(packet).toBeDefined();
  expect(sumHolds(packet!)).toBe(true);
  expect(packet!.readUInt16BE(4)).toBe(packet!.length - 40);
  expect(packet!.subarray(24, 40)).toEqual(addressBytes(LOCAL));
  expect(packet![6]).toBe(58);
  expect(packet!.length).toBeLessThanOrEqual(1280);
  return [packet![40]!, packet![41]!];
};

describe('an echo request', () => {
  it('is answered once the far side has been asked', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    world.dialer.answer = () => promise;
    const request = echoPacket(Buffer.from('are you there'));
    await world.give(request);
    expect(world.take()).toEqual([]);
    resolve();
    await world.clock.advance(0);
    const [reply, ...more] = world.take();
    expect(more).toEqual([]);
    expect(icmpOf(reply)).toEqual([129, 0]);
    expect(reply!.subarray(44)).toEqual(request.subarray(44));
    expect(reply!.subarray(8, 24)).toEqual(addressBytes(FAR));
  });
  it('is answered with why not otherwise', async () => {
    for (const [error, expected] of [
      [new RouteError({ code: 'ADDRESS_UNKNOWN', address: FAR }, 'x'), [1, 3]],
      [new ProxyError({ code: 'REFUSED_THERE', reason: 'privacy' }, 'x'), [1, 1]],
      [new ProxyError({ code: 'REFUSED_THERE', reason: 'away' }, 'x'), [1, 0]],
      [new Error('x'), [1, 0]],
    ] as const) {
      world.dialer.answer = () => Promise.reject(error);
      const request = echoPacket(Buffer.alloc(1400, 1));
      await world.give(request);
      const [told] = world.take();
      expect(icmpOf(told)).toEqual([...expected]);
      expect(told!.subarray(48)).toEqual(request.subarray(0, 1280 - 48));
    }
  });
  it('waits only so long, and only so many do', async () => {
    world.dialer.ping = (_, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(new Error('given up')));
      });
    for (let n = 0; n < ECHOES_MAX + 3; n++) await world.give(echoPacket(Buffer.alloc(8)));
    expect(world.drops).toEqual(['bounded', 'bounded', 'bounded']);
    await world.clock.advance(ECHO_MS_MAX);
    expect(world.take().map(icmpOf)).toEqual(Array.from({ length: ECHOES_MAX }, () => [1, 0]));
    // There is room again.
    await world.give(echoPacket(Buffer.alloc(8)));
    expect(world.drops).toHaveLength(3);
    world.stack.close();
    await world.clock.advance(ECHO_MS_MAX);
    expect(world.take()).toEqual([]);
    expect(world.clock.pendingCount).toBe(0);
  });
  it('of another kind is passed over', async () => {
    await world.give(
      packetOf(58, Uint8Array.of(1, 3, 0, 0, 0, 0, 0, 0), 2),
      packetOf(58, Uint8Array.of(129, 0, 0, 0, 0, 0, 0, 0), 2),
    );
    expect(world.take()).toEqual([]);
  });
});

describe('UDP', () => {
  it('goes to the far side and comes back from where it went', async () => {
    await world.give(udpPacket(Buffer.from('one'), { from: 5000, to: 53 }));
    await world.give(udpPacket(Buffer.from('two'), { from: 5000, to: 53 }));
    const [exchange, ...more] = world.dialer.datagrams;
    expect(more).toEqual([]);
    expect(exchange!.target).toEqual({ kind: 'service', address: FAR, port: 53, route: 'direct' });
    expect(exchange!.sent.map(String)).toEqual(['one', 'two']);
    exchange!.say(Buffer.from('answer'));
    const [answer] = world.take();
    expect(sumHolds(answer!)).toBe(true);
    expect([answer!.readUInt16BE(40), answer!.readUInt16BE(42), answer!.readUInt16BE(44)]).toEqual([53, 5000, 14]);
    expect(answer!.subarray(48).toString()).toBe('answer');
    expect(world.stack.udpExchanges).toBe(1);
    // More than the device takes in one packet.
    exchange!.say(Buffer.alloc(1500));
    expect(world.take()).toEqual([]);
    expect(world.drops).toEqual(['bounded']);
  });
  it('never has the sum zero', async () => {
    const sumOfAnswer = (word: number): number => {
      world.dialer.datagrams[0]!.say(Uint8Array.of(word >> 8, word & 0xff));
      const [answer] = world.take();
      expect(sumHolds(answer!)).toBe(true);
      return answer!.readUInt16BE(46);
    };
    await world.give(udpPacket(Buffer.from('x')));
    // What is missing to a sum of ones alone is the sum of the answer that holds nothing: with just that in it, zero would stand there.
    expect(sumOfAnswer(sumOfAnswer(0))).toBe(0xffff);
  });
  it('waits while the far side is found, and is told when there is none', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    world.dialer.answer = () => promise;
    for (let n = 0; n < UDP_WAITING_MAX + 2; n++) await world.give(udpPacket(Uint8Array.of(n)));
    expect(world.drops).toEqual(['bounded', 'bounded']);
    reject(new ProxyError({ code: 'REFUSED_THERE', reason: 'away' }, 'x'));
    await world.clock.advance(0);
    expect(world.take().map(icmpOf)).toEqual(Array.from({ length: UDP_WAITING_MAX }, () => [1, 4]));
    expect(world.stack.udpExchanges).toBe(0);
  });
  it('ends when it is idle, when the far side ends it, and when the device goes', async () => {
    await world.give(udpPacket(Buffer.from('x'), { from: 1 }), udpPacket(Buffer.from('x'), { from: 2 }));
    const [first, second] = world.dialer.datagrams;
    first!.close();
    await world.clock.advance(UDP_IDLE_MS - 1000);
    expect(world.stack.udpExchanges).toBe(1);
    second!.say(Buffer.from('still here'));
    await world.clock.advance(UDP_IDLE_MS - 1000);
    expect(world.stack.udpExchanges).toBe(1);
    await world.clock.advance(2000);
    expect(world.stack.udpExchanges).toBe(0);
    expect(second!.closed).toBe(true);
    await world.give(udpPacket(Buffer.from('x'), { from: 3 }));
    world.stack.close();
    expect(world.dialer.datagrams[2]!.closed).toBe(true);
  });
  it('is bounded; who has been idle for longest gives way', async () => {
    for (let from = 1; from <= UDP_EXCHANGES_MAX; from++) await world.give(udpPacket(Buffer.from('x'), { from }));
    await world.give(udpPacket(Buffer.from('x'), { from: 5000 }));
    expect(world.drops).toEqual(['bounded']);
    await world.clock.advance(UDP_IDLE_MS_MIN);
    world.dialer.datagrams[0]!.say(Buffer.from('busy'));
    await world.give(udpPacket(Buffer.from('x'), { from: 5000 }));
    expect(world.stack.udpExchanges).toBe(UDP_EXCHANGES_MAX);
    expect(world.dialer.datagrams[0]!.closed).toBe(false);
    expect(world.dialer.datagrams[1]!.closed).toBe(true);
  });
});

describe('what is not carried', () => {
  const syn = (): Buffer => tcpPacket({ sequence: 1, flags: 'S' });
  const changed = (packet: Buffer, change: (packet: Buffer) => void): Buffer => {
    change(packet);
    return packet;
  };
  const dropped: [string, () => Buffer, string][] = [
    ['nothing', () => Buffer.alloc(0), 'malformed'],
    ['half a header', () => syn().subarray(0, 39), 'malformed'],
    ['IPv4', () => changed(syn(), (packet) => (packet[0] = 0x45)), 'malformed'],
    ['more bytes than it says', () => Buffer.concat([syn(), Uint8Array.of(0)]), 'malformed'],
    ['fewer bytes than it says', () => syn().subarray(0, 59), 'malformed'],
    ['no hop left', () => changed(syn(), (packet) => (packet[7] = 0)), 'malformed'],
    ['from nowhere', () => tcpPacket({ sequence: 1, flags: 'S' }, { source: '::' }), 'malformed'],
    ['from a group', () => tcpPacket({ sequence: 1, flags: 'S' }, { source: 'ff02::1' }), 'malformed'],
    ['to a group', () => udpPacket(Buffer.from('x'), {}, { destination: 'ff02::fb' }), 'multicast'],
    [
      'to an address that is not ours',
      () => udpPacket(Buffer.from('x'), {}, { destination: '2001:db8::1' }),
      'malformed',
    ],
    ['a wrong sum', () => changed(syn(), (packet) => (packet[45]! ^= 1)), 'checksum'],
    ['a UDP header that is cut', () => packetOf(17, Buffer.alloc(7), null), 'malformed'],
    ['a UDP length of its own', () => packetOf(17, Uint8Array.of(0, 1, 0, 2, 0, 9, 0, 0), 6), 'bounded'],
    ['a TCP header that is cut', () => packetOf(6, Buffer.alloc(19, 1), 16), 'bounded'],
    [
      'TCP options beyond the header',
      () =>
        packetOf(
          6,
          changed(Buffer.alloc(20, 1), (tcp) => (tcp[12] = 0xf0)),
          16,
        ),
      'bounded',
    ],
    [
      'TCP options that are cut',
      () => tcpPacket({ sequence: 1, flags: 'S', options: Uint8Array.of(2, 40, 0, 0) }),
      'bounded',
    ],
    ['TCP port 0', () => tcpPacket({ from: 0, sequence: 1, flags: 'S' }), 'bounded'],
  ];
  it.each(dropped)('%s is dropped without a word', async (_, packet, why) => {
    await world.give(packet());
    expect(world.drops).toEqual([why]);
    expect(world.take()).toEqual([]);
    expect([world.stack.tcpConnections, world.stack.udpExchanges]).toEqual([0, 0]);
  });
  it.each([0, 43, 44, 50, 51, 59, 60, 132])('the next header %i is refused by name', async (next) => {
    const packet = packetOf(next, Buffer.alloc(64, 1), null);
    await world.give(packet);
    const [told] = world.take();
    expect(icmpOf(told)).toEqual([4, 1]);
    expect(told!.readUInt32BE(44)).toBe(6);
    expect(told!.subarray(48)).toEqual(packet);
  });
  it('another sender is told that it may not, unless it tells of an error itself', async () => {
    const stranger = { source: '2001:db8::5' };
    await world.give(udpPacket(Buffer.from('x'), {}, stranger));
    const [told] = world.take();
    expect([told![40], told![41]]).toEqual([1, 5]);
    expect(told!.subarray(24, 40)).toEqual(addressBytes(stranger.source));
    await world.give(packetOf(58, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0), 2, stranger));
    expect(world.take()).toEqual([]);
    expect(world.drops).toEqual(['stranger', 'stranger']);
  });
  it('is told of only so often', async () => {
    const packet = packetOf(60, Buffer.alloc(8), null);
    for (let n = 0; n < ICMP_ERRORS_PER_SECOND + 20; n++) await world.give(packet);
    expect(world.take()).toHaveLength(ICMP_ERRORS_PER_SECOND);
    await world.clock.advance(1000);
    await world.give(packet);
    expect(world.take()).toHaveLength(1);
  });
});

describe('packets by chance', () => {
  /** Right ones with a few bytes changed, so that some get far. */
  const nearly = fc
    .tuple(
      fc.constantFrom(
        tcpPacket({ sequence: 1, flags: 'S', options: Uint8Array.of(2, 4, 5, 160, 1, 3, 3, 2) }),
        tcpPacket({ sequence: 2, acknowledgement: 9, flags: 'A', payload: Buffer.alloc(30, 7) }),
        tcpPacket({ sequence: 2, flags: 'R' }),
        tcpPacket({ sequence: 2, acknowledgement: 9, flags: 'FA' }),
        udpPacket(Buffer.from('question')),
        echoPacket(Buffer.alloc(20)),
      ),
      fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 3 }),
      fc.boolean(),
    )
    .map(([packet, changes, right]) => {
      const copy = Buffer.from(packet);
      for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
      // With its sum put right it comes past the first door.
      const sumAt = { 6: 16, 17: 6, 58: 2 }[copy[6]!];
      return right && sumAt !== undefined && copy.length >= 48 ? packetOf(copy[6]!, copy.subarray(40), sumAt) : copy;
    });
  const any = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes));

  it('throw nothing, and get only whole answers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(nearly, any), { maxLength: 30 }), async (packets) => {
        world = createVpnWorld();
        for (const packet of packets) {
          await world.give(packet);
          await world.clock.advance(100);
        }
        await world.clock.advance(5000);
        for (const packet of world.take()) {
          expect(packet.length).toBeLessThanOrEqual(1500);
          expect(packet.readUInt16BE(4)).toBe(packet.length - 40);
          expect(sumHolds(packet)).toBe(true);
        }
        world.stack.close();
        await world.clock.advance(0);
        expect(world.clock.pendingCount).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
