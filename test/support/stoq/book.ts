import type { Outside } from '../../../main/base/index.ts';
import { peerIdOf } from '../../../main/base/crypto/index.ts';
import { ipAddress } from '../../../main/transport/stoq/address.ts';
import type { Address, PeerId, RemoteInfo } from '../../../main/transport/stoq/interface.ts';
import type { PeerBookStore } from '../../../main/transport/stoq/standing/interface.ts';
import { createPeerBook, type PeerBookControl } from '../../../main/transport/stoq/standing/peer-book.ts';
import { createManualClock, type ManualClock } from '../manual-clock.ts';
import { createSeededRandom } from '../seeded-random.ts';
import { createSilentLogger } from '../silent-logger.ts';

const peers = new Map<number, PeerId>();
/** A peer of its own for each number. */
export const peerNumber = (number: number): PeerId => {
  const known = peers.get(number);
  if (known !== undefined) return known;
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, number);
  const peer = peerIdOf(key) as PeerId;
  peers.set(number, peer);
  return peer;
};
/** A global address: of provider `provider` (/32), customer `group` (/48) and host. */
export const globalAddress = (provider: number, group = 0, host = 1): Address =>
  ipAddress(`2a00:${provider.toString(16)}:${group.toString(16)}::${host.toString(16)}`, 4001, 'quic');
export const remoteInfo = (given: Partial<RemoteInfo> = {}): RemoteInfo => ({
  agent: 'test/1',
  addresses: [],
  observed: null,
  sidePort: null,
  relays: false,
  ...given,
});

/** Rows in memory, as a database would hold them after a crash: what was written and nothing else. */
export interface MemoryRows extends PeerBookStore {
  readonly rows: Map<string, Uint8Array>;
  /** Transactions so far. */
  writes: number;
  /** Thrown by the next writes while it is set. */
  failWith: Error | null;
}
export const createMemoryRows = (rows = new Map<string, Uint8Array>()): MemoryRows => {
  const kept: MemoryRows = {
    rows,
    writes: 0,
    failWith: null,
    readAll: async () => Array.from(rows, ([peer, row]) => ({ peer, row })),
    write: async (changes) => {
      if (kept.failWith !== null) throw kept.failWith;
      kept.writes += 1;
      for (const { peer, row } of changes)
        if (row === null) rows.delete(peer);
        else rows.set(peer, row);
    },
  };
  return kept;
};

export interface TestBook {
  book: PeerBookControl;
  clock: ManualClock;
  outside: Outside;
  logged: { message: string; context: Record<string, unknown> }[];
}
/** A real book over virtual time. */
export const createTestBook = (
  given: { store?: PeerBookStore | null; clock?: ManualClock; seed?: number; self?: PeerId } = {},
): TestBook => {
  const clock = given.clock ?? createManualClock();
  const outside = { clock, random: createSeededRandom(given.seed ?? 1) };
  const logged: Parameters<typeof createSilentLogger>[0] = [];
  const book = createPeerBook(
    { outside, logger: createSilentLogger(logged), store: given.store ?? null },
    { self: given.self ?? null },
  );
  return { book, clock, outside, logged };
};
