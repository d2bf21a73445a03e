import { type EndpointStats, type PeerId, TIERS, type Tier } from '../interface.ts';
import type { EndpointMetrics } from '../metrics.ts';
import type { PeerBook } from '../standing/interface.ts';
import type { Roster } from './roster.ts';

/** What the endpoint has done so far, in numbers. */
export interface Tally {
  /** Bytes on the wire. */
  count(peer: PeerId, sent: number, received: number): void;
  /** A handshake is over. */
  handshake(outcome: keyof EndpointStats['handshakes']): void;
  /** Connections or their paths are others now. */
  changed(): void;
  /** Hands the traffic since the last time to the book. */
  write(): void;
  stats(): EndpointStats;
}
export interface TallyComponents {
  roster: Pick<Roster, 'connections'>;
  book: Pick<PeerBook, 'count'>;
  /** Null: no metrics. */
  metrics: EndpointMetrics | null;
}

/** Counts for statistics, metrics and the book, into which traffic goes in larger pieces than it comes. */
export const createTally = ({ roster, book, metrics }: TallyComponents): Tally => {
  let sentBytes = 0;
  let receivedBytes = 0;
  const handshakes = { full: 0, resumed: 0, refused: 0 };
  const traffic = new Map<PeerId, { sent: number; received: number }>();

  return {
    count: (peer, sent, received) => {
      if (sent === 0 && received === 0) return;
      sentBytes += sent;
      receivedBytes += received;
      metrics?.sentBytes.inc(sent);
      metrics?.receivedBytes.inc(received);
      const sum = traffic.get(peer) ?? { sent: 0, received: 0 };
      sum.sent += sent;
      sum.received += received;
      traffic.set(peer, sum);
    },
    handshake: (outcome) => {
      handshakes[outcome] += 1;
    },
    changed: () => {
      if (metrics === null) return;
      const all = roster.connections();
      for (const direction of ['in', 'out'] as const)
        metrics.connections.set(all.filter((one) => one.direction === direction).length, { direction });
      const paths = all.flatMap((one) => one.livePaths);
      for (const tier of TIERS) metrics.paths.set(paths.filter((path) => path.tier === tier).length, { tier });
    },
    write: () => {
      for (const [peer, { sent, received }] of traffic) book.count(peer, sent, received);
      traffic.clear();
    },
    stats: () => {
      const all = roster.connections();
      const paths = all.flatMap((one) => one.livePaths);
      return {
        connections: all.length,
        paths: Object.fromEntries(
          TIERS.map((tier) => [tier, paths.filter((path) => path.tier === tier).length]),
        ) as Record<Tier, number>,
        streamsOpen: all.reduce((sum, one) => sum + one.streamsOpen, 0),
        sentBytes,
        receivedBytes,
        handshakes: { ...handshakes },
      };
    },
  };
};
