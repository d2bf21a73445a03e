import type { EventSource, Startable } from '../../base/index.ts';
import type { Invites, InviteStore } from './discovery/create-invites.ts';
import type { Dht } from './discovery/interface.ts';
import type { NetworkMembership } from './handshake/interface.ts';
import type { Address, Endpoint, LocalPeer, NetworkId, PeerId, RateGate, Tier } from './interface.ts';
import type { ReachState } from './reach/interface.ts';
import type { RelayLimits } from './reach/relay-service.ts';
import type { PeerBook } from './standing/interface.ts';

/** What the owner of the machine lets STOQ do. Another set takes another node. */
export interface StoqSettings {
  /** UDP and TCP port; 0 for any free one. */
  port: number;
  /** Taken when `port` is 0 and it is free: what this node had last, so that others still find it there. */
  portBefore: number | null;
  ipv4: boolean;
  loopbackOnly: boolean;
  localDiscovery: boolean;
  portMapping: boolean;
  open: boolean;
  bootstrap: readonly { peer: PeerId; address: Address }[];
  connectionsMax: number;
}

/** What one run of STOQ is built around. */
export interface StoqParts {
  local: LocalPeer;
  /** Loaded. Outlives the node. */
  book: PeerBook;
  gate: RateGate;
  memberships: readonly NetworkMembership[];
  /** Program and version, told to peers; at most 64 characters. */
  agent: string;
  settings: StoqSettings;
  /** What the owner lends to others' circuits now; null for nothing. */
  relayLimits: () => RelayLimits | null;
  /** Keeps a membership that an invite brought, and joins. @returns what takes it back where the invite turns out to be no good */
  keepMembership: (membership: NetworkMembership) => Promise<() => Promise<void>>;
  /** Invites outlive the node. */
  invites: InviteStore | null;
}

/** Something that is not as the owner asked, and that the node does without. */
export interface StoqProblem {
  code: 'NO_IPV6' | 'NO_IPV4' | 'PORT_TAKEN' | 'NO_QUIC' | 'NO_SIDE_SOCKET' | 'NO_MDNS';
  /** What happened, and what to do. */
  sentence: string;
}

/** One node that passed a message on, and the last of them, which answered it. */
export interface TraceHop {
  peerId: PeerId;
  tier: Tier;
  /** Ms from our sending to the answer, of the last hop; null for those between, which answer nobody. */
  rttMs: number | null;
  /** Whether its signature was there and holds. */
  signed: boolean;
}

export interface StoqNodeEvents {
  /** Addresses, reachability, networks or problems are others. */
  changed: null;
}

/** All rooms of STOQ as one: starts them lowest first, stops them in reverse. */
export interface StoqNode extends Startable, EventSource<StoqNodeEvents> {
  /** Only once started. */
  readonly endpoint: Endpoint;
  /** Only once started. */
  readonly invites: Invites;
  /** The one number that QUIC and TLS listen at; null before the start. */
  readonly port: number | null;
  problems(): readonly StoqProblem[];
  reach(): ReachState;
  /** Tests reachability now. */
  checkReach(options?: { signal?: AbortSignal }): Promise<ReachState>;
  /** What to tell others of where this node is, best first. */
  announced(): readonly Address[];
  /** Null for networks that this node is not in. */
  dht(network: NetworkId): Dht | null;
  /** Ways of finding peers that are at work. */
  discoveries(): readonly string[];
  /** The machine woke, or its addresses changed: paths are checked and peers looked for at once. */
  wake(): void;
  /** From now on it is proved, at once to peers that are connected, and its members are looked for. */
  joinNetwork(membership: NetworkMembership): Promise<void>;
  /** Forgets the key, and closes connections that this network held. */
  leaveNetwork(network: NetworkId): Promise<void>;
  /** Sends one message on its way to a connected peer. @throws {PeerError} {StreamError} {TraceError} {HopError} */
  trace(peer: PeerId, options?: { signal?: AbortSignal }): Promise<readonly TraceHop[]>;
}
