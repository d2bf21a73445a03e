import { base58btc } from 'multiformats/bases/base58';
import { encodeCbor, sha256 } from '../../../../base/index.ts';
import { parsePeerId } from '../../address.ts';
import type { NetworkId, PeerId } from '../../interface.ts';

/** A point of the DHT's space of 256 bits. */
export type DhtKey = Uint8Array;
export const DHT_KEY_BYTES = 32;

/** SHA-256 over the 38 bytes of the peer id. */
export const dhtIdOf = (peer: PeerId): DhtKey => sha256(base58btc.baseDecode(peer));

/** Key of a record. It names its signer, so that nobody else can write there. */
export const recordKey = (network: NetworkId, namespace: string, signer: PeerId, topic: Uint8Array): DhtKey =>
  sha256(encodeCbor(['hypermesh-dht', 1, 'record', network, namespace, signer, topic]));

/** Key under which providers of a topic are kept. */
export const topicKey = (network: NetworkId, topic: Uint8Array): DhtKey =>
  sha256(encodeCbor(['hypermesh-dht', 1, 'topic', network, topic]));

/** Order by XOR distance to `target`: negative when `a` is closer. */
export const compareDistance = (target: DhtKey, a: DhtKey, b: DhtKey): number => {
  for (let index = 0; index < DHT_KEY_BYTES; index++) {
    const byte = target[index] ?? 0;
    const difference = ((a[index] ?? 0) ^ byte) - ((b[index] ?? 0) ^ byte);
    if (difference !== 0) return difference;
  }
  return 0;
};

/** Bits that both share from the first on, 0 to 256. */
export const commonBits = (a: DhtKey, b: DhtKey): number => {
  for (let index = 0; index < DHT_KEY_BYTES; index++) {
    const difference = (a[index] ?? 0) ^ (b[index] ?? 0);
    if (difference !== 0) return index * 8 + Math.clz32(difference) - 24;
  }
  return DHT_KEY_BYTES * 8;
};

/** Remembers what was computed of peer ids: taking one apart takes 20 microseconds, and an answer has twenty. */
export interface PeerIds {
  /** @returns null when the text is no peer id */
  read(text: unknown): { peer: PeerId; id: DhtKey } | null;
  idOf(peer: PeerId): DhtKey;
}
/** @param remembered - peer ids, some 200 bytes each. @default 16384 */
export const createPeerIds = (remembered = 16_384): PeerIds => {
  const known = new Map<string, { peer: PeerId; id: DhtKey }>();
  const add = (peer: PeerId): { peer: PeerId; id: DhtKey } => {
    const entry = { peer, id: dhtIdOf(peer) };
    known.set(peer, entry);
    if (known.size > remembered)
      for (const [oldest] of known) {
        known.delete(oldest);
        break;
      }
    return entry;
  };
  return {
    read: (text) => {
      if (typeof text !== 'string') return null;
      const found = known.get(text);
      if (found !== undefined) return found;
      const peer = parsePeerId(text);
      return peer === null ? null : add(peer);
    },
    idOf: (peer) => (known.get(peer) ?? add(peer)).id,
  };
};
