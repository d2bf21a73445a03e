import type { Address, LocalPeer, NetworkId, PeerId, PeerVerifier, RemoteInfo, VerifiedPeer } from '../interface.ts';
import type { Channel, CarrierStream } from '../carriers/interface.ts';

/** A private network that this node is in. */
export interface NetworkMembership {
  id: NetworkId;
  name: string;
  /** 32 bytes derived from name and secret; both ends prove to hold it without showing it. */
  key: Uint8Array;
}

/** What both ends have once they know each other. */
export interface Session {
  peer: VerifiedPeer;
  /** True where a ticket of an earlier session stood for the signatures. */
  resumed: boolean;
  /** `public` and every private network that both proved; only private ones where either end is closed to the public. */
  networks: ReadonlySet<NetworkId>;
  remote: RemoteInfo;
  /** 32 bytes for a purpose; the same at both ends, another for every session and label. */
  deriveKey(label: string): Uint8Array;
  /** Id of the session, 16 bytes, equal at both ends; for datagrams and logs. */
  id: Uint8Array;
  tookMs: number;
}

export interface HandshakeOptions {
  signal: AbortSignal;
  /** Who must answer. Null takes anyone who proves who it is. */
  expected: PeerId | null;
  /** What we say about ourselves. */
  info: Omit<RemoteInfo, 'observed'>;
  /** Where we see the peer. */
  observed: Address | null;
}

/** Mutual proof over one stream of a channel, docs/formats/stoq-handshake.md. */
export interface Handshaker {
  /**
   * As the one who dialled. Takes one round trip; data may follow at once. The stream is reset when it fails, and the channel is of
   * no use then.
   *
   * @throws {HandshakeError} | {PeerError} `WRONG_PEER` | `CERTIFICATE_REFUSED` | `SELF`
   * @throws {CarrierError} the channel or the stream ended; {WorkerError} this node is too busy; `signal.reason`
   */
  initiate(channel: Channel, stream: CarrierStream, options: HandshakeOptions): Promise<Session>;
  /**
   * As the one who was dialled. Says nothing about this node before the other end has shown that it may know: a node that is not
   * open stays silent for its ten seconds towards all but members, and then throws `HANDSHAKE_TIMED_OUT` whatever they sent.
   *
   * @throws the same, but for `WRONG_PEER`
   */
  respond(channel: Channel, stream: CarrierStream, options: Omit<HandshakeOptions, 'expected'>): Promise<Session>;
  /** Forgets all tickets, made and received: a ban or a lost key must not be resumed. */
  forget(peer?: PeerId): void;
}
export interface HandshakeInit {
  local: LocalPeer;
  verifier: PeerVerifier;
  /** Private networks of now. */
  memberships(): readonly NetworkMembership[];
  /** Whether peers without a common private network are let in. */
  open(): boolean;
}
