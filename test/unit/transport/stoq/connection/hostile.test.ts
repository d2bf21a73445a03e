import { afterEach, describe, expect, it } from 'vitest';
import type { CarrierStream } from '../../../../../main/transport/stoq/carriers/interface.ts';
import type { ControlMessage } from '../../../../../main/transport/stoq/connection/frames.ts';
import { CLOSE_REASONS, type Stream } from '../../../../../main/transport/stoq/interface.ts';
import { createNet, ECHO, echo, LIMITS, type Net, type Node, readAll } from './fixture.ts';

let net: Net;
afterEach(async () => {
  await net.stop();
});

const meet = async () => {
  net = createNet();
  const node = await net.add(1);
  node.endpoint.handle(ECHO, echo);
  const raw = await net.raw(2, node);
  await net.until(() => node.endpoint.connections().length === 1);
  const offences: string[] = [];
  node.endpoint.on('offended', ({ offence }) => offences.push(offence));
  return { node, raw, offences };
};
const points = (node: Node): number => node.book.list().reduce((sum, peer) => sum + peer.points, 0);
const frame = (bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes]);
/** Reads what comes until the goodbye. */
const goodbye = async (receive: () => Promise<ControlMessage | null>): Promise<number | null> => {
  for (let message = await receive(); message !== null; message = await receive())
    if (message.type === 'bye') return message.reason;
  return null;
};

describe('a peer that breaks the rules of the control stream', () => {
  it.each<[string, Uint8Array | ControlMessage]>([
    ['garbage', frame(Uint8Array.of(0xff, 0xff))],
    ['an empty frame', Uint8Array.of(0, 0)],
    ['a frame that is too long', Uint8Array.of(0xff, 0xff)],
    ['a second introduction', { type: 'hello', id: new Uint8Array(16), root: null }],
    ['a field too many', frame(Uint8Array.of(0x83, 3, 0, 0))],
    ['a type of tomorrow', frame(Uint8Array.of(0x82, 23, 0))],
    ['an address that is none', frame(Uint8Array.of(0x82, 5, 0x81, 0x61, 0x78))],
  ])('by %s is told so and cut off', async (_name, sent) => {
    const { node, raw, offences } = await meet();
    await net.during(sent instanceof Uint8Array ? raw.control.write(sent) : raw.send(sent));
    expect(await net.during(goodbye(raw.receive))).toBe(CLOSE_REASONS.protocolBroken);
    raw.channel.abort();
    await net.until(() => node.endpoint.connections().length === 0);
    expect(offences.length).toBe(1);
    expect(points(node)).toBeGreaterThan(0);
  });

  it('by a flood of pings is cut off', async () => {
    const { node, raw, offences } = await meet();
    const flood = (async () => {
      for (let number = 0; number < 1_000; number++) await raw.send({ type: 'ping', number });
    })().catch(() => undefined);
    await net.during(flood);
    await net.pass(1_000);
    expect(offences).toEqual(['flooding']);
    expect(node.endpoint.connections().length).toBe(0);
  });

  it('by acknowledging what was never sent lies, and is counted', async () => {
    const { node, raw, offences } = await meet();
    const connection = node.endpoint.connections()[0]!;
    const stream = await net.during(connection.openStream('/test/1'));
    await net.during(stream.write(new Uint8Array(10)));
    await net.during(stream.finish());
    // The end that was dialled opens odd numbers.
    await net.during(raw.send({ type: 'ack', acks: [[1, 11]] }));
    await expect(net.during(stream.acknowledged())).rejects.toMatchObject({ code: 'RESET' });
    expect(offences).toEqual(['lied']);
    // One of a stream that nobody knows means nothing.
    await net.during(raw.send({ type: 'ack', acks: [[77, 11]] }));
    await net.pass(100);
    expect(offences).toEqual(['lied']);
  });

  it('by opening a stream with a number of ours is cut off', async () => {
    const { raw, offences } = await meet();
    await net.during(raw.open({ number: 1 }));
    await net.pass(1_000);
    expect(offences).toEqual(['protocolBroken']);
  });
});

