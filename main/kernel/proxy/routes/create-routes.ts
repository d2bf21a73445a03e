import {
  isNodeError,
  type Logger,
  messageOf,
  type Outside,
  type Settings,
  type Verdict,
  type WorkerPool,
} from '../../../base/index.ts';
import {
  type Connection,
  type Mesh,
  type NetworkId,
  type PeerId,
  PUBLIC_NETWORK,
  request,
  respond,
} from '../../../transport/stoq/index.ts';
import {
  type GlobalAddress,
  globalAddressBytes,
  type Link,
  type Links,
  namedNetworks,
  type Privacy,
} from '../../leases/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import {
  ROUTE_ASK_MS,
  ROUTE_NAMESPACE,
  ROUTE_PEERS_MAX,
  ROUTE_PROTOCOL,
  ROUTE_PROVIDERS_MAX,
  ROUTE_RECORD_BYTES_MAX,
  ROUTE_SEARCH_MS,
  ROUTE_SEARCHES_MAX,
} from '../constants.ts';
import { RouteError } from '../errors.ts';
import type { AccessTerms, ResolvedRoute, Routes } from '../interface.ts';
import type { ProxyMetrics } from '../metrics.ts';
import { createRouteCache } from './cache.ts';
import {
  decodeRouteQuestion,
  decodeRouteReply,
  encodeRouteQuestion,
  encodeRouteReply,
  isFor,
  ROUTE_NONCE_BYTES,
  type RouteQuestion,
} from './messages.ts';
import { createRoutePublisher } from './publisher.ts';
import { isInTime, type OpenedRoute, openRoute } from './record.ts';

export interface RoutesComponents {
  outside: Outside;
  logger: Logger;
  metrics: ProxyMetrics | null;
  mesh: Mesh;
  links: Pick<Links, 'handle'>;
  /** Answers with two checked signatures or with why not; STOQ's task does it. */
  workers: WorkerPool;
  keys: KeyHolder;
  settings: Settings;
  privacy: Pick<Privacy, 'refusal'>;
  /** Whether a peer is in the owner's group of own nodes. */
  isOwnNode: (peer: PeerId) => boolean;
  /** Private networks that this node is in now. */
  networks: () => readonly { id: NetworkId; name: string }[];
}
export interface RoutesInit {
  /** Whole search, ms. @default 8000 */
  searchMs?: number;
}
/** {@link Routes}, and what the room itself asks of it. */
export interface RoutesControl extends Routes {
  /** Networks that were to hear of an own address and have not yet. */
  unheard(address: GlobalAddress): readonly NetworkId[];
}

/** @returns networks in whose DHT a route belongs: none for levels that name none */
const networksOf = (
  { privacyLevel: level, privacyNames: names, allocationType }: AccessTerms,
  mine: readonly { id: NetworkId; name: string }[],
): readonly NetworkId[] => {
  if (allocationType === 'Private') return [];
  switch (level) {
    case 'PrivateNetwork':
      return namedNetworks(mine, names);
    case 'PublicNetwork':
      return names.length === 0 || names.includes(PUBLIC_NETWORK) ? [PUBLIC_NETWORK] : [];
    case 'FullPublic':
      return [PUBLIC_NETWORK, ...mine.map(({ id }) => id)];
    default:
      return [];
  }
};

/** A record with where it came from. */
interface Finding {
  route: OpenedRoute;
  source: 'peers' | NetworkId;
}

