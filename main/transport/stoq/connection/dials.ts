import { type Clock, type Logger, messageOf } from '../../../base/index.ts';
import { isDialable } from '../address.ts';
import type { Carrier } from '../carriers/interface.ts';
import { plausible } from '../discovery/plausible.ts';
import { PeerError } from '../errors.ts';
import type { Address, PeerId } from '../interface.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { PeerBook } from '../standing/interface.ts';
import type { PeerConnection } from './connection.ts';
import { createUdpMemory, planDials, raceDials, type Tried } from './dial.ts';
import type { Establish } from './establish.ts';
import type { Life } from './life.ts';
import type { Roster } from './roster.ts';

/** Asks others where a peer is. */
export type Finder = (peer: PeerId, signal: AbortSignal) => Promise<readonly Address[]>;

/** How peers are reached. */
export interface Dials {
  /** Addresses to try of a peer, the given ones first. */
  knownAddresses(peer: PeerId, given: readonly Address[]): Address[];
  /**
   * Those that are dialled without anybody asking: the given ones, confirmed ones, and few that the peer only says. At most
   * {@link REPAIR_ADDRESSES_MAX}.
   */
  likelyAddresses(peer: PeerId, given: readonly Address[], isWanted?: (address: Address) => boolean): Address[];
  /**
   * Dials these addresses, and tells the book what became of them.
   *
   * @param timeoutMs - for a channel. @default {@link DIAL_TIMEOUT_MS}
   * @returns `tried` when none of them led to the peer
   */
  dialAddresses(
    peer: PeerId | null,
    targets: readonly Address[],
    signal: AbortSignal,
    timeoutMs?: number,
  ): Promise<{ value: PeerConnection; address: Address } | { value: null; tried: readonly Tried[] }>;
  /**
   * Dials whatever is known of a peer, and asks the finder for more where that leads nowhere.
   *
   * @throws {PeerError} `UNREACHABLE` | `NO_ADDRESS`, or what the one who answered is refused for
   */
  dialPeer(peer: PeerId | null, given: readonly Address[], signal: AbortSignal): Promise<PeerConnection>;
  /** As {@link dialPeer}; callers share one dial, which is called off when the last of them gives up. */
  joinDial(peer: PeerId, given: readonly Address[], signal: AbortSignal | undefined): Promise<PeerConnection>;
  /** Whether a shared dial to this peer is under way. */
  isDialling(peer: PeerId): boolean;
  /** Ends the shared dial to this peer, if there is one. */
  callOff(peer: PeerId, reason: Error): void;
}
export interface DialsComponents {
  clock: Clock;
  logger: Logger;
  /** Null: no metrics. */
  metrics: EndpointMetrics | null;
  life: Life;
  /** Read anew for every dial: carriers come and go. */
  carriers: readonly Carrier[];
  book: Pick<PeerBook, 'get' | 'failed' | 'confirm'>;
  roster: Pick<Roster, 'connection'>;
  establish: Establish;
  /** @returns null where nobody can be asked */
  finder(): Finder | null;
}

/**
 * Addresses of a peer that are dialled by ourselves as a path is gone or could be better. Whoever connects, names two dozen places
 * of somebody else and leaves would have us knock at all of them again and again.
 */
export const REPAIR_ADDRESSES_MAX = 8;

interface Dial {
  promise: Promise<PeerConnection>;
  controller: AbortController;
  callers: number;
}

/** What to tell when no address led to the peer. */
const failureOf = (peer: PeerId | null, tried: readonly Tried[]): Error => {
  // Where something did answer, what it was says more than that others did not.
  for (const code of ['BANNED', 'FULL', 'CERTIFICATE_REFUSED', 'WRONG_PEER', 'SELF']) {
    const found = tried.find(({ error }) => error instanceof PeerError && error.code === code);
    if (found !== undefined) return found.error as Error;
  }
  return new PeerError(
    {
      code: 'UNREACHABLE',
      peer: peer ?? '',
      tried: tried.map(({ address, problem }) => ({ address, problem })),
    },
    tried.length === 0
      ? 'No address of this peer can be dialled from here; ask its owner for another one.'
      : 'The peer did not answer at any of its addresses; check that it runs, or try again later.',
  );
};

const untilAborted = <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (signal === undefined) return work;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
};

