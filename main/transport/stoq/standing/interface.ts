import type { EventSource } from '../../../base/index.ts';
import type { Address, PeerId, RemoteInfo } from '../interface.ts';

/** What somebody did that costs standing, with its price in points; see docs/formats/stoq-standing.md. 100 points are a ban. */
export const OFFENCES = {
  malformed: 20,
  protocolBroken: 20,
  limitBroken: 10,
  tooSlow: 5,
  handshakeRefused: 25,
  badSignature: 50,
  badRecord: 10,
  flooding: 10,
  lied: 30,
  wrongResult: 30,
  leftOut: 10,
  timedOut: 1,
} as const;
export type Offence = keyof typeof OFFENCES;

/** How a peer came to be known. */
export type PeerSource = 'owner' | 'invite' | 'mdns' | 'bootstrap' | 'seed' | 'dht' | 'incoming' | 'rendezvous';

export interface KnownPeer {
  peerId: PeerId;
  /** The owner's own word for it, empty without one. */
  name: string;
  /** Kept connected, never pushed out for others, first to be dialled. */
  trusted: boolean;
  addresses: readonly { address: Address; source: PeerSource; confirmedAtMs: number | null; addedAtMs: number }[];
  source: PeerSource;
  firstSeenAtMs: number;
  lastSeenAtMs: number | null;
  /** 0 to 100; 0 is spotless. Falls by half every hour. */
  points: number;
  lastOffence: { offence: Offence; atMs: number; detail: string } | null;
  ban: { untilMs: number | null; reason: string; byOwner: boolean } | null;
  sentBytes: number;
  receivedBytes: number;
  agent: string | null;
}

export interface PeerBookEvents {
  changed: { peer: PeerId };
  banned: { peer: PeerId; reason: string; untilMs: number | null };
}
/** Who is known, where, and how they behaved. Bounded, spread over address groups, kept over restarts. */
export interface PeerBook extends EventSource<PeerBookEvents> {
  load(): Promise<void>;
  get(peer: PeerId): KnownPeer | null;
  list(): readonly KnownPeer[];
  /**
   * Adds what is said of a peer; claims of strangers are bounded per teller and per address group.
   *
   * @param from - where whoever says so is connected from; its group has a share of the book and no more, and addresses that mean
   *   something only near it are believed only from near. Null: this node's own knowledge
   * @returns false when nothing of it was taken
   */
  learn(peer: PeerId, addresses: readonly Address[], source: PeerSource, from?: Address | null): boolean;
  /** A peer dialled us from there and proved itself. Takes what it says about itself. */
  met(peer: PeerId, from: Address, remote: RemoteInfo): void;
  /** A dial of this address succeeded and the peer proved itself there. */
  confirm(peer: PeerId, address: Address, remote: RemoteInfo): void;
  failed(peer: PeerId, address: Address): void;
  count(peer: PeerId, sentBytes: number, receivedBytes: number): void;
  offend(peer: PeerId, offence: Offence, detail: string): void;
  ban(peer: PeerId, options: { untilMs: number | null; reason: string; byOwner: boolean }): void;
  unban(peer: PeerId): void;
  setName(peer: PeerId, name: string): void;
  setTrusted(peer: PeerId, trusted: boolean): void;
  forget(peer: PeerId): boolean;
  isBanned(peer: PeerId): boolean;
  /** Address groups (/48 of IPv6, /16 of IPv4) that misbehave before anyone knows who they are. */
  isBlockedAddress(address: Address): boolean;
  offendAddress(address: Address, offence: Offence): void;
  /** Peers to dial first after a start: long-lived outbound ones of different groups. */
  anchors(): readonly PeerId[];
  /** Candidates to dial: trusted ones first, then a fresh draw each time, spread over groups. */
  candidates(count: number): readonly PeerId[];
  flush(): Promise<void>;
}

/** Who may be connected at once. */
export interface ConnectionLimits {
  connectionsMax: number;
  /** Of these, so many that dialled us. */
  incomingMax: number;
  /** From one address group. Trusted peers do not count. */
  perGroupMax: number;
  /** Handshakes under way. */
  handshakesMax: number;
}
/** Where the book is kept: rows of the node's database, or nothing in tests. */
export interface PeerBookStore {
  /** Every row, in any order. */
  readAll(): Promise<readonly { peer: string; row: Uint8Array }[]>;
  /** All or nothing, durable when it resolves. A null row is deleted. */
  write(rows: readonly { peer: PeerId; row: Uint8Array | null }[]): Promise<void>;
}
