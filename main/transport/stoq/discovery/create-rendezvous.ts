import { Emitter, isNodeError, type Logger, type Outside } from '../../../base/index.ts';
import type { NetworkMembership } from '../handshake/interface.ts';
import type { Address, Endpoint, NetworkId, PeerId } from '../interface.ts';
import {
  CLOCK_TOLERANCE_MS,
  RENDEZVOUS_DIALS_MAX,
  RENDEZVOUS_DIAL_MS,
  RENDEZVOUS_EPOCH_MS,
  RENDEZVOUS_INTERVAL_MS,
  RENDEZVOUS_MEMBERS_ENOUGH,
  RENDEZVOUS_RETRY_MS_MIN,
} from './constants.ts';
import type { DhtNode } from './dht/create-dht.ts';
import type { Discovery } from './interface.ts';
import { rendezvousTopic } from './membership.ts';
import type { DiscoveryMetrics } from './metrics.ts';
import { openHint, sealHint, type PeerHint } from './sealed-hint.ts';

export interface RendezvousComponents {
  outside: Outside;
  logger: Logger;
  metrics: DiscoveryMetrics | null;
  endpoint: Pick<Endpoint, 'local' | 'on' | 'connect' | 'connection' | 'connections'>;
  /** The public DHT, where members who do not know each other meet. */
  dht: Pick<DhtNode, 'provideSealed' | 'sealedProviders' | 'size'>;
  memberships: () => readonly NetworkMembership[];
  /** Where to tell members that we are, best first. */
  addresses: () => readonly Address[];
}
export interface RendezvousInit {
  /** Connected members from which on none is dialled. @default 8 */
  enough?: number;
}
export interface Rendezvous extends Discovery {
  /** Announces and looks now, in all networks: a membership came, or the owner asked. */
  lookNow(): Promise<void>;
}

/** Announced again this long before others forget it. */
const ANNOUNCE_MS = 60 * 60_000;

/** Epochs that members with clocks up to {@link CLOCK_TOLERANCE_MS} off may be in: one or two, as an epoch is longer than that. */
export const epochsAt = (nowMs: number): number[] => [
  ...new Set(
    [-CLOCK_TOLERANCE_MS, 0, CLOCK_TOLERANCE_MS].map((offsetMs) =>
      Math.floor((nowMs + offsetMs) / RENDEZVOUS_EPOCH_MS),
    ),
  ),
];

/**
 * Members of a private network meet in the public DHT, under topics that only they can compute, by announcements that only they can
 * open; docs/formats/stoq-dht.md says what others may see of it.
 */
export const createRendezvous = (
  { outside: { clock, random }, logger, metrics, endpoint, dht, memberships, addresses }: RendezvousComponents,
  { enough = RENDEZVOUS_MEMBERS_ENOUGH }: RendezvousInit = {},
): Rendezvous => {
  const events = new Emitter<{ found: { peer: PeerId; addresses: readonly Address[] } }>();
  const life = new AbortController();
  const me = endpoint.local.peerId;
  /** When, and with which addresses, each topic was announced. */
  const announced = new Map<string, { atMs: number; addresses: string }>();
  let cancelTimer: () => void = () => undefined;
  let waitMs = RENDEZVOUS_RETRY_MS_MIN;
  let looking: Promise<void> | null = null;

  const membersOf = (network: NetworkId): number =>
    endpoint.connections().filter(({ networks }) => networks.has(network)).length;

  const announce = async ({ key }: NetworkMembership, topic: Uint8Array): Promise<void> => {
    const own = addresses();
    const name = Buffer.from(topic).toString('base64');
    const before = announced.get(name);
    const said = own.join('\n');
    if (own.length === 0) return;
    if (before !== undefined && before.addresses === said && clock.monotonicMs() - before.atMs < ANNOUNCE_MS) return;
    const taken = await dht.provideSealed(
      topic,
      () => sealHint({ key, context: topic, random }, { peer: me, addresses: own }),
      { signal: life.signal },
    );
    if (taken > 0) announced.set(name, { atMs: clock.monotonicMs(), addresses: said });
  };
  const dial = async (hint: PeerHint): Promise<void> => {
    const tooLong = new AbortController();
    const cancel = clock.after(RENDEZVOUS_DIAL_MS, () => tooLong.abort(new Error('Nobody answered in time.')));
    try {
      await endpoint.connect(hint, { signal: AbortSignal.any([life.signal, tooLong.signal]) });
    } catch (error) {
      if (!isNodeError(error) && !tooLong.signal.aborted && !life.signal.aborted) throw error;
    } finally {
      cancel();
    }
  };
  const look = async (membership: NetworkMembership): Promise<void> => {
    const hints = new Map<PeerId, PeerHint>();
    for (const epoch of epochsAt(clock.nowMs())) {
      const topic = rendezvousTopic(membership.key, epoch);
      await announce(membership, topic);
      // Whoever has enough members hears of others from them.
      if (membersOf(membership.id) >= enough) continue;
      for (const sealed of await dht.sealedProviders(topic, { signal: life.signal })) {
        const hint = openHint(membership.key, topic, sealed);
        if (hint === null || hint.peer === me || hint.addresses.length === 0) continue;
        hints.set(hint.peer, hint);
      }
    }
    const unknown = [...hints.values()].filter(({ peer }) => endpoint.connection(peer) === null);
    for (const hint of unknown) {
      metrics?.found.inc(1, { by: 'rendezvous' });
      events.emit('found', hint);
    }
    while (unknown.length > 0 && membersOf(membership.id) < enough && !life.signal.aborted) {
      const some = Array.from({ length: Math.min(RENDEZVOUS_DIALS_MAX, unknown.length) }, () =>
        unknown.splice(random.below(unknown.length), 1).map(dial),
      );
      await Promise.all(some.flat());
    }
  };
  const lookEverywhere = (): Promise<void> => {
    looking ??= (async () => {
      try {
        for (const [name, { atMs }] of announced)
          if (clock.monotonicMs() - atMs > RENDEZVOUS_EPOCH_MS) announced.delete(name);
        for (const membership of memberships()) {
          if (dht.size() === 0 || life.signal.aborted) break;
          try {
            await look(membership);
          } catch (error) {
            if (life.signal.aborted) return;
            if (!isNodeError(error)) throw error;
            logger.debug('Members of a network were not looked for', { problem: error.message });
          }
        }
      } finally {
        looking = null;
      }
    })();
    return looking;
  };
  const plan = (): void => {
    cancelTimer();
    const ms = waitMs / 2 + random.below(waitMs / 2);
    cancelTimer = clock.after(ms, () => {
      void lookEverywhere().then(() => {
        const alone = memberships().some(({ id }) => membersOf(id) === 0);
        waitMs = alone ? Math.min(waitMs * 2, RENDEZVOUS_INTERVAL_MS) : RENDEZVOUS_INTERVAL_MS;
        if (!life.signal.aborted) plan();
      });
    });
  };
  const undo: (() => void)[] = [];
  return {
    name: 'rendezvous',
    on: events.on.bind(events),
    start: async () => {
      undo.push(
        endpoint.on('disconnected', () => {
          // The last member went: it is worth looking soon.
          if (!memberships().some(({ id }) => membersOf(id) === 0) || waitMs <= RENDEZVOUS_RETRY_MS_MIN) return;
          waitMs = RENDEZVOUS_RETRY_MS_MIN;
          plan();
        }),
        () => cancelTimer(),
      );
      plan();
    },
    stop: async () => {
      life.abort(new Error('The node is going down.'));
      for (const cancel of undo.splice(0)) cancel();
    },
    lookNow: lookEverywhere,
  };
};
