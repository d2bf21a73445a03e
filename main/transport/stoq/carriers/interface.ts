import type { Address, PeerId, Tier } from '../names.ts';

/**
 * A way to carry bytes: QUIC, TLS over TCP, a circuit through a relay, memory. It knows no peers: who is at the other end is
 * settled above it, by a handshake that is bound to the channel. One compliance suite holds for all (test/compliance/stoq-carrier.ts).
 */
export interface Carrier {
  readonly tier: Tier;
  /** Whether this carrier can dial such an address. */
  canDial(address: Address): boolean;
  /**
   * @param address - with port 0 for any; `/ip6/::/…` for all interfaces
   * @param onChannel - called for every channel whose own handshake is done
   * @throws {CarrierError} `PORT_IN_USE` | `NOT_ALLOWED` | `NO_SUCH_ADDRESS`
   */
  listen(address: Address, onChannel: (channel: Channel) => void): Promise<CarrierListener>;
  /**
   * @param options.peer - who is to be reached, which only a relay must know; others ignore it
   * @throws {CarrierError} `UNREACHABLE` | `TIMED_OUT`; rejects with `signal.reason` when aborted, leaving nothing behind
   */
  dial(address: Address, options: { signal: AbortSignal; peer?: PeerId | null }): Promise<Channel>;
  /** Closes all listeners and channels. */
  stop(): Promise<void>;
}
export interface CarrierListener {
  /** With the real port; wildcards as given. */
  readonly address: Address;
  close(): Promise<void>;
}

/** A confidential, ordered, authenticated-by-binding connection of one carrier. */
export interface Channel {
  readonly tier: Tier;
  readonly direction: 'in' | 'out';
  readonly remoteAddress: Address;
  /** Null for direct channels. */
  readonly via: PeerId | null;
  /**
   * 32 bytes that both ends compute alike and that no other channel has: whoever sits in the middle has two that differ.
   * The STOQ handshake signs it.
   */
  readonly binding: Uint8Array;
  /** @throws {CarrierError} `CLOSED` | `TOO_MANY` */
  openStream(): Promise<CarrierStream>;
  /** Next stream that the other end opened, null once the channel is closed. One call at a time. A stream that nobody takes costs the other end its credit, not us memory. */
  acceptStream(): Promise<CarrierStream | null>;
  /** As far as the carrier knows. */
  stats(): ChannelStats;
  /** Ends everything at once; what was not acknowledged is lost. May be called twice. */
  abort(): void;
  /** Resolves once the channel is gone, whoever ended it. Never rejects. */
  readonly closed: Promise<void>;
}
export interface ChannelStats {
  rttMs: number | null;
  lostPackets: number | null;
  sentPackets: number | null;
  /** Bytes on the wire, headers of IP and UDP or TCP reckoned in. */
  wireSentBytes: number;
  wireReceivedBytes: number;
}

/** One stream of a channel. Reading is pulled: what nobody reads stays with the sender. */
export interface CarrierStream {
  /**
   * One call at a time.
   *
   * @returns 1 to `maxBytes` bytes that the caller may keep; null at the end, and only if all that was written has been read
   * @throws {CarrierError} `RESET` by the other end | `CLOSED` with the channel
   */
  read(maxBytes: number): Promise<Uint8Array | null>;
  /** One call at a time. Resolves when the carrier has taken the bytes, which is when its window allows. @throws {CarrierError} */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends this direction after all that was written. */
  finish(): Promise<void>;
  /** Ends both directions at once; the other end's calls throw `RESET`. Idempotent. */
  reset(): void;
}
