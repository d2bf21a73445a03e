import type { Address, DatagramLink, Tier } from '../../interface.ts';
import type { Carrier } from '../interface.ts';

/** How packets travel from one host to another. */
export interface LinkOptions {
  /** One way, ms. @default 0 */
  delayMs: number;
  /** Uniformly up to so many ms more. @default 0 */
  jitterMs: number;
  /** Packets lost, 0 to 1. Streams send them again, which takes a round trip; datagrams are gone. @default 0 */
  lossRatio: number;
  /** Packets that others overtake, 0 to 1. @default 0 */
  reorderRatio: number;
  /** Bytes a second, headers reckoned in. Null: no bound. @default null */
  bytesPerSecond: number | null;
}

export interface MemoryCarrierOptions {
  /** Where it is dialled. @default `/memory/<name>` */
  address?: Address;
  /** What it says it is, for tests that choose between tiers. @default 'memory' */
  tier?: Tier;
  /** @default addresses that begin with `/memory/` */
  canDial?: (address: Address) => boolean;
}

/**
 * A network in memory: hosts by name, with delay, loss, reordering, rates and partitions as they are set. All of it runs on the
 * clock and the random numbers it was given, so that under a manual clock and a seed one run is like the other.
 */
export interface MemoryNetwork {
  /** The carrier of a host; made at the first call, with whose options it stays, and anew once it was stopped or crashed. */
  carrier(name: string, options?: MemoryCarrierOptions): Carrier;
  /** Datagrams of a host; made at the first call. A host is named by its name or by the IP address of its carrier. */
  datagrams(name: string): DatagramLink;
  /** Changes the links that were not set by themselves. */
  setDefault(options: Partial<LinkOptions>): void;
  /** Changes the link between two hosts, from the first to the second only where `oneWay` is said. */
  setLink(from: string, to: string, options: Partial<LinkOptions> & { oneWay?: boolean }): void;
  /**
   * Lets nothing pass between hosts of different groups; a host in no group reaches all. Several partitions add up.
   *
   * @returns what heals it
   */
  partition(...groups: readonly (readonly string[])[]): () => void;
  /** Takes a host's cable out or puts it in. Its program goes on. */
  setUp(name: string, up: boolean): void;
  /** Ends all of a host's channels, listeners and datagrams without a word to the others, as a killed process does. */
  crash(name: string): void;
  stats(): MemoryNetworkStats;
}
export interface MemoryNetworkStats {
  packets: number;
  lost: number;
  wireBytes: number;
  /** Channels that at least one end has open. */
  channels: number;
  /** Events under way. */
  inFlight: number;
}
export interface MemoryNetworkInit extends Partial<LinkOptions> {
  /** Bytes that one stream may have under way or unread. @default 256 KiB */
  windowBytes?: number;
  /** Streams that one end of a channel may have open. @default 256 */
  streamsMax?: number;
  /** Ms without a way after which a channel is over. @default 10 000 */
  idleMs?: number;
  /** Ms that a dial waits. @default 10 000 */
  dialMs?: number;
}
