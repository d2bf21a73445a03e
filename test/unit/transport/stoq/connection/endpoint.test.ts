import { afterEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../../../../main/transport/stoq/interface.ts';
import { createNet, ECHO, echo, type Net, readAll } from './fixture.ts';

let net: Net;
afterEach(async () => {
  await net.stop();
});

describe('a connection', () => {
  it('carries a stream both ways, and tells that everything was read', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    b.endpoint.handle(ECHO, echo);
    const connection = await net.connect(a, b);
    expect(connection.peer.peerId).toBe(b.peerId);
    expect([...connection.networks]).toEqual(['public']);
    const stream = await net.during(connection.openStream(ECHO.name));
    const data = net.random.bytes(200_000);
    const sent = (async () => {
      await stream.write(data);
      await stream.finish();
    })();
    expect(await net.during(readAll(stream))).toEqual(data);
    await net.during(Promise.all([sent, stream.acknowledged()]));
    await net.pass(100);
    expect([a.endpoint.stats().streamsOpen, b.endpoint.stats().streamsOpen]).toEqual([0, 0]);
  });

  it('is one for both ends when both dial at once, and both keep the same path', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    const [left, right] = await net.during(
      Promise.all([
        a.endpoint.connect({ peer: b.peerId, addresses: [b.address] }),
        b.endpoint.connect({ peer: a.peerId, addresses: [a.address] }),
      ]),
    );
    await net.pass(2_000);
    expect([a.endpoint.connections().length, b.endpoint.connections().length]).toEqual([1, 1]);
    expect([left.paths().length, right.paths().length]).toEqual([1, 1]);
    const dialledByA = left.path?.direction === 'out';
    expect(right.path?.direction).toBe(dialledByA ? 'in' : 'out');
    // The one with the smaller peer id has dialled what stays.
    expect(dialledByA).toBe(a.peerId < b.peerId);
    expect(left.exportKey('test')).toEqual(right.exportKey('test'));
  });

  it('is the same one for every call', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    const target = { peer: b.peerId, addresses: [b.address] };
    const all = await net.during(Promise.all([1, 2, 3].map(() => a.endpoint.connect(target))));
    expect(new Set(all).size).toBe(1);
    expect(await net.during(a.endpoint.connect(b.peerId))).toBe(all[0]);
    expect(net.network.stats().channels).toBe(1);
  });

  it('ends at both ends for the reason that was given, with all that was written before', async () => {
    net = createNet({ delayMs: 50 });
    const [a, b] = [await net.add(1), await net.add(2)];
    let read: Promise<Uint8Array> | null = null;
    b.endpoint.handle(ECHO, async (stream) => {
      read = readAll(stream);
      await read;
    });
    const connection = await net.connect(a, b);
    const other = await net.until(() => b.endpoint.connections().length === 1).then(() => b.endpoint.connections()[0]);
    const ended: string[] = [];
    other?.on('closed', ({ reason }) => ended.push(reason));
    const stream = await net.during(connection.openStream(ECHO.name));
    await net.during(stream.write(new Uint8Array(100_000)));
    await net.during(stream.finish());
    await net.during(connection.close('done'));
    await net.pass(200);
    expect(ended).toEqual(['done']);
    expect((await net.during(read as unknown as Promise<Uint8Array>)).length).toBe(100_000);
    expect(a.endpoint.connections().length + b.endpoint.connections().length).toBe(0);
  });
});

it('can be dialled again while the last connection says goodbye', async () => {
  net = createNet({ delayMs: 100 });
  const [a, b] = [await net.add(1), await net.add(2)];
  b.endpoint.handle(ECHO, echo);
  const first = await net.connect(a, b);
  const closing = first.close();
  expect(a.endpoint.connection(b.peerId)).toBeNull();
  const second = await net.connect(a, b);
  await net.during(closing);
  await net.pass(5_000);
  expect(second).not.toBe(first);
  expect(second.path).not.toBeNull();
  expect((await net.during(openEcho(second, 10))).length).toBe(10);
  expect([a.endpoint.connections().length, b.endpoint.connections().length]).toEqual([1, 1]);
});

const openEcho = async (connection: Connection, bytes: number): Promise<Uint8Array> => {
  const stream = await connection.openStream(ECHO.name);
  await stream.write(new Uint8Array(bytes));
  await stream.finish();
  return await readAll(stream);
};

describe('a connection whose path is lost', () => {
  it('takes streams again within 5 s after the cable was out', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    b.endpoint.handle(ECHO, echo);
    const connection = await net.connect(a, b);
    net.network.setUp('n1', false);
    await net.pass(6_000);
    net.network.setUp('n1', true);
    a.endpoint.wake();
    const startMs = net.clock.monotonicMs();
    expect((await net.during(openEcho(connection, 10))).length).toBe(10);
    expect(net.clock.monotonicMs() - startMs).toBeLessThan(5_000);
    expect(a.endpoint.connection(b.peerId)).toBe(connection);
  });
});
