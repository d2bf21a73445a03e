import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createSystemOutside, type Outside } from '../../../../../main/base/index.ts';
import {
  createSideSocket,
  type Hole,
  type OpenSideBackend,
  type SideSocketControl,
} from '../../../../../main/transport/stoq/reach/create-side-socket.ts';
import {
  createOpener,
  createReplayWindow,
  createSealer,
  tagOf,
} from '../../../../../main/transport/stoq/reach/sealed.ts';
import { createManualClock, type ManualClock } from '../../../../support/manual-clock.ts';
import { createSeededRandom } from '../../../../support/seeded-random.ts';
import { createSilentLogger } from '../../../../support/silent-logger.ts';
import { createSilentMetrics } from '../../../../support/silent-metrics.ts';
import { createFakeUdp, type FakeNat, type FakeUdp, fakeSideBackend } from '../../../../support/stoq/fake-udp.ts';

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const id = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const open: SideSocketControl[] = [];
afterEach(async () => {
  for (const side of open.splice(0)) await side.stop();
});
const create = async (outside: Outside, backend: string | OpenSideBackend, port = 0): Promise<SideSocketControl> => {
  const side = await createSideSocket(
    { outside, logger: createSilentLogger(), metrics: createSilentMetrics() },
    { port, backend },
  );
  open.push(side);
  return side;
};

describe('sealed packets', () => {
  it('takes each counter once, in whatever order within the window', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 300 }), (counters) => {
        const window = createReplayWindow();
        const taken = new Set<number>();
        let highest = -1;
        for (const counter of counters) {
          const isNew = window.isNew(counter);
          expect(isNew).toBe(!taken.has(counter) && counter > highest - 1024);
          if (!isNew) continue;
          const isHighest = window.add(counter);
          expect(isHighest).toBe(counter > highest);
          taken.add(counter);
          highest = Math.max(highest, counter);
        }
      }),
    );
  });
  it('opens what was sealed once, and nothing that was changed', () => {
    const tag = tagOf(id(1));
    const sealer = createSealer(0x20, tag, key(7));
    const opener = createOpener(key(7));
    const packet = sealer.seal(new Uint8Array([1, 2, 3]))!;
    for (let place = 0; place < packet.length; place++) {
      const changed = new Uint8Array(packet);
      changed[place]! ^= 1;
      expect(opener.open(changed)).toBeNull();
    }
    expect(opener.open(packet.subarray(0, 20))).toBeNull();
    expect(opener.open(packet)?.plain).toEqual(Buffer.from([1, 2, 3]));
    expect(opener.open(packet)).toBeNull();
  });
});

/** Two ends and two observers on a network without sockets. */
const network = async (
  natA: FakeNat,
  natB: FakeNat,
): Promise<{
  clock: ManualClock;
  net: FakeUdp;
  a: SideSocketControl;
  b: SideSocketControl;
  observers: SideSocketControl[];
  fakeA: ReturnType<typeof fakeSideBackend>;
  outside: Outside;
}> => {
  const clock = createManualClock();
  const outside = { clock, random: createSeededRandom(5) };
  const net = createFakeUdp(outside);
  const fakeA = fakeSideBackend(
    outside,
    net,
    natA === 'none' ? '203.0.113.1' : '10.0.0.2',
    natA,
    natA === 'none' ? null : '203.0.113.1',
  );
  const fakeB = fakeSideBackend(
    outside,
    net,
    natB === 'none' ? '198.51.100.1' : '10.0.0.2',
    natB,
    natB === 'none' ? null : '198.51.100.1',
  );
  const observers = [];
  for (const host of ['192.0.2.1', '192.0.2.2'])
    observers.push(await create(outside, fakeSideBackend(outside, net, host, 'none', null).backend, 3478));
  return {
    clock,
    net,
    fakeA,
    outside,
    a: await create(outside, fakeA.backend),
    b: await create(outside, fakeB.backend),
    observers,
  };
};
/** Runs the clock until a promise is settled. */
const until = async <T>(clock: ManualClock, promise: Promise<T>, stepsMax = 2000): Promise<T> => {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let step = 0; step < stepsMax && !settled; step++) await clock.advance(10);
  return promise;
};
const never = new AbortController().signal;

