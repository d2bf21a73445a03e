import { beforeEach, describe, expect, it } from 'vitest';
import {
  CHALLENGES_PER_SECOND,
  TCP_BUFFER_BYTES_MAX,
  TCP_CONNECTIONS_MAX,
  TCP_DIALS_MAX,
  TCP_KEEPALIVE_MS,
  TCP_TIME_WAIT_MS,
} from '../../../../../../main/kernel/proxy/forwarders/vpn/constants.ts';
import { ProxyError, RouteError } from '../../../../../../main/kernel/proxy/errors.ts';
import type { FarEnd } from '../../../../../support/memory-pipe.ts';
import {
  FAR,
  LOCAL,
  readTcp,
  sumHolds,
  type TcpFields,
  tcpPacket,
  type TcpSeen,
} from '../../../../../support/vpn-packets.ts';
import { createVpnWorld, type VpnWorld } from '../../../../../support/vpn-world.ts';

const FIRST = 1000;
/** MSS 1440 and a window scale of 2. */
const SYN_OPTIONS = Uint8Array.of(2, 4, 0x05, 0xa0, 1, 3, 3, 2);

let world: VpnWorld;
beforeEach(() => {
  world = createVpnWorld();
});
const give = (...all: TcpFields[]): Promise<void> => world.give(...all.map((fields) => tcpPacket(fields)));
const answers = async (...all: TcpFields[]): Promise<TcpSeen[]> => {
  await give(...all);
  return world.takeTcp();
};
/** Brings a connection about. @returns the number of the stack's first byte and the far end */
const connect = async (from = 40_000): Promise<{ theirs: number; end: FarEnd }> => {
  const [synAck] = await answers({ from, sequence: FIRST, flags: 'S', options: SYN_OPTIONS });
  const theirs = (synAck!.sequence + 1) >>> 0;
  await give({ from, sequence: FIRST + 1, acknowledgement: theirs, flags: 'A' });
  expect(world.takeTcp()).toEqual([]);
  return { theirs, end: world.dialer.ends.at(-1)! };
};

