import type { EventSource, Startable } from '../../base/index.ts';
import type { KeyId, SignerKeys } from '../../base/crypto/index.ts';
import type { Carrier, Channel } from './carriers/interface.ts';
import type { Address, NetworkId, PeerId, Tier } from './names.ts';

export * from './names.ts';

/** A peer whose certificate and signatures were found to hold. */
export interface VerifiedPeer {
  peerId: PeerId;
  keyId: KeyId;
  keys: SignerKeys;
  /** ML-KEM-1024 public key, 1568 bytes. */
  kem: Uint8Array;
  /** As the peer showed it. */
  certificate: Uint8Array;
}

/** What this node shows, and what it proves itself with. */
export interface LocalPeer {
  readonly peerId: PeerId;
  readonly keyId: KeyId;
  /** Shown to peers in the handshake; at most 16 KiB. */
  readonly certificate: Uint8Array;
  /**
   * @param domain - what is signed
   * @param payload - canonical dag-cbor
   * @returns a signed record, docs/formats/signed-record.md
   */
  sign(domain: StoqDomain, payload: Uint8Array): Promise<Uint8Array>;
}
/** Domains of signed records that STOQ makes; each is listed in `base/crypto`'s DOMAINS too. */
export const STOQ_DOMAINS = ['stoq-handshake', 'stoq-peer', 'stoq-dht', 'stoq-token', 'stoq-hop'] as const;
export type StoqDomain = (typeof STOQ_DOMAINS)[number];

/** Whom to believe. STOQ is handed one: self-made certificates first, those of an authority later. */
export interface PeerVerifier {
  /**
   * @param certificate - bytes that a peer sent
   * @returns who it is
   * @throws {PeerError} `CERTIFICATE_REFUSED` with the reason
   */
  verify(certificate: Uint8Array): Promise<VerifiedPeer>;
  /**
   * @param record - a signed record that a peer sent
   * @returns its payload and signer's key id, both signatures checked
   * @throws {PeerError} `SIGNATURE_REFUSED`
   */
  openRecord(domain: StoqDomain, record: Uint8Array): Promise<{ payload: Uint8Array; keyId: KeyId; keys: SignerKeys }>;
}

/** Why a connection or a stream ended; the number crosses the wire. Names are never reused. */
export const CLOSE_REASONS = {
  done: 0,
  stopping: 1,
  idle: 2,
  refused: 3,
  banned: 4,
  full: 5,
  protocolBroken: 6,
  limitBroken: 7,
  tooSlow: 8,
  replaced: 9,
  unverified: 10,
  sleeping: 11,
  lost: 12,
} as const;
export type CloseReason = keyof typeof CLOSE_REASONS;

/** Statistics of one path; null where its carrier cannot tell. */
export interface PathStats {
  rttMs: number | null;
  /** Packets lost of those sent, 0 to 1. */
  lossRatio: number | null;
  /** Measured over the last ten seconds. */
  sentBytesPerSecond: number;
  receivedBytesPerSecond: number;
  sentBytes: number;
  receivedBytes: number;
}
/** One way to a peer. A connection has one that carries new streams and may have spare ones. */
export interface Path {
  readonly id: number;
  readonly tier: Tier;
  readonly direction: 'in' | 'out';
  readonly remoteAddress: Address;
  /** The node in the middle, null for direct paths. */
  readonly via: PeerId | null;
  readonly openedAtMs: number;
  /** Whether new streams take it. */
  readonly chosen: boolean;
  /** Why it was chosen or not, one sentence for people: `TCP was 1.8 times as fast when measured`. */
  readonly why: string;
  stats(): PathStats;
}

