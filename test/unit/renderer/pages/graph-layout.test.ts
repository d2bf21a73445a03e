import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PeerView } from '../../../../preload/contract/index.ts';
import {
  DRAWN_MAX,
  distanceOf,
  GRAPH_HEIGHT_PX,
  lineWidth,
  placePeers,
} from '../../../../renderer/pages/network/graph-layout.ts';

const id = (index: number): string => `12D3KooW${String(index).padStart(44, 'A')}`;
const peer = (index: number, rttMs: number | null = 10, via: string | null = null): PeerView => ({
  peerId: id(index),
  name: '',
  trusted: false,
  source: 'mdns',
  connected: true,
  connectedAtMs: 0,
  path: {
    tier: via === null ? 'quic' : 'relay',
    direction: 'out',
    address: '/ip6/::1/udp/1/quic-v1',
    via,
    chosen: true,
    why: 'the only one',
    openedAtMs: 0,
    rttMs,
    lossRatio: 0,
    sentBytesPerSecond: 0,
    receivedBytesPerSecond: 0,
  },
  networks: ['public'],
  agent: null,
  firstSeenAtMs: 0,
  lastSeenAtMs: 0,
  points: 0,
  ban: null,
  sentBytes: 0,
  receivedBytes: 0,
});

describe('placePeers', () => {
  it('keeps every peer inside of the drawing and apart from the others', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.double({ min: 0, max: 5_000, noNaN: true })), { maxLength: 80 }),
        fc.integer({ min: 320, max: 2_400 }),
        (rtts, width) => {
          const placed = placePeers(
            rtts.map((rttMs, index) => peer(index, rttMs)),
            width,
          );
          expect(placed).toHaveLength(Math.min(rtts.length, DRAWN_MAX));
          for (const { x, y } of placed) {
            expect(Math.abs(x)).toBeLessThanOrEqual(width / 2);
            expect(Math.abs(y)).toBeLessThanOrEqual(GRAPH_HEIGHT_PX / 2);
            // This node stands in the middle.
            expect(Math.hypot(x, y)).toBeGreaterThan(20);
          }
          expect(new Set(placed.map(({ x, y }) => `${x} ${y}`)).size).toBe(placed.length);
        },
      ),
    );
  });

  it('puts a slow peer further out than a fast one', () => {
    const [near, far] = placePeers([peer(1, 0.5), peer(2, 250)], 900);
    const out = ({ x = 0, y = 0 } = {}) => Math.hypot(x / (900 / 2 - 84), y / (GRAPH_HEIGHT_PX / 2 - 44));
    expect(out(near)).toBeLessThan(out(far));
    expect([distanceOf(0), distanceOf(1e9)]).toEqual([0, 1]);
  });

  it('draws a relayed peer beyond its relay, and to the middle where the relay is not connected', () => {
    const placed = placePeers([peer(1), peer(2, 40, id(1)), peer(3, 40, id(77))], 900);
    expect(placed.find(({ peer: { peerId } }) => peerId === id(2))?.via).toBe(id(1));
    expect(placed.find(({ peer: { peerId } }) => peerId === id(3))?.via).toBeNull();
  });

  it('moves nobody when the same peers come in another order', () => {
    const peers = [1, 2, 3, 4, 5].map((index) => peer(index));
    const places = (list: readonly PeerView[]) =>
      new Map(placePeers(list, 900).map(({ peer: { peerId }, x, y }) => [peerId, [x, y]]));
    expect(places([...peers].reverse())).toEqual(places(peers));
  });
});

describe('lineWidth', () => {
  it('grows with the rate and stays thin enough to see what it joins', () => {
    expect(lineWidth(0)).toBe(lineWidth(999));
    expect(lineWidth(1e6)).toBeGreaterThan(lineWidth(1e4));
    expect(lineWidth(1e12)).toBe(5);
  });
});
