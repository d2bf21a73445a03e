import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Carrier } from '../../../../../main/transport/stoq/carriers/interface.ts';
import { DATAGRAM_PROTOCOL } from '../../../../../main/transport/stoq/connection/constants.ts';
import { CarrierError } from '../../../../../main/transport/stoq/errors.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';
import { createNet, type Net } from './fixture.ts';

let net: Net;
afterEach(async () => {
  await net.stop();
});

describe('strangers', () => {
  it('that hold all places for handshakes in silence give way to one from elsewhere', async () => {
    net = createNet();
    const node = await net.add(1);
    const closed: string[] = [];
    for (const host of ['198.51.100.1', '203.0.113.1'])
      for (let count = 0; count < 12; count++) {
        const carrier = net.network.carrier(host, { address: `/ip4/${host}/udp/1/quic-v1` as Address });
        const channel = await net.during(carrier.dial(node.address, { signal: new AbortController().signal }));
        void channel.closed.then(() => closed.push(host));
      }
    await net.pass(100);
    // Half of the 16 places each.
    expect(closed.length).toBe(8);
    net.network.carrier('raw2', { address: '/ip4/192.0.2.1/udp/1/quic-v1' as Address });
    const raw = await net.raw(2, node);
    expect(node.endpoint.connection(raw.peerId)).not.toBeNull();
    expect(closed.length).toBe(9);
    await net.pass(15_000);
    expect(closed.length).toBe(24);
    const later = await net.raw(3, node);
    expect(node.endpoint.connection(later.peerId)).not.toBeNull();
  });
});

describe('a stranger', () => {
  it('that names two dozen places of somebody else and leaves has few of them dialled', async () => {
    net = createNet();
    const dialled = new Set<Address>();
    const victims: Carrier = {
      tier: 'quic',
      canDial: (address) => address.startsWith('/ip4/192.0.2.66/'),
      listen: () => Promise.reject(new Error('nobody listens here')),
      dial: (address) => {
        dialled.add(address);
        return Promise.reject(new CarrierError({ code: 'UNREACHABLE', address, detail: '' }, 'Nobody is there.'));
      },
      stop: () => Promise.resolve(),
    };
    const node = await net.add(1, { more: [victims] });
    const raw = await net.raw(2, node);
    const addresses = Array.from({ length: 24 }, (_, at) => `/ip4/192.0.2.66/udp/${5_000 + at}/quic-v1` as Address);
    await net.during(raw.send({ type: 'addresses', addresses }));
    await net.pass(100);
    raw.channel.abort();
    await net.pass(15_000);
    expect(node.endpoint.connections()).toEqual([]);
    expect(dialled.size).toBeGreaterThan(0);
    expect(dialled.size).toBeLessThanOrEqual(8);
  });

  it('is not kept for a stream of datagrams in which none come', async () => {
    net = createNet();
    const node = await net.add(1);
    const raw = await net.raw(2, node);
    await net.during(raw.open({ number: 0, protocol: DATAGRAM_PROTOCOL }));
    await net.pass(100);
    expect(node.endpoint.connections()[0]?.streamsOpen).toBe(0);
  });

  it('that is banned is held against the place that it came from, unless the owner banned it', async () => {
    net = createNet();
    const node = await net.add(1);
    const against = vi.spyOn(node.book, 'offendAddress');
    const first = await net.raw(2, node);
    node.book.ban(first.peerId, { untilMs: null, reason: 'because', byOwner: true });
    await net.pass(100);
    expect(against).not.toHaveBeenCalled();
    const second = await net.raw(3, node);
    for (let count = 0; count < 10; count++) node.book.offend(second.peerId, 'flooding', 'again');
    expect(node.book.isBanned(second.peerId)).toBe(true);
    expect(against.mock.calls).toEqual([['/memory/raw3', 'badRecord']]);
    await net.pass(3_000);
    expect(node.endpoint.connections()).toEqual([]);
  });
});
