import { isNodeError, type Logger, messageOf, type Outside, type Settings } from '../../../base/index.ts';
import { peerIdOf } from '../../../base/crypto/index.ts';
import type { Mesh, NetworkId, PeerId } from '../../../transport/stoq/index.ts';
import { type GlobalAddress, globalAddressBytes, globalAddressOf } from '../../leases/index.ts';
import type { KeyHolder } from '../../prover/index.ts';
import {
  ROUTE_CARE_MS,
  ROUTE_LIFE_MS,
  ROUTE_NAMESPACE,
  ROUTE_RENEW_MS,
  ROUTE_RETRY_MS,
  ROUTES_OWN_MAX,
  ROUTES_PUBLISHED_MAX,
} from '../constants.ts';
import { RouteError } from '../errors.ts';
import type { PublishedRoute, RouteRecord } from '../interface.ts';
import { encodeRoutePayload, type OpenedRoute } from './record.ts';

/** An own address, signed and kept where it belongs. */
export interface OwnRoute extends OpenedRoute {
  readonly published: PublishedRoute;
}
export interface RoutePublisherComponents {
  outside: Outside;
  logger: Logger;
  mesh: Mesh;
  keys: KeyHolder;
  settings: Settings;
  /** Networks in whose DHT a route with these terms belongs: exactly those that the level names. */
  networksFor: (terms: PublishedRoute['terms']) => readonly NetworkId[];
}
export interface RoutePublisher {
  start(): Promise<void>;
  stop(): void;
  get(address: GlobalAddress): OwnRoute | null;
  /** The own route of the one address that `is` says yes to. Looks at all of them, however early it is found. */
  find(is: (address: GlobalAddress) => boolean): OwnRoute | null;
  /** @throws {RouteError} `NOT_RUNNING` | `TOO_MANY_ROUTES` */
  publish(published: PublishedRoute): Promise<() => Promise<void>>;
  /** Own addresses that some network was to hear of and has not. */
  unheard(address: GlobalAddress): readonly NetworkId[];
}

const SEQUENCE_SETTING = 'proxy.routeSequence';

interface Own {
  published: PublishedRoute;
  route: OwnRoute;
  revoked: boolean;
  /** Networks whose DHT took this very record, by its sequence. */
  heard: Map<NetworkId, number>;
}

