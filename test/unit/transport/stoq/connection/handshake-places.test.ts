import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Channel } from '../../../../../main/transport/stoq/carriers/interface.ts';
import {
  createHandshakePlaces,
  type HandshakePlace,
} from '../../../../../main/transport/stoq/connection/handshake-places.ts';
import type { Address } from '../../../../../main/transport/stoq/interface.ts';

/** A channel from there, of which places look at nothing else. */
const from = (host: string): Channel => ({ remoteAddress: `/ip4/${host}/udp/9/quic-v1` as Address }) as Channel;

describe('places of handshakes', () => {
  it('are free again once their handshake is over, however often it says so', () => {
    const places = createHandshakePlaces({ handshakesMax: 2 });
    const [first, second] = [places.take(from('127.0.0.1')), places.take(from('8.8.8.8'))];
    expect(places.take(from('127.0.0.1'))).toBeNull();
    for (const place of [first, first, second, second]) place?.leave();
    expect(places.size).toBe(0);
  });

  it('go to one part of the network by half at most', () => {
    const places = createHandshakePlaces({ handshakesMax: 5 });
    for (const host of ['8.8.1.1', '8.8.2.2', '8.8.3.3']) expect(places.take(from(host))).not.toBeNull();
    expect(places.take(from('8.8.4.4'))).toBeNull();
    expect(places.take(from('9.9.4.4'))).not.toBeNull();
  });

  it('are counted by host in this network, and not at all on this machine', () => {
    const places = createHandshakePlaces({ handshakesMax: 4 });
    expect(places.take(from('192.168.1.2'))).not.toBeNull();
    expect(places.take(from('192.168.1.2'))).not.toBeNull();
    expect(places.take(from('192.168.1.2'))).toBeNull();
    expect(places.take(from('192.168.1.3'))).not.toBeNull();
    places.take(from('192.168.1.3'))?.leave();
    const own = createHandshakePlaces({ handshakesMax: 4 });
    for (let count = 0; count < 4; count++) expect(own.take(from('127.0.0.1'))).not.toBeNull();
    expect(own.take(from('127.0.0.1'))).toBeNull();
  });

  it('are given up by the oldest of those who have most, for whoever has fewer by two', () => {
    const places = createHandshakePlaces({ handshakesMax: 4 });
    const oldest = from('8.8.1.1');
    const greedy = places.take(oldest);
    places.take(from('8.8.1.2'));
    places.take(from('9.9.1.1'));
    places.take(from('7.7.1.1'));
    expect(places.take(from('9.9.1.2'))).toBeNull();
    expect(places.take(from('6.6.1.1'))?.evicted).toBe(oldest);
    // Its end comes later, and takes nobody else's place.
    greedy?.leave();
    expect(places.size).toBe(4);
    expect(places.take(from('5.5.1.1'))).toBeNull();
  });

  it('never are more than there are, and belong to who has taken and not left them', () => {
    const hosts = ['127.0.0.1', '192.168.1.2', '192.168.1.3', '8.8.1.1', '8.8.2.2', '9.9.1.1', '7.7.1.1'];
    const step = fc.oneof(fc.record({ take: fc.constantFrom(...hosts) }), fc.record({ leave: fc.nat({ max: 30 }) }));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(step, { maxLength: 60 }), (handshakesMax, steps) => {
        const places = createHandshakePlaces({ handshakesMax });
        const given: { place: HandshakePlace; channel: Channel }[] = [];
        const held = new Set<Channel>();
        let isFair = true;
        const leave = (turn: number): void => {
          const last = given[turn % Math.max(1, given.length)];
          last?.place.leave();
          if (last !== undefined) held.delete(last.channel);
        };
        const take = (host: string): void => {
          const channel = from(host);
          const place = places.take(channel);
          if (place === null) {
            isFair &&= held.size >= Math.ceil(handshakesMax / 2);
            return;
          }
          // Who gives way had a place.
          isFair &&= place.evicted === null || held.delete(place.evicted);
          held.add(channel);
          given.push({ place, channel });
        };
        for (const one of steps) {
          if ('leave' in one) leave(one.leave);
          else take(one.take);
          expect(isFair).toBe(true);
          expect(places.size).toBe(held.size);
          expect(held.size).toBeLessThanOrEqual(handshakesMax);
        }
      }),
    );
  });
});
