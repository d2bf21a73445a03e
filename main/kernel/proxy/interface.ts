import type { EventSource, Startable } from '../../base/index.ts';
import type { SignerKeys } from '../../base/crypto/index.ts';
import type { NetworkId, PeerId } from '../../transport/stoq/index.ts';
import type {
  ExposureView,
  GuardProbe,
  GuardState,
  LendingTerms,
  MemoryBench,
  ProxyView,
  ReachedView,
  RequestOf,
  ResponseOf,
  TunnelProtocol,
  TunnelsState,
  TunnelTest,
  VpnView,
} from '../../../preload/contract/index.ts';
import type { GlobalAddress, LeaseId, Link, RouteKind } from '../leases/index.ts';

// Addresses and routes

/** Who answers for a global address, docs/formats/route-record.md. Signed in domain `route`; the signer's keys hash to the address. */
export interface RouteRecord {
  address: GlobalAddress;
  /** What the address was derived from, beside the keys: `asset:<kind>:<cid>`. */
  asset: string;
  /** The node that forwards; today the signer's own. */
  host: PeerId;
  services: readonly { protocol: TunnelProtocol; port: number }[];
  relaysAllowed: boolean;
  /** Grows with every record of an address; an older one never replaces a newer. */
  sequence: number;
  /** From now on nobody answers; kept until it expires, so that older records stay dead. */
  revoked: boolean;
  issuedAtMs: number;
  expiresAtMs: number;
}
export interface ResolvedRoute {
  record: RouteRecord;
  keys: SignerKeys;
  source: 'own' | 'cache' | 'peers' | NetworkId;
  tookMs: number;
}
/** Finds who answers for an address: own table, cache, the DHTs of this node's networks, then connected peers that are trusted. */
export interface Routes extends Startable {
  /** @throws {RouteError} `ADDRESS_UNKNOWN` | `REVOKED` */
  resolve(address: GlobalAddress, options?: { signal?: AbortSignal; fresh?: boolean }): Promise<ResolvedRoute>;
  /** Makes a record known as far as its level says, and keeps it so. @returns what revokes it */
  publish(route: PublishedRoute): Promise<() => Promise<void>>;
}
export interface PublishedRoute {
  asset: string;
  services: RouteRecord['services'];
  terms: AccessTerms;
}
/** Who may find and open something. */
export type AccessTerms = Pick<LendingTerms, 'privacyLevel' | 'privacyNames' | 'allocationType' | 'proxy'>;

// The translation table

/** What a global address and port stand for on this machine. */
export type LocalTarget =
  | { kind: 'socket'; host: string; port: number }
  | { kind: 'unix'; path: string }
  /** A port of a job, here or on another node. */
  | { kind: 'container'; id: string; port: number }
  | { kind: 'memory'; lease: LeaseId; offset: number; bytes: number }
  | { kind: 'shards'; first: number; count: number }
  /** Traffic of a lease leaves here, under its destination policy. */
  | { kind: 'exit'; lease: LeaseId };
export interface TableEntry {
  readonly address: GlobalAddress;
  readonly protocol: TunnelProtocol | 'memory' | 'exit';
  readonly port: number;
  readonly target: LocalTarget;
  readonly terms: AccessTerms;
  /** Lease that it lives and dies with; null: until it is taken away. */
  readonly lease: LeaseId | null;
  /** Wall clock; null: as long as its lease. */
  readonly expiresAtMs: number | null;
  /** Ms without any connection after which it is taken away; null: never. */
  readonly idleMs: number | null;
  /** Counted by whoever forwards. */
  readonly counters: TableCounters;
}
export interface TableCounters {
  connectionsNow: number;
  connectionsTotal: number;
  sentBytes: number;
  receivedBytes: number;
  refused: number;
  usedAtMs: number;
}
/** Global address and port to local target. Bounded; lookups of 10 000 entries take well under 1 ms. */
export interface TranslationTable {
  /** @throws {ProxyError} `TABLE_FULL` | `ADDRESS_TAKEN` */
  add(entry: Omit<TableEntry, 'counters'>): TableEntry;
  remove(address: GlobalAddress, protocol: TableEntry['protocol'], port: number): boolean;
  find(address: GlobalAddress, protocol: TableEntry['protocol'], port: number): TableEntry | null;
  entries(): readonly TableEntry[];
  readonly max: number;
}

// Forwarding

/** Where traffic that leaves through this node may go. Private ranges, link-local, loopback and the node's own API never, unless named. */
export type DestinationPolicy =
  | { mode: 'none' }
  /** Host names (`example.org`, `*.example.org`), addresses or ranges, each with a port, `port-port` or `*`. */
  | { mode: 'list'; allowed: readonly string[] }
  | { mode: 'all'; named: readonly string[] };
/** A destination that was found to be allowed, resolved once: what is dialled is the address that was checked. */
export interface CheckedDestination {
  host: string;
  address: string;
  family: 4 | 6;
  port: number;
}
export interface DestinationCheck {
  /** @throws {ProxyError} `DESTINATION_REFUSED` with the rule | `DESTINATION_UNKNOWN` when the name has no address */
  check(
    host: string,
    port: number,
    policy: DestinationPolicy,
    options?: { signal?: AbortSignal },
  ): Promise<CheckedDestination>;
}

