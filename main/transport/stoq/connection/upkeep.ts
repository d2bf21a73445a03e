import { type Logger, messageOf, type Outside } from '../../../base/index.ts';
import type { Address, PeerId } from '../interface.ts';
import type { PeerBook } from '../standing/interface.ts';
import type { PeerConnection } from './connection.ts';
import { GRACE_MS, REDIAL_MS_MAX, REDIAL_MS_MIN, REPAIR_TIMEOUT_MS } from './constants.ts';
import { type Dials, REPAIR_ADDRESSES_MAX } from './dials.ts';
import type { Life } from './life.ts';
import type { Roster } from './roster.ts';

/** Peers that are dialled to be kept, at once. */
const KEEP_DIALS_MAX = 4;

/** Keeps connections that are to last. */
export interface Upkeep {
  /** Whether a peer is never pushed out nor left for being idle: trusted by the owner, or an anchor. */
  isKept(peer: PeerId): boolean;
  /** Dials peers that are to be kept, with growing waits. */
  keepPeers(nowMs: number): void;
  /** Looks for another path while none answers, as long as the connection lasts. Never rejects. */
  redial(connection: PeerConnection): Promise<void>;
  /** The machine has slept: what was dialled before leads nowhere, and what had to wait need not. */
  wake(): void;
}
export interface UpkeepComponents {
  outside: Outside;
  logger: Logger;
  life: Life;
  book: Pick<PeerBook, 'anchors' | 'get' | 'isBanned' | 'list'>;
  roster: Pick<Roster, 'connection'>;
  dials: Pick<Dials, 'dialAddresses' | 'isDialling' | 'joinDial' | 'likelyAddresses'>;
}
export interface UpkeepInit {
  self: PeerId;
  /** Whether peers that are to be kept are dialled by ourselves. */
  keepsPeers: boolean;
}

/** A peer that is to be kept. */
interface Kept {
  nextMs: number;
  waitMs: number;
}

/** Dials again whom we have lost. */
export const createUpkeep = (components: UpkeepComponents, { self, keepsPeers }: UpkeepInit): Upkeep => {
  const { outside, logger, life, book, roster, dials } = components;
  const { clock, random } = outside;
  const kept = new Map<PeerId, Kept>();
  const redialing = new Map<PeerConnection, AbortController>();
  /** Dials of peers that are to be kept. */
  const keeping = new Set<AbortController>();

  const redial = async (connection: PeerConnection): Promise<void> => {
    if (redialing.has(connection) || life.isStopped) return;
    redialing.set(connection, new AbortController());
    const { peerId } = connection.peer;
    const endsMs = clock.monotonicMs() + GRACE_MS;
    const isWanted = (): boolean =>
      !life.isStopped &&
      clock.monotonicMs() < endsMs &&
      (connection.state === 'stranded' ||
        (connection.state === 'open' && connection.livePaths.every((path) => path.suspicious)));
    const last = connection.livePaths.map((path) => path.remoteAddress);
    // The book drops what fails: others of the same peer must not come in its place.
    const tried = new Set<Address>();
    let waitMs = 250;
    while (isWanted()) {
      // Waking up begins anew at once: what was dialled before leads nowhere.
      const turn = new AbortController();
      redialing.set(connection, turn);
      const signal = AbortSignal.any([turn.signal, life.signal]);
      try {
        const targets = dials.likelyAddresses(
          peerId,
          last,
          (address) => tried.has(address) || tried.size < REPAIR_ADDRESSES_MAX,
        );
        for (const address of targets) if (tried.size < REPAIR_ADDRESSES_MAX) tried.add(address);
        if (targets.length > 0) {
          const result = await dials.dialAddresses(peerId, targets, signal, REPAIR_TIMEOUT_MS);
          if (result.value !== null) break;
        }
        // Both ends dial: their waits differ, so that they do not meet for ever.
        await clock.sleep(waitMs + random.below(waitMs), signal);
        waitMs = Math.min(1_000, waitMs * 2);
      } catch (error) {
        logger.debug('Looking for another path failed', { problem: messageOf(error) });
        waitMs = 250;
        if (!turn.signal.aborted) await clock.sleep(waitMs, life.signal).catch(() => undefined);
      }
    }
    redialing.delete(connection);
  };

  const keepPeers = (nowMs: number): void => {
    if (!keepsPeers) return;
    const wanted = new Set<PeerId>(book.anchors());
    for (const { peerId, trusted } of book.list()) if (trusted) wanted.add(peerId);
    for (const peer of kept.keys()) if (!wanted.has(peer)) kept.delete(peer);
    for (const peer of wanted) {
      if (peer === self || book.isBanned(peer)) continue;
      let entry = kept.get(peer);
      if (entry === undefined) kept.set(peer, (entry = { nextMs: nowMs, waitMs: REDIAL_MS_MIN }));
      if (roster.connection(peer) !== null) {
        entry.waitMs = REDIAL_MS_MIN;
        continue;
      }
      if (nowMs < entry.nextMs || keeping.size >= KEEP_DIALS_MAX || dials.isDialling(peer)) continue;
      const { waitMs } = entry;
      // Between half and one and a half of it, so that nodes that lost each other together do not come back together.
      entry.nextMs = nowMs + waitMs / 2 + random.below(Math.ceil(waitMs));
      entry.waitMs = Math.min(REDIAL_MS_MAX, waitMs * 2);
      const turn = new AbortController();
      keeping.add(turn);
      dials
        .joinDial(peer, [], turn.signal)
        .catch((error: unknown) => {
          logger.debug('Peer to be kept is away', { problem: messageOf(error) });
        })
        .finally(() => keeping.delete(turn));
    }
  };

  return {
    isKept: (peer) => kept.has(peer) || book.get(peer)?.trusted === true,
    keepPeers,
    redial,
    wake: () => {
      const nowMs = clock.monotonicMs();
      for (const turn of [...redialing.values(), ...keeping]) turn.abort(new Error('the machine woke up'));
      for (const entry of kept.values()) {
        entry.nextMs = nowMs;
        entry.waitMs = REDIAL_MS_MIN;
      }
    },
  };
};
