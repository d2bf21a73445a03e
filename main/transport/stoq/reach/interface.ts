import type { EventSource, Startable } from '../../../base/index.ts';
import type { Address, PeerId } from '../interface.ts';

export type NatKind = 'none' | 'cone' | 'symmetric' | 'firewall' | 'blocked' | 'unknown';
export type Reachable = 'yes' | 'relay' | 'no' | 'unknown';
/** How others get here. Sentences are for people. */
export interface ReachState {
  reachable: Reachable;
  nat: NatKind;
  /** What stands between this node and the others. */
  sentence: string;
  /** What would make it better, empty when nothing would. */
  advice: readonly string[];
  /** Addresses that a peer reached us at, when it was asked to try. */
  confirmed: readonly { address: Address; by: PeerId; atMs: number }[];
  /** Ports that the router opened for us. */
  mapped: readonly {
    protocol: 'udp' | 'tcp';
    externalAddress: Address;
    by: 'upnp' | 'nat-pmp' | 'pcp';
    untilMs: number;
  }[];
  /** Relays that hold a place for us. */
  relays: readonly PeerId[];
}
export interface Reach extends Startable, EventSource<{ changed: ReachState }> {
  state(): ReachState;
  /** Tests again now. */
  check(options?: { signal?: AbortSignal }): Promise<ReachState>;
  /** What to tell others: confirmed, mapped and relayed addresses before local ones. */
  announced(): readonly Address[];
}

/** A UDP socket in a thread of its own: address echo (RFC 8489), datagrams between peers, holes in NATs, and QUIC through them. */
export interface SideSocket
  extends EventSource<{ datagram: { session: Uint8Array; payload: Uint8Array }; closed: { reason: string } }> {
  readonly port: number;
  stop(): Promise<void>;
}