/** Bytes both ways with back-pressure: a far service, as every forwarder of this node sees one. */
export interface Pipe {
  /** @returns 1 to `maxBytes` bytes, null once the far end has finished */
  read(maxBytes?: number): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  reset(): void;
}
/** Datagrams both ways; what does not fit or cannot leave is dropped. */
export interface DatagramPipe {
  send(payload: Uint8Array): boolean;
  onDatagram(listener: (payload: Uint8Array) => void): () => void;
  readonly closed: Promise<void>;
  close(): void;
}
/**
 * Opens far services for the forwarders of this machine: SOCKS, HTTP, VPN, TCP, UDP. One home for resolving, links, leases, refusals
 * and counters; docs/formats/forward.md.
 */
export interface Dialer {
  /** @throws {ProxyError} `ADDRESS_UNKNOWN` | `REFUSED_THERE` with the far side's sentence | `DESTINATION_REFUSED` {PeerError} {RouteError} */
  connect(target: FarTarget, options?: { signal?: AbortSignal }): Promise<Pipe & { peer: PeerId; route: RouteKind }>;
  /** Datagrams to one far service, or, over a lease of a network, to any destination. */
  associate(target: FarTarget, options?: { signal?: AbortSignal }): Promise<DatagramPipe>;
  /** Round trip to whoever answers for an address, over the link that traffic would take. @returns ms */
  ping(address: GlobalAddress, options?: { signal?: AbortSignal }): Promise<number>;
}
export type FarTarget =
  /** A service at a global address. */
  | { kind: 'service'; address: GlobalAddress; port: number; route: 'direct' | 'anonymous' }
  /** Anywhere, out through a leased network. The far side resolves the name. */
  | { kind: 'exit'; lease: LeaseId; host: string; port: number };

/** Listens on this machine and leads somewhere far. `port` is the real one once it has started. */
export interface LocalForwarder {
  readonly listen: { host: string; port: number };
  readonly counters: TableCounters;
  stop(): Promise<void>;
}

/** Bytes per second each way that may pass, as a lease's level has it. A new rate holds at once, for those who wait too. */
export interface Limit {
  /** Waits until so many may go towards whoever opened the connection. At once where there is no limit. */
  send(bytes: number): Promise<void> | void;
  /** The same for what comes from there. */
  receive(bytes: number): Promise<void> | void;
  /** Null: no limit. 0: nothing passes. */
  setRate(bytesPerSecond: number | null): void;
  readonly bytesPerSecond: number | null;
  /** Lets everybody who waits through: what they wait for is closed by now. */
  stop(): void;
}
/** A lease of this node's network that runs: what the forward service holds its traffic to. */
export interface ExitLease {
  readonly lease: LeaseId;
  /** As the owner has it now; every opening asks again. */
  policy(): DestinationPolicy;
  readonly limit: Limit;
  readonly counters: TableCounters;
  /** Connections that it may have open at once; one more is answered with `full`. */
  readonly connectionsMax: number;
  /** Aborted when the lease ends: everything that runs under it ends too. */
  readonly ended: AbortSignal;
}
/** Leases of this node's network. Its lease provider is one. */
export interface Exits {
  find(lease: LeaseId): ExitLease | null;
}

/** A service of this machine under the name that its owner gave it. */
export interface NamedService {
  name: string;
  protocol: TunnelProtocol;
  address: GlobalAddress;
  port: number;
}
export interface LocalProxyInit {
  /** At loopback addresses only; 0 takes a free one. */
  port: number;
  /** Lease of a network through which traffic leaves; null: global addresses only. */
  lease: LeaseId | null;
  /** Both empty: nobody is asked. */
  username: string;
  password: string;
  /** For `names`: what has a name now. A name leads to its global address through the {@link Dialer}, as everything else does. */
  names: () => readonly NamedService[];
}
export interface LocalProxy extends LocalForwarder {
  /** Connections and requests that it did not serve. */
  refused(): number;
}
/** Starts a proxy for programs of this machine. @throws {ProxyError} `PORT_IN_USE` | `PORT_REFUSED` */
export type StartProxy = (kind: ProxyView['kind'], init: LocalProxyInit) => Promise<LocalProxy>;
/** The device that makes global addresses ordinary ones of this machine. What stands in the way is in the view, not thrown. */
export interface Vpn {
  up(): Promise<VpnView>;
  /** May be called twice. */
  down(): Promise<VpnView>;
  view(): VpnView;
  /** What it carries, or what stands in its way, is different. @returns what ends it */
  on(name: 'changed', listener: () => void): () => void;
}

// Relays

