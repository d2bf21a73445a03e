import { assert } from '../../../../base/index.ts';
import { groupOf, scopeOf } from '../../address.ts';
import type { Address, PeerId } from '../../interface.ts';
import { DHT_FAILURES_MAX, DHT_K, DHT_PER_GROUP_IN_BUCKET_MAX, DHT_PER_GROUP_MAX } from '../constants.ts';
import { commonBits, compareDistance, DHT_KEY_BYTES, type DhtKey } from './key.ts';

/** A peer that has answered us. */
export interface Contact {
  peer: PeerId;
  id: DhtKey;
  addresses: readonly Address[];
}
interface Entry extends Contact {
  seenMs: number;
  failures: number;
  /** Who it shares its owner with; null for addresses that are near here only. */
  group: string | null;
}

/** What became of a peer that was shown to the table. */
export type Offered =
  | { outcome: 'added' | 'known' | 'crowded' }
  /** Its bucket is full. Whoever was silent longest must answer a ping, or makes room. */
  | { outcome: 'full'; oldest: Contact; seenMs: number };

export interface RoutingTable {
  /** Called once a peer has answered. */
  offer(contact: Contact, nowMs: number): Offered;
  /** A request was not answered. @returns whether it is gone now */
  failed(peer: PeerId): boolean;
  remove(peer: PeerId): void;
  has(peer: PeerId): boolean;
  /** Contacts by distance to `target`, closest first. */
  closest(target: DhtKey, count: number): Contact[];
  size(): number;
  /** Notes that `target`'s bucket was looked through. */
  touch(target: DhtKey, nowMs: number): void;
  /** Numbers of buckets, up to the deepest that has an entry, where nothing was looked up since `beforeMs`. */
  stale(beforeMs: number): number[];
}

/** Of several addresses, the first that the whole world could dial tells whose it is. On a home's own link everyone shares one. */
const crowdOf = (addresses: readonly Address[]): string | null => {
  const far = addresses.find((address) => {
    const scope = scopeOf(address);
    return scope === 'global' || scope === 'memory';
  });
  return far === undefined ? null : groupOf(far);
};

/**
 * Buckets by the number of bits that a peer's id shares with our own (Kademlia, section 2.2). Peers that stay are preferred: those
 * who were there for long mostly stay for long, and a flood of new ones finds no room. Nor does a crowd from one group of addresses.
 */
export const createRoutingTable = (own: DhtKey, bucketSize = DHT_K): RoutingTable => {
  const buckets = Array.from({ length: DHT_KEY_BYTES * 8 }, () => new Map<PeerId, Entry>());
  const touched = new Map<number, number>();
  const where = new Map<PeerId, number>();
  const groups = new Map<string, number>();
  const count = (group: string | null, by: 1 | -1): void => {
    if (group === null) return;
    const now = (groups.get(group) ?? 0) + by;
    if (now === 0) groups.delete(group);
    else groups.set(group, now);
  };
  const bucketAt = (index: number): Map<PeerId, Entry> => {
    const bucket = buckets[index];
    assert(bucket !== undefined, 'only our own id shares all bits with us');
    return bucket;
  };
  const isCrowded = (bucket: Map<PeerId, Entry>, group: string | null): boolean => {
    if (group === null) return false;
    if ((groups.get(group) ?? 0) >= DHT_PER_GROUP_MAX) return true;
    let inBucket = 0;
    for (const entry of bucket.values()) if (entry.group === group) inBucket += 1;
    return inBucket >= DHT_PER_GROUP_IN_BUCKET_MAX;
  };
  const remove = (peer: PeerId): void => {
    const index = where.get(peer);
    if (index === undefined) return;
    count(bucketAt(index).get(peer)?.group ?? null, -1);
    bucketAt(index).delete(peer);
    where.delete(peer);
  };
  return {
    offer: (contact, nowMs) => {
      const index = commonBits(own, contact.id);
      assert(index < buckets.length, 'we are not in our own table');
      const bucket = bucketAt(index);
      const group = crowdOf(contact.addresses);
      const known = bucket.get(contact.peer);
      if (known !== undefined) {
        // Behind all others: the order of the map is that of last answers.
        bucket.delete(contact.peer);
        count(known.group, -1);
        const moved = group !== known.group && isCrowded(bucket, group);
        const kept = moved
          ? { addresses: known.addresses, group: known.group }
          : { addresses: contact.addresses, group };
        bucket.set(contact.peer, { ...contact, ...kept, seenMs: nowMs, failures: 0 });
        count(kept.group, 1);
        return { outcome: 'known' };
      }
      if (isCrowded(bucket, group)) return { outcome: 'crowded' };
      if (bucket.size >= bucketSize) {
        const [oldest] = bucket.values();
        assert(oldest !== undefined, 'a full bucket has an oldest entry');
        return { outcome: 'full', oldest, seenMs: oldest.seenMs };
      }
      bucket.set(contact.peer, { ...contact, seenMs: nowMs, failures: 0, group });
      where.set(contact.peer, index);
      count(group, 1);
      return { outcome: 'added' };
    },
    failed: (peer) => {
      const index = where.get(peer);
      const entry = index === undefined ? undefined : bucketAt(index).get(peer);
      if (entry === undefined) return false;
      entry.failures += 1;
      if (entry.failures < DHT_FAILURES_MAX) return false;
      remove(peer);
      return true;
    },
    remove,
    has: (peer) => where.has(peer),
    closest: (target, wanted) => {
      const all: Entry[] = [];
      for (const bucket of buckets) if (bucket.size > 0) all.push(...bucket.values());
      return all.sort((a, b) => compareDistance(target, a.id, b.id)).slice(0, wanted);
    },
    size: () => where.size,
    touch: (target, nowMs) => {
      touched.set(Math.min(commonBits(own, target), buckets.length - 1), nowMs);
    },
    stale: (beforeMs) => {
      const deepest = buckets.findLastIndex((bucket) => bucket.size > 0);
      return Array.from({ length: deepest + 1 }, (_, index) => index).filter(
        (index) => (touched.get(index) ?? Number.NEGATIVE_INFINITY) < beforeMs,
      );
    },
  };
};