describe('a peer that opens streams', () => {
  it('by the thousand gets no more than its share, and a ban in the end costs it more than us', async () => {
    const { node, raw, offences } = await meet();
    let handled = 0;
    const opened: CarrierStream[] = [];
    node.endpoint.handle(
      { ...ECHO, name: '/test/slow/1', streamsMax: 4, opensPerTenSeconds: 10 },
      () => new Promise<void>(() => (handled += 1)),
    );
    let asked = 0;
    void (async () => {
      for (; asked < 10_000; asked++) opened.push(await raw.open({ number: 2 * asked, protocol: '/test/slow/1' }));
    })().catch(() => undefined);
    await net.pass(20_000);
    expect(handled).toBeLessThanOrEqual(4);
    expect(node.endpoint.stats().streamsOpen).toBeLessThanOrEqual(4);
    expect(offences).toContain('flooding');
    for (const stream of opened) stream.reset();
  });

  it('and says nothing in them gets them reset, and is counted', async () => {
    const { raw, offences } = await meet();
    const streams: CarrierStream[] = [];
    for (let count = 0; count < 3; count++) {
      const stream = await net.during(raw.channel.openStream());
      await net.during(stream.write(Uint8Array.of(0)));
      streams.push(stream);
    }
    await net.pass(11_000);
    expect(offences).toEqual(['tooSlow', 'tooSlow', 'tooSlow']);
    await expect(net.during(streams[0]!.read(1))).rejects.toMatchObject({ code: 'RESET' });
  });

  it.each(['reset', 'finish'] as const)(
    'by the hundred and ends them by %s before it says why is cut off',
    async (end) => {
      const { node, raw, offences } = await meet();
      for (let round = 0; round < 10; round++) {
        const streams: CarrierStream[] = [];
        const open = async (): Promise<void> => {
          for (let count = 0; count < 50; count++) {
            const stream = await raw.channel.openStream();
            streams.push(stream);
            await (end === 'finish' ? stream.finish() : stream.write(Uint8Array.of(0)));
          }
        };
        await net.during(open().catch(() => undefined));
        await net.pass(10);
        for (const stream of streams) stream.reset();
        await net.pass(10);
      }
      await net.pass(1_000);
      expect(offences).toEqual(['flooding']);
      expect(node.endpoint.connections().length).toBe(0);
    },
  );

  it('with garbage in front is counted', async () => {
    const { raw, offences } = await meet();
    const stream = await net.during(raw.channel.openStream());
    await net.during(stream.write(frame(new TextEncoder().encode('GET / HTTP/1.1'))));
    await net.pass(100);
    expect(offences).toEqual(['malformed']);
  });
});

