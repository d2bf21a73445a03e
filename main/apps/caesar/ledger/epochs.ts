import type { Steps } from '../../../kernel/consensus/index.ts';
import { RESOURCE_KINDS } from '../../../kernel/leases/formats/index.ts';
import { credit, mint } from './accounts.ts';
import type { Books } from './books.ts';
import { DUE_PER_BLOCK, PAYOUTS_PER_BLOCK, PRUNED_PER_BLOCK, YIELD_SCALE } from './constants.ts';
import { endDue } from './escrows.ts';
import type { EconomyParams } from './interface.ts';
import {
  bytesOfHex,
  DUE,
  epochOfKey,
  epochPrefix,
  PAYOUT,
  payoutKey,
  POINTS,
  readDueKey,
  REWARD,
  settlementKey,
} from './keys.ts';
import { decodePoints, encodePayout } from './records.ts';
import { rewardCap } from './rewards.ts';
import { release } from './stakes.ts';

// What time does by itself: epochs with their yield, rewards and prices, escrows and stakes that are due, records that are old.

const PERMILLE = 1000n;

/** Epoch that a time lies in; those that nobody made a block in are left out. */
const epochAt = (params: EconomyParams, beganAtMs: number, timeMs: number): number =>
  Math.max(0, Math.floor((timeMs - beganAtMs) / params.epochMs));

/** Most that is minted in an epoch: half as much after each `halvingEpochs`. */
export const emissionOf = (params: Pick<EconomyParams, 'emissionPerEpoch' | 'halvingEpochs'>, epoch: number): bigint =>
  params.emissionPerEpoch >> BigInt(Math.floor(epoch / params.halvingEpochs));

const payYield = (books: Books, epoch: number): void => {
  const stakes = books.stakes;
  if (stakes.total === 0n) return;
  const { params } = books;
  const minted = mint(books, (emissionOf(params, epoch) * BigInt(params.stakePermille)) / PERMILLE);
  books.setStakes({
    ...stakes,
    pot: stakes.pot + minted,
    index: stakes.index + (minted * YIELD_SCALE) / stakes.total,
  });
};

/** Where a price goes from here: further the further utilisation is from what is aimed at, and never past its bounds. */
export const nextPrice = (
  price: bigint,
  utilisation: number,
  {
    priceTargetPermille: target,
    priceStepPermille: step,
  }: Pick<EconomyParams, 'priceTargetPermille' | 'priceStepPermille'>,
  { min, max }: { min: bigint; max: bigint },
): bigint => {
  const isAbove = utilisation > target;
  const distance = BigInt(isAbove ? utilisation - target : target - utilisation);
  const whole = BigInt(isAbove ? 1000 - target : target);
  const move = (price * BigInt(step) * distance) / (whole * PERMILLE);
  // A small price would stay for ever where each step is less than one.
  const by = move === 0n && distance > 0n && step > 0 ? 1n : move;
  const next = isAbove ? price + by : price - by;
  return next < min ? min : next > max ? max : next;
};

const movePrices = (books: Books): void => {
  const { params } = books;
  for (const kind of RESOURCE_KINDS) {
    const record = books.kind(kind);
    const possible = (record.listed * BigInt(params.epochMs)) / PERMILLE;
    const part = possible === 0n ? 0n : (record.used * PERMILLE) / possible;
    const utilisation = part > PERMILLE ? 1000 : Number(part);
    // What nobody lists has no market to move it.
    const price =
      record.listed === 0n ? record.price : nextPrice(record.price, utilisation, params, params.prices[kind]);
    books.setKind(kind, { ...record, price, utilisation, used: 0n });
  }
};

/** Ends the epoch once its time is over and the rewards of the one before are all paid. */
const turnEpoch = (books: Books, timeMs: number): void => {
  const { params, epoch } = books;
  const now = epochAt(params, epoch.beganAtMs, timeMs);
  if (now <= epoch.number || epoch.paying !== null) return;
  payYield(books, epoch.number);
  movePrices(books);
  const emission = (emissionOf(params, epoch.number) * BigInt(params.rewardPermille)) / PERMILLE;
  books.setEpoch({
    ...epoch,
    number: now,
    points: 0n,
    paying: epoch.points === 0n ? null : { number: epoch.number, emission, points: epoch.points },
  });
};

/** Pays rewards of the last epoch, some accounts in each block. What nobody gets is not minted. */
const payRewards = function* (books: Books, height: number): Steps<void> {
  const { epoch } = books;
  const { paying } = epoch;
  if (paying === null) return;
  const prefix = epochPrefix(POINTS, paying.number);
  const found = books.first(prefix, PAYOUTS_PER_BLOCK + 1);
  for (const key of found.slice(0, PAYOUTS_PER_BLOCK)) {
    const account = bytesOfHex(key.slice(prefix.length));
    const points = books.read(key, decodePoints) ?? 0n;
    const share = (paying.emission * points) / paying.points;
    const cap = rewardCap(books, account);
    const paid = mint(books, share < cap ? share : cap);
    credit(books, account, paid);
    books.set(key, null);
    books.set(
      payoutKey(paying.number, account),
      encodePayout({ points, allPoints: paying.points, emission: paying.emission, share, cap, paid, height }),
    );
    yield;
  }
  if (found.length <= PAYOUTS_PER_BLOCK) books.setEpoch({ ...epoch, paying: null });
};

const settleDue = function* (books: Books, at: { height: number; timeMs: number }): Steps<void> {
  for (const key of books.first(DUE, DUE_PER_BLOCK)) {
    const { atMs, kind, id } = readDueKey(key);
    if (atMs > at.timeMs) return;
    books.set(key, null);
    if (kind === 'e') endDue(books, id, at);
    else if (kind === 'u') release(books, id, at.timeMs);
    else books.set(settlementKey(id), null);
    yield;
  }
};

/** Records of rewards go after so many epochs; the blocks that made them have them for good. */
const prune = (books: Books): void => {
  const { params, epoch } = books;
  for (const prefix of [REWARD, PAYOUT]) {
    const [oldest] = books.first(prefix, 1);
    if (oldest === undefined || epochOfKey(prefix, oldest) + params.keepEpochs >= epoch.number) continue;
    for (const key of books.first(prefix, PRUNED_PER_BLOCK))
      if (epochOfKey(prefix, key) + params.keepEpochs < epoch.number) books.set(key, null);
  }
};

export const beginBlock = (books: Books, at: { timeMs: number }): void => turnEpoch(books, at.timeMs);
export const endBlock = function* (books: Books, at: { height: number; timeMs: number }): Steps<void> {
  yield* settleDue(books, at);
  yield* payRewards(books, at.height);
  prune(books);
};
