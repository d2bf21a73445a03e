import type { KeyIdBytes } from '../../../base/crypto/index.ts';
import type { Books } from './books.ts';
import { WEIGHT_UNIT_SECONDS, WIDE_MAX } from './constants.ts';
import type { TransactionFact } from './fact.ts';
import type { EconomyParams, SettledUse } from './interface.ts';
import { kindOfAsset, listingKey, pointsKey, rewardKey, sameBytes } from './keys.ts';
import { decodeListing, decodePoints, encodePoints, encodeReward, type SettlementRecord } from './records.ts';

// What a settled lease counts for. Every figure that goes in stands in the reward's record. docs/economy.md, "Points".

const PERMILLE = 1000n;
const THREE_PERMILLES = PERMILLE ** 3n;

/**
 * Use of a kind in this epoch: what prices and demand go by. Use of what nobody listed is none of what is listed: otherwise two strangers
 * would move prices by receipts that they sign for each other.
 */
export const countUse = (books: Books, payee: KeyIdBytes, use: SettledUse): void => {
  if (!books.has(listingKey(payee, use.asset))) return;
  const kind = kindOfAsset(use.asset);
  const record = books.kind(kind);
  const used = record.used + use.unitSeconds;
  books.setKind(kind, { ...record, used: used < WIDE_MAX ? used : WIDE_MAX });
};

/** Most reward of an account in an epoch. Whoever nobody admitted has nothing free: accounts cost nothing to make. */
export const rewardCap = (books: Books, account: KeyIdBytes): bigint => {
  const { rewardStakePermille, rewardFree } = books.params;
  const free = books.member(account) === null ? 0n : rewardFree;
  return (books.stake(account).staked * BigInt(rewardStakePermille)) / PERMILLE + free;
};

/** Permille: what is said of a lease by its proofs, and by how much of it was in effect. */
export const qualityOf = (
  params: Pick<EconomyParams, 'qualityBase' | 'qualityProof' | 'qualityUptime'>,
  shown: { held: readonly (keyof EconomyParams['qualityProof'])[]; uptimePermille: number },
): number =>
  params.qualityBase +
  shown.held.reduce((sum, kind) => sum + params.qualityProof[kind], 0) +
  Math.floor((params.qualityUptime * shown.uptimePermille) / 1000);

/** Permille: half-used kinds count more than unused ones, and all of a kind that is used up. */
export const demandOf = (demandMin: number, utilisationPermille: number): number =>
  demandMin + Math.floor(((1000 - demandMin) * utilisationPermille) / 1000);

export const pointsOf = (inputs: {
  unitSeconds: bigint;
  weight: bigint;
  quality: number;
  privacy: number;
  demand: number;
}): bigint =>
  (inputs.unitSeconds * inputs.weight * BigInt(inputs.quality) * BigInt(inputs.privacy) * BigInt(inputs.demand)) /
  (WEIGHT_UNIT_SECONDS * THREE_PERMILLES);

/**
 * Counts a settled lease for the lender. An account's points of an epoch end at its cap, so that nobody can thin out what others get
 * by more than it could get itself.
 */
export const countReward = (
  books: Books,
  settled: {
    lease: Uint8Array;
    record: SettlementRecord;
    use: SettledUse;
    fact: Extract<TransactionFact, { what: 'settlement' }>;
    hash: Uint8Array;
    height: number;
  },
): void => {
  const { lease, record, use, fact, hash, height } = settled;
  const { payee, account } = record;
  const { params, epoch } = books;
  const kind = kindOfAsset(use.asset);
  const privacyLevel = books.read(listingKey(payee, use.asset), decodeListing)?.privacyLevel ?? 'Private';
  const held = fact.proof?.held ?? [];
  const inputs = {
    unitSeconds: fact.unitSeconds,
    weight: params.weights[kind],
    quality: qualityOf(params, { held, uptimePermille: fact.uptimePermille }),
    privacy: params.privacy[privacyLevel],
    demand: demandOf(params.demandMin, books.kind(kind).utilisation),
  };
  // Whoever leases from itself has served nobody.
  const points = sameBytes(payee, account) ? 0n : pointsOf(inputs);
  const key = pointsKey(epoch.number, payee);
  const before = books.read(key, decodePoints) ?? 0n;
  const cap = rewardCap(books, payee);
  const sum = before + points;
  const after = sum <= cap ? sum : before > cap ? before : cap;
  const counted = after - before;
  books.set(
    rewardKey(epoch.number, payee, lease),
    encodeReward({
      asset: use.asset,
      kind,
      receipt: use.receipt,
      transaction: hash,
      proof: fact.proof?.id ?? null,
      held,
      uptimePermille: fact.uptimePermille,
      privacyLevel,
      ...inputs,
      points: points < WIDE_MAX ? points : WIDE_MAX,
      counted,
      height,
    }),
  );
  if (counted === 0n) return;
  books.set(key, encodePoints(after));
  books.setEpoch({ ...epoch, points: epoch.points + counted });
};
