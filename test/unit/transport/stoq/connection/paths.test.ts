import { afterEach, describe, expect, it } from 'vitest';
import type { MemoryCarrierOptions } from '../../../../../main/transport/stoq/carriers/memory/interface.ts';
import type { Address, Connection } from '../../../../../main/transport/stoq/interface.ts';
import { createNet, ECHO, echo, type Net, readAll } from './fixture.ts';

let net: Net;
afterEach(async () => {
  await net.stop();
});

const ask = async (connection: Connection, bytes = 10): Promise<number> => {
  const stream = await connection.openStream(ECHO.name);
  const [answer] = await Promise.all([
    readAll(stream),
    stream.write(new Uint8Array(bytes)).then(() => stream.finish()),
  ]);
  return answer.length;
};
/** Two ways to the node of one number: one that passes for QUIC, one for TLS. */
const twoTiers = (number: number): Record<string, MemoryCarrierOptions> => ({
  [`q${number}`]: {
    tier: 'quic',
    address: `/ip6/2001:db8::${number}/udp/4001/quic-v1` as Address,
    canDial: (address) => address.includes('/quic-v1') && !address.includes('p2p-circuit'),
  },
  [`t${number}`]: {
    tier: 'tls',
    address: `/ip6/2001:db8::${number}/tcp/4001/tls` as Address,
    canDial: (address) => address.endsWith('/tls'),
  },
});
const addressesOf = (number: number): Address[] =>
  Object.values(twoTiers(number)).flatMap(({ address }) => address ?? []);

describe('a path that dies', () => {
  it('fails its streams, and the connection goes on over another one', async () => {
    net = createNet();
    const [a, b] = [await net.add(1, { carriers: twoTiers(1) }), await net.add(2, { carriers: twoTiers(2) })];
    b.endpoint.handle(ECHO, echo);
    const connection = await net.during(a.endpoint.connect({ peer: b.peerId, addresses: addressesOf(2) }));
    expect(connection.path?.tier).toBe('quic');
    const stream = await net.during(connection.openStream(ECHO.name));
    await net.during(stream.write(new Uint8Array(10)));
    const end = readAll(stream).catch((error: unknown) => error);
    let lost = 0;
    a.endpoint.on('disconnected', () => (lost += 1));
    net.network.setUp('q2', false);
    a.endpoint.wake();
    const startMs = net.clock.monotonicMs();
    await net.until(() => connection.path?.tier === 'tls');
    expect(net.clock.monotonicMs() - startMs).toBeLessThan(5_000);
    expect(await net.during(ask(connection))).toBe(10);
    expect(await net.during(end)).toMatchObject({ code: 'CLOSED' });
    expect(lost).toBe(0);
    expect(a.endpoint.connection(b.peerId)).toBe(connection);
  });

  it('without another one ends the connection as lost, after a grace', async () => {
    net = createNet();
    const [a, b] = [await net.add(1, { keepsPeers: false }), await net.add(2, { keepsPeers: false })];
    const connection = await net.connect(a, b);
    const ended: string[] = [];
    connection.on('closed', ({ reason }) => ended.push(reason));
    net.network.crash('n2');
    await net.until(() => connection.path === null);
    const startMs = net.clock.monotonicMs();
    await net.until(() => ended.length > 0);
    expect(ended).toEqual(['lost']);
    expect(net.clock.monotonicMs() - startMs).toBeGreaterThan(5_000);
    expect(net.clock.monotonicMs() - startMs).toBeLessThanOrEqual(10_500);
    await expect(connection.openStream(ECHO.name)).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('by silence is found by itself within 20 s, and streams opened meanwhile wait for the next one', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    b.endpoint.handle(ECHO, echo);
    const connection = await net.connect(a, b);
    const heal = net.network.partition(['n1'], ['n2']);
    await net.until(() => connection.path === null, 20_000);
    const asked = ask(connection);
    await net.pass(3_000);
    heal();
    expect(await net.during(asked)).toBe(10);
    expect(connection.path).not.toBeNull();
  });

  it('while the machine slept is found at once: the jump of the clock is enough of a sign', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    const connection = await net.connect(a, b);
    net.network.setUp('n2', false);
    net.clock.setNowMs(net.clock.nowMs() + 3_600_000);
    // Without it, the next question would come after 15 s.
    expect(await net.until(() => connection.path === null)).toBeLessThan(3_500);
  });
});