describe('address echo', () => {
  it('shows how two observers see us, alike behind a cone and not behind a symmetric NAT', async () => {
    const { clock, a, b } = await network('port-restricted', 'symmetric');
    const ask = (side: SideSocketControl, host: string): Promise<{ host: string; port: number }> =>
      until(clock, side.ask({ host, port: 3478 }, never));
    expect((await ask(a, '192.0.2.1')).port).toBe((await ask(a, '192.0.2.2')).port);
    expect((await ask(b, '192.0.2.1')).port).not.toBe((await ask(b, '192.0.2.2')).port);
  });
  it('gives up after 3.5 s of silence, and at once when told to', async () => {
    const { clock, a } = await network('none', 'none');
    const silent = a.ask({ host: '192.0.2.77', port: 1 }, never);
    await expect(until(clock, silent)).rejects.toMatchObject({ code: 'NO_ANSWER' });
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(3500);
    const abort = new AbortController();
    const given = a.ask({ host: '192.0.2.77', port: 1 }, abort.signal);
    abort.abort(new Error('enough'));
    await expect(given).rejects.toThrow('enough');
  });
  it('answers one address no more often than its rate', async () => {
    const { clock, a } = await network('none', 'none');
    const asked = Array.from({ length: 60 }, () => a.ask({ host: '192.0.2.1', port: 3478 }, never));
    const settled = Promise.allSettled(asked);
    await clock.advance(100);
    const results = await until(clock, settled);
    const answered = results.filter(({ status }) => status === 'fulfilled').length;
    // A burst of 20, 5 a second for the 3.5 s of the tries.
    expect(answered).toBeGreaterThanOrEqual(20);
    expect(answered).toBeLessThanOrEqual(40);
  });
});

describe('datagrams', () => {
  const sessionOf = (
    side: SideSocketControl,
    got: string[],
    sendKey: Uint8Array,
    receiveKey: Uint8Array,
    remote: { host: string; port: number } | null,
  ) =>
    side.open({
      id: id(3),
      sendKey,
      receiveKey,
      remote,
      onDatagram: (payload) => got.push(Buffer.from(payload).toString()),
    });
  it('opens the way, carries both ways, follows a peer that moves, and refuses replays', async () => {
    const { clock, net, a, b, fakeA } = await network('port-restricted', 'none');
    const gotA: string[] = [];
    const gotB: string[] = [];
    const portA = sessionOf(a, gotA, key(1), key(2), { host: '198.51.100.1', port: b.port });
    const portB = sessionOf(b, gotB, key(2), key(1), null);
    expect(portA.confirmed).toBe(false);
    await clock.advance(100);
    expect([portA.confirmed, portB.confirmed]).toEqual([true, true]);
    const recorded: { packet: Uint8Array; from: { host: string; port: number } }[] = [];
    net.filter = (packet, from) => {
      if (packet[0] === 0x20) recorded.push({ packet: new Uint8Array(packet), from });
      return true;
    };
    expect(portA.send(Buffer.from('one'))).toBe(true);
    expect(portB.send(Buffer.from('two'))).toBe(true);
    await clock.advance(100);
    expect([gotA, gotB]).toEqual([['two'], ['one']]);
    // Somebody else repeats what was said: nothing comes, and answers do not go there.
    const thief = net.join({ host: '192.0.2.66', port: 5 }, 'none', null, () => gotA.push('stolen'));
    for (const { packet } of recorded) thief.send(packet, { host: '198.51.100.1', port: b.port });
    await clock.advance(100);
    expect(portB.send(Buffer.from('three'))).toBe(true);
    await clock.advance(100);
    expect([gotA, gotB]).toEqual([['two', 'three'], ['one']]);
    fakeA.move('10.9.9.9', '203.0.113.99');
    a.wake();
    await clock.advance(100);
    expect(portB.send(Buffer.from('four'))).toBe(true);
    await clock.advance(100);
    expect(gotA).toEqual(['two', 'three', 'four']);
    expect(portA.stats()).toEqual({ sent: 1, received: 3, sentBytes: 3, receivedBytes: 12 });
    portB.close();
    expect(portB.send(Buffer.from('five'))).toBe(false);
  });
  it('sends nothing to somebody else whom a peer names as the sender of its packets', async () => {
    const { clock, net, a, b } = await network('none', 'none');
    const got: string[] = [];
    const portA = sessionOf(a, got, key(1), key(2), { host: '198.51.100.1', port: b.port });
    const portB = sessionOf(b, [], key(2), key(1), null);
    await clock.advance(100);
    let stolen = 0;
    const victim = net.join({ host: '192.0.2.66', port: 5 }, 'none', null, () => (stolen += 1));
    // The peer has the keys of the session, and forges the victim's address: data, greetings and answers of its own making.
    const sealer = createSealer(0x20, tagOf(id(3)), key(1));
    for (let skip = 0; skip < 100; skip++) sealer.seal(new Uint8Array(1));
    for (let count = 0; count < 300; count++) {
      victim.send(sealer.seal(new Uint8Array([count % 3, ...key(5).subarray(0, 8)]))!, {
        host: '198.51.100.1',
        port: b.port,
      });
      portB.send(Buffer.from('much'));
      await clock.advance(10);
    }
    expect(got.length).toBe(300);
    // Some three seconds: a question each 100 ms, and an answer for each greeting.
    expect(stolen).toBeLessThanOrEqual(32 + 100);
    expect(portA.confirmed).toBe(true);
  });
  it('keeps the mapping of a NAT alive', async () => {
    const { clock, net, a, b } = await network('port-restricted', 'none');
    sessionOf(a, [], key(1), key(2), { host: '198.51.100.1', port: b.port });
    sessionOf(b, [], key(2), key(1), null);
    await clock.advance(1000);
    const before = net.packets;
    await clock.advance(60_000);
    expect(net.packets - before).toBeGreaterThanOrEqual(4);
    expect(net.packets - before).toBeLessThanOrEqual(12);
  });
  it('takes nothing over from a crash, says so, and works again at the same port', async () => {
    const { clock, a, b, fakeA } = await network('none', 'none');
    const before = sessionOf(a, [], key(1), key(2), { host: '198.51.100.1', port: b.port });
    sessionOf(b, [], key(2), key(1), null);
    await clock.advance(100);
    expect(before.confirmed).toBe(true);
    const said: string[] = [];
    a.on('restarted', ({ reason }) => said.push(reason));
    const { port } = a;
    fakeA.crash();
    expect(before.send(Buffer.from('lost'))).toBe(false);
    expect(before.confirmed).toBe(false);
    await expect(a.ask({ host: '192.0.2.1', port: 3478 }, never)).rejects.toMatchObject({ code: 'NO_SOCKET' });
    await clock.advance(1000);
    expect(said).toEqual(['crashed on purpose']);
    expect(a.port).toBe(port);
    expect(await until(clock, a.ask({ host: '192.0.2.1', port: 3478 }, never))).toEqual({ host: '203.0.113.1', port });
  });
});

