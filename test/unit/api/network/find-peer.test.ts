import { describe, expect, it } from 'vitest';
import { findPeer } from '../../../../main/api/network/find-peer.ts';
import type { KnownPeer, PeerId } from '../../../../main/transport/stoq/index.ts';

const peer = (id: string, name = ''): KnownPeer => ({
  peerId: `12D3KooW${id}` as PeerId,
  name,
  trusted: false,
  addresses: [],
  source: 'mdns',
  firstSeenAtMs: 0,
  lastSeenAtMs: null,
  points: 0,
  lastOffence: null,
  ban: null,
  sentBytes: 0,
  receivedBytes: 0,
  agent: null,
});
const attic = peer('AbcDef1', 'attic');
const other = peer('AbcXyz2');
const third = peer('Qrs3', 'AbcXyz2');
const peers = [attic, other, third];

describe('a peer', () => {
  it.each([
    ['attic', attic],
    [' ATTIC ', attic],
    ['12D3KooWAbcDef1', attic],
    ['12D3KooWAbcD', attic],
    ['AbcD', attic],
    ['12D3KooWQ', third],
    // A name before the beginning of an id.
    ['AbcXyz2', third],
    ['12D3KooWAbcXyz2', other],
  ])('is found by %j', (asked, found) => {
    expect(findPeer(peers, asked)).toBe(found);
  });
  it.each(['nobody', '', '   ', 'abcd', '12D3KooWabc', 'tic'])('is not found by %j', (asked) => {
    expect(() => findPeer(peers, asked)).toThrow(expect.objectContaining({ code: 'PEER_UNKNOWN' }) as Error);
  });
  it('that could be several is none, and all are named', () => {
    expect(() => findPeer(peers, 'Abc')).toThrow(
      expect.objectContaining({
        code: 'PEER_AMBIGUOUS',
        data: { peer: 'Abc', candidates: [attic.peerId, other.peerId] },
        message: `"Abc" could be any of 12D3KooWAbcDef1 (attic), 12D3KooWAbcXyz2; write more of it.`,
      }) as Error,
    );
  });
  it('names ten candidates at most', () => {
    const many = Array.from({ length: 30 }, (_peer, index) => peer(`Z${index}`));
    const candidates = expect.toSatisfy((list: string[]) => list.length === 10) as string[];
    expect(() => findPeer(many, 'Z')).toThrow(
      expect.objectContaining({
        data: { peer: 'Z', candidates },
        message: expect.stringMatching(/ and 20 more; write more of it\.$/) as string,
      }) as Error,
    );
  });
});
