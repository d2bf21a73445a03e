import { assert } from '../../../base/errors.ts';
import { type Challenge, type Pace, type Progress, SLICE_MS_MAX } from '../interface.ts';
import { WorkError } from './errors.ts';
import {
  MULTIPLICATIONS_PER_ROW,
  OPENED_DEFAULT,
  OPENED_MAX,
  OPENED_MIN,
  PRODUCT_ROW_BYTES,
  ROWS_DEFAULT,
  ROWS_MAX,
  type WorkStatement,
  encodeWorkProof,
} from './format.ts';
import { seedOf } from './generate-streams.ts';
import { HASH_BYTES, pathOf } from './generate-tree.ts';
import type { CardMultiplier, MadeWorkProof, ProveWorkComponents, ProveWorkInit } from './interface.ts';
import type { HashesOutput, OpenInput, OpenOutput, RowsInput } from './tasks.ts';

/** Rows of the first slice, before the processor's rate is known: 8 ms on a processor of 2020, and 100 ms on one ten times slower. */
const FIRST_SLICE_ROWS = 512;
/** Wanted length of a slice: far enough below the limit for a processor that others want too. */
const SLICE_MS_WANTED = SLICE_MS_MAX * 0.5;
/** A slice grows by this much at most, so that one lucky measurement does no harm. */
const GROWTH_MAX = 4;
const SLICE_ROWS_MAX = 16_384;
/** Rows that a card is asked for at once: 8 MiB of product. */
const CARD_ROWS = 16_384;
/** Hashes of one slice of the tree: some 20 ms. */
const LEVEL_HASHES = 32_768;

interface Interval {
  fromMs: number;
  toMs: number;
}

/** Time that is covered by at least one interval. */
const covered = (intervals: readonly Interval[]): number => {
  let total = 0;
  let endMs = -Infinity;
  for (const { fromMs, toMs } of intervals.toSorted((a, b) => a.fromMs - b.fromMs)) {
    total += Math.max(0, toMs - Math.max(fromMs, endMs));
    endMs = Math.max(endMs, toMs);
  }
  return total;
};

/**
 * Makes a proof of work, docs/formats/proof-work.md: multiplies the matrices that the challenge gives, commits to the product
 * and opens the rows that the commitment draws. Keeps a hash of each row and no row: opened ones are multiplied again.
 *
 * @param challengeHash - SHA-256 of the canonical challenge
 * @param init.gpu - multiplies instead of the processor, one question at a time; rows that are opened are checked against the CPU
 * @throws {WorkError} `GPU_UNAVAILABLE` | `PRODUCT_UNSTABLE` | `CHALLENGE_EXPIRED`; rejects with the signal's reason when aborted
 */