describe('holes', () => {
  const reflexive = async (clock: ManualClock, side: SideSocketControl): Promise<{ host: string; port: number }> =>
    until(clock, side.ask({ host: '192.0.2.1', port: 3478 }, never));
  const punchBoth = async (
    clock: ManualClock,
    a: SideSocketControl,
    b: SideSocketControl,
    controlling: 'a' | 'b' = 'a',
  ): Promise<[Hole, Hole]> => {
    const seenA = await reflexive(clock, a);
    const seenB = await reflexive(clock, b);
    const common = { id: id(9), signal: never };
    const both = Promise.all([
      a.punch({
        ...common,
        sendKey: key(1),
        receiveKey: key(2),
        controlling: controlling === 'a',
        candidates: [seenB],
      }),
      b.punch({
        ...common,
        sendKey: key(2),
        receiveKey: key(1),
        controlling: controlling === 'b',
        candidates: [seenA],
      }),
    ]);
    return until(clock, both);
  };
  const kinds: FakeNat[] = ['none', 'full-cone', 'address-restricted', 'port-restricted', 'symmetric', 'firewall'];
  const pairs = kinds.flatMap((natA) => kinds.map((natB) => [natA, natB] as const));
  /** A filter by port waits for the told port, a symmetric NAT sends from another: no check ever fits. */
  const isHopeless = ([natA, natB]: readonly [FakeNat, FakeNat]): boolean =>
    (natA === 'symmetric' && ['symmetric', 'port-restricted', 'firewall'].includes(natB)) ||
    (natB === 'symmetric' && ['port-restricted', 'firewall'].includes(natA));
  it.each(pairs.filter((pair) => !isHopeless(pair)))('goes through %s and %s', async (natA, natB) => {
    const { clock, a, b } = await network(natA, natB);
    const [holeA, holeB] = await punchBoth(clock, a, b, natA < natB ? 'a' : 'b');
    expect([holeA.remote.host, holeB.remote.host]).toEqual(['198.51.100.1', '203.0.113.1']);
    // What the peer told is right but behind a symmetric NAT.
    expect(natB !== 'symmetric' || holeA.peerReflexive).toBe(true);
  });
  it.each(pairs.filter(isHopeless))('gives up on %s and %s', async (natA, natB) => {
    const { clock, a, b } = await network(natA, natB);
    await expect(punchBoth(clock, a, b)).rejects.toMatchObject({ code: 'NOT_PUNCHED' });
  });
  it('is lost when the other end is silent for half a minute, and follows one that moves', async () => {
    const { clock, net, a, b, fakeA } = await network('full-cone', 'full-cone');
    const [, holeB] = await punchBoth(clock, a, b);
    fakeA.move('10.5.5.5', '203.0.113.55');
    a.wake();
    await clock.advance(100);
    expect(holeB.remote.host).toBe('203.0.113.55');
    net.filter = () => false;
    await clock.advance(45_000);
    expect(await holeB.closed).toContain('silent');
  });
  it('stays where the other end answers, whatever sender it forges', async () => {
    const { clock, net, a, b } = await network('none', 'none');
    const [, holeB] = await punchBoth(clock, a, b);
    const victim = net.join({ host: '192.0.2.66', port: 5 }, 'none', null, () => undefined);
    const sealer = createSealer(0x21, tagOf(id(9)), key(1));
    for (let skip = 0; skip < 1000; skip++) sealer.seal(new Uint8Array(1));
    for (let kind = 0; kind < 6; kind++) {
      victim.send(sealer.seal(new Uint8Array([kind, ...key(5).subarray(0, 8)]))!, {
        host: '198.51.100.1',
        port: b.port,
      });
      await clock.advance(200);
    }
    expect(holeB.remote.host).toBe('203.0.113.1');
  });
  it('takes no check of somebody without the keys', async () => {
    const { clock, net, a, b } = await network('none', 'none');
    const wrong = Promise.allSettled([
      a.punch({
        id: id(9),
        signal: never,
        sendKey: key(1),
        receiveKey: key(2),
        controlling: true,
        candidates: [{ host: '198.51.100.1', port: b.port }],
      }),
      b.punch({ id: id(9), signal: never, sendKey: key(8), receiveKey: key(1), controlling: false, candidates: [] }),
    ]);
    const results = await until(clock, wrong);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(net.packets).toBeGreaterThan(0);
  });
  it('never throws, whatever comes', async () => {
    const { clock, net, a, b } = await network('none', 'none');
    const stranger = net.join({ host: '192.0.2.66', port: 5 }, 'none', null, () => undefined);
    a.open({ id: id(3), sendKey: key(1), receiveKey: key(2), remote: null, onDatagram: () => undefined });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 120 }),
        fc.constantFrom(0, 1, 0x20, 0x21, 0x40, 0xff, 0x19),
        (bytes, first) => {
          const packet = new Uint8Array([first, ...bytes]);
          stranger.send(packet, { host: '203.0.113.1', port: a.port });
          clock.advanceSync(20);
        },
      ),
      { numRuns: 1000 },
    );
    expect((await reflexive(clock, a)).port).toBe(a.port);
    expect(b.port).toBeGreaterThan(0);
  });
});