export interface ConnectionEvents {
  /** The path of new streams is another one, or one came or went. */
  pathChanged: { path: Path | null };
  closed: { reason: CloseReason; detail: string };
}
/** A verified peer and the ways to it. It outlives any single path. */
export interface Connection extends EventSource<ConnectionEvents> {
  readonly peer: VerifiedPeer;
  /** Networks that both ends proved to be in; never empty. Grows when one is proved later, docs/formats/stoq-membership.md. */
  readonly networks: ReadonlySet<NetworkId>;
  readonly direction: 'in' | 'out';
  readonly openedAtMs: number;
  /** What the peer said about itself in the handshake; claims, bounded. */
  readonly remote: RemoteInfo;
  /** How the newest handshake went, for people. */
  readonly handshake: { readonly resumed: boolean; readonly tookMs: number };
  /** Streams of both sides that are open, for people. */
  readonly streamsOpen: number;
  readonly path: Path | null;
  paths(): readonly Path[];
  /**
   * Opens a stream of a protocol that the peer handles. Data may be written at once.
   *
   * @throws {StreamError} `PROTOCOL_UNKNOWN` | `REFUSED` | `TOO_MANY` at the first read; `CLOSED` | `DEADLINE`
   */
  openStream(protocol: string, options?: StreamOptions): Promise<Stream>;
  /** Sends one unreliable datagram of at most {@link DATAGRAM_BYTES_MAX}. @returns false when it was dropped here */
  sendDatagram(protocol: string, payload: Uint8Array): boolean;
  /** Measures the round trip over the chosen path. @returns ms */
  ping(options?: { signal?: AbortSignal }): Promise<number>;
  /** A secret of 32 bytes that only both ends have, bound to this session; quantum computers do not find it. */
  exportKey(label: string): Uint8Array;
  /** Tells the peer why, lets acknowledged data arrive, then closes every path. May be called twice. */
  close(reason?: CloseReason): Promise<void>;
}
export interface RemoteInfo {
  /** Program and version, at most 64 characters. */
  agent: string;
  /** Where it says it can be reached. */
  addresses: readonly Address[];
  /** Where it sees us. */
  observed: Address | null;
  /** UDP port of its side socket (datagrams, address echo, punching), null without one. */
  sidePort: number | null;
  /** Whether it relays for others. */
  relays: boolean;
}
export interface StreamOptions {
  /** Ms until the whole stream is reset, whatever it does. @default the protocol's */
  deadlineMs?: number;
  signal?: AbortSignal;
  /** Encrypts a second time under the session key. @default the protocol's */
  sealed?: boolean;
  /** Bytes that travel with the opening: a routing token, a split's part. At most 4 KiB. */
  extensions?: Readonly<Record<string, Uint8Array>>;
}

/** A byte stream with back-pressure both ways: what is not read is not sent. */
export interface Stream {
  readonly protocol: string;
  readonly direction: 'in' | 'out';
  readonly extensions: Readonly<Record<string, Uint8Array>>;
  /**
   * @param maxBytes - @default 64 KiB
   * @returns 1 to `maxBytes` bytes, or null once the peer has finished and everything was read
   * @throws {StreamError} `RESET` | `CLOSED` (the peer had not finished: data is missing) | `DEADLINE`
   */
  read(maxBytes?: number): Promise<Uint8Array | null>;
  /** Resolves when the bytes may be forgotten; waits while the peer does not read. Bytes must not change meanwhile. @throws {StreamError} */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends writing; reading goes on. */
  finish(): Promise<void>;
  /** Resolves once the peer's program has read everything up to `finish`. @throws {StreamError} when that cannot happen any more */
  acknowledged(): Promise<void>;
  /** Ends both directions at once. Unsent data is lost on purpose. */
  reset(): void;
}

/** What a protocol may do. Breaking a limit resets the stream and costs the peer standing. */
export interface ProtocolSpec {
  /** `/hypermesh/<name>/<version>`, at most 64 characters. */
  name: string;
  /** Streams that one peer may have open at once. */
  streamsMax: number;
  /** Streams that one peer may open in any ten seconds. */
  opensPerTenSeconds: number;
  /** Bytes that one peer may send in one stream. Null: no bound. */
  bytesMax: number | null;
  /** Ms that one stream may live. Null: as long as it likes. */
  deadlineMs: number | null;
  /** Smallest rate, over ten seconds, at which a peer must send while we wait. Null: none. @default null */
  bytesPerSecondMin?: number | null;
  /** Encrypts a second time under the session key. @default false */
  sealed?: boolean;
  /** Networks in which it is known; for all others it does not exist. @default every one */
  networks?: ReadonlySet<NetworkId>;
  /** Takes datagrams: at most so many bytes a second from one peer. @default null: none */
  datagramBytesPerSecondMax?: number | null;
}
export type StreamHandler = (stream: Stream, connection: Connection) => Promise<void>;
export type DatagramHandler = (payload: Uint8Array, connection: Connection) => void;