describe('opening', () => {
  it('answers a SYN once the far side has answered, with MSS and window scale', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    world.dialer.answer = () => promise;
    expect(await answers({ sequence: FIRST, flags: 'S', options: SYN_OPTIONS })).toEqual([]);
    // Again, as the program's kernel does after a second: nothing new begins.
    expect(await answers({ sequence: FIRST, flags: 'S', options: SYN_OPTIONS })).toEqual([]);
    resolve();
    await world.clock.advance(0);
    const [synAck, ...more] = world.takeTcp();
    expect(more).toEqual([]);
    expect(synAck).toMatchObject({ from: 80, to: 40_000, acknowledgement: FIRST + 1, flags: 'SA', window: 65_535 });
    expect([...synAck!.options]).toEqual([2, 4, 0x05, 0xa0, 1, 3, 3, 7]);
    expect(world.dialer.ends).toHaveLength(1);
    expect(world.dialer.ends[0]!.target).toEqual({ kind: 'service', address: FAR, port: 80, route: 'direct' });
  });
  it('does not scale for who does not', async () => {
    const [synAck] = await answers({ sequence: FIRST, flags: 'S', options: Uint8Array.of(2, 4, 0x05, 0xa0) });
    expect([...synAck!.options]).toEqual([2, 4, 0x05, 0xa0, 0, 0, 0, 0]);
  });
  it('sends its SYN again while nothing comes, and gives up in the end', async () => {
    await give({ sequence: FIRST, flags: 'S' });
    const times: number[] = [];
    for (let waited = 0; waited < 90_000; waited += 50) {
      for (const seen of world.takeTcp()) if (seen.flags === 'SA') times.push(waited);
      await world.clock.advance(50);
    }
    expect(times.slice(0, 4).map((ms) => Math.round(ms / 500) / 2)).toEqual([0, 1, 3, 7]);
    expect(times).toHaveLength(9);
    expect(world.stack.tcpConnections).toBe(0);
    expect(world.dialer.ends[0]!.reset).toBe(true);
  });
  it('takes only the right acknowledgement of its SYN', async () => {
    const [synAck] = await answers({ sequence: FIRST, flags: 'S' });
    const wrong = (synAck!.sequence + 2) >>> 0;
    const [reset] = await answers({ sequence: FIRST + 1, acknowledgement: wrong, flags: 'A' });
    expect(reset).toMatchObject({ flags: 'RA', sequence: wrong });
    expect(world.stack.tcpConnections).toBe(1);
  });
  const refusals: [string, Error, string][] = [
    ['nobody listens there', new ProxyError({ code: 'REFUSED_THERE', reason: 'refused' }, 'x'), `RA 0 ${FIRST + 1}`],
    ['the service is away', new ProxyError({ code: 'TARGET_AWAY', detail: '' }, 'x'), `RA 0 ${FIRST + 1}`],
    ['it may not be opened', new ProxyError({ code: 'REFUSED_THERE', reason: 'privacy' }, 'x'), 'ICMP 1 1'],
    ['nobody answers for the address', new RouteError({ code: 'ADDRESS_UNKNOWN', address: FAR }, 'x'), 'ICMP 1 3'],
    ['the address was revoked', new RouteError({ code: 'REVOKED', address: FAR }, 'x'), 'ICMP 1 3'],
    ['the node is not connected', new ProxyError({ code: 'NOT_RUNNING' }, 'x'), 'ICMP 1 0'],
    ['something else fails', new Error('x'), 'ICMP 1 0'],
  ];
  it.each(refusals)('says so when %s', async (_, error, expected) => {
    world.dialer.answer = () => Promise.reject(error);
    const syn = tcpPacket({ sequence: FIRST, flags: 'S', options: SYN_OPTIONS });
    await world.give(syn);
    const [packet, ...more] = world.take();
    let told = '';
    expect(more).toEqual([]);
    expect(sumHolds(packet!)).toBe(true);
    if (packet![6] === 6) {
      const { flags, sequence, acknowledgement } = readTcp(packet!);
      told = `${flags} ${sequence} ${acknowledgement}`;
    } else told = packet!.subarray(48).equals(syn) ? `ICMP ${packet![40]} ${packet![41]}` : 'ICMP about another';
    expect(told).toBe(expected);
    expect(world.stack.tcpConnections).toBe(0);
  });
  it('ends the search when the program gives up', async () => {
    world.dialer.answer = () => new Promise(() => undefined);
    await give({ sequence: FIRST, flags: 'S' });
    expect(world.stack.tcpConnections).toBe(1);
    await give({ sequence: FIRST + 1, flags: 'R' });
    expect(world.stack.tcpConnections).toBe(0);
  });
  it('takes no more SYNs than it may have searches, and no more connections than it may have', async () => {
    world.dialer.answer = () => new Promise(() => undefined);
    for (let from = 1; from <= TCP_DIALS_MAX + 5; from++) await give({ from, sequence: FIRST, flags: 'S' });
    expect(world.stack.tcpConnections).toBe(TCP_DIALS_MAX);
    expect(world.drops).toEqual(Array.from({ length: 5 }, () => 'bounded'));
    world = createVpnWorld();
    for (let from = 1; from <= TCP_CONNECTIONS_MAX + 5; from++) await give({ from, sequence: FIRST, flags: 'S' });
    expect(world.stack.tcpConnections).toBe(TCP_CONNECTIONS_MAX);
  });
  it('resets what belongs to no connection, and never answers a reset', async () => {
    expect(await answers({ sequence: 5, acknowledgement: 77, flags: 'A' })).toMatchObject([
      { flags: 'R', sequence: 77 },
    ]);
    expect(await answers({ sequence: 5, flags: 'F' })).toMatchObject([{ flags: 'RA', acknowledgement: 6 }]);
    expect(await answers({ sequence: 5, flags: 'R' })).toEqual([]);
  });
});