/** @see Routes */
export const createRoutes = (components: RoutesComponents, init: RoutesInit = {}): RoutesControl => {
  const { outside, metrics, mesh, links, workers, privacy, isOwnNode, networks } = components;
  const { clock, random } = outside;
  const { searchMs = ROUTE_SEARCH_MS } = init;
  const logger = components.logger.child('routes');
  const publisher = createRoutePublisher({ ...components, networksFor: (terms) => networksOf(terms, networks()) });
  const cache = createRouteCache({ clock });
  /** Searches under way: who asks for the same address waits for the same one. */
  const searches = new Map<GlobalAddress, Promise<Finding>>();
  let withdraw = (): void => undefined;

  const unknown = (address: GlobalAddress): RouteError =>
    new RouteError(
      { code: 'ADDRESS_UNKNOWN', address },
      `Nobody that this node can ask answers for ${address}; check the address, and whether you are in a network with its owner or connected to it.`,
    );
  const revoked = (address: GlobalAddress): RouteError =>
    new RouteError(
      { code: 'REVOKED', address },
      `The owner of ${address} has taken it back; ask the owner for another one.`,
    );
  const blame = (peer: PeerId, error: unknown): void => {
    if (!isNodeError(error)) throw error;
    const { verdict } = error.data as { verdict?: Verdict };
    if (verdict === 'reject') mesh.book.offend(peer, 'badRecord', error.message);
    logger.debug('A route was not to be had from a peer', { problem: error.message });
  };

  /** A record counts only from the mouth of whoever it names: all others have no business to answer for its address. */
  const check = async (encoded: Uint8Array, address: GlobalAddress, from: PeerId): Promise<OpenedRoute | null> => {
    const route = await openRoute(workers, encoded);
    if (route.record.host !== from || route.record.address !== address) {
      mesh.book.offend(from, 'lied', `it answered for ${address} with a record of another`);
      return null;
    }
    return isInTime(route.record, clock) ? route : null;
  };
  const askPeer = async (
    connection: Connection,
    address: GlobalAddress,
    signal: AbortSignal,
  ): Promise<OpenedRoute | null> => {
    const { peerId } = connection.peer;
    try {
      const reply = await request(
        connection,
        ROUTE_PROTOCOL,
        encodeRouteQuestion(address, random.bytes(ROUTE_NONCE_BYTES)),
        {
          deadlineMs: ROUTE_ASK_MS,
          bytesMax: ROUTE_RECORD_BYTES_MAX + 64,
          signal,
        },
      );
      const record = decodeRouteReply(reply);
      return record === null ? null : await check(record, address, peerId);
    } catch (error) {
      if (signal.aborted) return null;
      blame(peerId, error);
      return null;
    }
  };
  const askNetwork = async (
    network: NetworkId,
    address: GlobalAddress,
    signal: AbortSignal,
    found: (finding: Finding) => void,
  ): Promise<void> => {
    const dht = mesh.node?.dht(network) ?? null;
    if (dht === null) return;
    const topic = globalAddressBytes(address);
    const ask = async (peer: PeerId): Promise<void> => {
      try {
        const kept = await dht.get(ROUTE_NAMESPACE, peer, topic, { signal });
        if (kept === null) return;
        const route = await check(kept.value, address, peer);
        if (route !== null) found({ route, source: network });
      } catch (error) {
        if (!signal.aborted) blame(peer, error);
      }
    };
    try {
      const providers = await dht.providers(topic, { signal });
      await Promise.all(providers.slice(0, ROUTE_PROVIDERS_MAX).map(ask));
    } catch (error) {
      if (signal.aborted) return;
      if (!isNodeError(error)) throw error;
      logger.debug('A network did not answer', { problem: messageOf(error) });
    }
  };
  /**
   * Asks the networks and the peers at once: whoever trusts each other mostly need no network, and waiting for one after the other
   * would cost seconds for every address that only one of them knows. The first record that holds is the answer; the owner alone can
   * make one, and a newer one takes its place in the cache.
   */
  const search = async (address: GlobalAddress): Promise<Finding> => {
    const { node } = mesh;
    if (node === null)
      throw new RouteError({ code: 'NOT_RUNNING' }, 'The network is not running; start it and try again.');
    if (searches.size >= ROUTE_SEARCHES_MAX) throw unknown(address);
    const life = new AbortController();
    const cancel = clock.after(searchMs, () => life.abort(unknown(address)));
    try {
      return await new Promise<Finding>((resolve, reject) => {
        const found = (finding: Finding): void => resolve(finding);
        const isFriend = ({ peer }: Connection): boolean =>
          mesh.book.get(peer.peerId)?.trusted === true || isOwnNode(peer.peerId);
        // Whoever has no business with the address learns nothing from the question, so all may be asked; friends come first.
        const connected = [...node.endpoint.connections()];
        const peers = [...connected.filter(isFriend), ...connected.filter((one) => !isFriend(one))].slice(
          0,
          ROUTE_PEERS_MAX,
        );
        const asked = [
          ...[PUBLIC_NETWORK, ...networks().map(({ id }) => id)].map((network) =>
            askNetwork(network, address, life.signal, found),
          ),
          ...peers.map(async (connection) => {
            const route = await askPeer(connection, address, life.signal);
            if (route !== null) found({ route, source: 'peers' });
          }),
        ];
        Promise.all(asked).then(() => reject(unknown(address)), reject);
      });
    } finally {
      cancel();
      life.abort(unknown(address));
    }
  };
  const searchOnce = (address: GlobalAddress): Promise<Finding> => {
    const under = searches.get(address);
    if (under !== undefined) return under;
    const one = search(address).finally(() => searches.delete(address));
    searches.set(address, one);
    return one;
  };
  const answer = (link: Pick<Link, 'party' | 'route'>, question: RouteQuestion): Uint8Array | null => {
    const own = publisher.find((address) => isFor(question, address));
    // Looks at the terms either way: how long it takes tells nothing.
    const refusal = privacy.refusal(
      link,
      'discover',
      own?.published.terms ?? {
        privacyLevel: 'Private',
        privacyNames: [],
        allocationType: 'Private',
        proxy: { relaysAllowed: false, exitAllowed: false },
      },
    );
    return own === null || refusal !== null ? null : own.encoded;
  };
  const tell = (route: OpenedRoute, source: ResolvedRoute['source'], startedAtMs: number): ResolvedRoute => {
    const tookMs = clock.monotonicMs() - startedAtMs;
    metrics?.resolved.inc(1, { source: ['own', 'cache', 'peers'].includes(source) ? source : 'network' });
    metrics?.resolveSeconds.observe(tookMs / 1000);
    if (route.record.revoked) throw revoked(route.record.address);
    return { record: route.record, keys: route.keys, source, tookMs };
  };

  return {
    start: async () => {
      await publisher.start();
      withdraw = links.handle(
        {
          name: ROUTE_PROTOCOL,
          streamsMax: 32,
          opensPerTenSeconds: 200,
          bytesMax: ROUTE_RECORD_BYTES_MAX + 256,
          deadlineMs: ROUTE_ASK_MS,
        },
        (stream, link) =>
          respond(stream, { bytesMax: 256 }, (question) =>
            encodeRouteReply(answer(link, decodeRouteQuestion(question))),
          ),
      );
    },
    stop: async () => {
      withdraw();
      publisher.stop();
    },
    resolve: async (address, options = {}) => {
      const startedAtMs = clock.monotonicMs();
      const { signal, fresh = false } = options;
      signal?.throwIfAborted();
      const own = publisher.get(address);
      if (own !== null) return tell(own, 'own', startedAtMs);
      if (!fresh) {
        const cached = cache.get(address);
        if (cached !== null) return tell(cached, 'cache', startedAtMs);
        if (cache.isMissing(address)) throw unknown(address);
      }
      const { promise: aborted, reject } = Promise.withResolvers<never>();
      const onAbort = (): void => reject(signal?.reason as Error);
      aborted.catch(() => undefined);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        const { route, source } = await Promise.race([searchOnce(address), aborted]);
        return tell(cache.put(route), source, startedAtMs);
      } catch (error) {
        if (error instanceof RouteError && error.code === 'ADDRESS_UNKNOWN') {
          cache.miss(address);
          metrics?.resolved.inc(1, { source: 'none' });
        }
        throw error;
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    publish: (published) => publisher.publish(published),
    unheard: (address) => publisher.unheard(address),
  };
};
