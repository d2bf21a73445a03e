import type { CapacityUnit } from '../../../preload/contract/index.ts';
import { GRID_CELLS } from './constants.ts';
import { gridCellAt, sayPrice } from './formats/index.ts';
import type { Offer } from './interface.ts';

/** One offer with what this node knows of whoever made it. */
export interface Rankable {
  offer: Offer;
  /** In the owner's group of own nodes. */
  own: boolean;
  trusted: boolean;
  /** Of the path that is there now; null without one. */
  rttMs: number | null;
  /** 0 is spotless, 100 is a ban. */
  points: number;
}
export interface Rank {
  /** What it lends at this hour by its week grid, percent of all that it has. */
  percentNow: number;
  /** 0 to 100. */
  score: number;
  /** What the score is made of, one sentence. */
  why: string;
}

/** What each part can give. Whom one knows counts most: an offer is a promise. */
const WEIGHTS = { trust: 35, distance: 25, price: 20, amount: 15, privacy: 5 } as const;
/** Round trip at which half of the points for distance are left; a home in the same country has less. */
const HALF_RTT_MS = 50;
/** Where nobody has measured: as for one across an ocean. */
const UNKNOWN_RTT_MS = 150;

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
/** An amount as a person reads it. */
export const sayAmount = (amount: number, unit: CapacityUnit): string => {
  switch (unit) {
    case 'bytes':
    case 'bytesPerSecond': {
      const step = amount < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(amount) / 10));
      const value = amount / 1024 ** step;
      return `${step === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${UNITS[step]}${unit === 'bytes' ? '' : ' a second'}`;
    }
    case 'millicores':
      return `${(amount / 1000).toFixed(1)} cores`;
    case 'millicards':
      return `${(amount / 1000).toFixed(1)} cards`;
    case 'containers':
      return amount === 1 ? '1 container' : `${amount} containers`;
    case 'microCaes':
      return `${amount} micro-CAES`;
  }
};

/** @returns what it lends at this hour: percent of all it has, and of its unit */
const nowOf = ({ grid, amountMax, utcOffsetMinutes }: Offer, nowMs: number): { percent: number; amount: number } => {
  const percent = grid[gridCellAt(nowMs, utcOffsetMinutes) % GRID_CELLS] ?? 0;
  const highest = Math.max(...grid);
  return { percent, amount: highest === 0 ? 0 : Math.floor((amountMax * percent) / highest) };
};

const sayTrust = ({ own, trusted, points }: Rankable): string => {
  if (own) return 'one of your own nodes';
  if (trusted) return 'trusted by you';
  return points > 0 ? 'unknown, and has broken rules' : 'unknown';
};
const sayPrivacy: Readonly<Record<Offer['allocationType'], string>> = {
  Private: 'for its owner’s nodes only',
  Public: 'knows who borrows',
  Anonymous: 'keeps nothing of who borrows',
  Verified: 'asks for four proofs',
};

/**
 * How good each offer is for whoever asked, compared with the others of the same kind: trust, distance, price, what is free at this
 * hour, and how much it wants to know.
 *
 * @returns one for each, in the same order
 */
export const rankOffers = (all: readonly Rankable[], nowMs: number): Rank[] => {
  const most = new Map<string, number>();
  const cheapest = new Map<string, bigint>();
  for (const { offer } of all) {
    most.set(offer.kind, Math.max(most.get(offer.kind) ?? 0, nowOf(offer, nowMs).amount));
    const price = offer.priceMicro ?? 0n;
    const low = cheapest.get(offer.kind);
    if (low === undefined || price < low) cheapest.set(offer.kind, price);
  }
  return all.map((one) => {
    const { offer, own, trusted, rttMs, points } = one;
    const now = nowOf(offer, nowMs);
    const price = offer.priceMicro ?? 0n;
    const low = cheapest.get(offer.kind) ?? 0n;
    const high = most.get(offer.kind) ?? 0;
    const parts = {
      trust: own ? 1 : trusted ? 0.9 : 0.3 * (1 - Math.min(points, 100) / 100),
      distance: HALF_RTT_MS / (HALF_RTT_MS + (rttMs ?? UNKNOWN_RTT_MS)),
      // One more on both sides, so that nothing is divided by a price of nothing.
      price: price === 0n ? 1 : Number(((low + 1n) * 1000n) / (price + 1n)) / 1000,
      amount: high === 0 ? 0 : now.amount / high,
      privacy: { Private: 0.6, Public: 0.6, Anonymous: 1, Verified: 0 }[offer.allocationType],
    };
    const score = (Object.keys(WEIGHTS) as (keyof typeof WEIGHTS)[]).reduce(
      (sum, part) => sum + WEIGHTS[part] * parts[part],
      0,
    );
    const words = [
      sayTrust(one),
      rttMs === null ? 'distance not measured' : `${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms away`,
      price === 0n ? 'free of charge' : sayPrice(price, offer.unit),
      now.amount === 0 ? 'nothing at this hour' : `up to ${sayAmount(now.amount, offer.unit)} at this hour`,
      sayPrivacy[offer.allocationType],
    ];
    const why = words.join('; ');
    return {
      percentNow: now.percent,
      score: Math.round(score * 10) / 10,
      why: `${why.charAt(0).toUpperCase()}${why.slice(1)}.`,
    };
  });
};