/** How good a peer is as a relay or exit, and why. */
export interface RelayScore {
  peer: PeerId;
  /** 0 to 100. */
  score: number;
  why: string;
  standing: number;
  bytesPerSecond: number | null;
  rttMs: number | null;
  /** Network its address is in (/48, /16): two relays of one circuit are never of one group. */
  group: string | null;
}
/** What stake somebody has, once there is a ledger of it. */
export interface StakeView {
  stakeMicro(peer: PeerId): bigint;
}
export interface RelayChoice {
  candidates(): readonly RelayScore[];
  /** @throws {ProxyError} `NO_RELAYS` with how many there are and how many are needed */
  choose(count: number, options: { avoid: readonly PeerId[] }): readonly PeerId[];
  report(peer: PeerId, outcome: { ok: boolean; bytesPerSecond?: number; rttMs?: number }): void;
}

// Far memory

/** Borrowed memory, in bytes. What the lender sees is noise; what it changed is noticed. */
export interface FarMemory {
  readonly sizeBytes: number;
  readonly pageBytes: number;
  /** @throws {MemoryError} `OUT_OF_RANGE` | `PAGE_DAMAGED` | `LENDER_AWAY` */
  read(offset: number, length: number, options?: { signal?: AbortSignal }): Promise<Uint8Array>;
  write(offset: number, bytes: Uint8Array, options?: { signal?: AbortSignal }): Promise<void>;
  /** Replaces 8 to 64 bytes within one page when they are as expected. @returns what was there */
  compareAndSwap(
    offset: number,
    expected: Uint8Array,
    replacement: Uint8Array,
  ): Promise<{ swapped: boolean; found: Uint8Array }>;
  /** One round trip for many. Results in order. */
  batch(operations: readonly MemoryOperation[]): Promise<readonly (Uint8Array | null)[]>;
  close(): Promise<void>;
}
export type MemoryOperation =
  | { kind: 'read'; offset: number; length: number }
  | { kind: 'write'; offset: number; bytes: Uint8Array };
/** A key–value store in far memory; keys of at most 256 bytes. */
export interface FarStore {
  get(key: string): Promise<Uint8Array | null>;
  set(key: string, value: Uint8Array, options?: { ttlMs?: number | null }): Promise<void>;
  delete(key: string): Promise<boolean>;
  stats(): { keys: number; usedBytes: number; sizeBytes: number };
}

// The front door

export interface TunnelsEvents {
  /** Something in the state is different, counters included. */
  changed: null;
}
/** Front of `kernel/proxy` for whoever exposes and reaches. Requests are as the contract has them, already parsed. */
export interface Tunnels extends Startable, EventSource<TunnelsEvents> {
  state(): TunnelsState;
  expose(request: RequestOf<'tunnels:expose'>): Promise<ExposureView>;
  unexpose(id: string): Promise<void>;
  reach(request: RequestOf<'tunnels:reach'>): Promise<ReachedView>;
  unreach(id: string): Promise<void>;
  resolve(address: GlobalAddress, options?: { signal?: AbortSignal }): Promise<ResponseOf<'tunnels:resolve'>>;
  test(request: RequestOf<'tunnels:test'>): Promise<TunnelTest>;
  proxy(request: RequestOf<'tunnels:proxy'>): Promise<ProxyView>;
  unproxy(id: string): Promise<void>;
  vpn(up: boolean): Promise<VpnView>;
}
export interface Memories extends Startable {
  /**
   * Keeps everything of one lease at the lender of another one, too, from now on; null: no longer. Resolves once it is there.
   *
   * @throws {LeaseError} {MemoryError} `MIRROR_INVALID`
   */
  mirror(lease: LeaseId, second: LeaseId | null): Promise<void>;
  /** The one of a lease, opened when it is asked for first. @throws {LeaseError} {MemoryError} */
  store(lease: LeaseId): Promise<FarStore>;
  memory(lease: LeaseId): Promise<FarMemory>;
  stats(lease: LeaseId): Promise<ResponseOf<'memory:stats'>>;
  bench(lease: LeaseId, options?: { signal?: AbortSignal }): Promise<MemoryBench>;
}
export interface Guard extends Startable, EventSource<{ changed: GuardState }> {
  state(): GuardState;
  /** @throws {ProxyError} `GUARD_RUNNING` */
  run(cause: 'asked' | 'levelChanged' | 'started'): GuardState;
  cancel(): GuardState;
}
/** One way in which a probe tries to get where it must not. */
export interface GuardProbeSource {
  /** Such as `SOCKS5 proxy`. */
  readonly name: string;
  /** Whether this way leads to such a thing at all: forwarders to no files. */
  covers(target: GuardTarget): boolean;
  /**
   * Tries to reach every target as a stranger would who has all that this way can give, and tells what came of each, in any order.
   * What it does not tell of counts as not tried, with the reason that it throws.
   */
  attemptAll(
    targets: readonly GuardTarget[],
    tell: (target: GuardTarget, attempt: GuardAttempt) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
export interface GuardAttempt {
  result: GuardProbe['result'];
  sentence: string;
}
export interface GuardTarget {
  what: 'router' | 'machine' | 'api' | 'loopback' | 'linkLocal' | 'file' | 'metadata';
  host: string;
  port: number;
  /** For `file`. */
  path: string | null;
  label: string;
}
export type { Link };
