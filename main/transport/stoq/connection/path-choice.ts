import type { Tier } from '../interface.ts';
import { FASTER_FACTOR } from './constants.ts';
import type { Measured } from './path.ts';

/** What the choice looks at. */
export interface Candidate {
  readonly id: number;
  readonly tier: Tier;
  /** Takes no new streams any more. */
  readonly retired: boolean;
  /** Was asked and is silent. */
  readonly suspicious: boolean;
  readonly measured: Measured | null;
}
export interface Choice {
  /** Null where no path takes streams. */
  id: number | null;
  /** One sentence per path. */
  why: ReadonlyMap<number, string>;
}

/** Direct before punched before relayed; QUIC before TLS until they were measured. */
const RANKS: Readonly<Record<Tier, number>> = { memory: 0, quic: 0, tls: 1, punched: 2, relay: 3 };
const NAMES: Readonly<Record<Tier, string>> = {
  memory: 'Memory',
  quic: 'QUIC',
  tls: 'TCP',
  punched: 'QUIC through both NATs',
  relay: 'The relay',
};
const isDirect = ({ tier }: Candidate): boolean => RANKS[tier] < RANKS.punched;

const megabytes = (bytesPerSecond: number): string => `${(bytesPerSecond / 1_000_000).toPrecision(3)} MB/s`;
const figures = ({ bytesPerSecond, rttMs }: Measured): string =>
  `${megabytes(bytesPerSecond)} and ${rttMs.toPrecision(3)} ms`;

/** @returns the sentence on how `winner` compares with `other`, or null where they were not both measured */
const comparison = (winner: Candidate, other: Candidate): string | null => {
  if (winner.measured === null || other.measured === null) return null;
  const factor = winner.measured.bytesPerSecond / Math.max(1, other.measured.bytesPerSecond);
  const names = [NAMES[winner.tier], NAMES[other.tier]] as const;
  if (factor >= FASTER_FACTOR)
    return `${names[0]} was ${factor.toFixed(1)} times as fast as ${names[1]} when measured (${figures(winner.measured)} against ${figures(other.measured)}).`;
  return `${names[0]} stays, as ${names[1]} was not ${FASTER_FACTOR} times as fast when measured (${figures(other.measured)} against ${figures(winner.measured)}).`;
};

/** Whether `a` carries new streams rather than `b`. */
const isBetter = (a: Candidate, b: Candidate): boolean => {
  if (a.retired !== b.retired) return b.retired;
  if (a.suspicious !== b.suspicious) return b.suspicious;
  if (isDirect(a) && isDirect(b) && a.tier !== b.tier && a.measured !== null && b.measured !== null) {
    // The one that goes first by rank stays unless the other is faster by the margin, so that close results change nothing.
    const [first, second] = RANKS[a.tier] <= RANKS[b.tier] ? [a, b] : [b, a];
    const secondIsFaster =
      (second.measured as Measured).bytesPerSecond >= FASTER_FACTOR * (first.measured as Measured).bytesPerSecond;
    return (secondIsFaster ? second : first) === a;
  }
  if (RANKS[a.tier] !== RANKS[b.tier]) return RANKS[a.tier] < RANKS[b.tier];
  // Of two alike the older one, as in `surplusOf`.
  return a.id < b.id;
};

const whyChosen = (chosen: Candidate, others: readonly Candidate[]): string => {
  if (chosen.retired) return 'It is the only path left, and ends when its streams do.';
  const able = others.filter((other) => !other.retired);
  if (able.length === 0) return 'It is the only path.';
  const silent = able.find((other) => other.suspicious && isBetter({ ...other, suspicious: false }, chosen));
  if (silent !== undefined) return `${NAMES[silent.tier]} does not answer at the moment.`;
  const rival = able.find((other) => other.tier !== chosen.tier && isDirect(other));
  const compared = rival === undefined || !isDirect(chosen) ? null : comparison(chosen, rival);
  if (compared !== null) return compared;
  if (isDirect(chosen) && able.some((other) => !isDirect(other)))
    return 'A direct path goes before one through others.';
  if (chosen.tier === 'punched' && able.some((other) => other.tier === 'relay'))
    return 'A path through both NATs goes before a relay.';
  if (chosen.tier === 'quic' && rival !== undefined) return 'QUIC goes first until both have been measured.';
  return 'It is the oldest of its kind.';
};
const whyNot = (candidate: Candidate, chosen: Candidate): string => {
  if (candidate.retired) return 'It takes no new streams and ends when those that run have ended.';
  if (candidate.suspicious) return 'It does not answer at the moment.';
  const compared = isDirect(candidate) && isDirect(chosen) ? comparison(chosen, candidate) : null;
  if (compared !== null) return compared;
  if (candidate.tier === chosen.tier) return 'An older path of its kind carries them.';
  return `${NAMES[chosen.tier]} goes before it.`;
};

/** Decides which path carries new streams. Depends on nothing else, so that a reader of `why` can follow it. */
export const choosePath = (candidates: readonly Candidate[]): Choice => {
  let chosen: Candidate | null = null;
  for (const candidate of candidates) if (chosen === null || isBetter(candidate, chosen)) chosen = candidate;
  const why = new Map<number, string>();
  if (chosen === null) return { id: null, why };
  for (const candidate of candidates)
    why.set(
      candidate.id,
      candidate === chosen
        ? whyChosen(
            chosen,
            candidates.filter((other) => other !== chosen),
          )
        : whyNot(candidate, chosen),
    );
  return { id: chosen.retired ? null : chosen.id, why };
};

/** What {@link surplusOf} looks at. */
export interface Standing extends Candidate {
  readonly direction: 'in' | 'out';
  readonly via: string | null;
  /** Ms since it came. */
  readonly ageMs: number;
}
/** Ms that a worse path is kept beside a better one which may yet turn out not to hold. */
const SURPLUS_AFTER_MS = 5_000;

/**
 * Paths that the end which decides closes: of several of one kind all but one, and detours beside a way that is better and has
 * lasted. Both ends dialling at once gives two of a kind; the one that the deciding end dialled stays.
 */
export const surplusOf = (candidates: readonly Standing[]): readonly number[] => {
  const able = candidates.filter((candidate) => !candidate.retired);
  const sound = able.filter((candidate) => !candidate.suspicious);
  const surplus = new Set<number>();
  for (const candidate of able) {
    for (const other of sound) {
      if (other === candidate || surplus.has(other.id)) continue;
      const alike = other.tier === candidate.tier && other.via === candidate.via;
      const preferred = candidate.suspicious
        ? true
        : other.direction !== candidate.direction
          ? other.direction === 'out'
          : other.id < candidate.id;
      if (alike && preferred) surplus.add(candidate.id);
      const detour = RANKS[candidate.tier] >= RANKS.punched && RANKS[other.tier] < RANKS[candidate.tier];
      if (detour && other.ageMs >= SURPLUS_AFTER_MS) surplus.add(candidate.id);
    }
  }
  return [...surplus];
};