export interface EndpointEvents {
  connected: { connection: Connection };
  disconnected: { peer: PeerId; reason: CloseReason; detail: string };
  /** Both ends of a connection count further networks: what is of these networks may begin with the peer now. */
  networksProved: { connection: Connection; networks: readonly NetworkId[] };
  /** A peer broke a rule. */
  offended: { peer: PeerId; offence: string; points: number };
  /** Own addresses are others. */
  addressesChanged: { addresses: readonly Address[] };
}
/** This node as its peers meet it. */
export interface Endpoint extends EventSource<EndpointEvents> {
  readonly local: LocalPeer;
  /** Where it listens, wildcards replaced by the machine's addresses. */
  addresses(): readonly Address[];
  /**
   * @param target - a peer whose addresses are known or can be found, or addresses with the peer that must answer there; null takes whoever answers
   * @returns the one connection to that peer; a second call joins the first
   * @throws {PeerError} `UNREACHABLE` with what was tried | `CERTIFICATE_REFUSED` | `WRONG_PEER` | `BANNED` | `FULL`
   */
  connect(
    target: PeerId | { peer: PeerId | null; addresses: readonly Address[] },
    options?: { signal?: AbortSignal },
  ): Promise<Connection>;
  connection(peer: PeerId): Connection | null;
  connections(): readonly Connection[];
  /** Offers a protocol. @returns what withdraws it */
  handle(spec: ProtocolSpec, handler: StreamHandler, onDatagram?: DatagramHandler): () => void;
  stats(): EndpointStats;
  /** Says that the machine woke or its interfaces changed: paths are checked at once. */
  wake(): void;
}
export interface EndpointStats {
  connections: number;
  paths: Readonly<Record<Tier, number>>;
  streamsOpen: number;
  sentBytes: number;
  receivedBytes: number;
  handshakes: { full: number; resumed: number; refused: number };
}

/** What the owner lets through, measured on the wire. One meter counts and one gate holds back, for all peers together. */
export interface RateGate {
  /**
   * Waits until `bytes` may be sent. At once where there is no limit.
   *
   * @param flow - who waits, such as a peer id: flows take turns, so that a hundred streams of one peer get no more than one of
   *   another. @default each call is a flow of its own
   */
  send(bytes: number, flow?: string): Promise<void> | void;
  /** Waits until `bytes` more may be taken in. */
  receive(bytes: number, flow?: string): Promise<void> | void;
  /** Bytes that went past the gate anyway: headers, acknowledgements, what was sent twice. Below 0: passed it and were not sent. */
  charge(sent: number, received: number): void;
}

/** What the owner of an endpoint can do with it, beyond what its users can. */
export interface EndpointControl extends Endpoint, Startable {
  /** Listens at an address of one of the carriers. @returns with the real port @throws {CarrierError} */
  listen(address: Address): Promise<Address>;
  /** Takes another carrier, such as circuits through relays, which needs the endpoint itself. @returns what takes it out again */
  addCarrier(carrier: Carrier): () => void;
  /** Takes a channel that was made otherwise, such as through a hole in a NAT, as one more path. Runs the handshake on it. */
  addPath(channel: Channel, peer: PeerId | null): Promise<Connection>;
  /** Asked for addresses of peers that the book has none of. */
  setFinder(find: ((peer: PeerId, signal: AbortSignal) => Promise<readonly Address[]>) | null): void;
  /**
   * Counts networks on a connection that both ends proved while it was open. Nothing here checks the proof.
   *
   * @returns tells listeners (`networksProved`), to be called when the peer counts them, too
   */
  addNetworks(connection: Connection, networks: readonly NetworkId[]): () => void;
  /** Addresses that others are told, in place of the listening ones. */
  announce(addresses: readonly Address[]): void;
}

/** Unreliable datagrams beside the streams, sealed under the session's key. Where there is none they take a stream and are dropped when it is full. */
export interface DatagramLink {
  /** UDP port, told to peers in the handshake. */
  readonly port: number;
  open(session: {
    /** 16 bytes, equal at both ends. */
    id: Uint8Array;
    /** Keys of 32 bytes: what we seal with, what the peer seals with. */
    sendKey: Uint8Array;
    receiveKey: Uint8Array;
    /** Where the peer's link is thought to be; null when it must speak first. */
    remote: { host: string; port: number } | null;
    onDatagram(payload: Uint8Array): void;
  }): DatagramPort;
}
export interface DatagramPort {
  /** @returns false when it cannot leave now; nothing is queued */
  send(payload: Uint8Array): boolean;
  /** True once a datagram of the peer came in: the way is open. */
  readonly confirmed: boolean;
  stats(): { sent: number; received: number; sentBytes: number; receivedBytes: number };
  close(): void;
}