describe('a peer that has begun anew', () => {
  it('gets a new connection, and the old one ends', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2, { keepsPeers: false })];
    a.endpoint.handle(ECHO, echo);
    const first = await net.connect(b, a);
    const old = a.endpoint.connection(b.peerId);
    const ended: string[] = [];
    old?.on('closed', ({ reason }) => ended.push(reason));
    // Its program is killed and started again: another endpoint with the same keys.
    net.network.crash('n2');
    const again = await net.add(2, { listens: false });
    const second = await net.connect(again, a);
    await net.pass(100);
    expect(ended).toEqual(['replaced']);
    expect(a.endpoint.connections().length).toBe(1);
    expect(a.endpoint.connection(b.peerId)).not.toBe(old);
    expect(await net.during(ask(second))).toBe(10);
    expect(second.exportKey('x')).toEqual(a.endpoint.connection(b.peerId)?.exportKey('x'));
    expect(second.exportKey('x')).not.toEqual(first.exportKey('x'));
  });
});

describe('a better path', () => {
  it('takes new streams; what runs on the old one ends there, and then it goes', async () => {
    net = createNet();
    const relay: MemoryCarrierOptions = {
      tier: 'relay',
      address: '/memory/r2' as Address,
      canDial: (address) => address.startsWith('/memory/r'),
    };
    const direct = twoTiers(2);
    const [a, b] = [
      await net.add(1, { carriers: { ...twoTiers(1), r1: { ...relay, address: '/memory/r1' as Address } } }),
      await net.add(2, { carriers: { ...direct, r2: relay } }),
    ];
    b.endpoint.handle(ECHO, echo);
    const connection = await net.during(a.endpoint.connect({ peer: b.peerId, addresses: ['/memory/r2' as Address] }));
    expect(connection.path?.tier).toBe('relay');
    const key = connection.exportKey('x');
    const old = await net.during(connection.openStream(ECHO.name));
    await net.during(old.write(new Uint8Array(1)));
    await net.during(old.read());
    // A hole was punched: the channel comes from outside.
    const { signal } = new AbortController();
    const [address] = addressesOf(2);
    const channel = await net.during(net.network.carrier('q1').dial(address as Address, { signal }));
    expect(await net.during(a.endpoint.addPath(channel, b.peerId))).toBe(connection);
    expect(connection.path?.tier).toBe('quic');
    expect(connection.path?.why).toBe('A direct path goes before one through others.');
    expect(await net.during(ask(connection))).toBe(10);
    await net.pass(20_000);
    expect(connection.paths().map(({ tier }) => tier)).toEqual(['relay', 'quic']);
    await net.during(old.write(new Uint8Array(5)));
    expect((await net.during(old.read()))?.length).toBe(5);
    await net.during(old.finish());
    expect(await net.during(old.read())).toBeNull();
    await net.pass(2_000);
    expect(connection.paths().map(({ tier }) => tier)).toEqual(['quic']);
    expect(b.endpoint.connection(a.peerId)?.paths().length).toBe(1);
    expect(connection.exportKey('x')).toEqual(key);
    expect(b.endpoint.connection(a.peerId)?.exportKey('x')).toEqual(key);
  });

  it('is looked for while there are relays only, and taken when there is one', async () => {
    net = createNet();
    const relay = (number: number): Record<string, MemoryCarrierOptions> => ({
      [`r${number}`]: {
        tier: 'relay',
        address: `/memory/r${number}` as Address,
        canDial: (address) => address.startsWith('/memory/r'),
      },
    });
    const [a, b] = [
      await net.add(1, { carriers: { ...twoTiers(1), ...relay(1) } }),
      await net.add(2, { carriers: { ...twoTiers(2), ...relay(2) } }),
    ];
    net.network.setUp('q2', false);
    net.network.setUp('t2', false);
    const connection = await net.during(a.endpoint.connect({ peer: b.peerId, addresses: ['/memory/r2' as Address] }));
    b.endpoint.announce(addressesOf(2));
    await net.pass(20_000);
    expect(connection.path?.tier).toBe('relay');
    net.network.setUp('q2', true);
    await net.until(() => connection.path?.tier === 'quic', 120_000);
    await net.pass(10_000);
    expect(connection.paths().length).toBe(1);
  });

  it('is found by measuring, while the connection is in use', async () => {
    net = createNet({ seed: 5 });
    const [a, b] = [await net.add(1, { carriers: twoTiers(1) }), await net.add(2, { carriers: twoTiers(2) })];
    // UDP is throttled here, as by many a network for guests.
    net.network.setLink('q1', 'q2', { bytesPerSecond: 400_000 });
    net.network.setLink('t1', 't2', { bytesPerSecond: 4_000_000 });
    b.endpoint.handle({ ...ECHO, opensPerTenSeconds: 1000 }, echo);
    const connection = await net.during(a.endpoint.connect({ peer: b.peerId, addresses: addressesOf(2) }));
    expect(connection.path).toMatchObject({ tier: 'quic' });
    expect(await net.during(ask(connection, 1_500_000))).toBe(1_500_000);
    await net.until(() => connection.path?.tier === 'tls', 120_000);
    expect(connection.path?.why).toMatch(
      /^TCP was \d+\.\d times as fast as QUIC when measured \(\d.* MB\/s and \d.* ms against \d.* MB\/s and \d.* ms\)\.$/,
    );
    expect(connection.paths().find(({ tier }) => tier === 'quic')?.chosen).toBe(false);
  });
});

