import type { Outside } from '../../../base/index.ts';
import { type Address, groupOf, type Mesh, type PeerId } from '../../../transport/stoq/index.ts';
import { ProxyError } from '../errors.ts';
import type { RelayChoice, RelayScore, StakeView } from '../interface.ts';
import {
  AGE_SCORE_MAX,
  AWAY_SCORE,
  DAY_MS,
  FAILURE_HALF_MS,
  FAILURE_SCORE,
  FAILURE_SCORE_MAX,
  FORGET_MS,
  NEW_SHARE,
  POINTS_PER_SCORE,
  REMEMBERED_MAX,
  RTT_MS_PER_SCORE,
  RTT_SCORE_MAX,
  SCORE_START,
  SPEED_SCORE,
  SPEED_SCORE_MAX,
  STAKE_SCORE,
  STAKE_SCORE_MAX,
  TRUSTED_SCORE,
} from './constants.ts';

export interface RelayChoiceComponents {
  outside: Outside;
  mesh: Pick<Mesh, 'node' | 'book' | 'on'>;
  /** What peers have at stake, once there is a ledger. @default null */
  stake?: StakeView | null;
}
export interface RelayChoiceInit {
  /** Peers of one group are never in one circuit. @default /48 of IPv6, /16 of IPv4 */
  groupOf?: (address: Address) => string;
}
/** Relays and how good they are, remembered while this node runs; bounded. */
export interface RelayChoiceControl extends RelayChoice {
  stop(): void;
}

interface Memory {
  /** Said so when it was connected last. */
  relays: boolean;
  group: string | null;
  seenAtMs: number;
  bytesPerSecond: number | null;
  rttMs: number | null;
  failures: number;
  failedAtMs: number;
}

const averaged = (before: number | null, now: number): number =>
  before === null ? now : before + NEW_SHARE * (now - before);

