import type { EventSource, Startable } from '../../../base/index.ts';
import type { Address, NetworkId, PeerId } from '../interface.ts';

/** Where a peer says it is, signed by it, docs/formats/stoq-peer-record.md. */
export interface PeerRecord {
  peerId: PeerId;
  addresses: readonly Address[];
  /** Grows with every record of a peer; an older one never replaces a newer. */
  sequence: number;
  issuedAtMs: number;
  /** Ms that it may be believed for, at most a day. */
  lifeMs: number;
}

/** A peer that was heard of. */
export interface Found {
  peer: PeerId;
  addresses: readonly Address[];
  /** Where whoever told of it is connected from; absent for this node's own finding. */
  from?: Address;
}
/** One way of hearing of peers. */
export interface Discovery extends Startable, EventSource<{ found: Found }> {
  readonly name: 'mdns' | 'bootstrap' | 'seeds' | 'dht' | 'rendezvous';
}

/** A record of the DHT. Key and value are the protocol's own; the signer is bound into the key. */
export interface DhtRecord {
  key: Uint8Array;
  /** At most 16 KiB. */
  value: Uint8Array;
  sequence: number;
  expiresAtMs: number;
}
/** Kademlia over STOQ streams; one per network, and invisible outside it. */
export interface Dht extends Startable {
  readonly network: NetworkId;
  /**
   * @param topic - what it is about, at most 64 bytes; the key is sha-256 over (network, namespace, signer, topic)
   * @returns peers that took it
   * @throws {DhtError} `TOO_LARGE` | `NO_PEERS`
   */
  put(namespace: string, topic: Uint8Array, value: Uint8Array, options?: { signal?: AbortSignal }): Promise<number>;
  /** Newest record that `signer` made. Null when nobody has one. */
  get(
    namespace: string,
    signer: PeerId,
    topic: Uint8Array,
    options?: { signal?: AbortSignal },
  ): Promise<DhtRecord | null>;
  /** Announces that this node has to do with a topic, and asks who else does. Bounded and aged. */
  provide(topic: Uint8Array, options?: { signal?: AbortSignal }): Promise<number>;
  /** Announces itself for a topic no more. Who was told forgets it within two hours. */
  withdraw(topic: Uint8Array): void;
  providers(topic: Uint8Array, options?: { signal?: AbortSignal; count?: number }): Promise<readonly PeerId[]>;
  findPeer(peer: PeerId, options?: { signal?: AbortSignal }): Promise<readonly Address[]>;
  /** Peers in the routing table. */
  size(): number;
}
