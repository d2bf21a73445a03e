import type { Clock } from '../../../base/index.ts';
import type { GlobalAddress } from '../../leases/index.ts';
import { ROUTE_CACHE_MAX, ROUTE_CACHE_MS, ROUTE_MISS_MS, ROUTE_MISSES_MAX } from '../constants.ts';
import { isInTime, type OpenedRoute } from './record.ts';

/** What was found out about addresses, and for a moment that nobody knew one. Bounded; least recently used goes first. */
export interface RouteCache {
  get(address: GlobalAddress): OpenedRoute | null;
  /** Of an address, only the newest record counts. @returns the one that counts */
  put(route: OpenedRoute): OpenedRoute;
  /** Whether nobody knew it a moment ago. */
  isMissing(address: GlobalAddress): boolean;
  miss(address: GlobalAddress): void;
}
export const createRouteCache = (
  { clock }: { clock: Clock },
  init: { max?: number; keepMs?: number } = {},
): RouteCache => {
  const { max = ROUTE_CACHE_MAX, keepMs = ROUTE_CACHE_MS } = init;
  const kept = new Map<GlobalAddress, { route: OpenedRoute; atMs: number }>();
  const misses = new Map<GlobalAddress, number>();
  const trim = (map: Map<GlobalAddress, unknown>, bound: number): void => {
    for (const [oldest] of map) {
      if (map.size <= bound) return;
      map.delete(oldest);
    }
  };
  return {
    get: (address) => {
      const found = kept.get(address);
      if (found === undefined) return null;
      // A record that is stale is kept, so that an older one is still known for what it is; it is no answer any more.
      if (clock.monotonicMs() - found.atMs > keepMs || !isInTime(found.route.record, clock)) return null;
      kept.delete(address);
      kept.set(address, found);
      return found.route;
    },
    put: (route) => {
      const { address } = route.record;
      const before = kept.get(address);
      const atMs = clock.monotonicMs();
      misses.delete(address);
      if (
        before !== undefined &&
        before.route.record.sequence > route.record.sequence &&
        isInTime(before.route.record, clock)
      ) {
        before.atMs = atMs;
        return before.route;
      }
      kept.delete(address);
      kept.set(address, { route, atMs });
      trim(kept, max);
      return route;
    },
    isMissing: (address) => {
      const atMs = misses.get(address);
      return atMs !== undefined && clock.monotonicMs() - atMs < ROUTE_MISS_MS;
    },
    miss: (address) => {
      misses.delete(address);
      misses.set(address, clock.monotonicMs());
      trim(misses, ROUTE_MISSES_MAX);
    },
  };
};
