import type { Random } from '../../../base/index.ts';
import type { PeerId } from '../interface.ts';
import type { PeerConnection } from './connection.ts';

const ID_BYTES = 16;

/** What both ends say of a connection before its first path. */
export interface Slot {
  /** Of our end of the connection that is or will be. */
  id: Uint8Array;
  connection: PeerConnection | null;
  /** Handshakes on the way to it. */
  pending: number;
}
/** Who is connected: one connection per peer, beside those that say goodbye. */
export interface Roster {
  /** @returns the peer's connection, whether or not it has a path at the moment */
  connection(peer: PeerId): PeerConnection | null;
  connections(): PeerConnection[];
  /** Connections that say goodbye. */
  leaving(): readonly PeerConnection[];
  /** The place of a peer that a handshake is on the way to. It must be given back by {@link release}. */
  claim(peer: PeerId): Slot;
  /** A handshake is over, whether or not it led to a connection. Once per {@link claim}. */
  release(peer: PeerId, slot: Slot): void;
  /** The connection says goodbye; the next one of its peer is another. */
  depart(connection: PeerConnection): void;
  /** The connection is over. */
  remove(connection: PeerConnection): void;
}

/** Keeps the places of peers; empty ones cost nothing. */
export const createRoster = ({ random }: { random: Random }): Roster => {
  const slots = new Map<PeerId, Slot>();
  const leaving = new Set<PeerConnection>();

  /** Gives the peer's place to the next connection, which both ends must take for another one. */
  const vacate = (connection: PeerConnection): void => {
    const { peerId } = connection.peer;
    const slot = slots.get(peerId);
    if (slot?.connection !== connection) return;
    slot.connection = null;
    slot.id = random.bytes(ID_BYTES);
    if (slot.pending === 0) slots.delete(peerId);
  };
  return {
    connection: (peer) => slots.get(peer)?.connection ?? null,
    connections: () => [...slots.values()].flatMap(({ connection }) => connection ?? []),
    leaving: () => [...leaving],
    claim: (peer) => {
      let slot = slots.get(peer);
      if (slot === undefined) slots.set(peer, (slot = { id: random.bytes(ID_BYTES), connection: null, pending: 0 }));
      slot.pending += 1;
      return slot;
    },
    release: (peer, slot) => {
      slot.pending -= 1;
      if (slot.pending === 0 && slot.connection === null && slots.get(peer) === slot) slots.delete(peer);
    },
    depart: (connection) => {
      leaving.add(connection);
      vacate(connection);
    },
    remove: (connection) => {
      leaving.delete(connection);
      vacate(connection);
    },
  };
};