/** Dials peers at what is known of them. */
export const createDials = (components: DialsComponents): Dials => {
  const { clock, logger, metrics, life, carriers, book, roster, establish, finder } = components;
  const udp = createUdpMemory(clock);
  const dials = new Map<PeerId, Dial>();

  const knownAddresses: Dials['knownAddresses'] = (peer, given) => {
    const known = book.get(peer)?.addresses.map(({ address }) => address) ?? [];
    const connection = roster.connection(peer);
    // What it says of itself counts as far as it speaks from: nobody far away has us knock at doors of this network.
    const said =
      connection === null ? [] : plausible(connection.remote.addresses, connection.path?.remoteAddress ?? null);
    return [...new Set([...given, ...known, ...said])].filter((address) => isDialable(address));
  };
  const likelyAddresses: Dials['likelyAddresses'] = (peer, given, isWanted = () => true) => {
    const known = book.get(peer)?.addresses ?? [];
    const confirmed = known.flatMap(({ address, confirmedAtMs }) => (confirmedAtMs === null ? [] : [address]));
    return knownAddresses(peer, [...given, ...confirmed])
      .filter(isWanted)
      .slice(0, REPAIR_ADDRESSES_MAX);
  };
  const dialAddresses: Dials['dialAddresses'] = async (peer, targets, signal, timeoutMs) => {
    const plan = planDials(targets, carriers, udp, peer);
    const result = await raceDials(
      clock,
      plan,
      udp,
      signal,
      (channel, _address, attemptSignal) => establish(channel, peer, attemptSignal),
      timeoutMs,
    );
    if (peer !== null && result.value === null) for (const { address } of result.tried) book.failed(peer, address);
    if (result.value !== null) {
      const { peerId } = result.value.peer;
      book.confirm(peerId, result.address, result.value.remote);
    }
    return result;
  };
  const cameMeanwhile = (peer: PeerId): PeerConnection | null => {
    const connection = roster.connection(peer);
    return connection !== null && connection.path !== null ? connection : null;
  };
  const dialPeer: Dials['dialPeer'] = async (peer, given, signal) => {
    const startMs = clock.monotonicMs();
    let tried: readonly Tried[] = [];
    const attempt = async (targets: readonly Address[]): Promise<PeerConnection | null> => {
      const fresh = targets.filter((address) => !tried.some((one) => one.address === address));
      if (fresh.length === 0) return null;
      const result = await dialAddresses(peer, fresh, signal);
      if (result.value !== null) return result.value;
      tried = [...tried, ...result.tried];
      return null;
    };
    try {
      let found = await attempt(peer === null ? given : knownAddresses(peer, given));
      const askFinder = finder();
      if (found === null && peer !== null && askFinder !== null) {
        const more = await askFinder(peer, signal).catch((error: unknown) => {
          logger.debug('Finding a peer failed', { problem: messageOf(error) });
          return [];
        });
        signal.throwIfAborted();
        found = await attempt(more.filter((address) => isDialable(address)));
      }
      // It may have come to us meanwhile.
      found ??= peer === null ? null : cameMeanwhile(peer);
      if (found !== null) {
        metrics?.dials.inc(1, { result: 'connected' });
        metrics?.dialSeconds.observe((clock.monotonicMs() - startMs) / 1000);
        return found;
      }
    } catch (error) {
      const came = peer === null ? null : cameMeanwhile(peer);
      if (came === null || signal.aborted) throw error;
      return came;
    }
    if (peer !== null && tried.length === 0 && knownAddresses(peer, given).length === 0)
      throw new PeerError(
        { code: 'NO_ADDRESS', peer },
        'No address of this peer is known; add one, or ask its owner for an invite.',
      );
    const failure = failureOf(peer, tried);
    metrics?.dials.inc(1, {
      result: failure instanceof PeerError && failure.code === 'UNREACHABLE' ? 'unreachable' : 'refused',
    });
    throw failure;
  };

  const joinDial: Dials['joinDial'] = async (peer, given, signal) => {
    let dial = dials.get(peer);
    const isOther = dial !== undefined;
    if (dial === undefined) {
      const controller = new AbortController();
      const promise = dialPeer(peer, given, AbortSignal.any([controller.signal, life.signal])).finally(() => {
        if (dials.get(peer)?.controller === controller) dials.delete(peer);
      });
      promise.catch(() => undefined);
      dials.set(peer, (dial = { promise, controller, callers: 0 }));
    }
    const { promise, controller } = dial;
    const joined = dial;
    joined.callers += 1;
    try {
      return await untilAborted(promise, signal);
    } catch (error) {
      // The dial that was joined knew nothing of these addresses.
      const isNews = isOther && given.length > 0 && error instanceof PeerError && !dials.has(peer);
      if (!isNews) throw error;
    } finally {
      joined.callers -= 1;
      if (joined.callers === 0) {
        if (dials.get(peer) === joined) dials.delete(peer);
        controller.abort(new Error('nobody waits for this connection any more'));
      }
    }
    return await joinDial(peer, given, signal);
  };

  return {
    knownAddresses,
    likelyAddresses,
    dialAddresses,
    dialPeer,
    joinDial,
    isDialling: (peer) => dials.has(peer),
    callOff: (peer, reason) => {
      dials.get(peer)?.controller.abort(reason);
    },
  };
};
