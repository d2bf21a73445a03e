import { type Logger, messageOf, type Outside } from '../../../base/index.ts';
import { partsOf } from '../address.ts';
import type { Carrier } from '../carriers/interface.ts';
import type { Tier } from '../interface.ts';
import type { PeerConnection } from './connection.ts';
import { IMPROVE_MS_MAX, IMPROVE_MS_MIN, IN_USE_BYTES, MEASURE_INTERVAL_MS, REPAIR_TIMEOUT_MS } from './constants.ts';
import type { Dials } from './dials.ts';
import type { Life } from './life.ts';
import { measurePath } from './measure.ts';

/** Connections through others for which a direct way is looked for, at once. */
const IMPROVING_MAX = 4;

/** Looks for better paths of connections that have one. */
export interface PathCare {
  /**
   * Measures the tiers of a connection in use, now and then, one connection at a time.
   *
   * @param bytes - carried since the last call
   */
  measureDue(connection: PeerConnection, bytes: number, nowMs: number): void;
  /** Tries direct addresses of a peer that is reached through others only. Holes in NATs come through `addPath`. */
  improveDue(connection: PeerConnection, nowMs: number): void;
}
export interface PathCareComponents {
  outside: Outside;
  logger: Logger;
  life: Life;
  /** Read anew each time: carriers come and go. */
  carriers: readonly Carrier[];
  dials: Pick<Dials, 'dialAddresses' | 'knownAddresses' | 'likelyAddresses'>;
}

/** Cares for what the path of a connection could be. */
export const createPathCare = ({ outside, logger, life, carriers, dials }: PathCareComponents): PathCare => {
  const { clock, random } = outside;
  const measuring = new Set<PeerConnection>();
  const measureAtMs = new WeakMap<PeerConnection, { dueMs: number; bytes: number }>();
  const improveAtMs = new WeakMap<PeerConnection, { dueMs: number; waitMs: number }>();
  let improving = 0;

  /** Compares QUIC and TLS of one connection, and lets it take the faster. */
  const measure = async (connection: PeerConnection): Promise<void> => {
    const other = (tier: Tier): Tier => (tier === 'quic' ? 'tls' : 'quic');
    const direct = connection.livePaths.filter(({ tier, retired }) => (tier === 'quic' || tier === 'tls') && !retired);
    const [first] = direct;
    if (first === undefined) return;
    const missing = other(first.tier);
    if (!direct.some(({ tier }) => tier === missing)) {
      const { host: at } = partsOf(first.remoteAddress);
      const targets = dials.knownAddresses(connection.peer.peerId, []).filter((address) => {
        const parts = partsOf(address);
        return parts.relay === null && parts.transport === missing;
      });
      // The same machine first: what is compared is the tier, not the way.
      targets.sort((a, b) => Number(partsOf(b).host === at) - Number(partsOf(a).host === at));
      if (targets.length === 0) return;
      const result = await dials.dialAddresses(connection.peer.peerId, targets, life.signal);
      if (result.value !== connection) return;
    }
    for (const path of connection.livePaths.filter(
      ({ tier, retired }) => (tier === 'quic' || tier === 'tls') && !retired,
    ))
      path.measured = await measurePath(clock, connection, path);
    connection.review();
  };
  const measureDue = (connection: PeerConnection, bytes: number, nowMs: number): void => {
    let entry = measureAtMs.get(connection);
    if (entry === undefined) {
      // The first time after a tenth of the interval, jittered: most connections do not last that long.
      entry = { dueMs: nowMs + MEASURE_INTERVAL_MS / 20 + random.below(MEASURE_INTERVAL_MS / 20), bytes: 0 };
      measureAtMs.set(connection, entry);
    }
    entry.bytes += bytes;
    // Whoever dialled measures, since it knows addresses; one at a time, or they would measure each other.
    if (nowMs < entry.dueMs || connection.direction !== 'out' || measuring.size > 0) return;
    if (entry.bytes < IN_USE_BYTES || connection.state !== 'open') return;
    entry.bytes = 0;
    entry.dueMs = nowMs + MEASURE_INTERVAL_MS - MEASURE_INTERVAL_MS / 20 + random.below(MEASURE_INTERVAL_MS / 10);
    measuring.add(connection);
    measure(connection)
      .catch((error: unknown) => {
        logger.debug('Measuring paths failed', { problem: messageOf(error) });
      })
      .finally(() => measuring.delete(connection));
  };

  const improveDue = (connection: PeerConnection, nowMs: number): void => {
    const tier = connection.path?.tier;
    if (connection.state !== 'open' || (tier !== 'relay' && tier !== 'punched')) {
      improveAtMs.delete(connection);
      return;
    }
    const entry = improveAtMs.get(connection);
    const waitMs = entry?.waitMs ?? IMPROVE_MS_MIN;
    if (entry !== undefined && (nowMs < entry.dueMs || improving >= IMPROVING_MAX)) return;
    improveAtMs.set(connection, {
      dueMs: nowMs + waitMs / 2 + random.below(waitMs),
      waitMs: entry === undefined ? waitMs : Math.min(IMPROVE_MS_MAX, waitMs * 2),
    });
    if (entry === undefined) return;
    const targets = dials.likelyAddresses(connection.peer.peerId, [], (address) => {
      const carrier = carriers.find((one) => one.canDial(address));
      return carrier !== undefined && carrier.tier !== 'relay';
    });
    if (targets.length === 0) return;
    improving += 1;
    dials
      .dialAddresses(connection.peer.peerId, targets, life.signal, REPAIR_TIMEOUT_MS)
      .catch((error: unknown) => {
        logger.debug('Looking for a direct path failed', { problem: messageOf(error) });
      })
      .finally(() => {
        improving -= 1;
      });
  };

  return { measureDue, improveDue };
};
