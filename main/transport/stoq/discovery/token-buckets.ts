import type { PeerId } from '../interface.ts';

/** Peers whose buckets are kept; one forgotten starts with a full one, so that it must not be cheap to be forgotten. */
const PEERS_MAX = 4096;

/** How often each peer may do a thing: so many at once, and so many a second after that. */
export interface TokenBuckets {
  /** @returns false where it may not now */
  take(peer: PeerId): boolean;
}
export const createTokenBuckets = (
  { monotonicMs }: { monotonicMs: () => number },
  { burst, perSecond }: { burst: number; perSecond: number },
): TokenBuckets => {
  const buckets = new Map<PeerId, { tokens: number; atMs: number }>();
  return {
    take: (peer) => {
      const nowMs = monotonicMs();
      const before = buckets.get(peer) ?? { tokens: burst, atMs: nowMs };
      const tokens = Math.min(burst, before.tokens + ((nowMs - before.atMs) / 1000) * perSecond);
      buckets.delete(peer);
      buckets.set(peer, { tokens: tokens < 1 ? tokens : tokens - 1, atMs: nowMs });
      if (buckets.size > PEERS_MAX)
        for (const [oldest] of buckets) {
          buckets.delete(oldest);
          break;
        }
      return tokens >= 1;
    },
  };
};
