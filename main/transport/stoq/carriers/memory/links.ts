import type { Clock, Random } from '../../../../base/index.ts';
import {
  PACKET_OVERHEAD_BYTES,
  PACKET_PAYLOAD_BYTES,
  QUEUE_MS_MAX,
  RETRANSMIT_MS_MIN,
  RETRANSMITS_MAX,
} from './constants.ts';
import type { LinkOptions } from './interface.ts';

/** What one transit took and cost. */
export interface Transit {
  /** Monotonic ms. */
  arrivalMs: number;
  packets: number;
  lost: number;
  wireBytes: number;
}

/** How long things take between hosts, and whether they arrive. */
export interface Links {
  /** For what is sent again until it arrives. */
  reliable(from: string, to: string, bytes: number): Transit;
  /** For one packet that is sent once. @returns when it arrives, monotonic ms; null when it is lost */
  once(from: string, to: string, bytes: number): number | null;
  options(from: string, to: string): LinkOptions;
  setDefault(options: Partial<LinkOptions>): void;
  set(from: string, to: string, options: Partial<LinkOptions>): void;
  isSevered(from: string, to: string): boolean;
  sever(groups: readonly (readonly string[])[]): () => void;
  setUp(name: string, up: boolean): void;
  stats(): { packets: number; lost: number; wireBytes: number };
}

const DEFAULTS: LinkOptions = { delayMs: 0, jitterMs: 0, lossRatio: 0, reorderRatio: 0, bytesPerSecond: null };

export const createLinks = (components: { clock: Clock; random: Random }, init: Partial<LinkOptions>): Links => {
  const { clock, random } = components;
  let defaults: LinkOptions = { ...DEFAULTS, ...init };
  const own = new Map<string, Partial<LinkOptions>>();
  /** Until when a link with a rate is busy, monotonic ms. */
  const busyUntilMs = new Map<string, number>();
  const partitions = new Set<Map<string, number>>();
  const down = new Set<string>();
  const sum = { packets: 0, lost: 0, wireBytes: 0 };

  // No host's name holds a space.
  const keyOf = (from: string, to: string): string => `${from} ${to}`;
  const options = (from: string, to: string): LinkOptions => {
    const set = own.get(keyOf(from, to));
    return set === undefined ? defaults : { ...defaults, ...set };
  };
  const chance = (ratio: number): boolean => ratio > 0 && random.below(2 ** 32) < ratio * 2 ** 32;
  const upTo = (ms: number): number => (ms > 0 ? (random.below(2 ** 32) / 2 ** 32) * ms : 0);
  const lostOf = (packets: number, ratio: number): number => {
    let lost = 0;
    if (ratio > 0) for (let i = 0; i < packets; i++) if (chance(ratio)) lost += 1;
    return lost;
  };
  /** When the last byte has left. */
  const leaveMs = (from: string, to: string, wireBytes: number, rate: number | null): number => {
    const nowMs = clock.monotonicMs();
    if (rate === null) return nowMs;
    const endMs = Math.max(nowMs, busyUntilMs.get(keyOf(from, to)) ?? 0) + (wireBytes * 1000) / rate;
    busyUntilMs.set(keyOf(from, to), endMs);
    return endMs;
  };
  const count = (packets: number, lost: number, wireBytes: number): void => {
    sum.packets += packets;
    sum.lost += lost;
    sum.wireBytes += wireBytes;
  };

  return {
    options,
    reliable: (from, to, bytes) => {
      const { delayMs, jitterMs, lossRatio, reorderRatio, bytesPerSecond } = options(from, to);
      let packets = Math.max(1, Math.ceil(bytes / PACKET_PAYLOAD_BYTES));
      let wireBytes = bytes + packets * PACKET_OVERHEAD_BYTES;
      let waitMs = delayMs + upTo(jitterMs);
      if (chance(reorderRatio)) waitMs += delayMs + jitterMs;
      // As QUIC does it: a packet that is missed goes again about a round trip later, and again.
      const retransmitMs = Math.max(RETRANSMIT_MS_MIN, 2 * delayMs + jitterMs);
      let lost = 0;
      let missing = lostOf(packets, lossRatio);
      for (let round = 0; missing > 0 && round < RETRANSMITS_MAX; round++) {
        lost += missing;
        packets += missing;
        wireBytes += missing * (PACKET_PAYLOAD_BYTES + PACKET_OVERHEAD_BYTES);
        waitMs += retransmitMs;
        missing = lostOf(missing, lossRatio);
      }
      count(packets, lost, wireBytes);
      return { arrivalMs: leaveMs(from, to, wireBytes, bytesPerSecond) + waitMs, packets, lost, wireBytes };
    },
    once: (from, to, bytes) => {
      const { delayMs, jitterMs, lossRatio, reorderRatio, bytesPerSecond } = options(from, to);
      const wireBytes = bytes + PACKET_OVERHEAD_BYTES;
      const full = (busyUntilMs.get(keyOf(from, to)) ?? 0) > clock.monotonicMs() + QUEUE_MS_MAX;
      const leftMs = full ? 0 : leaveMs(from, to, wireBytes, bytesPerSecond);
      const lost = full || chance(lossRatio);
      count(1, lost ? 1 : 0, wireBytes);
      if (lost) return null;
      let waitMs = delayMs + upTo(jitterMs);
      // Late by as much as lets at least the next one overtake it.
      if (chance(reorderRatio)) waitMs += delayMs + jitterMs + 1;
      return leftMs + waitMs;
    },
    setDefault: (changed) => {
      defaults = { ...defaults, ...changed };
    },
    set: (from, to, changed) => {
      own.set(keyOf(from, to), { ...own.get(keyOf(from, to)), ...changed });
    },
    isSevered: (from, to) => {
      if (down.has(from) || down.has(to)) return true;
      for (const groupOf of partitions) {
        const one = groupOf.get(from);
        const other = groupOf.get(to);
        if (one !== undefined && other !== undefined && one !== other) return true;
      }
      return false;
    },
    sever: (groups) => {
      const groupOf = new Map(groups.flatMap((names, index) => names.map((name) => [name, index] as const)));
      partitions.add(groupOf);
      return () => {
        partitions.delete(groupOf);
      };
    },
    setUp: (name, up) => {
      if (up) down.delete(name);
      else down.add(name);
    },
    stats: () => ({ ...sum }),
  };
};
