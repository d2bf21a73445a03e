import type { PeerId } from '../../interface.ts';
import { compareDistance, type DhtKey } from './key.ts';

/** Who has to do with a topic: in the open, or hidden from all but those who have a key. */
export interface Provider {
  peer: PeerId;
  /** Null for a provider in the open. */
  sealed: Uint8Array | null;
}
export interface ProviderStoreLimits {
  lifeMs: number;
  topicsMax: number;
  perTopicMax: number;
  perPeerMax: number;
}
export interface ProviderStore {
  /** @returns false where there is no room */
  add(key: DhtKey, provider: Provider): boolean;
  /** Newest first. */
  get(key: DhtKey): readonly Provider[];
  age(): void;
  size(): number;
}

const nameOf = (key: DhtKey): string => Buffer.from(key.buffer, key.byteOffset, key.length).toString('base64');

/** Announcements of peers, which live as long as we say and no longer. @param components.monotonicMs - see `Clock` */
export const createProviderStore = (
  { monotonicMs }: { monotonicMs: () => number },
  { own, limits }: { own: DhtKey; limits: ProviderStoreLimits },
): ProviderStore => {
  const topics = new Map<string, { key: DhtKey; providers: Map<PeerId, { provider: Provider; untilMs: number }> }>();
  const perPeer = new Map<PeerId, number>();
  const drop = (name: string, peer: PeerId): void => {
    const topic = topics.get(name);
    if (topic === undefined || !topic.providers.delete(peer)) return;
    if (topic.providers.size === 0) topics.delete(name);
    const left = (perPeer.get(peer) ?? 1) - 1;
    if (left === 0) perPeer.delete(peer);
    else perPeer.set(peer, left);
  };
  const age = (): void => {
    for (const [name, { providers }] of topics)
      for (const [peer, { untilMs }] of providers) if (untilMs <= monotonicMs()) drop(name, peer);
  };
  const dropFarthest = (than: DhtKey): boolean => {
    let found: { name: string; key: DhtKey } | null = null;
    for (const [name, { key }] of topics)
      if (found === null || compareDistance(own, key, found.key) > 0) found = { name, key };
    if (found === null || compareDistance(own, than, found.key) >= 0) return false;
    for (const peer of topics.get(found.name)?.providers.keys() ?? []) drop(found.name, peer);
    return true;
  };
  return {
    add: (key, provider) => {
      const name = nameOf(key);
      const entry = { provider, untilMs: monotonicMs() + limits.lifeMs };
      const here = topics.get(name);
      if (here?.providers.has(provider.peer) === true) {
        here.providers.delete(provider.peer);
        here.providers.set(provider.peer, entry);
        return true;
      }
      if ((perPeer.get(provider.peer) ?? 0) >= limits.perPeerMax) return false;
      if (here === undefined && topics.size >= limits.topicsMax) {
        age();
        if (topics.size >= limits.topicsMax && !dropFarthest(key)) return false;
      }
      const topic = topics.get(name) ?? { key, providers: new Map() };
      if (topic.providers.size >= limits.perTopicMax) {
        // Those who were here first stay until they run out: a flood of new ones does not push them out.
        for (const [peer, { untilMs }] of topic.providers) if (untilMs <= monotonicMs()) drop(name, peer);
        if (topic.providers.size >= limits.perTopicMax) return false;
      }
      topics.set(name, topic);
      topic.providers.set(provider.peer, entry);
      perPeer.set(provider.peer, (perPeer.get(provider.peer) ?? 0) + 1);
      return true;
    },
    get: (key) =>
      [...(topics.get(nameOf(key))?.providers.values() ?? [])]
        .filter(({ untilMs }) => untilMs > monotonicMs())
        .map(({ provider }) => provider)
        .reverse(),
    age,
    size: () => topics.size,
  };
};