/** Keeps own routes signed, in time and in the DHTs that their levels name; nowhere else. */
export const createRoutePublisher = (components: RoutePublisherComponents): RoutePublisher => {
  const { outside, mesh, keys, settings, networksFor } = components;
  const { clock } = outside;
  const logger = components.logger.child('routes');
  const owned = new Map<GlobalAddress, Own>();
  let life = new AbortController();
  let lastSequence = 0;
  let undo: (() => void)[] = [];
  let caring: Promise<void> | null = null;
  let careAgain = false;

  /** Grows over restarts and wrong clocks: an older record must never win over a revocation. */
  const nextSequence = async (): Promise<number> => {
    lastSequence = Math.max(lastSequence + 1, clock.nowMs());
    await settings.set(SEQUENCE_SETTING, lastSequence);
    return lastSequence;
  };
  const sign = async (published: PublishedRoute, revoked: boolean): Promise<OwnRoute> => {
    const node = keys.node();
    if (node === null)
      throw new RouteError(
        { code: 'NOT_RUNNING' },
        keys.reason()?.sentence ?? 'This node has no keys now; unlock them first.',
      );
    const { signer } = node;
    const issuedAtMs = clock.nowMs();
    const content: Omit<RouteRecord, 'host'> = {
      address: globalAddressOf(signer.keys, published.asset),
      asset: published.asset,
      services: revoked ? [] : published.services,
      relaysAllowed: published.terms.proxy.relaysAllowed,
      sequence: await nextSequence(),
      revoked,
      issuedAtMs,
      expiresAtMs: issuedAtMs + ROUTE_LIFE_MS,
    };
    const encoded = await signer.sign('route', encodeRoutePayload(content));
    return {
      record: { ...content, host: peerIdOf(signer.keys.ed25519) as PeerId },
      keys: signer.keys,
      encoded,
      published,
    };
  };

  /** Brings one record to the networks that have not got it. @returns whether all have it now */
  const spread = async (own: Own): Promise<boolean> => {
    const { record, encoded } = own.route;
    const topic = globalAddressBytes(record.address);
    let all = true;
    for (const network of networksFor(own.published.terms)) {
      if (own.heard.get(network) === record.sequence) continue;
      const dht = mesh.node?.dht(network) ?? null;
      if (dht === null) {
        all = false;
        continue;
      }
      try {
        await dht.put(ROUTE_NAMESPACE, topic, encoded, { signal: life.signal });
        // A revoked address is still announced, so that who looks for it finds that it is.
        await dht.provide(topic, { signal: life.signal });
        own.heard.set(network, record.sequence);
      } catch (error) {
        if (life.signal.aborted) return false;
        if (!isNodeError(error)) throw error;
        all = false;
        logger.debug('A route was not taken yet', { network, problem: messageOf(error) });
      }
    }
    return all;
  };
  const careOnce = async (): Promise<boolean> => {
    let all = true;
    let spreadCount = 0;
    for (const [address, own] of owned) {
      if (life.signal.aborted) return true;
      if (own.revoked && clock.nowMs() >= own.route.record.expiresAtMs) {
        owned.delete(address);
        continue;
      }
      if (!own.revoked && own.route.record.expiresAtMs - clock.nowMs() <= ROUTE_RENEW_MS && keys.node() !== null)
        own.route = await sign(own.published, false);
      if (networksFor(own.published.terms).length === 0) continue;
      // The DHT keeps so many of one signer; those beyond are asked of this node itself.
      spreadCount += 1;
      if (spreadCount > ROUTES_PUBLISHED_MAX) break;
      if (!(await spread(own))) all = false;
    }
    return all;
  };
  let cancelRetry = (): void => undefined;
  const care = (): Promise<void> => {
    careAgain = true;
    caring ??= (async () => {
      try {
        while (careAgain && !life.signal.aborted) {
          careAgain = false;
          const all = await careOnce();
          cancelRetry();
          if (!all && mesh.node !== null) cancelRetry = clock.after(ROUTE_RETRY_MS, () => void care());
        }
      } catch (error) {
        if (!isNodeError(error)) throw error;
        logger.warn('Routes could not be renewed', { code: error.code, problem: error.message });
      } finally {
        caring = null;
      }
    })();
    return caring;
  };

  return {
    start: async () => {
      life = new AbortController();
      const kept = await settings.get(SEQUENCE_SETTING);
      if (typeof kept === 'number' && Number.isSafeInteger(kept)) lastSequence = kept;
      undo = [
        mesh.on('started', () => {
          for (const own of owned.values()) own.heard.clear();
          void care();
        }),
        mesh.on('connected', () => {
          if ([...owned.values()].some((own) => networksFor(own.published.terms).length > own.heard.size)) void care();
        }),
        clock.every(ROUTE_CARE_MS, () => void care()),
      ];
    },
    stop: () => {
      life.abort(new RouteError({ code: 'NOT_RUNNING' }, 'This node is going down.'));
      cancelRetry();
      for (const end of undo.splice(0)) end();
    },
    get: (address) => owned.get(address)?.route ?? null,
    find: (is) => [...owned.keys()].filter(is).map((address) => owned.get(address)?.route ?? null)[0] ?? null,
    publish: async (published) => {
      if (owned.size >= ROUTES_OWN_MAX)
        throw new RouteError(
          { code: 'TOO_MANY_ROUTES', max: ROUTES_OWN_MAX },
          `This node answers for ${ROUTES_OWN_MAX} addresses already; take a service back first.`,
        );
      const route = await sign(published, false);
      const { address } = route.record;
      const own: Own = { published, route, revoked: false, heard: new Map() };
      owned.set(address, own);
      void care();
      return async () => {
        if (own.revoked || owned.get(address) !== own) return;
        own.revoked = true;
        try {
          own.route = await sign(published, true);
        } catch (error) {
          if (!isNodeError(error)) throw error;
          // Without keys nothing is revoked; the last record dies of age, and nobody answers meanwhile.
          owned.delete(address);
          return;
        }
        void care();
      };
    },
    unheard: (address) => {
      const own = owned.get(address);
      if (own === undefined) return [];
      return networksFor(own.published.terms).filter((network) => own.heard.get(network) !== own.route.record.sequence);
    },
  };
};
