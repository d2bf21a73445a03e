import type { Clock } from '../../../base/index.ts';
import type { PeerId, VerifiedPeer } from '../interface.ts';
import { TICKET_LIFE_MS_MAX, TICKETS_MAX, TICKETS_PER_PEER_MAX } from './constants.ts';

/** When a peer last signed, by both clocks. */
export interface ProvedAt {
  wallMs: number;
  monotonicMs: number;
}
/** Stands once for the signatures of a peer. Kept in memory only. */
export interface Ticket {
  id: Uint8Array;
  secret: Uint8Array;
  peer: VerifiedPeer;
  provedAt: ProvedAt;
}

export interface TicketStore {
  /** Counts calls of {@link forget}: whoever began before one of them must not resume after it. */
  readonly epoch: number;
  readonly size: number;
  now(): ProvedAt;
  /** What this node may show to a peer, newest first. Taken out: a ticket is shown once. */
  take(peer: PeerId): Ticket | null;
  /** What this node may be shown. It stays until {@link spend}, since anyone can guess at ids. */
  find(id: Uint8Array): Ticket | null;
  /** @returns false when it was spent meanwhile */
  spend(ticket: Ticket): boolean;
  /** @param kind - whether this node may show it or be shown it */
  add(kind: 'ours' | 'theirs', ticket: Ticket): void;
  forget(peer?: PeerId): void;
}

const keyOf = (id: Uint8Array): string => Buffer.from(id).toString('hex');

export const createTicketStore = ({ clock }: { clock: Clock }): TicketStore => {
  /** In the order of their making. */
  const ours = new Map<string, Ticket>();
  const theirs = new Map<string, Ticket>();
  let epoch = 0;

  const now = (): ProvedAt => ({ wallMs: clock.nowMs(), monotonicMs: clock.monotonicMs() });
  /**
   * Both clocks must agree that it is young. The monotonic one may stand still while the machine sleeps, the wall clock may be
   * set: a jump of either, back before the ticket was made or on beyond its life, ends the ticket and costs one full handshake.
   */
  const isYoung = ({ provedAt }: Ticket): boolean => {
    const { wallMs, monotonicMs } = now();
    const within = (ms: number): boolean => ms >= 0 && ms < TICKET_LIFE_MS_MAX;
    return within(wallMs - provedAt.wallMs) && within(monotonicMs - provedAt.monotonicMs);
  };
  const of = (tickets: Map<string, Ticket>, peer: PeerId): [string, Ticket][] =>
    [...tickets].filter(([, ticket]) => ticket.peer.peerId === peer);

  return {
    get epoch() {
      return epoch;
    },
    get size() {
      return ours.size + theirs.size;
    },
    now,
    take: (peer) => {
      let newest: Ticket | null = null;
      for (const [key, ticket] of of(ours, peer).reverse()) {
        if (newest !== null) break;
        ours.delete(key);
        if (isYoung(ticket)) newest = ticket;
      }
      return newest;
    },
    find: (id) => {
      const key = keyOf(id);
      const ticket = theirs.get(key);
      if (ticket === undefined) return null;
      if (isYoung(ticket)) return ticket;
      theirs.delete(key);
      return null;
    },
    spend: (ticket) => theirs.delete(keyOf(ticket.id)),
    add: (kind, ticket) => {
      const tickets = kind === 'ours' ? ours : theirs;
      const same = of(tickets, ticket.peer.peerId);
      const oldest = same.length >= TICKETS_PER_PEER_MAX ? same[0]?.[0] : undefined;
      const first = tickets.size >= TICKETS_MAX ? tickets.keys().next().value : undefined;
      const out = oldest ?? first;
      if (out !== undefined) tickets.delete(out);
      tickets.set(keyOf(ticket.id), ticket);
    },
    forget: (peer) => {
      epoch += 1;
      for (const tickets of [ours, theirs])
        for (const [key] of peer === undefined ? [...tickets] : of(tickets, peer)) tickets.delete(key);
    },
  };
};
