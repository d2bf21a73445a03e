import { Emitter, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import { splitPeer } from '../address.ts';
import type { Address, Endpoint, PeerId } from '../interface.ts';
import {
  BOOTSTRAP_ADDRESSES_MAX,
  BOOTSTRAP_BACKOFF_MS_MAX,
  BOOTSTRAP_BACKOFF_MS_MIN,
  BOOTSTRAP_CHECK_MS,
  BOOTSTRAP_DIALS_MAX,
  BOOTSTRAP_DIAL_MS,
  BOOTSTRAP_PEERS_ENOUGH,
} from './constants.ts';
import type { Discovery } from './interface.ts';
import type { DiscoveryMetrics } from './metrics.ts';

export interface BootstrapComponents {
  outside: Outside;
  logger: Logger;
  metrics: DiscoveryMetrics | null;
  endpoint: Pick<Endpoint, 'local' | 'on' | 'connect' | 'connection' | 'connections'>;
}
export interface BootstrapInit {
  /** Of the settings, now: addresses, each with the peer that must answer there or without. At most 64 are used. */
  addresses: () => readonly string[];
  /** Connections from which on nobody is dialled. @default 8 */
  enough?: number;
}
export interface Bootstrap extends Discovery {
  /** Dials at once, whatever was tried before: the owner asked, or the machine woke. */
  dialNow(): void;
}

interface Target {
  address: Address;
  peer: PeerId | null;
  /** Ms to wait after the next failure. */
  backoffMs: number;
  dueMs: number;
  dialling: boolean;
}

/** Dials the addresses of the settings while there are too few peers; each one less often while nobody answers there. */
export const createBootstrap = (
  { outside: { clock, random }, logger, metrics, endpoint }: BootstrapComponents,
  { addresses, enough = BOOTSTRAP_PEERS_ENOUGH }: BootstrapInit,
): Bootstrap => {
  const events = new Emitter<{ found: { peer: PeerId; addresses: readonly Address[] } }>();
  const life = new AbortController();
  const targets = new Map<string, Target>();
  const undo: (() => void)[] = [];
  let dialling = 0;

  /** Follows the settings. */
  const read = (): void => {
    const wanted = addresses().slice(0, BOOTSTRAP_ADDRESSES_MAX);
    for (const text of targets.keys()) if (!wanted.includes(text)) targets.delete(text);
    for (const text of wanted) {
      const split = targets.has(text) ? null : splitPeer(text);
      if (split === null || split.peer === endpoint.local.peerId) continue;
      targets.set(text, { ...split, backoffMs: BOOTSTRAP_BACKOFF_MS_MIN, dueMs: 0, dialling: false });
    }
  };
  const dial = async (target: Target): Promise<void> => {
    target.dialling = true;
    dialling += 1;
    const tooLong = new AbortController();
    const cancel = clock.after(BOOTSTRAP_DIAL_MS, () => tooLong.abort(new Error('Nobody answered in time.')));
    try {
      const { peer } = await endpoint.connect(
        { peer: target.peer, addresses: [target.address] },
        { signal: AbortSignal.any([life.signal, tooLong.signal]) },
      );
      target.backoffMs = BOOTSTRAP_BACKOFF_MS_MIN;
      target.dueMs = clock.monotonicMs() + BOOTSTRAP_CHECK_MS;
      metrics?.found.inc(1, { by: 'bootstrap' });
      events.emit('found', { peer: peer.peerId, addresses: [target.address] });
    } catch (error) {
      if (life.signal.aborted) return;
      if (!isNodeError(error) && !tooLong.signal.aborted) throw error;
      // Our own address among the settings: it never leads to anyone else.
      const isOurs = isNodeError(error) && error.code === 'SELF';
      // Half to all of it, so that nodes that lost the same peer do not come back together.
      const waitMs = target.backoffMs / 2 + random.below(Math.ceil(target.backoffMs / 2) + 1);
      target.dueMs = isOurs ? Number.POSITIVE_INFINITY : clock.monotonicMs() + waitMs;
      target.backoffMs = Math.min(target.backoffMs * 2, BOOTSTRAP_BACKOFF_MS_MAX);
      logger.debug('Nobody answered at a bootstrap address', { address: target.address, waitMs });
    } finally {
      cancel();
      target.dialling = false;
      dialling -= 1;
      if (!life.signal.aborted) look();
    }
  };
  let cancelLook: () => void = () => undefined;
  const look = (): void => {
    cancelLook();
    read();
    const nowMs = clock.monotonicMs();
    const due = [...targets.values()].filter(
      (target) =>
        !target.dialling &&
        target.dueMs <= nowMs &&
        (target.peer === null || endpoint.connection(target.peer) === null),
    );
    while (due.length > 0 && dialling < BOOTSTRAP_DIALS_MAX && endpoint.connections().length + dialling < enough) {
      const [target] = due.splice(random.below(due.length), 1);
      if (target !== undefined) void dial(target);
    }
    const nextMs = Math.min(...[...targets.values()].map(({ dueMs }) => dueMs).filter((dueMs) => dueMs > nowMs));
    const waitMs = Math.min(BOOTSTRAP_CHECK_MS, Math.max(nextMs - nowMs, BOOTSTRAP_BACKOFF_MS_MIN / 2));
    cancelLook = clock.after(waitMs, look);
  };
  const dialNow = (): void => {
    for (const target of targets.values()) {
      target.dueMs = 0;
      target.backoffMs = BOOTSTRAP_BACKOFF_MS_MIN;
    }
    look();
  };
  return {
    name: 'bootstrap',
    on: events.on.bind(events),
    start: async () => {
      undo.push(
        endpoint.on('disconnected', () => look()),
        () => cancelLook(),
      );
      look();
    },
    stop: async () => {
      life.abort(new Error('The node is going down.'));
      for (const cancel of undo.splice(0)) cancel();
    },
    dialNow,
  };
};