describe('a peer that is silent', () => {
  it('and never answers an opening: whoever waits hears of it in time', async () => {
    const { node, raw } = await meet();
    const stream = await net.during(node.endpoint.connections()[0]!.openStream('/test/1'));
    await net.during(stream.write(Uint8Array.of(1)));
    // It answers pings, so that the path itself is fine.
    void (async () => {
      for (let message = await raw.receive(); message !== null; message = await raw.receive())
        if (message.type === 'ping') await raw.send({ type: 'pong', number: message.number });
    })().catch(() => undefined);
    await expect(net.during(stream.read())).rejects.toMatchObject({ code: 'DEADLINE' });
    expect(net.clock.monotonicMs()).toBeLessThan(40_000);
  });

  it('and accepts, but does not read: what it does not read stays ours to stop', async () => {
    const { node, raw } = await meet();
    const connection = node.endpoint.connections()[0]!;
    const stream = await net.during(connection.openStream('/test/1', { deadlineMs: 3_000 }));
    const accepted = net.during(raw.channel.acceptStream());
    const written = (async () => {
      for (;;) await stream.write(new Uint8Array(65_536));
    })().catch((error: unknown) => error);
    await net.during((await accepted)!.write(Uint8Array.of(0)));
    expect(await net.during(written)).toMatchObject({ code: 'DEADLINE' });
  });

  it('after the handshake gives its place back', async () => {
    net = createNet();
    const node = await net.add(1);
    const carrier = net.network.carrier('mute');
    const { signal } = new AbortController();
    const channels = [];
    for (let count = 0; count < LIMITS.handshakesMax + 4; count++)
      channels.push(await net.during(carrier.dial(node.address, { signal })));
    await net.pass(100);
    // Those beyond the limit are turned away at once.
    const other = await net.add(2);
    await expect(net.connect(other, node)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await net.pass(13_000);
    expect((await net.connect(other, node)).peer.peerId).toBe(node.peerId);
  });
});

describe('who is let in', () => {
  it('is not who is banned, and a ban ends what there is', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    const connection = await net.connect(a, b);
    const reasons: string[] = [];
    connection.on('closed', ({ reason }) => reasons.push(reason));
    b.book.ban(a.peerId, { untilMs: null, reason: 'spam', byOwner: true });
    await net.until(() => reasons.length > 0);
    expect(reasons).toEqual(['banned']);
    await expect(net.connect(a, b)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await expect(net.during(b.endpoint.connect(a.peerId))).rejects.toMatchObject({
      code: 'BANNED',
      data: { reason: 'spam' },
    });
  });

  it('is not this node itself, and not somebody else than asked for', async () => {
    net = createNet();
    const [a, b, c] = [await net.add(1), await net.add(2), await net.add(3)];
    await expect(net.during(a.endpoint.connect(a.peerId))).rejects.toMatchObject({ code: 'SELF' });
    await expect(net.during(a.endpoint.connect({ peer: null, addresses: [a.address] }))).rejects.toMatchObject({
      code: 'SELF',
    });
    await expect(net.during(a.endpoint.connect({ peer: c.peerId, addresses: [b.address] }))).rejects.toMatchObject({
      code: 'WRONG_PEER',
    });
    await expect(net.during(a.endpoint.connect(c.peerId))).rejects.toMatchObject({ code: 'NO_ADDRESS' });
  });

  it('is no more than there is room for, and who is idle makes room', async () => {
    net = createNet();
    const limits = { ...LIMITS, incomingMax: 2 };
    const hub = await net.add(1, { limits });
    hub.endpoint.handle(ECHO, echo);
    const [a, b, c] = [await net.add(2), await net.add(3), await net.add(4)];
    const busy = await net.connect(a, hub);
    const stream = await net.during(busy.openStream(ECHO.name));
    await net.during(stream.write(Uint8Array.of(1)));
    await net.connect(b, hub);
    await expect(net.connect(c, hub)).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await net.pass(31_000);
    await net.connect(c, hub);
    await net.pass(1_000);
    const peers = hub.endpoint.connections().map(({ peer }) => peer.peerId);
    expect(peers.toSorted()).toEqual([a.peerId, c.peerId].toSorted());
    expect(b.endpoint.connections().length).toBe(0);
    stream.reset();
  });

  it('is always who is trusted', async () => {
    net = createNet();
    const hub = await net.add(1, { limits: { ...LIMITS, incomingMax: 1 } });
    const [a, b] = [await net.add(2), await net.add(3)];
    hub.book.learn(b.peerId, [b.address], 'owner');
    await net.connect(a, hub);
    hub.book.setTrusted(b.peerId, true);
    await net.connect(b, hub);
    await net.pass(5_000);
    expect(hub.endpoint.connection(b.peerId)?.path).not.toBeNull();
    expect(hub.endpoint.connections().length).toBeLessThanOrEqual(2);
  });
});

it('gives the whole of a stream although its handler was slow to begin', async () => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  let late: Stream | null = null;
  b.endpoint.handle(ECHO, async (stream) => {
    await net.clock.sleep(5_000);
    late = stream;
    expect((await readAll(stream)).length).toBe(50_000);
  });
  const connection = await net.connect(a, b);
  const stream = await net.during(connection.openStream(ECHO.name));
  await net.during(stream.write(new Uint8Array(50_000)));
  await net.during(stream.finish());
  await net.during(stream.acknowledged());
  expect(late).not.toBeNull();
});