describe('an open connection', () => {
  it('carries bytes both ways and acknowledges a batch once', async () => {
    const { theirs, end } = await connect();
    const seen = await answers(
      { sequence: FIRST + 1, acknowledgement: theirs, flags: 'A', payload: Buffer.from('GET ') },
      { sequence: FIRST + 5, acknowledgement: theirs, flags: 'PA', payload: Buffer.from('/') },
    );
    expect(seen).toMatchObject([{ flags: 'A', acknowledgement: FIRST + 6, sequence: theirs }]);
    expect(Buffer.concat(end.received).toString()).toBe('GET /');
    end.say(Buffer.from('hello'));
    await world.clock.advance(0);
    const [said] = world.takeTcp();
    expect(said).toMatchObject({ flags: 'PA', sequence: theirs, acknowledgement: FIRST + 6 });
    expect(said!.payload.toString()).toBe('hello');
  });
  it('tells of a gap with an acknowledgement for each segment behind it, and fills it', async () => {
    const { theirs, end } = await connect();
    const part = (at: number, text: string): TcpFields => ({
      sequence: FIRST + 1 + at,
      acknowledgement: theirs,
      flags: 'A',
      payload: Buffer.from(text),
    });
    const ahead = await answers(part(3, 'def'), part(9, 'jkl'), part(6, 'ghi'));
    expect(ahead.slice(0, 3).map(({ acknowledgement }) => acknowledgement)).toEqual([1, 1, 1].map((n) => FIRST + n));
    expect(end.received).toEqual([]);
    // Overlaps both ways.
    expect((await answers(part(0, 'abcdef'))).at(-1)).toMatchObject({ acknowledgement: FIRST + 13 });
    expect(Buffer.concat(end.received).toString()).toBe('abcdefghijkl');
  });
  it('closes its window while the far side takes nothing, and opens it again', async () => {
    const { theirs, end } = await connect();
    end.hold(true);
    let at = 0;
    let edge = 65_535;
    for (;;) {
      const payload = Buffer.alloc(Math.min(1440, edge - at), 1);
      if (payload.length === 0) break;
      const [seen] = await answers({ sequence: FIRST + 1 + at, acknowledgement: theirs, flags: 'A', payload });
      at += payload.length;
      edge = seen!.acknowledgement - FIRST - 1 + seen!.window * 128;
    }
    expect(at).toBeLessThanOrEqual(TCP_BUFFER_BYTES_MAX + 65_535);
    expect(at).toBeGreaterThan(TCP_BUFFER_BYTES_MAX - 2000);
    // A byte beyond the window is not taken.
    expect(
      await answers({
        sequence: FIRST + 1 + at + 100_000,
        acknowledgement: theirs,
        flags: 'A',
        payload: Buffer.alloc(1),
      }),
    ).toMatchObject([{ acknowledgement: FIRST + 1 + at }]);
    end.hold(false);
    await world.clock.advance(0);
    const updates = world.takeTcp();
    expect(updates.at(-1)!.window * 128).toBeGreaterThan(TCP_BUFFER_BYTES_MAX / 2);
    expect(Buffer.concat(end.received)).toHaveLength(at);
  });
  it('reads no more from the far side than it may keep', async () => {
    const { theirs, end } = await connect();
    for (let n = 0; n < 40; n++) end.say(Buffer.alloc(65_536, n));
    await world.clock.advance(0);
    const most = Math.max(...world.takeTcp().map((seen) => ((seen.sequence - theirs) | 0) + seen.payload.length));
    // What the window of the other end (65 535, scaled on the wire by 4) and the first congestion window let out.
    expect(most).toBeLessThanOrEqual(14_400);
    await world.clock.advance(0);
    expect(world.takeTcp()).toEqual([]);
  });
  it('sends again what is lost: at once after three repetitions, else after a time that doubles', async () => {
    const { theirs, end } = await connect();
    end.say(Buffer.alloc(1440 * 5, 7));
    await world.clock.advance(0);
    expect(world.takeTcp()).toHaveLength(5);
    const repeat: TcpFields = { sequence: FIRST + 1, acknowledgement: theirs, flags: 'A' };
    expect(await answers(repeat, repeat)).toEqual([]);
    expect(await answers(repeat)).toMatchObject([{ sequence: theirs, payload: Buffer.alloc(1440, 7) }]);
    // That one is lost as well.
    const times: number[] = [];
    for (let waited = 0; waited < 8000; waited += 50) {
      await world.clock.advance(50);
      if (world.takeTcp().some(({ sequence }) => sequence === theirs)) times.push(waited);
    }
    expect(times.map((ms) => Math.round(ms / 1000))).toEqual([1, 3, 7]);
    expect(await answers({ ...repeat, acknowledgement: theirs + 1440 * 5 })).toEqual([]);
    expect(end.reset).toBe(false);
  });
  it('gives up on an end that acknowledges nothing', async () => {
    const { end } = await connect();
    end.say(Buffer.from('anybody?'));
    await world.clock.advance(120_000);
    expect(world.takeTcp().at(-1)).toMatchObject({ flags: 'RA' });
    expect(end.reset).toBe(true);
    expect(world.stack.tcpConnections).toBe(0);
  });
  it('asks an end whose window is closed, for as long as it answers', async () => {
    const { theirs, end } = await connect();
    const told = { sequence: FIRST + 1, acknowledgement: theirs, flags: 'A' };
    await give({ ...told, window: 0 });
    end.say(Buffer.from('later'));
    let probes = 0;
    for (let waited = 0; waited < 300_000; waited += 500) {
      await world.clock.advance(500);
      for (const seen of world.takeTcp()) {
        expect(seen).toMatchObject({ sequence: (theirs - 1) >>> 0, flags: 'A' });
        expect(seen.payload).toHaveLength(0);
        probes += 1;
        await give({ ...told, window: 0 });
      }
    }
    expect(probes).toBeGreaterThan(20);
    const [sent] = await answers({ ...told, window: 100 });
    expect(sent!.payload.toString()).toBe('later');
  });
  it('asks an end that has been silent for long, and lets it go when it says nothing', async () => {
    const { theirs, end } = await connect();
    await world.clock.advance(TCP_KEEPALIVE_MS + 100);
    expect(world.takeTcp()).toMatchObject([{ sequence: (theirs - 1) >>> 0, flags: 'A' }]);
    await give({ sequence: FIRST + 1, acknowledgement: theirs, flags: 'A' });
    await world.clock.advance(TCP_KEEPALIVE_MS - 1000);
    expect(world.takeTcp()).toEqual([]);
    await world.clock.advance(120_000);
    expect(world.stack.tcpConnections).toBe(0);
    expect(end.reset).toBe(true);
  });
  it('waits while the device is full, and goes on when it is not', async () => {
    const { theirs, end } = await connect();
    world.full = true;
    end.say(Buffer.from('one'));
    await world.clock.advance(0);
    expect(world.take()).toEqual([]);
    world.full = false;
    expect(world.takeTcp()).toMatchObject([{ sequence: theirs, payload: Buffer.from('one') }]);
  });
});