describe('a thread with real sockets', () => {
  const worker = join(import.meta.dirname, '../../../../../main/transport/stoq/reach/side-worker.ts');
  it('echoes addresses, carries datagrams, and punches over loopback with QUIC-like packets', async () => {
    const outside = createSystemOutside();
    const a = await create(outside, worker);
    const b = await create(outside, worker);
    expect(await a.ask({ host: '127.0.0.1', port: b.port }, never)).toEqual({ host: '127.0.0.1', port: a.port });
    const seen6 = a.families.includes(6) ? (await a.ask({ host: '::1', port: b.port }, never)).port : a.port;
    expect(seen6).toBe(a.port);
    const got = Promise.withResolvers<string>();
    const portA = a.open({
      id: id(1),
      sendKey: key(1),
      receiveKey: key(2),
      remote: { host: '127.0.0.1', port: b.port },
      onDatagram: () => undefined,
    });
    b.open({
      id: id(1),
      sendKey: key(2),
      receiveKey: key(1),
      remote: null,
      onDatagram: (payload) => got.resolve(Buffer.from(payload).toString()),
    });
    while (!portA.confirmed) await outside.clock.sleep(5);
    portA.send(Buffer.from('through a thread'));
    expect(await got.promise).toBe('through a thread');
    const common = { id: id(2), signal: never };
    const [holeA, holeB] = await Promise.all([
      a.punch({
        ...common,
        sendKey: key(1),
        receiveKey: key(2),
        controlling: true,
        candidates: [{ host: '127.0.0.1', port: b.port }],
      }),
      b.punch({
        ...common,
        sendKey: key(2),
        receiveKey: key(1),
        controlling: false,
        candidates: [{ host: '127.0.0.1', port: a.port }],
      }),
    ]);
    const { createSocket } = await import('node:dgram');
    const server = createSocket('udp4');
    const client = createSocket('udp4');
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => client.bind(0, '127.0.0.1', resolve));
    server.on('message', (packet, from) => server.send(packet, from.port, from.address));
    await holeB.openShim(server.address().port);
    const shim = await holeA.openShim(null);
    const answer = new Promise<Buffer>((resolve) => client.once('message', resolve));
    client.send(Buffer.from([0x41, 1, 2, 3]), shim, '127.0.0.1');
    expect(await answer).toEqual(Buffer.from([0x41, 1, 2, 3]));
    server.close();
    client.close();
    holeA.close();
    expect(await holeA.closed).toBe('closed');
    await expect(holeA.openShim(null)).rejects.toMatchObject({ code: 'NOT_PUNCHED' });
  });
  it('says that a port is taken', async () => {
    const outside = createSystemOutside();
    const a = await create(outside, worker);
    await expect(create(outside, worker, a.port)).rejects.toMatchObject({ code: 'NO_SOCKET' });
  });
});
