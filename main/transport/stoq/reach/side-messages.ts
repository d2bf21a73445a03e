import type { UdpAddress } from './stun.ts';

// What crosses between the node and the thread of its side socket; always in lists, so that many datagrams cost one wake-up.

export interface SideWorkerData {
  /** UDP port, 0 for any. */
  port: number;
}

export type ToSide =
  | {
      kind: 'openSession';
      session: number;
      id: Uint8Array;
      sendKey: Uint8Array;
      receiveKey: Uint8Array;
      remote: UdpAddress | null;
    }
  | { kind: 'send'; session: number; payload: Uint8Array }
  | { kind: 'closeSession'; session: number }
  | { kind: 'ask'; ask: number; target: UdpAddress }
  | {
      kind: 'punch';
      hole: number;
      id: Uint8Array;
      sendKey: Uint8Array;
      receiveKey: Uint8Array;
      /** Decides which way is taken. */
      controlling: boolean;
      candidates: readonly UdpAddress[];
    }
  /** Opens the local end of QUIC through a hole. `quicPort`: of the endpoint on loopback that takes connections, null where ours dials. */
  | { kind: 'openShim'; hole: number; quicPort: number | null }
  | { kind: 'closeHole'; hole: number }
  /** Addresses of this machine changed: remotes are told by packets from the new ones. */
  | { kind: 'wake' }
  /** So many bytes of datagrams were taken from the thread. */
  | { kind: 'took'; bytes: number }
  | { kind: 'stop' };

export type FromSide =
  | { kind: 'opened'; port: number; families: readonly (4 | 6)[] }
  | { kind: 'refused'; detail: string }
  | { kind: 'datagram'; session: number; payload: Uint8Array }
  /** The first packet of the peer came: the way is open. Again for each new address of it. */
  | { kind: 'confirmed'; session: number; remote: UdpAddress }
  | { kind: 'answered'; ask: number; seen: UdpAddress | null }
  | { kind: 'punched'; hole: number; remote: UdpAddress; rttMs: number; peerReflexive: boolean }
  | { kind: 'holeMoved'; hole: number; remote: UdpAddress }
  /** It could not be made, or the other end was silent for too long. */
  | { kind: 'holeLost'; hole: number; detail: string }
  | { kind: 'shimOpened'; hole: number; port: number }
  /** So many bytes of datagrams were taken from the node. */
  | { kind: 'took'; bytes: number }
  | { kind: 'counted'; counts: SideCounts };

/** Since the thread started. */
export interface SideCounts {
  stunAnswered: number;
  stunRefused: number;
  datagramsSent: number;
  datagramsReceived: number;
  datagramsDropped: number;
  checksSent: number;
  checksReceived: number;
  /** QUIC through holes. */
  shimSentPackets: number;
  shimReceivedPackets: number;
  shimSentBytes: number;
  shimReceivedBytes: number;
  /** Packets of no session, no hole and no kind. */
  strange: number;
}
