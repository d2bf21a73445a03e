import { vi } from 'vitest';
import type { PeerConnection } from '../../../../../main/transport/stoq/connection/connection.ts';
import type { Life } from '../../../../../main/transport/stoq/connection/life.ts';
import type { Address, PeerId, Tier } from '../../../../../main/transport/stoq/interface.ts';
import type { PeerBook } from '../../../../../main/transport/stoq/standing/interface.ts';

/** Rooms of the endpoint, each alone: what is around them are these. */

export const peer = (name: string): PeerId => name as PeerId;
export const quic = (host: string): Address => `/ip4/${host}/udp/9/quic-v1` as Address;

/** An endpoint's life that a test ends. */
export const createTestLife = (): Life & { stop(): void } => {
  const controller = new AbortController();
  let isStopped = false;
  return {
    get isRunning() {
      return !isStopped;
    },
    get isStopped() {
      return isStopped;
    },
    signal: controller.signal,
    stop: () => {
      isStopped = true;
      controller.abort(new Error('stopped'));
    },
  };
};

interface Entry {
  trusted?: boolean;
  addresses?: { address: Address; confirmedAtMs: number | null }[];
}
/** A book that knows these, and remembers what it is told. */
export const createTestBook = (entries: Record<string, Entry> = {}, anchors: string[] = [], banned: string[] = []) => ({
  anchors: () => anchors.map(peer),
  list: () =>
    Object.entries(entries).map(([peerId, entry]) => ({ peerId: peer(peerId), trusted: entry.trusted === true })),
  get: (id: PeerId) => {
    const entry = entries[id];
    return entry === undefined ? null : { trusted: entry.trusted === true, addresses: entry.addresses ?? [] };
  },
  isBanned: (id: PeerId) => banned.includes(id),
  failed: vi.fn<PeerBook['failed']>(),
  confirm: vi.fn<PeerBook['confirm']>(),
});
/** As the book that rooms take; entries have the fields that rooms read. */
export const asBook = (book: ReturnType<typeof createTestBook>): PeerBook => book as unknown as PeerBook;

export interface TestConnection extends Pick<PeerConnection, 'direction' | 'peer' | 'remote'> {
  state: PeerConnection['state'];
  livePaths: { tier: Tier; remoteAddress: Address; retired: boolean; suspicious: boolean }[];
  readonly path: TestConnection['livePaths'][number] | null;
  review: () => void;
}
/** A connection as rooms see it, with one path. */
export const createTestConnection = (
  name: string,
  {
    tier = 'quic',
    at = quic('8.8.8.8'),
    direction = 'out',
    says = [],
  }: {
    tier?: Tier;
    at?: Address;
    direction?: 'in' | 'out';
    says?: Address[];
  } = {},
): TestConnection => {
  const livePaths = [{ tier, remoteAddress: at, retired: false, suspicious: false }];
  return {
    state: 'open',
    direction,
    peer: { peerId: peer(name) } as PeerConnection['peer'],
    remote: {
      agent: 'test/1',
      addresses: says,
      sidePort: null,
      relays: false,
      observed: at,
    },
    livePaths,
    get path() {
      return livePaths[0] ?? null;
    },
    review: vi.fn<() => void>(),
  };
};
export const asConnection = (connection: TestConnection): PeerConnection => connection as unknown as PeerConnection;