describe('closing', () => {
  it('hands on the end of each direction by itself', async () => {
    const { theirs, end } = await connect();
    expect(
      await answers({ sequence: FIRST + 1, acknowledgement: theirs, flags: 'FPA', payload: Buffer.from('question') }),
    ).toMatchObject([{ flags: 'A', acknowledgement: FIRST + 10 }]);
    expect(end.finished).toBe(true);
    end.say(Buffer.from('answer'));
    await world.clock.advance(0);
    expect(world.takeTcp()).toMatchObject([{ flags: 'PA', payload: Buffer.from('answer') }]);
    end.finish();
    await world.clock.advance(0);
    expect(world.takeTcp()).toMatchObject([{ flags: 'FA', sequence: theirs + 6 }]);
    await give({ sequence: FIRST + 10, acknowledgement: theirs + 7, flags: 'A' });
    expect(world.stack.tcpConnections).toBe(0);
    expect(end.reset).toBe(false);
  });
  it('waits out its time when it finished first, and answers a FIN that comes again', async () => {
    const { theirs, end } = await connect();
    end.finish();
    await world.clock.advance(0);
    expect(world.takeTcp()).toMatchObject([{ flags: 'FA', sequence: theirs }]);
    // Half closed: the program may go on.
    await give({ sequence: FIRST + 1, acknowledgement: theirs + 1, flags: 'PA', payload: Buffer.from('more') });
    expect(Buffer.concat(end.received).toString()).toBe('more');
    world.take();
    const fin: TcpFields = { sequence: FIRST + 5, acknowledgement: theirs + 1, flags: 'FA' };
    expect(await answers(fin)).toMatchObject([{ flags: 'A', acknowledgement: FIRST + 6 }]);
    expect(world.stack.tcpConnections).toBe(1);
    expect(await answers(fin)).toMatchObject([{ flags: 'A', acknowledgement: FIRST + 6 }]);
    await world.clock.advance(TCP_TIME_WAIT_MS + 100);
    expect(world.stack.tcpConnections).toBe(0);
    expect(end.finished).toBe(true);
    expect(end.reset).toBe(false);
  });
  it('lets the same ports begin again while it waits', async () => {
    const { theirs, end } = await connect();
    end.finish();
    await world.clock.advance(0);
    await give({ sequence: FIRST + 1, acknowledgement: theirs + 1, flags: 'FA' });
    world.take();
    const [again] = await answers({ sequence: FIRST + 5000, flags: 'S' });
    expect(again).toMatchObject({ flags: 'SA', acknowledgement: FIRST + 5001 });
    expect(world.dialer.ends).toHaveLength(2);
    // The old one's time is nobody's any more.
    await give({ sequence: FIRST + 5001, acknowledgement: again!.sequence + 1, flags: 'A' });
    await world.clock.advance(TCP_TIME_WAIT_MS * 2);
    expect(world.stack.tcpConnections).toBe(1);
  });
  it('writes what has come although the connection is over', async () => {
    const { theirs, end } = await connect();
    end.hold(true);
    end.finish();
    await give({ sequence: FIRST + 1, acknowledgement: theirs, flags: 'FA', payload: Buffer.from('last words') });
    await give({ sequence: FIRST + 12, acknowledgement: theirs + 1, flags: 'A' });
    expect(end.received).toEqual([]);
    end.hold(false);
    await world.clock.advance(0);
    expect(Buffer.concat(end.received).toString()).toBe('last words');
    expect([end.finished, end.reset]).toEqual([true, false]);
  });
  it('resets the far end when the program resets, and the program when the far end fails', async () => {
    const first = await connect(1);
    await give({ from: 1, sequence: FIRST + 1, flags: 'R' });
    expect(first.end.reset).toBe(true);
    const second = await connect(2);
    second.end.hold(true);
    await give({ from: 2, sequence: FIRST + 1, acknowledgement: second.theirs, flags: 'A', payload: Buffer.from('x') });
    world.take();
    world.stack.close();
    expect(world.takeTcp()).toMatchObject([{ to: 2, flags: 'RA', sequence: second.theirs }]);
    expect(second.end.reset).toBe(true);
  });
});