export const createRelayChoice = (
  { outside, mesh, stake = null }: RelayChoiceComponents,
  init: RelayChoiceInit = {},
): RelayChoiceControl => {
  const { clock, random } = outside;
  const groupAt = init.groupOf ?? groupOf;
  /** Least recently seen first. */
  const memory = new Map<PeerId, Memory>();

  const remember = (peer: PeerId): Memory => {
    const found = memory.get(peer) ?? {
      relays: false,
      group: null,
      seenAtMs: clock.monotonicMs(),
      bytesPerSecond: null,
      rttMs: null,
      failures: 0,
      failedAtMs: 0,
    };
    memory.delete(peer);
    memory.set(peer, found);
    const oldest = memory.size > REMEMBERED_MAX ? memory.keys().next().value : undefined;
    if (oldest !== undefined) memory.delete(oldest);
    return found;
  };
  const failuresOf = ({ failures, failedAtMs }: Memory): number =>
    failures * 0.5 ** ((clock.monotonicMs() - failedAtMs) / FAILURE_HALF_MS);

  /** Group of somebody, as far as this node knows where it is. */
  const groupOfPeer = (peer: PeerId): string | null => {
    const address =
      mesh.node?.endpoint.connection(peer)?.path?.remoteAddress ?? mesh.book.get(peer)?.addresses[0]?.address;
    return address === undefined ? (memory.get(peer)?.group ?? null) : groupAt(address);
  };
  /** Takes note of who is connected, and of what it says about itself now. */
  const look = (): void => {
    for (const { peer, remote } of mesh.node?.endpoint.connections() ?? []) {
      const { peerId } = peer;
      if (!remote.relays && !memory.has(peerId)) continue;
      const entry = remember(peerId);
      entry.relays = remote.relays;
      entry.seenAtMs = clock.monotonicMs();
      entry.group = groupOfPeer(peerId) ?? entry.group;
    }
    for (const [peer, { seenAtMs }] of memory) if (clock.monotonicMs() - seenAtMs > FORGET_MS) memory.delete(peer);
  };

  const scoreOf = (peer: PeerId, entry: Memory): RelayScore => {
    const known = mesh.book.get(peer);
    const connection = mesh.node?.endpoint.connection(peer) ?? null;
    const rttMs = entry.rttMs ?? connection?.path?.stats().rttMs ?? null;
    const reasons: string[] = [];
    let score = SCORE_START;
    const add = (points: number, reason: string): void => {
      score += points;
      reasons.push(reason);
    };
    const points = known?.points ?? 0;
    if (known?.trusted === true) add(TRUSTED_SCORE, 'trusted');
    if (points > 0) add(-points / POINTS_PER_SCORE, `it broke rules (${Math.round(points)} points)`);
    const days = known === null ? 0 : Math.max(0, clock.nowMs() - known.firstSeenAtMs) / DAY_MS;
    add(Math.min(AGE_SCORE_MAX, days), days < 1 ? 'known since today' : `known for ${Math.floor(days)} days`);
    const staked = stake?.stakeMicro(peer) ?? 0n;
    if (staked > 0n) {
      const caes = Number(staked / 1_000_000n);
      add(Math.min(STAKE_SCORE_MAX, STAKE_SCORE * Math.log10(caes + 1)), `${caes} CAES at stake`);
    }
    if (entry.bytesPerSecond !== null) {
      const mega = entry.bytesPerSecond / 1e6;
      add(Math.min(SPEED_SCORE_MAX, SPEED_SCORE * Math.log2(mega + 1)), `${mega.toFixed(1)} MB/s measured`);
    }
    if (rttMs !== null) add(-Math.min(RTT_SCORE_MAX, rttMs / RTT_MS_PER_SCORE), `${Math.round(rttMs)} ms away`);
    const failures = failuresOf(entry);
    if (failures > 0.1) add(-Math.min(FAILURE_SCORE_MAX, FAILURE_SCORE * failures), 'failed lately');
    if (connection === null) add(-AWAY_SCORE, 'not connected now');
    const whole = Math.max(0, Math.min(100, Math.round(score)));
    const [first = '', ...rest] = reasons;
    return {
      peer,
      score: whole,
      why: `${first.charAt(0).toUpperCase()}${[first.slice(1), ...rest].join(', ')}.`,
      standing: Math.round(100 - Math.min(100, points)),
      bytesPerSecond: entry.bytesPerSecond,
      rttMs,
      group: entry.group,
    };
  };
  const candidates = (): readonly RelayScore[] => {
    look();
    return [...memory]
      .filter(([peer, entry]) => entry.relays && !mesh.book.isBanned(peer))
      .map(([peer, entry]) => scoreOf(peer, entry))
      .sort((a, b) => b.score - a.score || (a.peer < b.peer ? -1 : 1));
  };

  /** By chance, good ones more often: whoever always took the best would be watched by it, and would wear it out. */
  const draw = (from: readonly RelayScore[]): RelayScore | undefined => {
    const weights = from.map(({ score }) => 1 + score ** 2);
    if (from.length === 0) return undefined;
    let left = random.below(weights.reduce((sum, weight) => sum + weight, 0));
    return from.find((_, index) => (left -= weights[index] ?? 0) < 0) ?? from.at(-1);
  };
  const stopListening = mesh.on('connected', look);

  return {
    candidates,
    choose: (count, { avoid }) => {
      const groups = new Set(avoid.map(groupOfPeer).filter((group) => group !== null));
      const all = candidates();
      const chosen: RelayScore[] = [];
      const left = (): readonly RelayScore[] =>
        all.filter(
          ({ peer, group }) =>
            !avoid.includes(peer) &&
            !chosen.some((one) => one.peer === peer) &&
            // Of whom nothing is known of where it is, nothing says that it is elsewhere.
            group !== null &&
            !groups.has(group),
        );
      while (chosen.length < count) {
        const next = draw(left());
        if (next === undefined)
          throw new ProxyError(
            { code: 'NO_RELAYS', found: chosen.length, needed: count },
            `An anonymous route needs ${count} relays in different places, and ${chosen.length} ${chosen.length === 1 ? 'is' : 'are'} known now; connect to more nodes that relay, or take a direct route.`,
          );
        chosen.push(next);
        if (next.group !== null) groups.add(next.group);
      }
      return chosen.map(({ peer }) => peer);
    },
    report: (peer, { ok, bytesPerSecond, rttMs }) => {
      const entry = remember(peer);
      if (bytesPerSecond !== undefined) entry.bytesPerSecond = averaged(entry.bytesPerSecond, bytesPerSecond);
      if (rttMs !== undefined) entry.rttMs = averaged(entry.rttMs, rttMs);
      if (ok) return;
      entry.failures = failuresOf(entry) + 1;
      entry.failedAtMs = clock.monotonicMs();
    },
    stop: stopListening,
  };
};