describe('peers that are kept', () => {
  it('are dialled after the start and for ever', async () => {
    net = createNet();
    const [a, b] = [await net.add(1), await net.add(2)];
    a.book.learn(b.peerId, [b.address], 'owner');
    a.book.setTrusted(b.peerId, true);
    await net.until(() => (a.endpoint.connection(b.peerId)?.path ?? null) !== null, 5_000);
    const heal = net.network.partition(['n1'], ['n2']);
    await net.until(() => a.endpoint.connections().length === 0, 40_000);
    await net.pass(60_000);
    heal();
    a.endpoint.wake();
    await net.until(() => a.endpoint.connection(b.peerId)?.path != null, 5_000);
  });

  it('are not closed when idle, and others are', async () => {
    net = createNet();
    const [a, b, c] = [await net.add(1, { idleMs: 30_000 }), await net.add(2), await net.add(3)];
    a.book.learn(b.peerId, [b.address], 'owner');
    a.book.setTrusted(b.peerId, true);
    await net.connect(a, b);
    const stranger = await net.connect(a, c);
    const ended: string[] = [];
    stranger.on('closed', ({ reason }) => ended.push(reason));
    await net.pass(35_000);
    expect(ended).toEqual(['idle']);
    expect(a.endpoint.connection(b.peerId)?.path).not.toBeNull();
  });
});

it('tells peers its addresses when they change, and they learn them', async () => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  const connection = await net.connect(a, b);
  const told = ['/ip6/2001:db8::9/udp/4001/quic-v1' as Address];
  b.endpoint.announce(told);
  await net.until(() => connection.remote.addresses[0] === told[0], 10_000);
  expect(a.book.get(b.peerId)?.addresses.map(({ address }) => address)).toContain(told[0]);
});

it('asks the finder for a peer of whom it knows nothing', async () => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  a.endpoint.setFinder((peer) => Promise.resolve(peer === b.peerId ? [b.address] : []));
  expect((await net.during(a.endpoint.connect(b.peerId))).peer.peerId).toBe(b.peerId);
});

it('calls a dial off when nobody waits for it any more', async () => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  net.network.setUp('n2', false);
  const controller = new AbortController();
  const target = { peer: b.peerId, addresses: [b.address] };
  const dial = a.endpoint.connect(target, { signal: controller.signal }).catch((error: unknown) => error);
  await net.pass(100);
  controller.abort(new Error('no more'));
  expect(await net.during(dial)).toMatchObject({ message: 'no more' });
  await net.pass(100);
  net.network.setUp('n2', true);
  expect((await net.during(a.endpoint.connect(target))).peer.peerId).toBe(b.peerId);
});

it('resumes a session that it had before', async () => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  const first = await net.connect(a, b);
  expect(first.handshake.resumed).toBe(false);
  await net.during(first.close());
  await net.pass(100);
  expect((await net.connect(a, b)).handshake.resumed).toBe(true);
  expect(a.endpoint.stats().handshakes).toEqual({ full: 1, resumed: 1, refused: 0 });
});

it('leaves no timer behind when it stops', async () => {
  net = createNet();
  const [a, b] = [await net.add(1), await net.add(2)];
  b.endpoint.handle(ECHO, echo);
  const connection = await net.connect(a, b);
  await net.during(connection.openStream(ECHO.name, { deadlineMs: 100_000 }));
  await net.stop();
  await net.pass(15_000);
  // The books write theirs some time later.
  expect(net.clock.pendingCount).toBeLessThanOrEqual(2);
});