describe('forged segments (RFC 5961)', () => {
  it('ends nothing by a reset that is not exact', async () => {
    const { theirs, end } = await connect();
    expect(await answers({ sequence: FIRST + 100, flags: 'R' })).toMatchObject([
      { flags: 'A', sequence: theirs, acknowledgement: FIRST + 1 },
    ]);
    expect(await answers({ sequence: FIRST + 500_000_000, flags: 'R' })).toEqual([]);
    expect(end.reset).toBe(false);
    await give({ sequence: FIRST + 1, flags: 'R' });
    expect(end.reset).toBe(true);
  });
  it('answers a SYN in the middle, and data that acknowledges what was never sent, with where it stands', async () => {
    const { theirs, end } = await connect();
    const stands = [{ flags: 'A', sequence: theirs, acknowledgement: FIRST + 1 }];
    expect(await answers({ sequence: FIRST + 10, flags: 'S' })).toMatchObject(stands);
    const wrong = { sequence: FIRST + 1, flags: 'A', payload: Buffer.from('forged') };
    expect(await answers({ ...wrong, acknowledgement: theirs + 1 })).toMatchObject(stands);
    expect(await answers({ ...wrong, acknowledgement: theirs - 1_000_000 })).toMatchObject(stands);
    expect(end.received).toEqual([]);
  });
  it('answers only so many a second', async () => {
    await connect();
    for (let n = 0; n < CHALLENGES_PER_SECOND + 50; n++) await give({ sequence: FIRST + 10, flags: 'S' });
    expect(world.take()).toHaveLength(CHALLENGES_PER_SECOND);
    await world.clock.advance(1000);
    expect(await answers({ sequence: FIRST + 10, flags: 'S' })).toHaveLength(1);
  });
  it('takes nothing from another address of this machine', async () => {
    await world.give(tcpPacket({ sequence: FIRST, flags: 'S' }, { source: 'fd00:bb::1' }));
    expect(world.dialer.ends).toEqual([]);
    expect(world.drops).toEqual(['stranger']);
    const [told] = world.take();
    expect([told![40], told![41]]).toEqual([1, 5]);
    expect(LOCAL).not.toBe('fd00:bb::1');
  });
});