export const proveWork = async (
  { workers, clock }: ProveWorkComponents,
  challenge: Challenge,
  challengeHash: Uint8Array,
  init: ProveWorkInit,
  pace: Pace,
  progress: Progress,
  signal: AbortSignal,
): Promise<MadeWorkProof> => {
  const { rows = ROWS_DEFAULT, openings = OPENED_DEFAULT, threads = 1, gpu = null } = init;
  assert(Number.isInteger(rows) && rows >= 1 && rows <= ROWS_MAX, `A product has 1 to ${ROWS_MAX} rows.`);
  assert(
    Number.isInteger(openings) && openings >= OPENED_MIN && openings <= OPENED_MAX,
    `${OPENED_MIN} to ${OPENED_MAX} rows are opened.`,
  );
  assert(Number.isInteger(threads) && threads >= 1 && threads <= workers.size, 'There are that many threads.');
  if (clock.nowMs() > challenge.expiresAtMs)
    throw new WorkError(
      { code: 'CHALLENGE_EXPIRED', expiredAtMs: challenge.expiresAtMs },
      'The challenge has expired, so no work is done for it; ask for a new one.',
    );
  signal.throwIfAborted();

  const seed = seedOf(challengeHash);
  const leaves = new Uint8Array(rows * HASH_BYTES);
  const intervals: Interval[] = [];
  const beganMs = clock.monotonicMs();
  let done = 0;

  /** One slice on a thread of the pool. Hashes of whatever it was go to `target`. */
  const slice = async (task: string, input: unknown, target: Uint8Array, at: number): Promise<number> => {
    const { hashes, busyMs } = await pace.slice(async () => {
      const output = await workers.run<unknown, HashesOutput>(task, input, { signal });
      const toMs = clock.monotonicMs();
      if (gpu === null) intervals.push({ fromMs: toMs - output.busyMs, toMs });
      return output;
    });
    target.set(hashes, at * HASH_BYTES);
    return busyMs;
  };
  const advance = (count: number): void => {
    done += count;
    progress(Math.floor((done / rows) * 98));
  };

  let next = 0;
  /** Takes ranges until there are none left. Each lane learns by itself how many rows make a slice. */
  const runLane = async (stopped: () => boolean): Promise<void> => {
    for (let sliceRows = FIRST_SLICE_ROWS; next < rows && !stopped(); ) {
      const from = next;
      const count = Math.min(sliceRows, rows - from);
      next += count;
      const busyMs = await slice('proof.work.multiply', { seed, from, count } satisfies RowsInput, leaves, from);
      const fitting = Math.round((count * SLICE_MS_WANTED) / Math.max(busyMs, 0.1));
      sliceRows = Math.max(1, Math.min(fitting, count * GROWTH_MAX, SLICE_ROWS_MAX));
      advance(count);
    }
  };
  const runCard = async (card: CardMultiplier): Promise<void> => {
    for (let from = 0; from < rows; from += CARD_ROWS) {
      const count = Math.min(CARD_ROWS, rows - from);
      const product = await pace.slice(async () => {
        const reading = await card.multiply(seed, { from, count }, signal);
        if (!reading.known)
          throw new WorkError(
            { code: 'GPU_UNAVAILABLE', reason: reading.reason },
            `The graphics card did not multiply: ${reading.reason} The proof can be made again when it works.`,
          );
        const toMs = clock.monotonicMs();
        intervals.push({ fromMs: toMs - reading.value.tookMs, toMs });
        return reading.value.product;
      });
      assert(product.length === count * PRODUCT_ROW_BYTES, 'A card gives the rows that it was asked for.');
      for (let part = 0; part < count; part += LEVEL_HASHES / 8) {
        const piece = product.slice(part * PRODUCT_ROW_BYTES, (part + LEVEL_HASHES / 8) * PRODUCT_ROW_BYTES);
        await slice('proof.work.leaves', piece, leaves, from + part);
      }
      advance(count);
    }
  };

  if (gpu === null) {
    let failed = false;
    const lanes = Array.from({ length: threads }, () =>
      runLane(() => failed).catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    );
    // All lanes have ended before this does, whether or not one failed: nothing runs on behind the caller's back.
    const failure = (await Promise.allSettled(lanes)).find((lane) => lane.status === 'rejected');
    if (failure !== undefined) throw failure.reason;
  } else await runCard(gpu);

  const levels: Uint8Array[] = [leaves];
  let top: Uint8Array = leaves;
  while (top.length > LEVEL_HASHES * HASH_BYTES) {
    const above = new Uint8Array(Math.ceil(top.length / HASH_BYTES / 2) * HASH_BYTES);
    for (let at = 0; at * HASH_BYTES < top.length; at += LEVEL_HASHES)
      await slice('proof.work.level', top.slice(at * HASH_BYTES, (at + LEVEL_HASHES) * HASH_BYTES), above, at / 2);
    levels.push(above);
    top = above;
  }
  const base = top;
  levels.push(
    ...(await pace.slice(() => workers.run<Uint8Array, Uint8Array[]>('proof.work.levels', base, { signal }))),
  );
  const wallMs = clock.monotonicMs() - beganMs;
  const busyMs = Math.min(covered(intervals), wallMs);

  const statement: WorkStatement = {
    challenge: challengeHash,
    device: gpu === null ? 'cpu' : 'gpu',
    threads,
    rows,
    openings,
    busyUs: Math.max(1, Math.ceil(busyMs * 1000)),
    wallUs: Math.max(1, Math.ceil(wallMs * 1000)),
    root: levels.at(-1) as Uint8Array,
  };
  const { rows: drawn } = await pace.slice(() =>
    workers.run<OpenInput, OpenOutput>('proof.work.open', { seed, statement }, { signal }),
  );
  const opened = drawn.map(({ number, row, leaf }) => {
    if (!Buffer.from(leaf).equals(leaves.subarray(number * HASH_BYTES, (number + 1) * HASH_BYTES)))
      throw new WorkError(
        { code: 'PRODUCT_UNSTABLE', row: number },
        `Row ${number} of the product came out otherwise when it was computed again; ${gpu === null ? 'the processor or the memory' : 'the graphics card or its driver'} may be faulty.`,
      );
    return { row, path: pathOf(levels, number) };
  });
  progress(100);
  const multiplications = rows * MULTIPLICATIONS_PER_ROW;
  return {
    proof: encodeWorkProof({ ...statement, opened }),
    multiplications,
    busyMs,
    wallMs,
    multiplicationsPerSecond: (multiplications * 1000) / Math.max(busyMs, 0.001),
    multiplicationsPerSecondWall: (multiplications * 1000) / Math.max(wallMs, 0.001),
  };
};
