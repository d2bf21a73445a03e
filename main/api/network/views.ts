import type { PathView, PeerDetail, PeerView, ReachView } from '../../../preload/contract/index.ts';
import type { Connection, KnownPeer, Path, ReachState } from '../../transport/stoq/index.ts';

/** Longest text of a peer's own that a face is shown. */
const TEXT_CHARS_MAX = 200;
/** Nothing in it moves the cursor of a terminal or turns letters round. */
const shown = (text: string): string => text.slice(0, TEXT_CHARS_MAX).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ');
/** Wall time is whole milliseconds in the contract. */
const stamp = (atMs: number): number => Math.max(0, Math.floor(atMs));
const stampOrNull = (atMs: number | null): number | null => (atMs === null ? null : stamp(atMs));

export const pathView = (path: Path): PathView => {
  const { rttMs, lossRatio, sentBytesPerSecond, receivedBytesPerSecond } = path.stats();
  return {
    tier: path.tier,
    direction: path.direction,
    address: path.remoteAddress,
    via: path.via,
    chosen: path.chosen,
    why: shown(path.why),
    openedAtMs: stamp(path.openedAtMs),
    rttMs,
    lossRatio,
    sentBytesPerSecond,
    receivedBytesPerSecond,
  };
};

export const peerView = (peer: KnownPeer, connection: Connection | null): PeerView => ({
  peerId: peer.peerId,
  name: peer.name,
  trusted: peer.trusted,
  source: peer.source,
  connected: connection !== null,
  connectedAtMs: connection === null ? null : stamp(connection.openedAtMs),
  path: connection?.path == null ? null : pathView(connection.path),
  networks: connection === null ? [] : [...connection.networks],
  agent: peer.agent === null ? null : shown(peer.agent),
  firstSeenAtMs: stamp(peer.firstSeenAtMs),
  lastSeenAtMs: stampOrNull(peer.lastSeenAtMs),
  points: peer.points,
  ban:
    peer.ban === null
      ? null
      : { untilMs: stampOrNull(peer.ban.untilMs), reason: shown(peer.ban.reason), byOwner: peer.ban.byOwner },
  sentBytes: peer.sentBytes,
  receivedBytes: peer.receivedBytes,
});

export const peerDetail = (peer: KnownPeer, connection: Connection | null): PeerDetail => ({
  ...peerView(peer, connection),
  paths: connection === null ? [] : connection.paths().map(pathView),
  addresses: peer.addresses.map(({ address, source, confirmedAtMs }) => ({
    address,
    source,
    confirmedAtMs: stampOrNull(confirmedAtMs),
  })),
  lastOffence:
    peer.lastOffence === null
      ? null
      : {
          offence: peer.lastOffence.offence,
          atMs: stamp(peer.lastOffence.atMs),
          detail: shown(peer.lastOffence.detail),
        },
  handshake: connection === null ? null : { ...connection.handshake },
  streamsOpen: connection === null ? 0 : connection.streamsOpen,
});

export const reachView = (state: ReachState): ReachView => ({
  reachable: state.reachable,
  nat: state.nat,
  sentence: state.sentence,
  advice: [...state.advice],
  confirmed: state.confirmed.map(({ address, by, atMs }) => ({ address, by, atMs: stamp(atMs) })),
  mapped: state.mapped.map(({ protocol, externalAddress, by, untilMs }) => ({
    protocol,
    address: externalAddress,
    by,
    untilMs: stamp(untilMs),
  })),
  relays: [...state.relays],
});

/** What is known of reachability before anything was tried. */
export const REACH_UNKNOWN: ReachView = {
  reachable: 'unknown',
  nat: 'unknown',
  sentence: 'Nothing was tried yet.',
  advice: [],
  confirmed: [],
  mapped: [],
  relays: [],
};
